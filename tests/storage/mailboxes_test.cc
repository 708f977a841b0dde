#include <set>
#include <thread>

#include "tests/storage/fixture.h"

namespace paygate::storage {
namespace {

using base::ErrorCode;

class Mailboxes : public StoreTest {
 protected:
  void Deliver(const std::string& recipient, const std::string& jwe) {
    const std::string n = std::to_string(++payments_);
    Issue("sale " + n);
    ASSERT_TRUE(Settle(Completed(Recorded(MakeIntent("payment " + n, "sale " + n))),
                       {{recipient, jwe}}));
  }
  MailboxPage Read(const std::string& recipient, uint64_t after, size_t max_messages = 50,
                   size_t max_bytes = 65536) {
    return store_->mailbox().Read(recipient, after, max_messages, max_bytes).value();
  }
  int payments_ = 0;
};

TEST_F(Mailboxes, AreReadInOrderFromACursor) {
  EXPECT_EQ(Read("anna", 0).newest, 0u);
  for (int i = 1; i <= 5; ++i) Deliver("anna", "message " + std::to_string(i));
  Deliver("ann", "not hers");
  Deliver("annab", "not hers");
  Reopen();
  const MailboxPage page = Read("anna", 2);
  EXPECT_EQ(page.newest, 5u);
  ASSERT_EQ(page.messages.size(), 3u);
  for (size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(page.messages[i].cursor, i + 3);
    EXPECT_EQ(page.messages[i].jwe, "message " + std::to_string(i + 3));
  }
  EXPECT_TRUE(Read("anna", 5).messages.empty());
  EXPECT_EQ(CodeOf(store_->mailbox().Read("anna", 6, 50, 65536)), ErrorCode::kMalformed);
}

TEST_F(Mailboxes, GiveAtMostSoManyMessagesAndBytesButAlwaysOne) {
  for (int i = 0; i < 4; ++i) Deliver("anna", std::string(100, 'm'));
  EXPECT_EQ(Read("anna", 0, 3).messages.size(), 3u);
  EXPECT_EQ(Read("anna", 0, 50, 250).messages.size(), 2u);
  EXPECT_EQ(Read("anna", 0, 50, 1).messages.size(), 1u);
  EXPECT_EQ(Read("anna", 0, 50, 1).newest, 4u);
}

TEST_F(Mailboxes, GoOnCountingAfterEverythingWasDeleted) {
  Deliver("anna", "one");
  Deliver("anna", "two");
  ASSERT_TRUE(store_->mailbox().Acknowledge("anna", 2, At(0)));
  EXPECT_EQ(store_->mailbox().Purge(At(1), 100).value(), 2u);
  Reopen();
  EXPECT_EQ(Read("anna", 0).newest, 2u);
  Deliver("anna", "three");
  EXPECT_EQ(Read("anna", 0).messages.at(0).cursor, 3u);
}

TEST_F(Mailboxes, KeepWhatWasAcknowledgedLateOrNotAtAll) {
  for (int i = 1; i <= 6; ++i) Deliver("anna", std::to_string(i));
  EXPECT_EQ(CodeOf(store_->mailbox().Acknowledge("anna", 7, At(0))), ErrorCode::kMalformed);
  ASSERT_TRUE(store_->mailbox().Acknowledge("anna", 3, At(100)));
  ASSERT_TRUE(store_->mailbox().Acknowledge("anna", 2, At(500)));  // going back changes nothing
  ASSERT_TRUE(store_->mailbox().Acknowledge("anna", 5, At(200)));
  EXPECT_EQ(store_->mailbox().Purge(At(100), 100).value(), 0u);
  EXPECT_EQ(store_->mailbox().Purge(At(200), 2).value(), 2u);
  Reopen();
  EXPECT_EQ(Read("anna", 0).messages.at(0).cursor, 3u);
  EXPECT_EQ(store_->mailbox().Purge(At(200), 2).value(), 1u);
  EXPECT_EQ(store_->mailbox().Purge(At(200), 2).value(), 0u);
  EXPECT_EQ(store_->mailbox().Purge(At(201), 100).value(), 2u);
  EXPECT_EQ(Read("anna", 0).messages.at(0).cursor, 6u);
  EXPECT_EQ(store_->mailbox().Purge(At(1000000), 100).value(), 0u);
}

TEST_F(Mailboxes, TakeSeveralMessagesOfOneSettlement) {
  Issue("sale");
  ASSERT_TRUE(Settle(Completed(Recorded(MakeIntent("payment", "sale"))),
                     {{"anna", "one"}, {"bert", "one"}, {"anna", "two"}}));
  EXPECT_EQ(Read("anna", 0).messages.size(), 2u);
  EXPECT_EQ(Read("bert", 0).messages.size(), 1u);
}

// A reader that follows the cursor while many settlements write misses nothing.
TEST_F(Mailboxes, LoseNothingToAReaderWhileManyWrite) {
  constexpr int kThreads = 16, kEach = 10;
  std::vector<Intent> intents;
  for (int i = 0; i < kThreads * kEach; ++i) {
    Issue("sale " + std::to_string(i));
    intents.push_back(Recorded(MakeIntent("p" + std::to_string(i), "sale " + std::to_string(i))));
  }
  std::set<std::string> seen;
  std::jthread reader([&] {
    for (uint64_t after = 0; after < intents.size();) {
      const MailboxPage page = Read("anna", after, 7);
      for (const MailboxMessage& m : page.messages) {
        EXPECT_EQ(m.cursor, after + 1);
        after = m.cursor;
        seen.insert(m.jwe);
      }
    }
  });
  std::vector<std::jthread> writers;
  for (int t = 0; t < kThreads; ++t) {
    writers.emplace_back([&, t] {
      for (int i = t * kEach; i < (t + 1) * kEach; ++i) {
        ASSERT_TRUE(Settle(Completed(intents[i]), {{"anna", std::to_string(i)}}));
      }
    });
  }
  writers.clear();
  reader.join();
  EXPECT_EQ(seen.size(), intents.size());
}

}  // namespace
}  // namespace paygate::storage
