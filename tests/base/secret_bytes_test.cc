#include "base/secret_bytes.h"

#include <gtest/gtest.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include <algorithm>
#include <concepts>
#include <cstring>
#include <ostream>
#include <thread>
#include <vector>

namespace paygate::base {
namespace {

template <typename T>
concept Printable = requires(std::ostream& out, const T& v) { out << v; };

static_assert(!std::copy_constructible<SecretBytes>);
static_assert(!std::is_copy_assignable_v<SecretBytes>);
static_assert(std::is_nothrow_move_constructible_v<SecretBytes>);
static_assert(!Printable<SecretBytes>);

TEST(SecretBytes, AreZeroWhenMade) {
  for (int round = 0; round < 3; round++) {
    SecretBytes secret(100);
    EXPECT_TRUE(std::ranges::all_of(secret.span(), [](uint8_t b) { return b == 0; }));
    std::memset(secret.data(), 0xaa, secret.size());  // the next round may get the same memory
  }
}

TEST(SecretBytes, AreMovedAndLeaveNothingBehind) {
  SecretBytes a = SecretBytes::CopyOf("1234");
  SecretBytes b = std::move(a);
  EXPECT_TRUE(a.empty());
  EXPECT_EQ(b.view(), "1234");
  SecretBytes c = SecretBytes::CopyOf("old");
  c = std::move(b);
  EXPECT_EQ(c.view(), "1234");
  EXPECT_TRUE(b.empty());
  EXPECT_EQ(c.Clone().view(), "1234");
}

TEST(SecretBytes, AreEqualByContents) {
  EXPECT_TRUE(SecretBytes::CopyOf("pin") == SecretBytes::CopyOf("pin"));
  EXPECT_FALSE(SecretBytes::CopyOf("pin") == SecretBytes::CopyOf("pim"));
  EXPECT_FALSE(SecretBytes::CopyOf("pin") == SecretBytes::CopyOf("pins"));
  EXPECT_TRUE(SecretBytes() == SecretBytes::CopyOf(""));
}

TEST(SecretBytes, TruncateCleansesTheTailAndNeverGrows) {
  SecretBytes secret = SecretBytes::CopyOf("secret-tail");
  secret.Truncate(6);
  EXPECT_EQ(secret.view(), "secret");
  EXPECT_EQ(std::string_view(reinterpret_cast<char*>(secret.data()) + 6, 5),
            std::string_view("\0\0\0\0\0", 5));
  secret.Truncate(100);
  EXPECT_EQ(secret.size(), 6u);
}

TEST(SecretBytes, MayBeLargerThanTheArenaOfSmallOnes) {
  std::vector<SecretBytes> many;
  for (int i = 0; i < 3; i++) {
    many.emplace_back(size_t{600} << 10);
    many.back().data()[many.back().size() - 1] = static_cast<uint8_t>(i + 1);
  }
  for (int i = 0; i < 3; i++) EXPECT_EQ(many[i].data()[many[i].size() - 1], i + 1);
}

TEST(SecretBytes, CanBeMadeInManyThreadsAtOnce) {
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; t++) {
    threads.emplace_back([t] {
      for (int i = 0; i < 500; i++) {
        SecretBytes secret(32);
        std::memset(secret.data(), t, secret.size());
        ASSERT_TRUE(std::ranges::all_of(secret.span(), [t](uint8_t b) { return b == t; }));
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

TEST(Cleanse, OverwritesMemory) {
  char text[] = "secret";
  Cleanse(text, sizeof(text));
  for (char c : text) EXPECT_EQ(c, 0);
}

TEST(Process, LeavesNoCoreDump) {
  // In a child, because it cannot be taken back.
  EXPECT_EXIT(
      {
        MakeProcessUndumpable();
        rlimit limit{};
        getrlimit(RLIMIT_CORE, &limit);
        std::_Exit(prctl(PR_GET_DUMPABLE) == 0 && limit.rlim_max == 0 ? 0 : 1);
      },
      testing::ExitedWithCode(0), "");
}

}  // namespace
}  // namespace paygate::base
