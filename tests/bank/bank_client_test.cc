// The bank client against a host that a test plays by hand.
#include <algorithm>
#include <atomic>
#include <map>
#include <mutex>
#include <set>
#include <thread>
#include <vector>

#include "bank/frames.h"
#include "base/ipc.h"
#include "tests/bank/bank_testing.h"

namespace paygate::bank {
namespace {

using namespace testing;
using std::chrono::milliseconds;

class BankClientTest : public ::testing::Test {
 protected:
  BankClientTest() : listener_(std::move(*base::Listener::Open(dir_ / "bank.sock"))) {}
  // Accepts the client and says hello.
  std::unique_ptr<base::Channel> Accept() {
    auto channel = std::move(*listener_->Accept());
    EXPECT_TRUE(channel->Send(EncodeHello({"played", {}})).has_value());
    return channel;
  }
  // The next request that is no ping; pings are answered.
  static Request Next(base::Channel& channel, std::string& frame) {
    for (;;) {
      frame = *channel.Receive();
      const Request request = *DecodeRequest(frame);
      if (request.kind != RequestKind::kHealth) return request;
      EXPECT_TRUE(channel.Send(EncodeReply({request.id, HealthReply{true}})).has_value());
    }
  }
  TempDir dir_;
  std::unique_ptr<base::Listener> listener_;
};

TEST_F(BankClientTest, SaysNotSentWhileNoHostIsThereAndNeverFromInsideTheCall) {
  const base::SystemClock clock;
  auto bank = OpenBankClient({.socket = dir_ / "nobody"}, clock);
  const auto here = std::this_thread::get_id();
  std::promise<std::pair<Outcome, std::thread::id>> said;
  bank->Submit("p", [&](Answer a) { said.set_value({a.outcome, std::this_thread::get_id()}); });
  const auto [outcome, thread] = said.get_future().get();
  EXPECT_EQ(outcome, Outcome::kNotSent);
  EXPECT_NE(thread, here);
  EXPECT_EQ(StatusAndWait(*bank, "p").outcome, Outcome::kUnknown);
  EXPECT_EQ(bank->GetCapabilities().error().code, base::ErrorCode::kBankUnavailable);
  const Transfer transfer{PaymentId(1), kAlice,      kSue,       *base::Money::Parse("1.00", "GBP"),
                          "x",          clock.Now(), clock.Now()};
  EXPECT_EQ(bank->Prepare(transfer).error().code, base::ErrorCode::kBankUnavailable);
  EXPECT_FALSE(bank->Healthy());
}

TEST_F(BankClientTest, SaysUnknownForWhatWasInFlightWhenTheHostDiedAndConnectsAgain) {
  auto bank_future = std::async([&] { return ConnectedClient(dir_); });
  auto channel = Accept();
  auto bank = bank_future.get();
  std::promise<Answer> submitted, asked;
  std::promise<Verification> verified;
  bank->Submit("p", [&](Answer a) { submitted.set_value(a); });
  bank->Status("p", [&](Answer a) { asked.set_value(a); });
  bank->VerifyAccount("a", "id", [&](Verification v) { verified.set_value(v); });
  std::string frame;
  for (int i = 0; i < 3; ++i) Next(*channel, frame);
  channel.reset();
  EXPECT_EQ(submitted.get_future().get().outcome, Outcome::kUnknown);
  EXPECT_EQ(asked.get_future().get().outcome, Outcome::kUnknown);
  EXPECT_EQ(verified.get_future().get().verdict, Verdict::kNoAnswer);

  channel = Accept();
  EXPECT_TRUE(Eventually([&] { return bank->GetCapabilities().has_value(); }));
  std::promise<Answer> again;
  bank->Submit("p", [&](Answer a) { again.set_value(a); });
  const Request request = Next(*channel, frame);
  ASSERT_TRUE(channel->Send(EncodeReply({request.id, Answer{Outcome::kPending, "", "", ""}})));
  EXPECT_EQ(again.get_future().get().outcome, Outcome::kPending);
}

TEST_F(BankClientTest, TakesRepliesInAnyOrderAndIgnoresOneForNothing) {
  auto bank_future = std::async([&] { return ConnectedClient(dir_); });
  auto channel = Accept();
  auto bank = bank_future.get();
  std::promise<Answer> one, two;
  bank->Submit("1", [&](Answer a) { one.set_value(a); });
  bank->Submit("2", [&](Answer a) { two.set_value(a); });
  std::string frame;
  const uint64_t first = Next(*channel, frame).id;
  const uint64_t second = Next(*channel, frame).id;
  for (const Reply& reply :
       {Reply{999, Answer{}}, Reply{second, Answer{Outcome::kRejected}},
        Reply{second, Answer{Outcome::kCompleted}}, Reply{first, Answer{Outcome::kCompleted}}})
    ASSERT_TRUE(channel->Send(EncodeReply(reply)));
  EXPECT_EQ(one.get_future().get().outcome, Outcome::kCompleted);
  EXPECT_EQ(two.get_future().get().outcome, Outcome::kRejected);
}

TEST_F(BankClientTest, SaysUnknownAtTheDeadlineAndBusyBeyondItsBound) {
  auto bank_future = std::async([&] {
    return ConnectedClient(dir_, {.answer_deadline = milliseconds(300), .max_in_flight = 2});
  });
  auto channel = Accept();
  auto bank = bank_future.get();
  std::atomic<int> unknown = 0, busy = 0;
  for (int i = 0; i < 5; ++i)
    bank->Submit("p", [&](Answer a) {
      unknown += a.outcome == Outcome::kUnknown;
      busy += a.outcome == Outcome::kBusy;
    });
  EXPECT_TRUE(Eventually([&] { return unknown + busy == 5; }));
  EXPECT_GE(unknown, 1);
  EXPECT_GE(busy, 3);  // a ping may hold a place
}

// Requests from many threads, more than a socket holds, to a host that reads nothing yet.
class ManyRequests {
 public:
  static constexpr int kThreads = 8, kEach = 100;

