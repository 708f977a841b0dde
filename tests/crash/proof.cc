// What the bank's journal says, against the evidence that the gateway gives.
#include <sstream>

#include "audit/entry.h"
#include "audit/evidence.h"
#include "audit/verdict.h"
#include "base/ipc.h"
#include "gateway/control_frames.h"
#include "tests/crash/market.h"
#include "tests/doubles/places.h"

namespace paygate::crash {
namespace {

using integration::Must;

std::string EvidenceOf(const std::string& directory, const std::string& payment_id) {
  std::string file, why;
  const bool had = integration::Eventually([&] {  // the engine may just have been started
    const auto ask = [&]() -> base::Result<gateway::ControlReply> {
      ASSIGN_OR_RETURN(auto channel, base::Channel::Connect(directory + "/run/control.sock"));
      RETURN_IF_ERROR(channel->Send(
          Encode(gateway::ControlRequest{"evidence", {{"payment_id", payment_id}}})));
      ASSIGN_OR_RETURN(const std::string frame, channel->Receive());
      return gateway::DecodeControlReply(frame);
    };
    const auto reply = ask();
    why = reply ? reply->error : reply.error().ToString();
    if (reply) file = reply->json;
    return reply && reply->ok();
  });
  if (!had) throw std::runtime_error("no evidence of a debit, " + payment_id + ": " + why);
  return file;
}

}  // namespace

std::string Market::Unproven(const Debit& debit) {
  const std::string& payment_id = debit.payment_id;
  // The simulator's clock counts from the last whole second before it was started.
  const std::chrono::seconds behind{network_ ? 1 : 0};
  const std::string bytes = EvidenceOf(gateway_->directory(), payment_id);
  const auto root = Must(protocol::Certificate::ParsePem(gateway_->RootPem()));
  const audit::EvidenceReport report = audit::JudgeEvidence(bytes, root, {});
  for (const auto& check : report.checks) {
    if (check.outcome == audit::EvidenceCheck::Outcome::kBad) {
      return "the evidence of " + payment_id + " is bad: " + check.words;
    }
  }
  if (!report.valid() || report.summary.result != "completed") {
    return "a debit whose payment is " + report.summary.result + ", " + payment_id;
  }
  for (const auto& each : Must(audit::ParseEvidence(bytes)).entries) {
    const auto entry = Must(audit::ParseEntry(each.line));
    if (entry.kind != audit::EntryKind::kAuthorised) continue;
    // Both in one form, which sorts as time does.
    const bool older = audit::InWords(entry.at - behind) <= debit.at;
    return older ? "" : "debited before it was authorised: " + payment_id;
  }
  return "a debit without an authorisation, " + payment_id;
}

std::vector<Market::Debit> Market::Debits() const {
  std::vector<Debit> debits;
  if (network_) {
    for (const auto& t : network_->Get("/transactions")) {
      if (t.at("state") != "completed" || t.contains("return_of")) continue;
      const std::string at = t.at("decided");  // with milliseconds
      debits.push_back({t.at("order"), at.substr(0, at.find('.')) + "Z"});
    }
    return debits;
  }
  std::istringstream journal(
      integration::RunProgram({doubles::Program("paygate-embedded-bank"), "--config",
                               gateway_->directory() + "/bank/bank.toml", "journal"}));
  const std::string name = "payment=";
  for (std::string line; std::getline(journal, line);) {
    std::istringstream words(line);
    std::string at, kind, payment;
    words >> at >> kind >> payment;
    if (kind != "executed" || !payment.starts_with(name)) continue;
    debits.push_back({payment.substr(name.size()), at});
  }
  return debits;
}

std::string Market::Unproven() {
  try {
    const auto debits = Debits();
    for (const Debit& debit : debits) {
      if (const std::string wrong = Unproven(debit); !wrong.empty()) return wrong;
    }
    return debits.size() == receipts_ ? "" : std::to_string(debits.size()) + " debits, but " +
                                                 std::to_string(receipts_) + " receipts";
  } catch (const std::exception& e) {
    return e.what();
  }
}

}  // namespace paygate::crash
