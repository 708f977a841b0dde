// The first byte chooses the message; what its Parse accepts must print and read back the same.
#include "protocol/messages.h"
#include "tests/fuzz/fuzz.h"

using namespace paygate;
using namespace paygate::protocol;

namespace {

using Reprint = base::Result<std::string> (*)(std::string_view);

template <typename T>
base::Result<std::string> Again(std::string_view json) {
  auto m = T::Parse(json);
  if (!m) return std::unexpected(m.error());
  return m->Print();
}

base::Result<std::string> SingleAgain(std::string_view json) {
  auto single = ParseSingle(json);
  if (!single) return std::unexpected(single.error());
  return PrintSingle(single->member, single->jws);
}

base::Result<std::string> ConfirmationAgain(std::string_view json) {
  auto m = PaymentResultPayload::ParseConfirmation(json);
  if (!m) return std::unexpected(m.error());
  return m->Print();
}

base::Result<std::string> RawAgain(std::string_view json) {
  auto object = JsonObject::Parse("{\"raw\":" + std::string(json) + "}");
  if (!object) return std::unexpected(object.error());
  std::string raw = object->TakeRaw("raw");
  RETURN_IF_ERROR(object->Finish());
  return raw;
}

// The order is the corpus's: add at the end.
constexpr Reprint kMessages[] = {
    RawAgain,
    Again<GatewayPayload>,
    Again<RegistrationPayload>,
    Again<RegisteredPayload>,
    Again<SellerChallengeRequestBody>,
    Again<SellerChallengePayload>,
    Again<ChallengeBody>,
    Again<SellerConfirmationPayload>,
    Again<SellerConfirmationBody>,
    Again<CsblkPayload>,
    Again<CsblkBody>,
    Again<CancellationPayload>,
    Again<BuyerChallengeRequestBody>,
    Again<BuyerChallengePayload>,
    Again<PaymentAuthorisationPayload>,
    Again<PaymentAuthorisationBody>,
    Again<PaymentResultPayload>,
    ConfirmationAgain,
    Again<MailboxPayload>,
    Again<MailboxBody>,
    Again<DonePayload>,
    Again<RefusalPayload>,
    Again<Problem>,
    SingleAgain,
    Again<RevocationPayload>,
    Again<RenewalPayload>,
    Again<RenewalProofPayload>,
    Again<RefundChallengeRequestBody>,
    Again<RefundChallengePayload>,
    Again<RefundAuthorisationPayload>,
    Again<RefundResultPayload>,
    Again<UndertakingPayload>,
    Again<RefundClaimPayload>,
    Again<RefundAnswerPayload>,
    Again<RefundDecisionPayload>,
};

}  // namespace

void Fuzz(std::string_view input) {
  const Reprint reprint = kMessages[Choose(input, std::size(kMessages))];
  auto printed = reprint(input);
  if (!printed) {
    Require(printed.error().code == base::ErrorCode::kMalformed ||
                printed.error().code == base::ErrorCode::kUnsupportedCurrency,
            "bad input is malformed");
    return;
  }
  auto again = reprint(*printed);
  Require(again.has_value(), "what we print, we accept");
  Require(*again == *printed, "it reads back the same");
}
