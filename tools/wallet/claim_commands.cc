// claim and answer, what a seller promises with an offer, and how all of it is told.
#include <cstdio>
#include <ctime>
#include <iostream>

#include "protocol/json.h"
#include "protocol/values.h"
#include "tools/wallet/wallet.h"
#include "tools/wallet/words.h"

namespace paygate::wallet {
namespace {

using base::ErrorCode;
using base::Fail;
using participant::ClaimRecord;
using participant::EvidenceKind;
using participant::MessageKind;
using protocol::ClaimDecision;
using protocol::ClaimGrounds;

constexpr int64_t kDay = 24 * 3600;
constexpr int64_t kUsualDelivery = 30 * kDay;
constexpr int64_t kUsualClaimTime = 14 * kDay;

// The text itself, or '-' for standard input.
base::Result<std::string> ReadText(const std::string& argument) {
  std::string text = argument;
  if (argument == "-") {
    text.assign(protocol::kMaxTextBytes + 1, '\0');
    std::cin.read(text.data(), static_cast<std::streamsize>(text.size()));
    text.resize(static_cast<size_t>(std::cin.gcount()));
    while (text.ends_with('\n')) text.pop_back();
  }
  if (protocol::CheckLines(text)) return text;
  return Fail(ErrorCode::kInvalidArgument,
              "a text has 1 to " + std::to_string(protocol::kMaxTextBytes) +
                  " bytes, and no control characters but line feeds");
}

// The last second of a day, UTC.
base::Result<int64_t> EndOf(const std::string& day) {
  std::tm parts{};
  const char* const rest = strptime(day.c_str(), "%Y-%m-%d", &parts);
  char again[16] = "";
  std::time_t time = 0;
  if (rest != nullptr && *rest == '\0') {
    time = timegm(&parts);
    std::strftime(again, sizeof again, "%Y-%m-%d", &parts);
  }
  if (day != again) {
    return Fail(ErrorCode::kInvalidArgument, "no day: " + day + " (as in: 2027-03-31)");
  }
  return static_cast<int64_t>(time) + kDay - 1;
}

int ReportAnswer(const Options& options, Wallet& w,
                 const base::Result<participant::Answer<ClaimRecord>>& answer) {
  if (!answer) return ReportError(options, answer.error(), w.OpenMessages());
  if (answer->refusal) return ReportRefusal(options, *answer->refusal);
  return ReportClaim(options, *answer->value);
}

const char* KindOf(EvidenceKind kind) {
  switch (kind) {
    case EvidenceKind::kClaim:
      return "claim";
    case EvidenceKind::kClaimReceived:
      return "claim-received";
    case EvidenceKind::kClaimAnswer:
      return "claim-answer";
    default:
      return "claim-decision";
  }
}

std::string DecisionInWords(const ClaimRecord& record) {
  if (record.decision == ClaimDecision::kReject) {
    return "Decision on a claim, REJECTED by the operator: no money is given back\n";
  }
  return record.grounds == ClaimGrounds::kUnanswered
             ? "Decision on a claim, TO BE REFUNDED: the seller did not answer in time\n"
             : "Decision on a claim, TO BE REFUNDED by word of the operator\n";
}

}  // namespace

base::Result<std::optional<participant::Undertaking>> UndertakingOf(const Options& options,
                                                                    int64_t now) {
  if (options.undertaking.empty()) {
    if (options.deliver_by.empty() && options.claim_until.empty()) {
      return std::optional<participant::Undertaking>();
    }
    return Fail(ErrorCode::kInvalidArgument, "--deliver-by and --claim-until need --undertaking");
  }
  participant::Undertaking promise;
  ASSIGN_OR_RETURN(promise.terms, ReadText(options.undertaking));
  promise.deliver_by = now + kUsualDelivery;
  if (!options.deliver_by.empty()) {
    ASSIGN_OR_RETURN(promise.deliver_by, EndOf(options.deliver_by));
  }
  promise.claim_until = promise.deliver_by + kUsualClaimTime;
  if (!options.claim_until.empty()) {
    ASSIGN_OR_RETURN(promise.claim_until, EndOf(options.claim_until));
  }
  return std::optional(std::move(promise));
}

std::string ClaimInWords(const ClaimRecord& record) {
  std::string text, what;
  switch (record.kind) {
    case EvidenceKind::kClaim:
      text =
          "Your claim, FILED: the seller has 72 hours to answer; unanswered, you are refunded\n";
      what = "Statement";
      break;
    case EvidenceKind::kClaimReceived:
      text =
          "A CLAIM on a sale of yours: answer within 72 hours of its filing, or it is refunded\n";
      what = "Statement";
      break;
    case EvidenceKind::kClaimAnswer:
      text = "Your answer to a claim, TAKEN: the operator will decide\n";
      what = "Evidence";
      break;
    default:
      text = DecisionInWords(record);
      what = "Reason";
  }
  if (!record.text.empty()) text += Paragraph(what, record.text);
  text += Line("Signed", FormatTime(record.at) + " by " + record.from);
  if (!record.payment_id.empty()) text += Line("Payment", record.payment_id);
  text += Line("Claim", record.claim_id);
  if (record.kind == EvidenceKind::kClaimReceived) {
    text += Line("To answer", "paygate-wallet answer CLAIM \"what proves that you delivered\"");
  }
  return text;
}

std::string ClaimAsJson(const ClaimRecord& record) {
  protocol::JsonWriter json;
  const bool decision = record.kind == EvidenceKind::kClaimDecision;
  json.String("status", decision ? protocol::Name(record.decision) : "filed")
      .String("kind", KindOf(record.kind))
      .String("claim", record.claim_id);
  if (!record.payment_id.empty()) json.String("payment_id", record.payment_id);
  if (decision) json.String("grounds", protocol::Name(record.grounds));
  if (!record.text.empty()) json.String("text", record.text);
  return json.String("from", record.from).Integer("signed_at", record.at).Take();
}

int ReportClaim(const Options& options, const ClaimRecord& record) {
  const std::string text = options.json ? ClaimAsJson(record) + "\n" : ClaimInWords(record);
  std::printf("%s", text.c_str());
  return kDone;
}

int RunClaim(const Options& options) {
  const auto statement = ReadText(options.text);
  if (!statement) return ReportError(options, statement.error(), 0);
  return RunOnce(options, MessageKind::kClaim, options.payment_id, [&](Wallet& w) {
    return ReportAnswer(options, w, w.client().Claim(options.payment_id, *statement));
  });
}

int RunAnswer(const Options& options) {
  const auto evidence = ReadText(options.text);
  if (!evidence) return ReportError(options, evidence.error(), 0);
  return RunOnce(options, MessageKind::kAnswer, options.claim, [&](Wallet& w) {
    return ReportAnswer(options, w, w.client().AnswerClaim(options.claim, *evidence));
  });
}

}  // namespace paygate::wallet
