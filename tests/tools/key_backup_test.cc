// Sharing a secret, shares as words, and what a backup's file and shares may not be.
#include <gmock/gmock.h>

#include <random>

#include "base/crypto.h"
#include "protocol/software_key.h"
#include "tools/ceremony/key_backup.h"
#include "tools/ceremony/shamir.h"
#include "tools/ceremony/share_words.h"

namespace paygate::tools::ceremony {
namespace {

using base::ErrorCode;
using base::SecretBytes;
using testing::HasSubstr;

TEST(Shamir, MultipliesAsFips197Does) {
  EXPECT_EQ(MultiplyInField(0x57, 0x83), 0xc1);
  EXPECT_EQ(MultiplyInField(0x57, 0x13), 0xfe);
  for (int a = 0; a < 256; ++a) {
    const auto octet = static_cast<uint8_t>(a);
    EXPECT_EQ(MultiplyInField(octet, 1), octet);
    EXPECT_EQ(MultiplyInField(octet, 0), 0);
  }
}

TEST(Shamir, EverySetOfEnoughSharesGivesTheSecretAndNoSmallerOne) {
  for (const auto& [threshold, count] : {std::pair{2, 2}, {2, 3}, {3, 5}, {5, 5}, {4, 7}}) {
    const SecretBytes secret = base::RandomSecret(32);
    const auto shares = SplitSecret(secret, threshold, count);
    ASSERT_TRUE(shares);
    for (unsigned set = 1; set < 1u << count; ++set) {
      std::vector<const Share*> some;
      for (int i = 0; i < count; ++i) {
        if ((set >> i & 1) != 0) some.push_back(&(*shares)[static_cast<size_t>(i)]);
      }
      const auto combined = CombineShares(some);
      ASSERT_TRUE(combined);
      EXPECT_EQ(*combined == secret, static_cast<int>(some.size()) >= threshold)
          << threshold << " of " << count << ", set " << set;
    }
  }
}

TEST(Shamir, RefusesWhatIsNoSplitAndSharesThatDoNotFit) {
  const SecretBytes secret = base::RandomSecret(32);
  EXPECT_FALSE(SplitSecret(secret, 1, 3));
  EXPECT_FALSE(SplitSecret(secret, 4, 3));
  EXPECT_FALSE(SplitSecret(secret, 2, 256));
  EXPECT_FALSE(SplitSecret(SecretBytes(), 2, 3));
  auto shares = *SplitSecret(secret, 2, 3);
  const Share* twice[] = {&shares[0], &shares[0]};
  EXPECT_FALSE(CombineShares(twice));
  shares[1].value.Truncate(31);
  const Share* unequal[] = {&shares[0], &shares[1]};
  EXPECT_FALSE(CombineShares(unequal));
}

TEST(ShareWords, AnyOctetsComeBackFromTheWordsAndFromTheCodesText) {
  for (const size_t lines : {1u, 3u, 11u, 99u}) {
    const std::string octets = base::RandomBytes(lines * kShareLineOctets);
    EXPECT_EQ(FromWords(ToWords(octets), lines), octets);
    EXPECT_EQ(FromWords(ToQrText(octets), lines), octets);
    const std::string page = "A Rabin tukul dados\n\nWords:\n" + ToWords(octets);
    EXPECT_EQ(FromWords(page, lines), octets);
  }
  EXPECT_THAT(ToQrText(std::string(8, '\0')), testing::StartsWith("BABAB BABAB BABAB BABAB "));
}

TEST(ShareWords, AMistypedWordIsNamedByItsLine) {
  const std::string octets = base::RandomBytes(88), words = ToWords(octets);
  std::vector<std::string> lines;
  std::istringstream in(words);
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  ASSERT_EQ(lines.size(), 11u);
  for (size_t i = 0; i < lines.size(); ++i) {
    const auto with = [&](const std::string& line) {
      std::string text;
      for (size_t j = 0; j < lines.size(); ++j) text += (i == j ? line : lines[j]) + "\n";
      const auto read = FromWords(text, 11);
      return read ? "accepted" : read.error().message;
    };
    const std::string named = "line " + std::to_string(i + 1);
    std::string other = lines[i];
    other[5] = other[5] == 'b' ? 'd' : 'b';
    EXPECT_THAT(with(other), HasSubstr(named + " is mistyped"));
    other[5] = 'e';
    EXPECT_THAT(with(other), HasSubstr(named + ", word 1 is mistyped"));
    std::string swapped = lines[i].substr(0, 5) + lines[i].substr(11, 5) + " " +
                          lines[i].substr(5, 5) + lines[i].substr(16);
    if (lines[i].substr(5, 5) != lines[i].substr(11, 5)) {
      EXPECT_THAT(with(swapped), HasSubstr(named)) << swapped;
    }
    EXPECT_THAT(with(""), HasSubstr("line")) << "a line is missing";
  }
  for (const std::string& text : {std::string(), std::string("Words:"), words + "babab"}) {
    EXPECT_FALSE(FromWords(text, 11)) << text;
  }
}

struct Backup : testing::Test {
  Backup() {
    const auto key =
        protocol::SoftwareKey::Generate(hsm::KeyType::kP256, hsm::KeyUsage::kSign);
    const hsm::KeyInfo info{"issuing-ca", hsm::KeyType::kP256, hsm::KeyUsage::kSign,
                            key->public_key().ToSpki()};
    split = std::move(*SplitForBackup(info, 2, {"Ada", "Bob", "Carol"}));
    split->backup.wrapped = base::RandomBytes(140);
    for (const Share& share : split->shares) {
      sealed.push_back(*SealShare(split->backup, share, Passphrase(share.number)));
    }
  }
  static SecretBytes Passphrase(int number) {
    return SecretBytes::CopyOf("a passphrase, " + std::to_string(number));
  }
  std::string Refusal(const std::string& share, int passphrase) const {
    const auto opened = OpenShare(split->backup, share, Passphrase(passphrase));
    return opened ? "opened" : opened.error().message;
  }

