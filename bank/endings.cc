#include "bank/internal/endings.h"
#include "base/outside_text.h"

namespace paygate::bank {

using base::ErrorCode;
using base::Fail;

Answer ToAnswer(RequestKind kind, End end) {
  if (auto* reply = std::get_if<Reply>(&end)) {
    if (auto* answer = std::get_if<Answer>(&reply->body)) return std::move(*answer);
    return {};  // a reply of another kind tells nothing: unknown
  }
  const Ending ending = std::get<Ending>(end);
  if (ending == Ending::kBusy) return {.outcome = Outcome::kBusy};
  if (ending == Ending::kNotSent && kind == RequestKind::kSubmit)
    return {.outcome = Outcome::kNotSent};
  return {.outcome = Outcome::kUnknown};
}

Verification ToVerification(End end) {
  auto* reply = std::get_if<Reply>(&end);
  auto* verification = reply ? std::get_if<Verification>(&reply->body) : nullptr;
  return verification ? std::move(*verification) : Verification{};
}

Notices ToNotices(End end) {
  auto* reply = std::get_if<Reply>(&end);
  auto* notices = reply ? std::get_if<Notices>(&reply->body) : nullptr;
  return notices ? std::move(*notices) : Notices{};
}

StatementPage ToStatement(End end) {
  auto* reply = std::get_if<Reply>(&end);
  auto* page = reply ? std::get_if<StatementPage>(&reply->body) : nullptr;
  return page ? std::move(*page) : StatementPage{};
}

base::Result<std::string> ToPrepared(End end) {
  if (auto* ending = std::get_if<Ending>(&end)) {
    if (*ending == Ending::kBusy) return Fail(ErrorCode::kOverloaded, "the bank client is full");
    return Fail(ErrorCode::kBankUnavailable, "the bank host did not answer");
  }
  Reply& reply = std::get<Reply>(end);
  if (auto* prepared = std::get_if<PreparedReply>(&reply.body))
    return std::move(prepared->prepared);
  if (auto* refused = std::get_if<RefusedReply>(&reply.body))
    return Fail(ErrorCode::kInvalidArgument,
                "the bank adapter refuses the transfer: " + base::OutsideText(refused->sentence));
  return Fail(ErrorCode::kBankUnavailable, "the bank host gave an answer of the wrong kind");
}

}  // namespace paygate::bank
