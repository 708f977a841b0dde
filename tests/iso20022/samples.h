// What the tests of the messages share: one of each, and the official schemas where they are.
#pragma once

#include <cstdlib>
#include <string>
#include <vector>

#include "bank/adapters/iso20022/messages.h"
#include "bank/adapters/iso20022/rules.h"
#include "tests/doubles/places.h"

namespace paygate::bank::iso20022::testing {

constexpr char kGatewayBic[] = "PGWYGB2LXXX";
constexpr char kBuyerBic[] = "BUYRDEFFXXX";
constexpr char kSellerBic[] = "SELRFRPPXXX";
constexpr char kBuyer[] = "DE89370400440532013000";
constexpr char kSeller[] = "FR1420041010050500013M02606";
constexpr int64_t kNow = 1'764'331'200'123;  // 2025-11-28T12:00:00.123Z
inline const std::string kPaymentId = "AZaz09-_AZaz09-_AZaz09-_AZaz09-_AZaz09-_AZ0";

inline Header HeaderOf(const std::string& id = "PG20251128-000000001") {
  return {.from = kGatewayBic, .to = kBuyerBic, .id = id, .created = kNow};
}

inline Original OriginalOf() {
  const std::string id = TransactionIdOf(kPaymentId);
  return {.message_id = id,
          .message_name = "pacs.008.001.08",
          .instruction_id = id,
          .end_to_end_id = id,
          .transaction_id = id,
          .uetr = UetrOf(kPaymentId)};
}

inline CreditTransfer TransferOf(const std::string& amount = "12.34",
                                 const std::string& currency = "EUR") {
  const std::string id = TransactionIdOf(kPaymentId);
  return {.instruction_id = id,
          .end_to_end_id = id,
          .transaction_id = id,
          .uetr = UetrOf(kPaymentId),
          .amount = *base::Money::Parse(amount, currency),
          .accepted = kNow,
          .deadline = (kNow / 1000 + 120) * 1000,
          .debtor_account = kBuyer,
          .debtor_agent = kBuyerBic,
          .creditor_account = kSeller,
          .creditor_agent = kSellerBic,
          .remittance = {"/PGID/" + kPaymentId, "goods <7> & \"more\""}};
}

inline std::vector<Message> OneOfEach() {
  const auto money = *base::Money::Parse("12.34", "EUR");
  const TransactionStatus completed{.original = OriginalOf(), .status = "ACSC", .reference = "R1"};
  const TransactionStatus rejected{.original = OriginalOf(), .status = "RJCT", .reason = "AM04"};
  const base::Currency eur = money.currency();
  const Entry debit{.amount = -1234,
                    .booked = kNow,
                    .reference = "R1",
                    .transaction_id = TransactionIdOf(kPaymentId),
                    .uetr = UetrOf(kPaymentId)};
  const OrderBooking booked{.number = 7,
                            .amount = money,
                            .booked = kNow,
                            .reference = "R1",
                            .transaction_id = TransactionIdOf(kPaymentId),
                            .uetr = UetrOf(kPaymentId),
                            .own_id = kPaymentId};
  const OrderBooking gone_back{.number = 8,
                               .is_return = true,
                               .amount = money,
                               .booked = kNow,
                               .transaction_id = TransactionIdOf("refund")};
  return {
      {HeaderOf(), TransferOf()},
      {HeaderOf(), TransferOf("1", "JPY")},
      {HeaderOf(), TransferOf("0.001", "BHD")},
      {HeaderOf(), StatusRequest{OriginalOf()}},
      {HeaderOf(), StatusReport{{completed}}},
      {HeaderOf(), StatusReport{{rejected, completed}}},
      {HeaderOf(), PaymentReturn{.return_id = TransactionIdOf("refund"),
                                 .original = OriginalOf(),
                                 .amount = money,
                                 .deadline = kNow + 120'000,
                                 .refund_id = kPaymentId,
                                 .reason = "FOCR"}},
      {HeaderOf(),
       VerificationRequest{.id = "V1", .account = kBuyer, .participant_id = kPaymentId}},
      {HeaderOf(), VerificationRequest{.id = "V2",
                                       .account = kBuyer,
                                       .participant_id = kPaymentId,
                                       .registration_digest = kPaymentId,
                                       .enrolment_code = "a code <&>"}},
      {HeaderOf(), VerificationReport{"V-1", "V1", true, "", "EUR"}},
      {HeaderOf(), VerificationReport{"V-1", "V1", false, "AC01", ""}},
      {HeaderOf(), CancellationRequest{"C1", OriginalOf(), "DUPL"}},
      {HeaderOf(), CancellationResult{"C1", OriginalOf(), true, ""}},
      {HeaderOf(), CancellationResult{"C1", OriginalOf(), false, "LEGL"}},
      {HeaderOf(), MessageRejection{"PG-1", "XSD01", "the schema says no"}},
      {HeaderOf(), ParticipantNotice{"N1", kPaymentId, true, ""}},
      {HeaderOf(), ParticipantNotice{"N2", kPaymentId, false, "keyCompromise"}},
      {HeaderOf(), BookingReport{.more = false, .complete_until = kNow, .bookings = {}}},
      {HeaderOf(), BookingReport{.more = true,
                                 .complete_until = kNow,
                                 .bookings = {booked, gone_back}}},
      {HeaderOf(), AccountReport{true, "S1", kBuyer, eur, 10000, -8766, {debit}}},
      {HeaderOf(), AccountReport{false, "N1", kBuyer, eur, 0, 0, {debit}}},
  };
}

inline std::string SharedDirectory() { return doubles::SharedFile("iso20022"); }

}  // namespace paygate::bank::iso20022::testing
