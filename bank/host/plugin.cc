#include "bank/host/plugin.h"

#include <dlfcn.h>

#include <algorithm>
#include <cstddef>
#include <cstring>

#include "base/log.h"

namespace paygate::bank::host {
namespace {

using base::ErrorCode;
using base::Fail;

int64_t NowForPlugin(void* host) {
  return base::ToNumericDate(static_cast<const base::Clock*>(host)->Now());
}

void LogForPlugin(void*, int level, const char* message) {
  const auto l = static_cast<base::LogLevel>(std::clamp(level, 0, 3));
  base::Log(l, "adapter", {{"message", message ? message : ""}});
}

std::string DlError() {
  const char* text = dlerror();
  return text ? text : "unknown reason";
}

bool LacksAFunction(const paygate_bank_adapter_v1& t) {
  if (!t.open || !t.health || !t.prepare || !t.submit || !t.status || !t.verify_account ||
      !t.drain || !t.close)
    return true;
  if ((t.capabilities & PAYGATE_BANK_CAP_ENROLMENT) && !t.verify_enrolment) return true;
  if ((t.capabilities & PAYGATE_BANK_CAP_NOTICES) && !t.notices) return true;
  if ((t.capabilities & PAYGATE_BANK_CAP_STATEMENT) && !t.statement) return true;
  return (t.capabilities & PAYGATE_BANK_CAP_RETURNS) && !t.prepare_return;
}

void CopySentence(void* ctx, const uint8_t* bytes, size_t size) {
  constexpr size_t kMaxSentence = 1024;
  if (bytes)
    *static_cast<std::string*>(ctx) = {reinterpret_cast<const char*>(bytes),
                                       std::min(size, kMaxSentence)};
}

}  // namespace

Plugin::Plugin(const paygate_bank_adapter_v1& table, const base::Clock& clock)
    : table_(table),
      host_{.size = sizeof(paygate_bank_host),
            .host = const_cast<base::Clock*>(&clock),
            .now = NowForPlugin,
            .log = LogForPlugin} {}

Plugin::~Plugin() {
  if (handle_) table_.close(handle_);
}

base::Result<std::unique_ptr<Plugin>> Plugin::Load(const std::string& path,
                                                   const base::Clock& clock) {
  // A relative name would be searched for in LD_LIBRARY_PATH and the system's directories.
  if (!path.starts_with('/'))
    return Fail(ErrorCode::kInvalidArgument,
                "give the adapter's absolute path (it begins with /), not '" + path + "'");
  void* library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (!library) return Fail(ErrorCode::kInvalidArgument, "cannot load the adapter: " + DlError());
  using Negotiate = const paygate_bank_adapter_v1* (*)(uint32_t);
  const auto negotiate = reinterpret_cast<Negotiate>(dlsym(library, "paygate_bank_adapter"));
  if (!negotiate)
    return Fail(ErrorCode::kInvalidArgument,
                path + " is no bank adapter: it does not export paygate_bank_adapter");
  const paygate_bank_adapter_v1* offered = negotiate(PAYGATE_BANK_ABI_VERSION);
  if (!offered || offered->size < offsetof(paygate_bank_adapter_v1, name) ||
      offered->version != PAYGATE_BANK_ABI_VERSION)
    return Fail(ErrorCode::kInvalidArgument,
                "the adapter does not speak version " + std::to_string(PAYGATE_BANK_ABI_VERSION) +
                    " of the adapter interface; use an adapter made for this release");
  paygate_bank_adapter_v1 table{};
  std::memcpy(&table, offered, std::min<size_t>(offered->size, sizeof table));
  if (LacksAFunction(table))
    return Fail(ErrorCode::kInvalidArgument,
                "the adapter leaves out a function that it must have (docs/adapters.md)");
  return std::unique_ptr<Plugin>(new Plugin(table, clock));
}

base::Status Plugin::Open(const std::string& config) {
  std::string sentence = "it gave no reason";
  handle_ = table_.open(config.c_str(), &host_, CopySentence, &sentence);
  if (!handle_) return Fail(ErrorCode::kInvalidArgument, sentence);
  return {};
}

Capabilities Plugin::capabilities() const {
  return {.notfound_is_final = (table_.capabilities & PAYGATE_BANK_CAP_NOTFOUND_IS_FINAL) != 0,
          .returns = (table_.capabilities & PAYGATE_BANK_CAP_RETURNS) != 0,
          .enrolment = (table_.capabilities & PAYGATE_BANK_CAP_ENROLMENT) != 0,
          .notices = (table_.capabilities & PAYGATE_BANK_CAP_NOTICES) != 0,
          .statement = (table_.capabilities & PAYGATE_BANK_CAP_STATEMENT) != 0,
          .adapter = name()};
}

}  // namespace paygate::bank::host
