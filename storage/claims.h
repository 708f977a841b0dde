// Claims for a refund on the strength of an undertaking (protocol.md section 7,
// docs/decisions/0020): one for each payment, decided under the payment's lock as refunds are.
//
//   filed ──answered──▶ operator decides ──▶ rejected
//     │                        │ refund
//     └─72 h, no answer──▶ to refund ──▶ refunding ──bank──▶ refunded
//                              ▲   rejected: a day later │ after kMaxClaimRefunds
//                              └────────────────────────┴─▶ stuck: the operator may order another
//
// Whenever nothing is left of the price, by whatever refund, the claim is refunded. All methods are
// durable when they return and thread-safe; errors as in store.h.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "storage/payment.h"

namespace paygate::storage {

constexpr std::chrono::hours kClaimAnswerTime{72};     // from the durable filing
constexpr std::chrono::hours kClaimRetryInterval{24};  // after a refund that the bank rejected
constexpr uint32_t kMaxClaimRefunds = 5;               // tries before the operator is asked
// `due` of a claim that no timer moves.
constexpr base::UnixTime kNeverDue = base::UnixTime(std::chrono::seconds(253402300799));

enum class ClaimState : uint8_t {
  kFiled = 0, kAnswered = 1, kToRefund = 2, kRefunding = 3, kRefunded = 4, kRejected = 5,
  kStuck = 6,
};
constexpr bool IsClosed(ClaimState state) {
  return state == ClaimState::kRefunded || state == ClaimState::kRejected;
}

// What was decided, and the gateway's signed word of it to each side.
struct ClaimOrder {
  bool refund = false;
  bool by_operator = false;  // otherwise: because nobody answered
  std::string reason;        // the operator's, in words; empty otherwise
  base::UnixTime at{};
  std::string to_buyer, to_seller;  // compact JWS
};

struct Claim {
  std::string payment_id;  // of the completed payment
  std::string claim_id;    // digest of the buyer's claim
  std::string buyer_id, seller_id;
  std::string jws;  // the claim
  base::UnixTime filed_at{}, answer_by{};
  ClaimState state = ClaimState::kFiled;
  base::UnixTime due{};  // when the gateway goes on by itself
  std::string answer;    // compact JWS; empty: none
  base::UnixTime answered_at{};
  std::optional<ClaimOrder> order;
  uint32_t attempts = 0;  // refunds begun for it
  std::string refund_id;  // of the last one
};

struct ClaimAnswer {
  std::string digest, jws;
  std::string claim_id, seller_id;
  base::UnixTime at{};
};

enum class FileVerdict : uint8_t {
  kFiled,          // durable now, and this call made it so
  kSeenBefore,     // this message was filed or refused
  kClaimed,        // another claim of the payment was
  kNotRefundable,  // no completed payment of this buyer to this seller
  kNothingLeft,    // refunds that are open or completed have taken the price
};

class Claims {
 public:
  virtual ~Claims() = default;
  // `claim`: payment, parties, claim and filed_at; the rest is set here. With its delivery.
  virtual base::Result<FileVerdict> File(Claim claim, const Delivery& to_seller) = 0;
  // kNotFound, kNotYours; kClaimClosed: answered, decided or too late; kAlreadyExists: this very
  // message was taken or refused before.
  virtual base::Status Answer(const ClaimAnswer& answer) = 0;
  // Makes an answered claim rejected or to be refunded, one that nobody answered in time to be
  // refunded, and orders another refund of one that is stuck. kNotFound; kInFlight: the seller may
  // still answer; kAlreadyExists: it is decided.
  virtual base::Status Decide(std::string_view payment_id, const ClaimOrder& order,
                              const std::vector<Delivery>& deliveries) = 0;
  // One that is to be refunded, at another time.
  virtual base::Status Postpone(std::string_view payment_id, base::UnixTime due) = 0;

  virtual base::Result<std::optional<Claim>> Find(std::string_view payment_id) const = 0;
  virtual base::Result<std::optional<Claim>> FindById(std::string_view claim_id) const = 0;
  // Was this message, a claim or an answer, taken?
  virtual base::Result<bool> Taken(std::string_view digest) const = 0;
  // payment_ids of claims that are not closed and due at `now`, the longest due first.
  virtual base::Result<std::vector<std::string>> Due(base::UnixTime now, size_t limit) const = 0;
  // All that are not closed, those first that are due first. From `skip` on.
  virtual base::Result<std::vector<Claim>> Open(size_t skip, size_t limit) const = 0;
};

}  // namespace paygate::storage
