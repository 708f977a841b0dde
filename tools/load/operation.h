// Operation: one thing that a participant does, as a machine from answers to requests: it knows the
// protocol and neither sockets nor clocks. The driver sends what it says and tells it what came.
#pragma once

#include <chrono>
#include <deque>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/money.h"
#include "protocol/jwe.h"
#include "protocol/messages.h"
#include "tools/load/dice.h"
#include "tools/load/gateway.h"
#include "tools/load/ledger.h"
#include "tools/load/roster.h"
#include "tools/load/stats.h"

namespace paygate::load {

// A certified sale that waits for its buyer.
struct Offer {
  protocol::SdJwt csblk;
  Participant* seller = nullptr;
  protocol::Sblk sblk;
};

// What the operations of one driver share. Of its thread.
struct Scene {
  const Gateway& gateway;
  Roster& roster;
  std::string amount = "0.01";                             // of each sale, in the seller's currency
  double verify_share = 1;                                 // of the gateway's signatures
  protocol::JwsForms forms = protocol::JwsForms::kSingle;  // that participants ask for
  Dice dice{};
  Stats stats{};
  Ledger ledger{};
  std::vector<Participant*> people{};         // registered
  std::vector<Participant*> spare{};          // not yet
  std::deque<Offer> stock{};                  // unpaid
  std::vector<protocol::ContentKey> ahead{};  // for the gateway, not used yet
  std::deque<Offer> paid{};                   // the latest, for those who try to pay twice
  struct Mailbox {
    int64_t cursor = 0;
    bool busy = false;  // one reader at a time
  };
  std::unordered_map<const Participant*, Mailbox> mailboxes{};

  bool Sample() {
    return verify_share >= 1 || std::uniform_real_distribution<double>(0, 1)(dice) < verify_share;
  }
  size_t Draw(size_t n) { return std::uniform_int_distribution<size_t>(0, n - 1)(dice); }
  // The payload of a JWS by the gateway; counts what was verified.
  base::Result<std::string> Read(std::string_view jws, std::string_view typ);
};

constexpr size_t kPaidKept = 64;

struct Ask {
  Step step = Step::kHostile;
  std::string path, body;
  std::string type{participant::kJoseType};
};

// What is to be done next.
struct Next {
  enum class What : uint8_t { kAsk, kAskLater, kDone };
  What what = What::kDone;
  Ask ask{};                          // kAsk; with kAskLater the same as before
  std::chrono::milliseconds wait{0};  // kAskLater
  Verdict verdict = Verdict::kGood;   // kDone
  std::string words{};                // kDone: the code, or what did not hold
  int retry_after_s = 0;              // kDone with kBusy
  std::optional<Kind> half{};         // of a purchase: what ended with this answer

  static Next Send(Ask ask) { return {.what = What::kAsk, .ask = std::move(ask)}; }
  static Next Done(Verdict verdict, std::string words = {}, int retry_after_s = 0) {
    return {.verdict = verdict, .words = std::move(words), .retry_after_s = retry_after_s};
  }
};

class Operation {
 public:
  explicit Operation(Kind kind) : kind_(kind) {}
  virtual ~Operation() = default;
  Operation(const Operation&) = delete;
  Kind kind() const { return kind_; }
  virtual Next Begin() = 0;
  virtual Next OnAnswer(const HttpAnswer& answer) = 0;
  virtual Next OnLost(const std::string& why) = 0;

  double due = 0, half_from = 0;  // the driver's: seconds since the start

 private:
  const Kind kind_;
};

// ---- Speech ----

// What an answer says to `who`.
struct Heard {
  enum class What : uint8_t { kPayload, kRefusal, kProblem, kBroken };
  What what = What::kBroken;
  std::string payload;  // kPayload: the JSON inside the JWE
  std::string words;    // the code; or what did not hold
  bool IsProblem(std::string_view code) const { return what == What::kProblem && words == code; }
};
// `digest`: of the JWS inside the request, which a signed refusal must name; empty: it had none.
Heard Hear(Scene& scene, const Participant& who, const HttpAnswer& answer,
           const std::string& digest);
inline bool IsBusy(int status) { return status == 429 || status == 503; }
// Decides nothing: the identical message is sent again.
inline bool SaysNothing(int status) { return IsBusy(status) || status == 408 || status >= 500; }

// To the gateway, with a content key that was made ahead while there is one.
base::Result<std::string> SealTo(Scene& scene, protocol::JweExtra extra, std::string_view body);
base::Result<std::string> SignAs(const Participant& who, std::string_view typ,
                                 std::string_view payload);
int64_t NumericNow();

// The wait before the identical message is sent again.
std::chrono::milliseconds BackOff(int attempt, int retry_after_s);

}  // namespace paygate::load
