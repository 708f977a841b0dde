// What goes before any transfer: loading, configuration, preparing, and what is left behind.
#include <dlfcn.h>
#include <malloc.h>

#include <cstddef>
#include <filesystem>
#include <thread>

#include "tools/adapter-check/checks.h"

namespace paygate::adaptercheck {
namespace {

using base::ErrorCode;
using base::Status;

const char* LacksFor(const paygate_bank_adapter_v1& t) {
  if (!t.open || !t.health || !t.prepare || !t.submit || !t.status || !t.verify_account ||
      !t.drain || !t.close)
    return "a function that every adapter must have";
  if ((t.capabilities & PAYGATE_BANK_CAP_ENROLMENT) && !t.verify_enrolment)
    return "verify_enrolment, and declares ENROLMENT";
  if ((t.capabilities & PAYGATE_BANK_CAP_RETURNS) && !t.prepare_return)
    return "prepare_return, and declares RETURNS";
  using Table = paygate_bank_adapter_v1;  // one that ends before what follows is fine
  const bool notices = t.size >= offsetof(Table, notices) + sizeof(t.notices) && t.notices;
  if ((t.capabilities & PAYGATE_BANK_CAP_NOTICES) && !notices)
    return "notices, and declares NOTICES";
  const bool statement = t.size >= offsetof(Table, statement) + sizeof(t.statement) && t.statement;
  if ((t.capabilities & PAYGATE_BANK_CAP_STATEMENT) && !statement)
    return "statement, and declares STATEMENT";
  return nullptr;
}

struct Sentence {
  int calls = 0;
  std::string text;
  static void Take(void* ctx, const uint8_t* bytes, size_t size) {
    auto& sentence = *static_cast<Sentence*>(ctx);
    ++sentence.calls;
    sentence.text.assign(reinterpret_cast<const char*>(bytes), size);
  }
};

int64_t NowOfHost(void*) { return base::ToNumericDate(base::SystemClock().Now()); }
void LogOfHost(void*, int, const char*) {}
constexpr paygate_bank_host kHost = {
    .size = sizeof(paygate_bank_host), .host = nullptr, .now = NowOfHost, .log = LogOfHost};

struct Held {
  size_t threads, files, bytes;
  static Held Now() {
    const auto count = [](const char* path) {
      return static_cast<size_t>(std::distance(std::filesystem::directory_iterator(path), {}));
    };
    return {count("/proc/self/task"), count("/proc/self/fd"), mallinfo2().uordblks};
  }
};

}  // namespace

Status CheckVersion(const Terms& terms) {
  if (!terms.plugin.starts_with('/')) return Fault("give the adapter's absolute path");
  void* library = dlopen(terms.plugin.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (!library) return Fault(std::string("cannot be loaded: ") + dlerror());
  using Negotiate = const paygate_bank_adapter_v1* (*)(uint32_t);
  const auto negotiate = reinterpret_cast<Negotiate>(dlsym(library, "paygate_bank_adapter"));
  if (!negotiate) return Fault("does not export paygate_bank_adapter");
  const auto* table = negotiate(PAYGATE_BANK_ABI_VERSION);
  if (!table) return Fault("offers nothing to a host that speaks version 1");
  if (table->version != PAYGATE_BANK_ABI_VERSION)
    return Fault("offers version " + std::to_string(table->version) +
                 " to a host that speaks version 1");
  if (table->size < offsetof(paygate_bank_adapter_v1, notices))
    return Fault("its table's size does not cover version 1; set it to sizeof the table");
  if (negotiate(0)) return Fault("offers a table to a host of version 0; it must be NULL");
  if (negotiate(PAYGATE_BANK_ABI_VERSION) != table)
    return Fault("offers another table each time; it must be one, for ever");
  // Of a host of the future: the newest that both know is still version 1.
  const auto* future = negotiate(99);
  if (!future || future->version == 0 || future->version > 99)
    return Fault("offers nothing good to a host that speaks version 99 and all before");
  if (const char* lacking = LacksFor(*table)) return Fault(std::string("leaves out ") + lacking);
  if (!table->name || !*table->name) return Fault("has no name");
  return {};
}

Status CheckConfiguration(const Terms& terms) {
  ASSIGN_OR_RETURN(auto subject, Subject::Open(terms));
  const auto& table = subject->table();
  for (const std::string& bad :
       {std::string("[[[ \x01 not a configuration"), "\xff\xfe" + terms.config,
        terms.config + "\n= = = \"\n"}) {
    Sentence said;
    paygate_bank* bank = table.open(bad.c_str(), &kHost, Sentence::Take, &said);
    if (bank) {
      table.close(bank);
      return Fault("open takes a configuration that is malformed");
    }
    if (said.calls != 1 || said.text.empty())
      return Fault("open refuses a malformed configuration and calls error() " +
                   std::to_string(said.calls) + " times; it must be once, with a sentence");
  }
  return Finish(*subject);
}

// What is small is told from the allocator's own caches by a sanitizer alone: in a build with
// AddressSanitizer this process also ends with what LeakSanitizer finds.
Status CheckLeaks(const Terms& terms) {
  constexpr int kWarm = 3, kTimes = 10;
  constexpr size_t kOfEachTime = 4096;  // bytes; a leaked thread or file shows beside
  mallopt(M_ARENA_MAX, 1);              // mallinfo2 tells of the main arena alone
  Held before{};
  for (int i = 0; i < kWarm + kTimes; ++i) {
    if (i == kWarm) before = Held::Now();
    Sentence said;
    ASSIGN_OR_RETURN(auto subject, Subject::Open(terms));
    for (int n = 0; n < 10; ++n) RETURN_IF_ERROR(subject->PreparedTransfer());
    Sentence ignored;
    subject->table().open("[[[", &kHost, Sentence::Take, &ignored);
    RETURN_IF_ERROR(subject->Drain());
  }
  Held after = Held::Now();
  // A thread that was joined stays in /proc for a moment.
  for (int i = 0; i < 300 && after.threads > before.threads; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
    after = Held::Now();
  }
  const auto more = [](size_t now, size_t then) { return now > then ? now - then : 0; };
  if (const size_t n = more(after.threads, before.threads))
    return Fault("close leaves " + std::to_string(n) + " threads after 10 times open and close");
  if (const size_t n = more(after.files, before.files))
    return Fault("close leaves " + std::to_string(n) + " files open after 10 times");
  if (const size_t n = more(after.bytes, before.bytes); n > kTimes * kOfEachTime)
    return Fault("keeps " + std::to_string(n) + " bytes after 10 times open, prepare and close");
  return {};
}

Status CheckPrepare(const Terms& terms) {
  ASSIGN_OR_RETURN(auto subject, Subject::Open(terms));
  std::string id, other_id;
  const auto good = subject->NewTransfer(id);
  auto other = good;
  other_id = subject->NewId();
  other.payment_id = other_id.c_str();
  ASSIGN_OR_RETURN(const std::string first, subject->Prepare(good));
  ASSIGN_OR_RETURN(const std::string different, subject->Prepare(other));
  if (first == different) return Fault("prepare makes the same bytes of two payments");
  while (subject->Now() == good.created) std::this_thread::yield();  // the clock's next second
  for (const bool opened_anew : {false, true}) {
    if (opened_anew) {
      subject.reset();
      ASSIGN_OR_RETURN(subject, Subject::Open(terms));
    }
    ASSIGN_OR_RETURN(const std::string bytes, subject->Prepare(good));
    if (bytes != first)
      return Fault("prepare is not pure: the same transfer gives other bytes later");
  }
  using Change = void (*)(paygate_bank_transfer&);
  const std::pair<const char*, Change> bad[] = {
      {"an amount of 0", [](auto& t) { t.amount_minor_units = 0; }},
      {"a negative amount", [](auto& t) { t.amount_minor_units = -1; }},
      {"no debtor", [](auto& t) { t.debtor_account = nullptr; }},
      {"no creditor", [](auto& t) { t.creditor_account = ""; }},
      {"no payment_id", [](auto& t) { t.payment_id = ""; }},
      {"no currency", [](auto& t) { t.currency = ""; }},
      {"a struct that ends before its fields", [](auto& t) { t.size = 8; }}};
  for (const auto& [what, change] : bad) {
    auto transfer = good;
    change(transfer);
    const auto prepared = subject->Prepare(transfer);
    if (prepared) return Fault(std::string("prepare takes a transfer with ") + what);
    if (prepared.error().code != ErrorCode::kInvalidArgument)
      return std::unexpected(prepared.error());
  }
  return Finish(*subject);
}

Status CheckInput(const Terms& terms) {
  ASSIGN_OR_RETURN(auto subject, Subject::Open(terms));
  ASSIGN_OR_RETURN(const std::string good, subject->PreparedTransfer());
  for (const std::string& bad : {std::string(), std::string("\0\0\0", 3), std::string(4096, '\xff'),
                                 good.substr(0, good.size() / 2), "?" + good.substr(1)}) {
    for (const bool submit : {true, false}) {
      const auto end = submit ? subject->Submit(bad) : subject->Status(bad);
      if (!end && end.error().code == ErrorCode::kInvalidArgument) continue;  // as it should
      if (!end) return std::unexpected(end.error());
      if (IsFinal(end->word))
        return Fault(std::string(submit ? "submit" : "status") + " says " +
                     std::string(OutcomeName(end->word)) +
                     " to bytes that prepare never made; return E_INPUT");
    }
  }
  return Finish(*subject);
}

}  // namespace paygate::adaptercheck