  void Start(Bank& bank) {
    std::vector<std::jthread> threads;
    for (int t = 0; t < kThreads; ++t) {
      threads.emplace_back([this, t, &bank] {
        for (int i = t * kEach; i < (t + 1) * kEach; ++i) {
          // The number, and what makes frames of many sizes.
          bank.Submit(std::to_string(i) + std::string(static_cast<size_t>(1 + i % 9 * 1000), ' '),
                      [this, i](Answer a) {
                        std::lock_guard lock(mutex_);
                        answers_[i].push_back(a.outcome);
                      });
        }
      });
    }
  }
  bool Is(int number, Outcome outcome) {
    std::lock_guard lock(mutex_);
    return answers_[number] == std::vector{outcome};
  }
  // Each was answered once, with one of these.
  bool AllAre(const std::set<Outcome>& allowed) {
    std::lock_guard lock(mutex_);
    return answers_.size() == kThreads * kEach && std::ranges::all_of(answers_, [&](auto& each) {
             return each.second.size() == 1 && allowed.contains(each.second[0]);
           });
  }

 private:
  std::mutex mutex_;
  std::map<int, std::vector<Outcome>> answers_;
};

TEST_F(BankClientTest, AHostThatDoesNotReadKeepsNoCallerAndGetsEachRequestOnce) {
  ManyRequests many;  // outlives the bank, which answers
  auto bank_future = std::async([&] { return ConnectedClient(dir_); });
  auto channel = Accept();
  auto bank = bank_future.get();
  many.Start(*bank);  // and every caller has returned
  std::set<int> seen;
  std::string frame;
  for (int i = 0; i < ManyRequests::kThreads * ManyRequests::kEach; ++i) {
    const Request request = Next(*channel, frame);
    const int number = std::stoi(std::string(request.prepared));
    EXPECT_TRUE(seen.insert(number).second) << number << " came twice";
    ASSERT_TRUE(channel->Send(EncodeReply({request.id, Answer{Outcome::kCompleted}})));
  }
  EXPECT_TRUE(Eventually([&] { return many.AllAre({Outcome::kCompleted}); }));
}

TEST_F(BankClientTest, AHostThatDiesUnreadLeavesNoRequestWithoutItsAnswer) {
  ManyRequests many;  // outlives the bank, which answers
  auto bank_future = std::async([&] { return ConnectedClient(dir_); });
  auto channel = Accept();
  auto bank = bank_future.get();
  many.Start(*bank);
  std::string frame;
  const int read = std::stoi(std::string(Next(*channel, frame).prepared));
  channel.reset();
  EXPECT_TRUE(Eventually([&] { return many.AllAre({Outcome::kUnknown, Outcome::kNotSent}); }));
  EXPECT_TRUE(many.Is(read, Outcome::kUnknown)) << "the host may have done it";
}

TEST_F(BankClientTest, CompletesEverythingBeforeItsDestructorReturns) {
  auto bank_future = std::async([&] { return ConnectedClient(dir_); });
  auto channel = Accept();
  auto bank = bank_future.get();
  std::atomic<int> ended = 0, wrong = 0;
  for (int i = 0; i < 200; ++i)
    bank->Submit(std::string(1000, 'p'), [&](Answer a) {
      ++ended;
      wrong += a.outcome != Outcome::kUnknown && a.outcome != Outcome::kNotSent;
    });
  bank.reset();
  EXPECT_EQ(ended, 200);
  EXPECT_EQ(wrong, 0);
}

}  // namespace
}  // namespace paygate::bank
