// Undertakings and claims on the running gateway (protocol.md section 7): sold and paid with the
// wallet, claimed by its library on a clock that is turned as the engine's is, decided with
// paygatectl.
#include <signal.h>

#include <nlohmann/json.hpp>

#include "participant/client.h"
#include "tests/doubles/shell.h"
#include "tests/integration/wallets.h"

namespace paygate::integration {
namespace {

using nlohmann::json;
using participant::ClaimRecord;
using participant::EvidenceKind;
using protocol::ClaimDecision;
using std::chrono::hours;
using std::chrono::seconds;

class TurnedClock final : public base::Clock {
 public:
  explicit TurnedClock(seconds by) : by_(by) {}
  base::UnixTime Now() const override { return real_.Now() + by_; }
  base::MonotonicTime Monotonic() const override { return real_.Monotonic() + by_; }

 private:
  const base::SystemClock real_;
  const seconds by_;
};

// Its second line would like to be a member of what paygatectl shows.
constexpr char kStatement[] = "Nothing has come.\ndecision  refund";

// A wallet's directory, used by a program whose clock is right when the engine's is.
struct Program {
  Program(const ScratchGateway& gateway, const std::string& directory, seconds turned)
      : clock(turned),
        disk(Must(participant::OpenDisk(directory))),
        transport(Must(participant::OpenHttpsTransport(
            {.url = gateway.url(), .root_pem = gateway.RootPem()}))) {
    participant::ClientOptions options;
    options.max_attempts = 60;
    options.max_wait = seconds(1);
    options.wait = [](seconds s) { std::this_thread::sleep_for(s); };  // as the wallet does
    client = Must(participant::Client::Open({*disk, *transport, clock, gateway.RootPem()},
                                            std::move(options)));
    Must(client->Unlock(base::SecretBytes::CopyOf("correct horse")));
  }
  // Reads the mailbox until it has brought a message of a kind.
  template <typename Is>
  std::vector<participant::InboxMessage> InboxUntil(Is is) {
    std::vector<participant::InboxMessage> all;
    EXPECT_TRUE(Eventually([&] {
      auto answer = client->Inbox(seconds(1));
      // An engine that was just killed has no document to give until its token is back.
      if (!answer && answer.error().code == base::ErrorCode::kClosed) return false;
      auto inbox = Must(std::move(answer));
      for (auto& message : inbox) {
        EXPECT_EQ(message.set_aside, "");
        all.push_back(std::move(message));
      }
      return !all.empty() && is(all.back());
    }));
    return all;
  }

  TurnedClock clock;
  std::unique_ptr<participant::Disk> disk;
  std::unique_ptr<participant::Transport> transport;
  std::unique_ptr<participant::Client> client;
};

struct ClaimWallets : Wallets {
  ClaimWallets() {
    Register("seller", 0);
    Register("buyer", 1);
    all = gateway.TotalMoney();
    seller_had = BalanceOf(0);
    const std::string csblk = File("bicycle");
    Ran ran = Run("seller", "sell Bicycle 120.00 GBP --undertaking 'At your door, or your money "
                            "back' --out " + csblk);
    EXPECT_EQ(ran.code, 0) << ran.out;
    ran = Run("buyer", "show " + csblk);
    EXPECT_EQ(ran.code, 0) << ran.out;
    EXPECT_TRUE(ran.Has("At your door, or your money back")) << ran.out;
    payment_id = Run("buyer", "pay --yes --json " + csblk)["payment_id"];
    EXPECT_EQ(payment_id.size(), 43u);
    EXPECT_EQ(Run("seller", "inbox --wait 10").code, 0);
  }
  void TearDown() override {
    EXPECT_EQ(gateway.TotalMoney(), all);
    // Whatever came of the claim, its evidence is valid.
    Ran made;
    EXPECT_TRUE(Eventually([&] {
      made = Ctl("evidence --force --out " + File("evidence.json") + " -- " + payment_id);
      return made.code == 0;
    })) << made.out;
    EXPECT_NO_THROW(RunProgram({doubles::Program("paygate-audit"), "verify-evidence",
                                File("evidence.json"), "--root", File("root.pem")}));
    Wallets::TearDown();
  }
  void Turn(seconds by) {
    gateway.TurnClock(by);
    turned += by;
  }
  Program Open(const std::string& who) { return {gateway, File("w-" + who), turned}; }
  // Claimed when the usual 30 days are over; its ID.
  std::string Claimed() {
    Turn(hours(24 * 30 + 1));
    const auto answer = Must(Open("buyer").client->Claim(payment_id, kStatement));
    EXPECT_TRUE(answer.value) << answer.refusal->code;
    EXPECT_EQ(answer.value->payment_id, payment_id);
    return answer.value->claim_id;
  }
  Ran Ctl(const std::string& arguments, const std::string& form = " --json") {
    return {doubles::Shell(doubles::Program("paygatectl") + form + " --config " +
                           gateway.directory() + "/gateway.toml " + arguments)};
  }
  static bool IsDecision(const participant::InboxMessage& message) {
    return message.claim && message.claim->kind == EvidenceKind::kClaimDecision;
  }
  static bool IsRefund(const participant::InboxMessage& message) {
    return message.refund.has_value();
  }

