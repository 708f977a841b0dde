// What an evidence file proves, and that each byte of it matters.
#include "audit/evidence.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <random>

#include "base/encoding.h"
#include "protocol/jwe.h"
#include "protocol/jws.h"
#include "tests/audit/evidence_case.h"

namespace paygate::audit {
namespace {

using testing::HasSubstr;
using End = EvidenceCase::End;
using Outcome = EvidenceCheck::Outcome;

uint64_t Seed() {
  const char* given = std::getenv("PAYGATE_SEED");
  const uint64_t seed = given ? std::strtoull(given, nullptr, 10) : std::random_device{}();
  std::printf("PAYGATE_SEED=%llu\n", static_cast<unsigned long long>(seed));
  return seed;
}

TEST(Evidence, OfACompletedPaymentSaysWhoPaidWhomWhatAndWhen) {
  EvidenceCase c;
  const EvidenceReport report = c.Judge(c.File());
  EXPECT_EQ(WhatIsBad(report), "");
  EXPECT_TRUE(report.valid());
  const EvidenceSummary& s = report.summary;
  EXPECT_EQ(s.payment_id, c.draft.payment_id);
  EXPECT_EQ(s.buyer, c.buyer.id);
  EXPECT_EQ(s.seller, c.seller.id);
  EXPECT_EQ(s.amount, "12.50 GBP");
  EXPECT_EQ(s.goods, "A lamp");
  EXPECT_EQ(s.result, "completed");
  EXPECT_EQ(s.bank_reference, "REF-1");
  EXPECT_EQ(s.authorised_at, c.authorisation->iat);
  EXPECT_TRUE(s.buyer_account.empty());
  EXPECT_TRUE(Says(report, "only the bank's key opens them"));
}

TEST(Evidence, OfAFailedPaymentAndOfOneThatIsOpenSaysSo) {
  EvidenceCase failed(End::kFailed);
  EvidenceReport report = failed.Judge(failed.File());
  EXPECT_EQ(WhatIsBad(report), "");
  EXPECT_EQ(report.summary.result, "failed");
  EXPECT_EQ(report.summary.reason, "AM04");
  EvidenceCase open(End::kOpen);
  report = open.Judge(open.File());
  EXPECT_EQ(WhatIsBad(report), "");
  EXPECT_EQ(report.summary.result, "open");
}

TEST(Evidence, OfRefundsHasEachAndTheirSum) {
  EvidenceCase c;
  c.Refund("2.50", End::kCompleted);
  c.Refund("1.00", End::kFailed);
  c.Refund("10.00", End::kCompleted);
  c.Refund("0.01", End::kOpen);
  const EvidenceReport report = c.Judge(c.File());
  EXPECT_EQ(WhatIsBad(report), "");
  ASSERT_EQ(report.summary.refunds.size(), 4u);
  EXPECT_EQ(report.summary.refunds[1].result, "failed");
  EXPECT_EQ(report.summary.refunds[2].amount, "10.00 GBP");
  EXPECT_EQ(report.summary.refunds[3].result, "open");
}

TEST(Evidence, WithARefundLeftOutMissesItThoughTheGatewaySealsIt) {
  EvidenceCase c;
  c.Refund("2.50", End::kCompleted);
  c.Refund("1.00", End::kCompleted);
  c.draft.refunds.erase(c.draft.refunds.begin());
  EXPECT_THAT(WhatIsBad(c.Judge(c.File())), HasSubstr("another sum"));
}

TEST(Evidence, OfRefundsBeyondThePriceIsRefused) {
  EvidenceCase c;
  c.Refund("12.50", End::kCompleted);
  c.Refund("0.01", End::kCompleted);
  EXPECT_THAT(WhatIsBad(c.Judge(c.File())), HasSubstr("more than was paid"));
}

TEST(Evidence, HasOneSpelling) {
  EvidenceCase c;
  const std::string good = PrintEvidence(c.File());
  const auto parsed = ParseEvidence(good);
  ASSERT_TRUE(parsed) << parsed.error().message;
  EXPECT_EQ(PrintEvidence(*parsed), good);
  const auto refused = [](const std::string& bytes) {
    return !ParseEvidence(bytes);
  };
  EXPECT_TRUE(refused(good + "\n"));
  EXPECT_TRUE(refused(" " + good));
  EXPECT_TRUE(refused(good.substr(0, good.size() - 1)));
  const size_t comma = good.find(',');
  EXPECT_TRUE(refused(good.substr(0, comma) + ", " + good.substr(comma + 1)));
  EXPECT_TRUE(refused("{\"format\":\"p2p-evidence/1\"," + good.substr(1))) << "a member twice";
  std::string escaped = good;
  escaped.replace(escaped.find("p2p"), 1, "\\u0070");
  EXPECT_TRUE(refused(escaped));
  EXPECT_TRUE(refused(good.substr(0, good.size() - 1) + ",\"more\":1}"));
}

TEST(Evidence, ThatIsHugeOrNestedIsRefusedWithoutHarm) {
  EvidenceCase c;
  EXPECT_FALSE(ParseEvidence(std::string(kMaxEvidenceFileBytes + 1, '[')));
  EXPECT_FALSE(ParseEvidence(std::string(kMaxEvidenceFileBytes, '[')));
  EvidenceFile file = c.File();
  file.refunds.assign(kMaxEvidenceRefunds + 1, file.payment);
  EXPECT_THAT(WhatIsBad(c.Judge(file)), HasSubstr("too many refunds"));
}

bool IsOfTheSeal(const EvidenceCheck& check) {
  return check.words.find("the gateway sealed the file") != check.words.npos;
}

// The seal's own bytes aside, the verdict does not hang on the seal: something else is bad too.
bool IsRefused(const std::string& bytes, const protocol::Certificate& root, bool beside_the_seal) {
  const EvidenceReport report = JudgeEvidence(bytes, root, {});
  return !report.valid() && std::ranges::any_of(report.checks, [&](const EvidenceCheck& check) {
    return check.outcome == Outcome::kBad && !(beside_the_seal && IsOfTheSeal(check));
  });
}

// Each takes every eighth byte: all of them take minutes under a sanitizer.
constexpr size_t kParts = 8;
class EvidencePart : public ::testing::TestWithParam<size_t> {};

TEST_P(EvidencePart, WithAnyByteFlippedIsRefusedAndNotByTheSealAlone) {
  EvidenceCase c;
  c.Refund("2.50", End::kCompleted);
  const EvidenceFile file = c.File();
  const std::string good = PrintEvidence(file);
  const size_t seal_begins = good.size() - file.seal.size() - std::string("\"}").size();
  ASSERT_EQ(WhatIsBad(JudgeEvidence(good, c.pki.root, {})), "");
  const uint64_t seed = Seed();
  for (size_t at = GetParam(); at < good.size(); at += kParts) {
    const auto flip = static_cast<char>(1 << std::mt19937_64(seed + at)() % 8);
    std::string changed = good;
    changed[at] ^= flip;
    ASSERT_TRUE(IsRefused(changed, c.pki.root, at < seal_begins))
        << "byte " << at << " flipped by " << static_cast<int>(flip);
  }
}
INSTANTIATE_TEST_SUITE_P(Every, EvidencePart, ::testing::Range(size_t{0}, kParts));

TEST(Evidence, UnderTheTwinOfItsSealsSignatureIsRefused) {
  EvidenceCase c;
  for (int i = 0; i < 8; ++i) {  // both of a pair come up
    const EvidenceFile file = c.File();
    const auto jws = protocol::ParseJws(file.seal, kTypEvidence, protocol::KeyName::kX5t).value();
    EXPECT_TRUE(IsTheSmallerTwin(jws.algorithm, jws.signature));
    EXPECT_EQ(WhatIsBad(c.Judge(file)), "");
  }
  // n - 1 and 1: the order of the group less one is the larger.
  const std::string r(32, '\1');
  const std::string large =
      base::HexDecode("ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632550").value();
  EXPECT_FALSE(IsTheSmallerTwin(hsm::SignatureAlgorithm::kES256, r + large));
  EXPECT_TRUE(IsTheSmallerTwin(hsm::SignatureAlgorithm::kES256,
                               r + std::string(31, '\0') + '\1'));
}

TEST(Evidence, UnderAnotherRootProvesNothing) {
  EvidenceCase c;
  const protocol::TestPki other;
  const auto report = JudgeEvidence(PrintEvidence(c.File()), other.root, {});
  EXPECT_THAT(WhatIsBad(report), HasSubstr("certificates lead to the root"));
}

TEST(Evidence, OfTheSamePaymentTakenApartIsRefused) {
  EvidenceCase c, other;
  c.Refund("2.50", End::kCompleted);
  const EvidenceFile good = c.File(), foreign = other.File();
  const auto bad = [&](const std::function<void(EvidenceFile&)>& change) {
    EvidenceFile file = good;
    change(file);
    c.Seal(file);
    return WhatIsBad(c.Judge(file));
  };
  EXPECT_NE(bad([&](auto& f) { f.payment.receipt = foreign.payment.receipt; }), "");
  EXPECT_NE(bad([&](auto& f) { std::swap(f.payment.receipt, f.payment.confirmation); }), "");
  EXPECT_NE(bad([&](auto& f) { f.payment.authorisation = foreign.payment.authorisation; }), "");
  EXPECT_NE(bad([&](auto& f) { f.payment.bank_answer = foreign.payment.bank_answer + "!"; }), "");
  EXPECT_NE(bad([&](auto& f) { f.payment.bank_answer.clear(); }), "");
  EXPECT_NE(bad([&](auto& f) { f.accounts = foreign.accounts; }), "");
  EXPECT_NE(bad([&](auto& f) { f.accounts.clear(); }), "");
  EXPECT_NE(bad([&](auto& f) { f.csblk = foreign.csblk; }), "");
  EXPECT_NE(bad([&](auto& f) { f.refunds.clear(); }), "") << "its entries are of nothing";
  EXPECT_NE(bad([&](auto& f) { f.refunds.push_back(f.refunds[0]); }), "");
  EXPECT_NE(bad([&](auto& f) { f.checkpoint = foreign.checkpoint; }), "");
  EXPECT_NE(bad([&](auto& f) { f.certificates.pop_back(); }), "");
  EXPECT_NE(bad([&](auto& f) { std::swap(f.certificates[0], f.certificates[1]); }), "");
  EXPECT_NE(bad([&](auto& f) { std::swap(f.entries[0], f.entries[1]); }), "");
  EXPECT_NE(bad([&](auto& f) { f.statuses.push_back(f.statuses[0]); }), "");
  for (size_t i = 0; i < good.entries.size(); ++i) {
    EXPECT_NE(bad([&](auto& f) { f.entries.erase(f.entries.begin() + static_cast<long>(i)); }), "")
        << good.entries[i].line;
  }
}

// A gateway that lies, with all its keys and a log of its own to fit.
TEST(Evidence, OfAGatewayThatClaimsWhatNobodySignedIsRefused) {
  EvidenceCase c;
  protocol::PaymentAuthorisationPayload other = *c.authorisation;
  other.bblk.price = base::Money::Parse("99.00", "GBP").value();
  EvidenceFile file = c.File();
  file.payment.authorisation = c.By(c.seller, protocol::kTypPaymentAuthorisation, other.Print());
  file.payment_id = DocumentDigest(file.payment.authorisation);
  for (std::string& line : c.lines) {
    if (const size_t at = line.find(c.draft.payment_id); at != line.npos) {
      line.replace(at, file.payment_id.size(), file.payment_id);
    }
  }
  c.FillLog(file);
  c.Seal(file);
  EXPECT_THAT(WhatIsBad(c.Judge(file)), HasSubstr("the buyer authorised this payment"));
}

TEST(Evidence, OfACertificateThatWasRevokedLaterIsGoodAndSaysSince) {
  EvidenceCase c;
  c.Revoke(c.buyer, "keyCompromise", c.now + std::chrono::minutes(5));
  c.Revoke(c.seller, "keyCompromise", c.now + std::chrono::minutes(6));
  const EvidenceReport report = c.Judge(c.File());
  EXPECT_EQ(WhatIsBad(report), "");
  EXPECT_TRUE(Says(report, "the buyer's signature certificate was not revoked when it was relied "
                           "on: its issuing CA says that it has been since"));
}

TEST(Evidence, OfACertificateThatWasRevokedBeforeIsBad) {
  EvidenceCase c(End::kOpen);
  // The CA says so, and the log is silent.
  c.buyer.status = {true, c.now - std::chrono::seconds(1), protocol::CrlReason::kKeyCompromise};
  EXPECT_THAT(WhatIsBad(c.Judge(c.File())), HasSubstr("the buyer's signature certificate"));
  // The log says so, and the CA is silent.
  EvidenceCase silent(End::kOpen);
  Entry revoked{.kind = EntryKind::kRevoked,
                .at = silent.now,
                .values = {silent.buyer.id, "keyCompromise", "bank", ""}};
  silent.lines.insert(silent.lines.end() - 1, PrintEntry(revoked));
  EvidenceFile file = silent.File();
  file.statuses.clear();
  silent.Seal(file);
  EXPECT_THAT(WhatIsBad(silent.Judge(file)), HasSubstr("no revocation of a participant's"));
}

TEST(Evidence, WithoutTheCasStatementSaysThatStatusWasNotChecked) {
  EvidenceCase c;
  EvidenceFile file = c.File();
  file.statuses.clear();
  file.root_crl.clear();
  c.Seal(file);
  const EvidenceReport report = c.Judge(file);
  EXPECT_EQ(WhatIsBad(report), "");
  size_t unchecked = 0;
  for (const auto& check : report.checks) unchecked += check.outcome == Outcome::kNotChecked;
  EXPECT_EQ(unchecked, 5u + 1u + 2u) << "certificates, the root's list, the bank's two";
}

TEST(Evidence, WithAnOlderStatementOfTheCaIsBad) {
  EvidenceCase c;
  EvidenceFile file = c.File();
  const auto later = c.now;
  c.now = protocol::kTestNow;
  c.FillStatuses(file);
  c.now = later;
  c.Seal(file);
  EXPECT_THAT(WhatIsBad(c.Judge(file)), HasSubstr("what its issuing CA says is of"));
}

TEST(Evidence, OfAnIssuingCaThatTheRootRevokedBeforeIsBad) {
  EvidenceCase c;
  EvidenceFile file = c.File();
  for (const auto& [at, good] : {std::pair{protocol::kTestNow, false}, {c.now, true}}) {
    std::string entries;
    protocol::AppendCrlEntry(entries, base::HexDecode(c.pki.issuing.serial_hex()).value(), at,
                             protocol::CrlReason::kCaCompromise);
    file.root_crl = protocol::BuildCrl({.number = 2,
                                        .base_number = {},
                                        .this_update = c.now,
                                        .next_update = c.now + std::chrono::days(1),
                                        .entries = entries,
                                        .delta_url = {}},
                                       c.pki.root, *c.pki.root_signer)
                        .value();
    c.Seal(file);
    const EvidenceReport report = c.Judge(file);
    EXPECT_EQ(report.valid(), good);
    EXPECT_TRUE(Says(report, "the issuing CA was revoked after the authorisation"));
  }
}

TEST(Evidence, OpensItsAccountsToTheBankAndToNobodyElse) {
  EvidenceCase c;
  const EvidenceFile file = c.File();
  const auto key = c.bank_key.AsDecrypter().value();
  EvidenceReport report = c.Judge(file, {.bank_key = key.get(), .bank_signature = {}});
  EXPECT_EQ(WhatIsBad(report), "");
  EXPECT_EQ(report.summary.buyer_account, c.buyer.account.account());
  EXPECT_EQ(report.summary.seller_account, c.seller.account.account());
  const auto other = protocol::NewKey(hsm::KeyType::kP256, hsm::KeyUsage::kDecrypt);
  const auto stranger = other.AsDecrypter().value();
  report = c.Judge(file, {.bank_key = stranger.get(), .bank_signature = {}});
  EXPECT_THAT(WhatIsBad(report), HasSubstr("does not decrypt"));
  EXPECT_TRUE(report.summary.buyer_account.empty());
}

TEST(Evidence, WithOtherAccountsSealedThanWereSignedIsBadToTheBank) {
  EvidenceCase c;
  const auto key = c.bank_key.AsDecrypter().value();
  const auto other = protocol::Disclosure::Make("GB33BUKB20201555555555").value();
  const std::string sealed =
      protocol::SealJwe(c.bank_key.public_key(), "", {},
                        protocol::JsonWriter()
                            .String("buyer", other.text())
                            .String("seller", c.seller.account.text())
                            .Take())
          .value();
  // A lying gateway's log fits what it sealed.
  for (std::string& line : c.lines) {
    const std::string before = base::Sha256Base64Url(c.draft.accounts);
    if (const size_t at = line.find(before); at != line.npos) {
      line.replace(at, before.size(), base::Sha256Base64Url(sealed));
    }
  }
  c.draft.accounts = sealed;
  const EvidenceFile file = c.File();
  EXPECT_EQ(WhatIsBad(c.Judge(file)), "") << "nobody else can tell";
  EXPECT_THAT(WhatIsBad(c.Judge(file, {.bank_key = key.get(), .bank_signature = {}})),
              HasSubstr("the buyer signed another account"));
}

TEST(Evidence, HasTheBanksAnswersJudgedByWhoKnowsItsSignature) {
  EvidenceCase c;
  c.Refund("2.50", End::kFailed);
  std::vector<std::string> seen;
  const auto judge = [&](const BankAnswer& answer) -> base::Status {
    seen.push_back(std::string(answer.bytes) + (answer.completed ? "+" : "-") +
                   (answer.is_refund ? "r" : "p"));
    return {};
  };
  EXPECT_EQ(WhatIsBad(c.Judge(c.File(), {.bank_key = nullptr, .bank_signature = judge})), "");
  EXPECT_THAT(seen, testing::ElementsAre("the bank's completed+p",
                                         "the bank's failed refund of 2.50-r"));
  const auto refuse = [](const BankAnswer&) -> base::Status {
    return base::Fail(base::ErrorCode::kSignatureInvalid, "not mine");
  };
  EXPECT_THAT(WhatIsBad(c.Judge(c.File(), {.bank_key = nullptr, .bank_signature = refuse})),
              HasSubstr("not mine"));
}

}  // namespace
}  // namespace paygate::audit
