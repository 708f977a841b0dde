// renew and revoke.
#include <algorithm>

#include "tools/wallet/wallet.h"

namespace paygate::wallet {
namespace {

using base::ErrorCode;
using base::Fail;
using participant::MessageKind;
using protocol::RevocationReason;

base::Result<RevocationReason> ParseReason(const std::string& name) {
  for (auto reason : {RevocationReason::kKeyCompromise, RevocationReason::kCessationOfOperation,
                      RevocationReason::kSuperseded}) {
    if (protocol::Name(reason) == name) return reason;
  }
  return Fail(ErrorCode::kInvalidArgument, "no such reason: " + name);
}

// Tells of what was out, but of the message that this command is about.
const participant::Resumed* TellOthers(const Options& options,
                                       const std::vector<participant::Resumed>& resumed,
                                       MessageKind kind) {
  const participant::Resumed* same = nullptr;
  for (const auto& one : resumed) {
    if (one.kind == kind && !one.lapsed) {
      same = &one;
    } else if (!options.json) {
      Report(options, one);
    }
  }
  return same;
}

}  // namespace

int RunRenew(const Options& options) {
  auto wallet = Wallet::Open(options, true);
  if (!wallet) return ReportError(options, wallet.error(), 0);
  Wallet& w = **wallet;
  auto passphrase = Passphrase(options);
  if (!passphrase) return ReportError(options, passphrase.error(), 0);
  auto resumed = w.UnlockAndResume(*passphrase);
  if (!resumed) return ReportError(options, resumed.error(), 0);
  // An earlier renewal that was still out is this renewal.
  if (const auto* same = TellOthers(options, *resumed, MessageKind::kRenewal)) {
    return Report(options, *same);
  }
  auto answer = w.client().Renew(*passphrase);
  if (!answer) return ReportError(options, answer.error(), w.OpenMessages());
  if (answer->refusal) return ReportRefusal(options, *answer->refusal);
  return ReportRenewed(options, *answer->value);
}

int RunRevoke(const Options& options) {
  auto wallet = Wallet::Open(options, true);
  if (!wallet) return ReportError(options, wallet.error(), 0);
  Wallet& w = **wallet;
  std::vector<participant::Resumed> resumed;
  const auto agree = [&]() -> base::Result<RevocationReason> {
    ASSIGN_OR_RETURN(auto reason, ParseReason(options.reason));
    if (!options.yes) {
      ASSIGN_OR_RETURN(const bool yes,
                       AskYesNo("End these certificates for good? Nobody can undo it."));
      if (!yes) return Fail(ErrorCode::kInvalidArgument, "not revoked: you did not say yes");
    }
    ASSIGN_OR_RETURN(resumed, w.UnlockAndResume(options));
    return reason;
  };
  const auto reason = agree();
  if (!reason) return ReportError(options, reason.error(), 0);
  if (const auto* same = TellOthers(options, resumed, MessageKind::kRevocation)) {
    return Report(options, *same);
  }
  auto answer = w.client().Revoke(*reason);
  if (!answer) return ReportError(options, answer.error(), w.OpenMessages());
  if (answer->refusal) return ReportRefusal(options, *answer->refusal);
  return ReportRevoked(options, *answer->value);
}

}  // namespace paygate::wallet
