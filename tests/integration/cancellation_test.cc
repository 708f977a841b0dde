// A seller takes an offer back (protocol.md section 5), through the wallet.
#include "tests/integration/wallets.h"

namespace paygate::integration {
namespace {

TEST_F(Wallets, ACancelledOfferIsNotPaidAndAPaidOneIsNotCancelled) {
  Register("seller", 0);
  Register("buyer", 1);
  const std::string lamp = File("lamp"), chair = File("chair");
  ASSERT_EQ(Run("seller", "sell Lamp 15.00 GBP --out " + lamp).code, 0);
  ASSERT_EQ(Run("seller", "sell Chair 20.00 GBP --out " + chair).code, 0);
  const int64_t before = BalanceOf(1);

  Ran ran = Run("buyer", "cancel --json " + lamp);
  EXPECT_EQ(ran.code, 1) << ran.out;
  EXPECT_EQ(ran["code"], "not-yours");
  ran = Run("seller", "cancel --json " + lamp);
  EXPECT_EQ(ran.code, 0) << ran.out;
  EXPECT_EQ(ran["status"], "cancelled");
  EXPECT_EQ(Run("seller", "cancel " + ran["csblk_id"]).code, 0) << "twice is fine";
  ran = Run("buyer", "pay --yes --json " + lamp);
  EXPECT_EQ(ran.code, 1) << ran.out;
  EXPECT_EQ(ran["code"], "csblk-cancelled");
  EXPECT_EQ(BalanceOf(1), before);

  ASSERT_EQ(Run("buyer", "pay --yes " + chair).code, 0);
  ran = Run("seller", "cancel --json " + chair);
  EXPECT_EQ(ran.code, 1) << ran.out;
  EXPECT_EQ(ran["code"], "already-paid");
  EXPECT_EQ(Run("seller", "cancel --json nothing-of-the-kind").code, 6);
  ran = Run("seller", "cancel -" + std::string(42, 'A') + " --json");
  EXPECT_EQ(ran.code, 1) << "that is an ID, too: " << ran.out;
  EXPECT_EQ(ran["code"], "not-found");
  EXPECT_EQ(Run("seller", "resume").code, 0);
}

}  // namespace
}  // namespace paygate::integration