  int64_t all = 0, seller_had = 0;
  seconds turned{0};
  std::string payment_id;
};

TEST_F(ClaimWallets, AClaimThatNobodyAnswersIsRefundedOnceThoughTheEngineDies) {
  Ran ran = Run("buyer", "claim --json -- " + payment_id + " 'Nothing has come.'");
  EXPECT_EQ(ran.code, 1) << ran.out;
  EXPECT_EQ(ran["code"], "claim-closed") << "too early";
  const std::string claim = Claimed();
  const auto told = Open("seller").InboxUntil([](const auto& m) { return m.claim.has_value(); });
  EXPECT_EQ(told.back().claim->kind, EvidenceKind::kClaimReceived);
  EXPECT_EQ(told.back().claim->claim_id, claim);
  EXPECT_EQ(told.back().claim->text, kStatement);

  Turn(hours(72) + seconds(60));
  gateway.Kill("engine_with_clock", SIGKILL);
  EXPECT_TRUE(Eventually([&] { return BalanceOf(0) == seller_had; }));
  gateway.Kill("engine_with_clock", SIGKILL);
  for (const char* who : {"buyer", "seller"}) {
    const auto messages = Open(who).InboxUntil(IsRefund);
    ASSERT_GE(messages.size(), 2u);
    const auto& decision = messages[messages.size() - 2];
    ASSERT_TRUE(IsDecision(decision)) << "the decision comes first";
    EXPECT_EQ(decision.claim->claim_id, claim);
    EXPECT_EQ(decision.claim->decision, ClaimDecision::kRefund);
    EXPECT_EQ(messages.back().refund->payload.refunded_total->ToString(), "120.00 GBP");
  }
  EXPECT_EQ(BalanceOf(0), seller_had) << "once";
  ran = Run("buyer", "receipts");
  EXPECT_EQ(ran.code, 0) << ran.out;
  EXPECT_TRUE(ran.Has("Your claim, FILED")) << ran.out;
  EXPECT_TRUE(ran.Has("TO BE REFUNDED: the seller did not answer")) << ran.out;
  ran = Run("seller", "receipts");
  EXPECT_EQ(ran.code, 0) << ran.out;
  EXPECT_TRUE(ran.Has("A CLAIM on a sale of yours")) << ran.out;
  EXPECT_TRUE(ran.Has("120.00 GBP refunded")) << ran.out;
  EXPECT_EQ(json::parse(Ctl("claim show -- " + payment_id).out)["state"], "refunded");
}

TEST_F(ClaimWallets, AnAnsweredClaimIsTheOperatorsToDecideOnceAndBothHearWhy) {
  const std::string claim = Claimed();
  json row = json::parse(Ctl("claims").out)["claims"].at(0);
  EXPECT_EQ(row["claim"], claim);
  EXPECT_EQ(row["payment_id"], payment_id);
  Ran ran = Ctl("claim decide --refund --reason early -- " + claim);
  EXPECT_EQ(ran.code, 2) << "the seller may still answer: " << ran.out;
  {
    Program seller = Open("seller");
    seller.InboxUntil([](const auto& m) { return m.claim.has_value(); });
    const auto answer = Must(seller.client->AnswerClaim(claim, "Signed for, parcel 4711"));
    ASSERT_TRUE(answer.value) << answer.refusal->code;
    EXPECT_EQ(answer.value->text, "Signed for, parcel 4711");
    EXPECT_EQ(Must(seller.client->AnswerClaim(claim, "And again")).refusal->code, "claim-closed");
  }
  row = json::parse(Ctl("claim show -- " + claim).out);
  EXPECT_EQ(row["state"], "answered: to be decided");
  EXPECT_EQ(row["statement"], kStatement);
  ran = Ctl("claim show -- " + claim, "");
  EXPECT_FALSE(ran.Has("\ndecision  refund")) << ran.out;
  EXPECT_TRUE(ran.Has(" | decision  refund")) << ran.out;
  EXPECT_EQ(row["evidence"], "Signed for, parcel 4711");
  EXPECT_EQ(row["terms"], "At your door, or your money back");
  EXPECT_EQ(Ctl("claim decide --reason both --refund --reject -- " + claim).code, 2);
  EXPECT_EQ(Ctl("claim decide --reason neither -- " + claim).code, 2);
  for (int i = 0; i < 2; ++i) {  // the same again changes nothing
    ran = Ctl("claim decide --reject --reason 'It was delivered' -- " + claim);
    EXPECT_EQ(ran.code, 0) << ran.out;
    EXPECT_EQ(json::parse(ran.out)["state"], "rejected");
  }
  EXPECT_EQ(Ctl("claim decide --refund --reason 'No' -- " + claim).code, 1);
  Turn(hours(100));
  for (const char* who : {"buyer", "seller"}) {
    const auto messages = Open(who).InboxUntil(IsDecision);
    EXPECT_EQ(messages.back().claim->decision, ClaimDecision::kReject);
    EXPECT_EQ(messages.back().claim->text, "It was delivered");
    EXPECT_EQ(Run(who, "receipts").code, 0);
  }
  EXPECT_EQ(json::parse(Ctl("claims").out)["claims"].size(), 0u);
  EXPECT_EQ(BalanceOf(0), seller_had + 12000) << "nothing was given back";
}

TEST_F(ClaimWallets, AnothersClaimOrAnswerIsRefusedAndTheOperatorsRefundIsPaid) {
  Register("mallory", 2);
  const std::string claim = Claimed();
  {
    Program mallory = Open("mallory");
    EXPECT_EQ(Must(mallory.client->Claim(payment_id, "Mine!")).refusal->code, "not-yours");
    EXPECT_EQ(Must(mallory.client->AnswerClaim(claim, "Mine!")).refusal->code, "not-yours");
  }
  EXPECT_EQ(Must(Open("buyer").client->AnswerClaim(claim, "x")).refusal->code, "not-yours");
  EXPECT_EQ(Must(Open("buyer").client->Claim(payment_id, "Again")).refusal->code, "claim-closed");
  {
    Program seller = Open("seller");
    ASSERT_TRUE(Must(seller.client->AnswerClaim(claim, "It is on its way")).value);
  }
  ASSERT_EQ(Ctl("claim decide --refund --reason 'It never came' -- " + claim).code, 0);
  EXPECT_TRUE(Eventually([&] { return BalanceOf(0) == seller_had; }));
  const auto messages = Open("buyer").InboxUntil(IsRefund);
  EXPECT_EQ(messages.back().refund->payload.amount.ToString(), "120.00 GBP");
}

TEST_F(Wallets, AnUndertakingWhoseTimesDoNotFitIsNotSigned) {
  Register("seller", 0);
  const std::string sell = "sell Bicycle 120.00 GBP --undertaking 'At your door' ";
  EXPECT_EQ(Run("seller", sell + "--deliver-by 2027-02-30").code, 2) << "no such day";
  EXPECT_EQ(Run("seller", sell + "--deliver-by 2020-01-01").code, 2) << "before the offer ends";
  EXPECT_EQ(Run("seller", sell + "--deliver-by 2999-01-01 --claim-until 2999-01-02").code, 2);
  EXPECT_EQ(Run("seller", "sell Bicycle 120.00 GBP --deliver-by 2999-01-01").code, 2);
  EXPECT_EQ(Run("seller", sell + "--deliver-by 2999-01-01").code, 0);
}

}  // namespace
}  // namespace paygate::integration
