#include "audit/entry.h"

#include <gtest/gtest.h>

#include "base/crypto.h"
#include "protocol/jws.h"
#include "tests/protocol/test_pki.h"

namespace paygate::audit {
namespace {

Entry Outcome() {
  return {.kind = EntryKind::kOutcome,
          .at = base::FromNumericDate(1'800'000'000),
          .values = {"payment", "failed", "AM04", "", "print"}};
}

TEST(Entry, IsOneLineOfJsonThatReadsBack) {
  const std::string line = PrintEntry(Outcome());
  EXPECT_EQ(line,
            R"({"kind":"outcome","at":1800000000,"payment_id":"payment","result":"failed",)"
            R"("reason":"AM04","bank_reference":"","evidence":"print"})");
  const auto entry = ParseEntry(line);
  ASSERT_TRUE(entry) << entry.error().ToString();
  EXPECT_EQ(entry->subject(), "payment");
  EXPECT_EQ(entry->Value("reason"), "AM04");
  EXPECT_EQ(entry->Value("seller"), "");
  EXPECT_EQ(PrintEntry(*entry), line);
}

TEST(Entry, HasOneSpelling) {
  const std::string good = PrintEntry(Outcome());
  const auto with = [&](const std::string& was, const std::string& is) {
    std::string line = good;
    return line.replace(line.find(was), was.size(), is);
  };
  EXPECT_FALSE(ParseEntry(with("\"outcome\"", "\"outcry\"")));
  EXPECT_FALSE(ParseEntry(with("\"outcome\"", "\"results\"")));
  EXPECT_FALSE(ParseEntry(with(",\"reason\"", ", \"reason\"")));
  EXPECT_FALSE(ParseEntry(with("\"AM04\"", "4")));
  EXPECT_FALSE(ParseEntry(with("AM04", "\\u0041M04")));
  EXPECT_FALSE(ParseEntry(with("1800000000", "-1")));
  EXPECT_FALSE(ParseEntry(with("}", ",\"more\":\"\"}")));
  EXPECT_FALSE(ParseEntry(good + "\n"));
  EXPECT_FALSE(ParseEntry(with("AM04", std::string(kMaxEntryBytes, 'x'))));
}

TEST(Entry, AValueThatIsLongOrNotPlainIsNamedByItsHash) {
  for (const std::string& odd : {std::string(129, 'x'), std::string("\0\xff", 2),
                                 std::string("line\nfeed")}) {
    Entry entry = Outcome();
    entry.values[2] = odd;
    const auto read = ParseEntry(PrintEntry(entry));
    ASSERT_TRUE(read) << read.error().ToString();
    EXPECT_EQ(read->Value("reason"), "sha256 " + base::Sha256Base64Url(odd));
  }
}

TEST(Entry, NamesADocumentByWhatWasSigned) {
  const auto key = protocol::NewKey();
  const auto signer = key.AsSigner().value();
  const std::string one = protocol::SignJws(*signer, "p2p-receipt+jws", {}, "{}").value();
  const std::string two = protocol::SignJws(*signer, "p2p-receipt+jws", {}, "{}").value();
  EXPECT_NE(one, two);
  EXPECT_EQ(DocumentDigest(one), DocumentDigest(two));
  EXPECT_EQ(DocumentDigest(one), protocol::DigestOfCompact(one).value());
  EXPECT_EQ(DocumentDigest(""), "");
}

}  // namespace
}  // namespace paygate::audit