  std::optional<SplitBackup> split;
  std::vector<std::string> sealed;
};

TEST_F(Backup, ItsFileSaysAgainWhatItWas) {
  const auto again = ParseKeyBackup(PrintKeyBackup(split->backup));
  ASSERT_TRUE(again) << again.error().message;
  EXPECT_EQ(PrintKeyBackup(*again), PrintKeyBackup(split->backup));
}

TEST_F(Backup, AFileThatIsNoneIsRefused) {
  const std::string good = PrintKeyBackup(split->backup);
  const auto changed = [&](const std::string& from, const std::string& to) {
    std::string text = good;
    const size_t at = text.find(from);
    EXPECT_NE(at, std::string::npos) << from;
    return text.replace(at, from.size(), to);
  };
  for (const std::string& bad :
       {std::string(), std::string("[]"), std::string("{}"), good.substr(0, good.size() / 2),
        changed("paygate-key-backup-1", "paygate-key-backup-2"), changed("P-256", "P-257"),
        changed("\"sign\"", "\"wrap\""), changed("\"threshold\": 2", "\"threshold\": 1"),
        changed("\"threshold\": 2", "\"threshold\": 4"),
        changed("\"threshold\": 2", "\"threshold\": -2"),
        changed("\"number\": 2", "\"number\": 1"), changed("\"Ada\"", "\"\""),
        changed("\"id\": \"", "\"id\": \"00"), changed("\"wrapped\": \"", "\"wrapped\": \"*"),
        std::string(100'000, '[')}) {
    EXPECT_FALSE(ParseKeyBackup(bad)) << bad;
  }
}

TEST_F(Backup, EachShareOpensWithItsPassphraseAloneAndAnyTwoGiveTheKey) {
  std::vector<Share> shares;
  for (int i = 1; i <= 3; ++i) {
    auto share = OpenShare(split->backup, sealed[static_cast<size_t>(i) - 1], Passphrase(i));
    ASSERT_TRUE(share) << share.error().message;
    shares.push_back(std::move(*share));
    EXPECT_THAT(Refusal(sealed[static_cast<size_t>(i) - 1], i + 1),
                HasSubstr("share " + std::to_string(i)));
  }
  shares.erase(shares.begin());
  const auto key = RecoverWrappingKey(split->backup, shares);
  ASSERT_TRUE(key);
  EXPECT_EQ(*key, split->wrapping_key);
  shares.erase(shares.begin());
  EXPECT_THAT(RecoverWrappingKey(split->backup, shares).error().message, HasSubstr("too few"));
}

TEST_F(Backup, AnyChangedOctetOfAShareIsFound) {
  for (size_t i = 0; i < sealed[0].size(); ++i) {
    if (i == 3) continue;  // the cost of scrypt: below
    std::string share = sealed[0];
    share[i] = static_cast<char>(share[i] ^ 1);
    EXPECT_NE(Refusal(share, 1), "opened") << i;
  }
  for (const char cost : {'\x00', '\x0d', '\x0e', '\x15', '\xff'}) {
    std::string share = sealed[0];
    share[3] = cost;
    EXPECT_NE(Refusal(share, 1), "opened") << static_cast<int>(cost);
  }
  EXPECT_NE(Refusal(sealed[0].substr(1), 1), "opened");
  EXPECT_NE(Refusal("", 1), "opened");
}

// A custodian who gives something else under the right number and a good passphrase.
TEST_F(Backup, AWrongShareIsNamedByItsCommitment) {
  Share wrong{2, base::RandomSecret(32)};
  const std::string share = *SealShare(split->backup, wrong, Passphrase(2));
  EXPECT_THAT(Refusal(share, 2), HasSubstr("share 2, Bob is wrong"));
  Share renumbered{3, split->shares[1].value.Clone()};
  EXPECT_THAT(Refusal(*SealShare(split->backup, renumbered, Passphrase(2)), 2),
              HasSubstr("share 3, Carol is wrong"));
}

TEST_F(Backup, AShareOfAnotherBackupIsNamed) {
  auto other = *SplitForBackup(split->backup.key, 2, {"Ada", "Bob", "Carol"});
  const std::string share = *SealShare(other.backup, other.shares[0], Passphrase(1));
  EXPECT_THAT(Refusal(share, 1), HasSubstr("share 1 belongs to another backup"));
}

}  // namespace
}  // namespace paygate::tools::ceremony
