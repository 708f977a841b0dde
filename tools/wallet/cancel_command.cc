// cancel, and how a CSBLK is read from what the user names.
#include <cstdio>
#include <iostream>

#include "base/file.h"
#include "protocol/json.h"
#include "protocol/jws.h"
#include "protocol/messages.h"
#include "tools/wallet/wallet.h"

namespace paygate::wallet {
namespace {

using base::ErrorCode;
using base::Fail;

constexpr size_t kMaxCsblkBytes = 64u << 10;

base::Result<std::string> CsblkId(const std::string& argument) {
  if (protocol::IsDigest(argument)) return argument;
  ASSIGN_OR_RETURN(const std::string text, ReadCsblk(argument));
  ASSIGN_OR_RETURN(const auto csblk, protocol::SdJwt::Parse(text));
  return protocol::DigestOfCompact(csblk.jws);
}

}  // namespace

base::Result<std::string> ReadCsblk(const std::string& argument) {
  std::string text = argument;
  if (argument == "-") {
    text.assign(kMaxCsblkBytes + 1, '\0');
    std::cin.read(text.data(), static_cast<std::streamsize>(text.size()));
    text.resize(static_cast<size_t>(std::cin.gcount()));
    if (text.size() > kMaxCsblkBytes)
      return Fail(ErrorCode::kMalformed, "that is no CSBLK: too long");
  } else if (argument.find('~') == argument.npos) {
    ASSIGN_OR_RETURN(text, base::ReadFile(argument, kMaxCsblkBytes));
  }
  const size_t begin = text.find_first_not_of(" \t\r\n");
  const size_t end = text.find_last_not_of(" \t\r\n");
  if (begin == text.npos) return Fail(ErrorCode::kMalformed, "that is no CSBLK: it is empty");
  return text.substr(begin, end - begin + 1);
}

namespace {

int Cancel(const Options& options, Wallet& w, const std::string& id) {
  auto answer = w.client().Cancel(id);
  if (!answer) return ReportError(options, answer.error(), w.OpenMessages());
  if (answer->refusal) return ReportRefusal(options, *answer->refusal);
  if (options.json) {
    std::printf("%s\n", protocol::JsonWriter()
                            .String("status", "cancelled")
                            .String("csblk_id", *answer->value)
                            .Take()
                            .c_str());
  } else {
    std::printf("Cancelled: nobody can pay %s any more.\n", answer->value->c_str());
  }
  return kDone;
}

}  // namespace

int RunCancel(const Options& options) {
  auto id = CsblkId(options.csblk);
  if (!id) return ReportError(options, id.error(), 0);
  return RunOnce(options, participant::MessageKind::kCancellation, *id,
                 [&](Wallet& w) { return Cancel(options, w, *id); });
}

}  // namespace paygate::wallet
