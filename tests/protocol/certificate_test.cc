#include "protocol/certificate.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/protocol/test_pki.h"

namespace paygate::protocol {
namespace {

using base::ErrorCode;
using hsm::KeyType;
using hsm::KeyUsage;
using ::testing::HasSubstr;

constexpr Role kProtocolRoles[] = {Role::kGatewaySignature, Role::kGatewayEncryption,
                                   Role::kParticipantSignature, Role::kParticipantEncryption};

template <typename T>
void ExpectInvalid(const T& result, const std::string& because) {
  ASSERT_FALSE(result.has_value()) << because;
  EXPECT_EQ(result.error().code, ErrorCode::kCertificateInvalid);
  EXPECT_THAT(result.error().message, HasSubstr(because));
}

// Replaces the one occurrence of `from` in a DER text; the lengths must be equal.
std::string Patched(std::string der, const std::string& from, const std::string& to) {
  const size_t at = der.find(from);
  EXPECT_NE(at, std::string::npos);
  EXPECT_EQ(from.size(), to.size());
  return der.replace(at, to.size(), to);
}

class Signs : public ::testing::TestWithParam<KeyType> {};

TEST_P(Signs, EveryRoleIsAcceptedUnderThisKindOfCaKey) {
  const TestPki pki(GetParam());
  const CertificateChecker checker = pki.Checker();
  const SoftwareKey key = NewKey();
  for (Role role : kProtocolRoles) {
    const Certificate leaf = pki.Leaf(role, key.public_key());
    EXPECT_TRUE(checker.Check(leaf, role, kTestNow).has_value());
    EXPECT_EQ(leaf.role(), role);
    EXPECT_EQ(leaf.key(), key.public_key());
    // What was written is what is read.
    const Certificate again = Certificate::Parse(leaf.der()).value();
    EXPECT_EQ(again.fingerprint(), leaf.fingerprint());
    EXPECT_EQ(again.subject_id(), leaf.subject_id());
    EXPECT_EQ(again.not_after(), kTestNow + std::chrono::days(365));
    EXPECT_EQ(Certificate::ParsePem(leaf.ToPem())->der(), leaf.der());
  }
}
INSTANTIATE_TEST_SUITE_P(AllKeys, Signs,
                         ::testing::Values(KeyType::kP256, KeyType::kRsa2048, KeyType::kEd25519));

TEST(Certificate, CarriesTheAccountBindingOfAParticipantAlone) {
  const TestPki pki;
  const SoftwareKey key = NewKey();
  EXPECT_EQ(pki.Leaf(Role::kParticipantSignature, key.public_key()).account_binding(),
            base::Sha256("a disclosure"));
  auto gateway = TestPki::Template(Role::kGatewaySignature, NewId(), key.public_key());
  EXPECT_EQ(pki.Issue(gateway)->account_binding(), "");
  gateway.account_binding = base::Sha256("x");
  EXPECT_EQ(pki.Issue(gateway).error().code, ErrorCode::kInvalidArgument);
  auto participant = TestPki::Template(Role::kParticipantSignature, NewId(), key.public_key());
  participant.account_binding = "short";
  EXPECT_EQ(pki.Issue(participant).error().code, ErrorCode::kInvalidArgument);
}

TEST(Certificate, DrawsPositiveSerialsOfAtLeast64BitsThatDiffer) {
  const TestPki pki;
  const SoftwareKey key = NewKey();
  const Certificate a = pki.Leaf(Role::kParticipantSignature, key.public_key());
  const Certificate b = pki.Leaf(Role::kParticipantSignature, key.public_key());
  EXPECT_NE(a.serial_hex(), b.serial_hex());
  EXPECT_EQ(a.serial_hex().size(), 32u);
  EXPECT_LT(a.serial_hex()[0], '8');
}

TEST(Certificate, KeepsTheSerialThatTheCallerChose) {
  const TestPki pki;
  auto what = TestPki::Template(Role::kParticipantSignature, NewId(), NewKey().public_key());
  what.serial = "\x01\x02\x03\x04\x05\x06\x07\x08";
  EXPECT_EQ(pki.Issue(what)->serial_hex(), "0102030405060708");
  for (const std::string& bad : {std::string("\x01\x02"), std::string("\x81") + what.serial,
                                 std::string(1, '\0') + what.serial, std::string(21, '\x11')}) {
    what.serial = bad;
    EXPECT_EQ(pki.Issue(what).error().code, ErrorCode::kInvalidArgument);
  }
}

TEST(Certificate, SignsExactlyTheTbsThatACeremonySaw) {
  const TestPki pki;
  auto what = TestPki::Template(Role::kGatewaySignature, NewId(), NewKey().public_key());
  what.serial = base::RandomBytes(7).insert(0, "\x11");
  const std::string tbs = BuildTbs(what, &pki.issuing, hsm::SignatureAlgorithm::kES256).value();
  EXPECT_NE(pki.Issue(what)->der().find(tbs), std::string::npos);
}

TEST(Certificate, DatesFrom2050AreWrittenAndReadAsGeneralizedTime) {
  const TestPki pki;
  auto what = TestPki::Template(Role::kGatewaySignature, NewId(), NewKey().public_key());
  what.not_after = base::FromNumericDate(2'524'608'000);  // 2050-01-01T00:00:00Z
  EXPECT_EQ(pki.Issue(what)->not_after(), what.not_after);
  EXPECT_THAT(pki.Issue(what)->der(), HasSubstr("20500101000000Z"));
  what.not_after -= std::chrono::seconds(1);
  EXPECT_EQ(pki.Issue(what)->not_after(), what.not_after);
  EXPECT_THAT(pki.Issue(what)->der(), HasSubstr("\x17\x0d"
                                                "491231235959Z"));
}

TEST(Certificate, RefusesASignerThatIsNotTheIssuer) {
  const TestPki pki;
  const auto what = TestPki::Template(Role::kGatewaySignature, NewId(), NewKey().public_key());
  const auto made = BuildCertificate(what, &pki.issuing, *pki.root_signer);
  ASSERT_FALSE(made.has_value());
  EXPECT_EQ(made.error().code, ErrorCode::kInvalidArgument);
}

TEST(Certificate, RefusesAnEncryptionRoleForAKeyThatCannotDecrypt) {
  const TestPki pki;
  const SoftwareKey key = NewKey(KeyType::kEd25519);
  const auto made =
      pki.Issue(TestPki::Template(Role::kParticipantEncryption, NewId(), key.public_key()));
  EXPECT_EQ(made.error().code, ErrorCode::kInvalidArgument);
}

TEST(Certificate, RefusesBytesAfterItAndBytesCutFromIt) {
  const TestPki pki;
  const std::string der = pki.root.der();
  ExpectInvalid(Certificate::Parse(der + '\0'), "not one X.509 certificate");
  ExpectInvalid(Certificate::Parse(der + der), "not one X.509 certificate");
  ExpectInvalid(Certificate::Parse(""), "not one X.509 certificate");
  for (size_t n = 1; n < der.size(); n += 7) {
    EXPECT_FALSE(Certificate::Parse(der.substr(0, n)).has_value());
  }
  ExpectInvalid(Certificate::Parse(std::string(1 << 20, '\x30')), "longer");
  ExpectInvalid(Certificate::ParsePem("nothing here"), "BEGIN CERTIFICATE");
}

TEST(CertificateChecker, RefusesEachRoleWhereAnotherIsExpected) {
  const TestPki pki;
  const CertificateChecker checker = pki.Checker();
  const SoftwareKey key = NewKey();
  for (Role is : kProtocolRoles) {
    const Certificate leaf = pki.Leaf(is, key.public_key());
    for (Role expected : kProtocolRoles) {
      EXPECT_EQ(checker.Check(leaf, expected, kTestNow).has_value(), is == expected);
    }
    EXPECT_FALSE(checker.Check(leaf, Role::kTlsServer, kTestNow).has_value());
  }
}

TEST(CertificateChecker, HoldsTheValidityToTheSecond) {
  const TestPki pki;
  const Certificate leaf = pki.Leaf(Role::kGatewaySignature, NewKey().public_key());
  const CertificateChecker checker = pki.Checker();
  const auto check = [&](base::UnixTime t) {
    return checker.Check(leaf, Role::kGatewaySignature, t);
  };
  EXPECT_TRUE(check(leaf.not_before()).has_value());
  EXPECT_TRUE(check(leaf.not_after()).has_value());
  ExpectInvalid(check(leaf.not_before() - std::chrono::seconds(1)), "not valid yet");
  ExpectInvalid(check(leaf.not_after() + std::chrono::seconds(1)), "expired");
}

TEST(CertificateChecker, RefusesALeafWhoseIssuingCaHasExpired) {
  TestPki pki;
  auto ca = TestPki::Template(Role::kIssuingCa, "Short CA", pki.issuing_key.public_key());
  ca.not_after = kTestNow - std::chrono::seconds(1);
  pki.issuing = BuildCertificate(ca, &pki.root, *pki.root_signer).value();
  const Certificate leaf = pki.Leaf(Role::kGatewaySignature, NewKey().public_key());
  ExpectInvalid(pki.Checker().Check(leaf, Role::kGatewaySignature, kTestNow), "expired");
}

TEST(CertificateChecker, RefusesACertificateOfAnotherPki) {
  const TestPki ours, theirs;  // the same names, other keys
  const Certificate leaf = theirs.Leaf(Role::kGatewaySignature, NewKey().public_key());
  const CertificateChecker checker = ours.Checker();
  ExpectInvalid(checker.Check(leaf, Role::kGatewaySignature, kTestNow), "does not verify");
  ExpectInvalid(checker.CheckChain({leaf, theirs.issuing}, Role::kGatewaySignature, kTestNow),
                "does not verify");
  ExpectInvalid(
      checker.CheckChain({leaf, theirs.issuing, theirs.root}, Role::kGatewaySignature, kTestNow),
      "does not verify");
  ExpectInvalid(CertificateChecker::Create(ours.root, {theirs.issuing}), "does not verify");
}

TEST(CertificateChecker, UsesAFurtherIssuingCaOfAChainIfItLeadsToThePinnedRoot) {
  const TestPki pki;
  const SoftwareKey second_key = NewKey();
  const Certificate second =
      BuildCertificate(TestPki::Template(Role::kIssuingCa, "Second CA", second_key.public_key()),
                       &pki.root, *pki.root_signer)
          .value();
  const SoftwareKey key = NewKey();
  const Certificate leaf =
      BuildCertificate(TestPki::Template(Role::kGatewaySignature, NewId(), key.public_key()),
                       &second, *second_key.AsSigner().value())
          .value();
  const CertificateChecker checker = pki.Checker();
  ExpectInvalid(checker.Check(leaf, Role::kGatewaySignature, kTestNow), "not issued by");
  EXPECT_TRUE(checker.CheckChain({leaf, second}, Role::kGatewaySignature, kTestNow).has_value());
  EXPECT_FALSE(checker.CheckChain({}, Role::kGatewaySignature, kTestNow).has_value());
  EXPECT_FALSE(checker.CheckChain(std::vector(5, leaf), Role::kGatewaySignature, kTestNow));
}

TEST(CertificateChecker, RefusesAnEndEntityThatPlaysTheCa) {
  const TestPki pki;
  const SoftwareKey key = NewKey();
  const Certificate participant = pki.Leaf(Role::kParticipantSignature, key.public_key());
  const auto what = TestPki::Template(Role::kGatewaySignature, NewId(), NewKey().public_key());
  // The builder refuses it, so it is made by hand: a TBS naming the participant as its issuer.
  EXPECT_EQ(BuildCertificate(what, &participant, *key.AsSigner().value()).error().code,
            ErrorCode::kInvalidArgument);
  ExpectInvalid(CertificateChecker::Create(pki.root, {participant}), "CA:TRUE");
  ExpectInvalid(CertificateChecker::Create(participant, {}), "CA:TRUE");
  ExpectInvalid(CertificateChecker::Create(pki.issuing, {}), "root");
  ExpectInvalid(pki.Checker().Check(pki.issuing, Role::kGatewaySignature, kTestNow), "CA:FALSE");
}

// Signs a changed TBSCertificate with the issuing CA's own key: what is refused then is refused for
// what it says, not for its signature.
Certificate Resigned(const TestPki& pki, const CertificateTemplate& what, const std::string& from,
                     const std::string& to) {
  const std::string tbs =
      Patched(BuildTbs(what, &pki.issuing, hsm::SignatureAlgorithm::kES256).value(), from, to);
  const std::string raw = pki.issuing_signer->Sign({hsm::StatementKind::kCertificate, tbs}).value();
  const auto integer = [](std::string n) {
    while (n.size() > 1 && n[0] == 0) n.erase(0, 1);
    if (n[0] < 0) n.insert(0, 1, '\0');
    return std::string("\x02") + static_cast<char>(n.size()) + n;
  };
  const std::string values = integer(raw.substr(0, 32)) + integer(raw.substr(32));
  const std::string sig = std::string("\x30") + static_cast<char>(values.size()) + values;
  const std::string alg("\x30\x0a\x06\x08\x2a\x86\x48\xce\x3d\x04\x03\x02", 12);
  const std::string bits = std::string("\x03") + static_cast<char>(sig.size() + 1) + '\0' + sig;
  const std::string body = tbs + alg + bits;
  const std::string der = std::string("\x30\x82") + static_cast<char>(body.size() >> 8) +
                          static_cast<char>(body.size()) + body;
  return Certificate::Parse(der).value();
}

TEST(CertificateChecker, ChecksEveryExtensionOfALeaf) {
  using namespace std::string_literals;
  const TestPki pki;
  const CertificateChecker checker = pki.Checker();
  const Role role = Role::kParticipantSignature;
  const auto what = TestPki::Template(role, NewId(), NewKey().public_key());
  const std::string true_("\x01\x01\xff", 3);
  const std::string basic = "\x06\x03\x55\x1d\x13" + true_ + "\x04\x02\x30\x00"s;
  const std::string usage = "\x06\x03\x55\x1d\x0f" + true_ + "\x04\x04\x03\x02\x06\xc0"s;
  const std::string eku = "\x06\x03\x55\x1d\x25" + true_;
  const std::string false_("\x01\x01\x00", 3);  // BER's FALSE; a DEFAULT, so patched sizes agree
  const auto refused = [&](const std::string& from, const std::string& to, const char* because) {
    ExpectInvalid(checker.Check(Resigned(pki, what, from, to), role, kTestNow), because);
  };
  EXPECT_TRUE(checker.Check(Resigned(pki, what, basic, basic), role, kTestNow).has_value());
  // keyCertSign added, and nonRepudiation dropped.
  refused(usage, "\x06\x03\x55\x1d\x0f" + true_ + "\x04\x04\x03\x02\x02\xc4"s, "keyUsage");
  refused(usage, "\x06\x03\x55\x1d\x0f" + true_ + "\x04\x04\x03\x02\x07\x80"s, "keyUsage");
  // Not critical.
  refused("\x55\x1d\x0f" + true_, "\x55\x1d\x0f" + false_, "keyUsage");
  refused("\x55\x1d\x25" + true_, "\x55\x1d\x25" + false_, "not critical");
  refused("\x55\x1d\x13" + true_, "\x55\x1d\x13" + false_, "basicConstraints");
  // An unknown extension (2.5.29.99) in the place of basicConstraints, critical.
  refused("\x06\x03\x55\x1d\x13" + true_, "\x06\x03\x55\x1d\x63" + true_, "critical extension");
  // The subject is no ID any more.
  refused(what.subject_cn, std::string(22, '!'), "no ID");
}

TEST(CertificateChecker, RefusesAChangedByteAnywhere) {
  const TestPki pki;
  const CertificateChecker checker = pki.Checker();
  const Certificate leaf = pki.Leaf(Role::kParticipantSignature, NewKey().public_key());
  for (size_t i = 0; i < leaf.der().size(); ++i) {
    std::string der = leaf.der();
    der[i] ^= 0x04;
    const auto changed = Certificate::Parse(der);
    if (!changed) continue;
    EXPECT_FALSE(checker.Check(*changed, Role::kParticipantSignature, kTestNow)) << "octet " << i;
  }
}

TEST(CertificateChecker, AcceptsATlsCertificateForTlsAlone) {
  const TestPki pki;
  auto what = TestPki::Template(Role::kTlsServer, "pay.example", NewKey().public_key());
  what.ip_addresses = {"127.0.0.1", "::1"};
  const Certificate leaf = pki.Issue(what).value();
  EXPECT_TRUE(pki.Checker().Check(leaf, Role::kTlsServer, kTestNow).has_value());
  EXPECT_FALSE(pki.Checker().Check(leaf, Role::kGatewaySignature, kTestNow).has_value());
  what.ip_addresses = {"127.0.0"};
  EXPECT_EQ(pki.Issue(what).error().code, ErrorCode::kInvalidArgument);
}

}  // namespace
}  // namespace paygate::protocol
