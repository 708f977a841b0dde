#include "gateway/engine/claim_commands.h"

#include "gateway/engine/undertaking.h"
#include "protocol/json.h"
#include "protocol/jws.h"
#include "protocol/messages.h"

namespace paygate::gateway::engine {
namespace {

using base::ErrorCode;
using base::Fail;
using base::Result;
using protocol::JsonWriter;
using storage::Claim;
using storage::ClaimState;
using Arguments = Control::Arguments;

constexpr uint64_t kMostSkipped = 1'000'000;  // rows

const char* NameOf(ClaimState state) {
  switch (state) {
    case ClaimState::kFiled:
      return "the seller may answer";
    case ClaimState::kAnswered:
      return "answered: to be decided";
    case ClaimState::kToRefund:
      return "to be refunded";
    case ClaimState::kRefunding:
      return "the bank is asked to refund";
    case ClaimState::kRefunded:
      return "refunded";
    case ClaimState::kRejected:
      return "rejected";
    case ClaimState::kStuck:
      return "the bank rejects the refund: decide --refund tries again";
  }
  return "";
}

void AddHead(const Claim& claim, JsonWriter& json) {
  json.String("claim", claim.claim_id)
      .String("payment_id", claim.payment_id)
      .String("state", NameOf(claim.state))
      .String("buyer", claim.buyer_id)
      .String("seller", claim.seller_id)
      .Integer("filed_at", base::ToNumericDate(claim.filed_at))
      .Integer("answer_by", base::ToNumericDate(claim.answer_by));
}

Result<std::string> List(const storage::Claims& claims, const Arguments& arguments) {
  ASSIGN_OR_RETURN(const size_t limit,
                   WholeNumber(arguments, "limit", kDefaultPage, 1, kLargestPage));
  ASSIGN_OR_RETURN(const size_t skip, WholeNumber(arguments, "skip", 0, 0, kMostSkipped));
  ASSIGN_OR_RETURN(const auto open, claims.Open(skip, limit));
  std::vector<std::string> rows;
  for (const Claim& claim : open) {
    JsonWriter json;
    AddHead(claim, json);
    rows.push_back(json.Take());
  }
  return JsonWriter().RawArray("claims", rows).Take();
}

// What the two sides and the undertaking say, in words, and the signed documents as they are.
Result<std::string> Show(storage::Store& store, const Claim& claim) {
  JsonWriter json;
  AddHead(claim, json);
  ASSIGN_OR_RETURN(const auto payment, store.payments().Find(claim.payment_id));
  if (!payment) return Fail(ErrorCode::kInternal, "a claimed payment is not there");
  json.String("price", payment->intent.record().amount.ToString());
  ASSIGN_OR_RETURN(const auto promise,
                   UndertakingOf(store.csblks(), payment->intent.record().csblk_id));
  if (!promise) return Fail(ErrorCode::kInternal, "a claim without an undertaking");
  json.String("terms", promise->payload.terms)
      .Integer("deliver_by", promise->payload.deliver_by)
      .Integer("claim_until", promise->payload.claim_until);
  ASSIGN_OR_RETURN(const auto claimed, protocol::ParseJws(claim.jws, protocol::kTypRefundClaim,
                                                          protocol::KeyName::kX5c));
  ASSIGN_OR_RETURN(const auto said, protocol::RefundClaimPayload::Parse(claimed.payload));
  json.String("statement", said.statement);
  if (!claim.answer.empty()) {
    ASSIGN_OR_RETURN(const auto answered,
                     protocol::ParseJws(claim.answer, protocol::kTypRefundAnswer,
                                        protocol::KeyName::kX5c));
    ASSIGN_OR_RETURN(const auto answer, protocol::RefundAnswerPayload::Parse(answered.payload));
    json.Integer("answered_at", base::ToNumericDate(claim.answered_at))
        .String("evidence", answer.evidence);
  }
  if (claim.order) {
    json.String("decision", claim.order->refund ? "refund" : "reject")
        .String("decided_by", claim.order->by_operator ? "operator" : "time: no answer")
        .Integer("decided_at", base::ToNumericDate(claim.order->at));
    if (!claim.order->reason.empty()) json.String("reason", claim.order->reason);
  }
  if (claim.attempts > 0) {
    json.Integer("refunds_tried", claim.attempts).String("refund_id", claim.refund_id);
  }
  if (claim.state == ClaimState::kToRefund) {
    json.Integer("next_try_at", base::ToNumericDate(claim.due));
  }
  json.String("claim_jws", claim.jws).String("undertaking_jws", promise->jws);
  if (!claim.answer.empty()) json.String("answer_jws", claim.answer);
  return json.Take();
}

Result<std::string> Decide(storage::Store& store, ClaimExecutor& executor,
                           const Arguments& arguments) {
  const std::string& decision = arguments.at("decision");
  if (decision != "refund" && decision != "reject") {
    return Fail(ErrorCode::kInvalidArgument, "decide --refund or --reject");
  }
  if (!protocol::CheckGoods(arguments.at("reason"))) {
    return Fail(ErrorCode::kInvalidArgument,
                "reason is one line of at most 1024 bytes; buyer and seller will read it");
  }
  auto claim =
      executor.Decide(arguments.at("claim"), decision == "refund", arguments.at("reason"));
  if (claim) return Show(store, *claim);
  switch (claim.error().code) {
    case ErrorCode::kInFlight:
      return Fail(ErrorCode::kInvalidArgument,
                  "the seller may still answer; unanswered, it is refunded without you");
    case ErrorCode::kAlreadyExists:
      return Fail(ErrorCode::kAlreadyExists, "it was decided otherwise, and that stands");
    default:
      return std::unexpected(claim.error());
  }
}

}  // namespace

void AddClaimCommands(storage::Store& store, ClaimExecutor& executor, Control& control) {
  using enum Control::Effect;
  control.Add("claims.list", {kReads, {}, {"limit", "skip"}, [&store](const Arguments& a) {
                return List(store.claims(), a);
              }});
  control.Add("claims.show",
              {kReads,
               {"claim"},
               {},
               [&store, &executor](const Arguments& a) -> Result<std::string> {
                 ASSIGN_OR_RETURN(const Claim claim, executor.Find(a.at("claim")));
                 return Show(store, claim);
               }});
  control.Add("claims.decide", {kActs,
                                {"claim", "decision", "reason"},
                                {},
                                [&store, &executor](const Arguments& a) {
                                  return Decide(store, executor, a);
                                }});
}

}  // namespace paygate::gateway::engine
