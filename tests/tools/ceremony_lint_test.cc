// The lint finds each breach of RFC 5280 that it claims to look for.
#include <gtest/gtest.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <functional>
#include <memory>
#include <set>

#include "protocol/software_key.h"
#include "protocol/values.h"
#include "tools/ceremony/lint.h"

namespace paygate::tools::ceremony {
namespace {

using protocol::Certificate;
using protocol::CertificateTemplate;
using protocol::Role;

const base::UnixTime kNow = base::FromNumericDate(1'790'000'000);

struct Lint : testing::Test {
  struct Made {
    std::unique_ptr<hsm::Signer> signer;
    protocol::PublicKey key;
  };
  static Made NewKey() {
    auto key = protocol::SoftwareKey::Generate(hsm::KeyType::kP256, hsm::KeyUsage::kSign);
    return {std::move(*key->AsSigner()), key->public_key()};
  }
  static CertificateTemplate Template(Role role, const protocol::PublicKey& key) {
    CertificateTemplate what{.role = role,
                             .subject_cn = protocol::NewNonce(),
                             .subject_key = key,
                             .not_before = kNow,
                             .not_after = kNow + std::chrono::days(10),
                             .serial = std::string(16, '\x42')};
    if (role == Role::kTlsServer) what.dns_names = {"pay.example"};
    return what;
  }

  Lint() {
    root = *protocol::BuildCertificate(Template(Role::kRoot, root_key.key), nullptr,
                                       *root_key.signer);
    issuing = *protocol::BuildCertificate(Template(Role::kIssuingCa, ca_key.key), &*root,
                                          *root_key.signer);
    leaf = *protocol::BuildCertificate(Template(Role::kGatewaySignature, leaf_key.key), &*issuing,
                                       *ca_key.signer);
    tls = *protocol::BuildCertificate(Template(Role::kTlsServer, leaf_key.key), &*issuing,
                                      *ca_key.signer);
  }

  // The certificate after `change`, encoded anew; its signature means nothing.
  static std::string Changed(const Certificate& certificate,
                             const std::function<void(X509*)>& change) {
    const auto* at = reinterpret_cast<const unsigned char*>(certificate.der().data());
    X509* x509 = d2i_X509(nullptr, &at, static_cast<long>(certificate.der().size()));
    change(x509);
    EVP_PKEY* nobody = EVP_EC_gen("P-256");
    X509_sign(x509, nobody, EVP_sha256());
    unsigned char* der = nullptr;
    const int size = i2d_X509(x509, &der);
    std::string out(reinterpret_cast<char*>(der), size > 0 ? size : 0);
    OPENSSL_free(der);
    EVP_PKEY_free(nobody);
    X509_free(x509);
    return out;
  }

  Made root_key = NewKey(), ca_key = NewKey(), leaf_key = NewKey();
  std::optional<Certificate> root, issuing, leaf, tls;
};

void Remove(X509* x509, int nid) {
  const int at = X509_get_ext_by_NID(x509, nid, -1);
  if (at >= 0) X509_EXTENSION_free(X509_delete_ext(x509, at));
}

void Set(X509* x509, int nid, const char* value) {
  Remove(x509, nid);
  X509V3_CTX context;
  X509V3_set_ctx(&context, x509, x509, nullptr, nullptr, 0);
  X509_EXTENSION* extension = X509V3_EXT_nconf_nid(nullptr, &context, nid, value);
  ASSERT_NE(extension, nullptr) << value;
  X509_add_ext(x509, extension, -1);
  X509_EXTENSION_free(extension);
}

TEST_F(Lint, AcceptsEveryProfile) {
  EXPECT_TRUE(LintCertificate(*root, nullptr, Role::kRoot));
  EXPECT_TRUE(LintCertificate(*issuing, &*root, Role::kIssuingCa));
  EXPECT_TRUE(LintCertificate(*leaf, &*issuing, Role::kGatewaySignature));
  EXPECT_TRUE(LintCertificate(*tls, &*issuing, Role::kTlsServer));
  EXPECT_TRUE(VerifyStrictly(*leaf, {*issuing}, *root, kNow));
}

TEST_F(Lint, RefusesACertificateUnderTheWrongRoleOrIssuer) {
  EXPECT_FALSE(LintCertificate(*leaf, &*issuing, Role::kGatewayEncryption));
  EXPECT_FALSE(LintCertificate(*leaf, &*issuing, Role::kIssuingCa));
  EXPECT_FALSE(LintCertificate(*issuing, &*root, Role::kRoot));
  EXPECT_FALSE(LintCertificate(*leaf, &*root, Role::kGatewaySignature));
  EXPECT_FALSE(VerifyStrictly(*leaf, {}, *root, kNow));
  EXPECT_FALSE(VerifyStrictly(*leaf, {*issuing}, *root, kNow + std::chrono::days(11)));
}

TEST_F(Lint, FindsEachBreach) {
  struct Breach {
    const char* what;
    std::function<void(X509*)> change;
  };
  const auto name = [](X509* x, const char* entry) {
    X509_NAME* subject = X509_NAME_dup(X509_get_subject_name(x));
    X509_NAME_add_entry_by_txt(subject, entry, MBSTRING_UTF8,
                               reinterpret_cast<const unsigned char*>("X"), -1, -1, 0);
    X509_set_subject_name(x, subject);
    X509_NAME_free(subject);
  };
  const Breach breaches[] = {
      {"version 1", [](X509* x) { X509_set_version(x, 0); }},
      {"short serial", [](X509* x) { ASN1_INTEGER_set(X509_get_serialNumber(x), 7); }},
      {"negative serial", [](X509* x) { ASN1_INTEGER_set(X509_get_serialNumber(x), -7); }},
      {"two names", [&](X509* x) { name(x, "O"); }},
      {"two common names", [&](X509* x) { name(x, "CN"); }},
      {"another issuer", [&](X509* x) { X509_set_issuer_name(x, X509_get_subject_name(x)); }},
      {"outlives its issuer",
       [](X509* x) { X509_gmtime_adj(X509_getm_notAfter(x), 86400L * 365 * 30); }},
      {"ends before it begins",
       [](X509* x) { ASN1_TIME_set(X509_getm_notAfter(x), base::ToNumericDate(kNow) - 5); }},
      {"GeneralizedTime before 2050",
       [](X509* x) { ASN1_GENERALIZEDTIME* t = ASN1_GENERALIZEDTIME_set(
                         nullptr, base::ToNumericDate(kNow));
                     X509_set1_notBefore(x, t);
                     // set1 turns it into UTCTime again where it can: say it by hand.
                     ASN1_STRING_set(X509_getm_notBefore(x), t->data, t->length);
                     X509_getm_notBefore(x)->type = V_ASN1_GENERALIZEDTIME;
                     ASN1_GENERALIZEDTIME_free(t); }},
      {"no subject key identifier", [](X509* x) { Remove(x, NID_subject_key_identifier); }},
      {"no authority key identifier", [](X509* x) { Remove(x, NID_authority_key_identifier); }},
      {"no key usage", [](X509* x) { Remove(x, NID_key_usage); }},
      {"key usage not critical",
       [](X509* x) { Set(x, NID_key_usage, "digitalSignature,nonRepudiation"); }},
      {"may sign certificates",
       [](X509* x) { Set(x, NID_key_usage, "critical,digitalSignature,keyCertSign"); }},
      {"is a CA", [](X509* x) { Set(x, NID_basic_constraints, "critical,CA:TRUE"); }},
      {"path length without CA",
       [](X509* x) { Set(x, NID_basic_constraints, "critical,CA:FALSE,pathlen:0"); }},
      {"constraints not critical", [](X509* x) { Set(x, NID_basic_constraints, "CA:FALSE"); }},
      {"no constraints", [](X509* x) { Remove(x, NID_basic_constraints); }},
      {"another purpose", [](X509* x) { Set(x, NID_ext_key_usage, "critical,serverAuth"); }},
      {"no purpose", [](X509* x) { Remove(x, NID_ext_key_usage); }},
      {"an alternative name", [](X509* x) { Set(x, NID_subject_alt_name, "DNS:a.example"); }},
      {"the same extension twice",
       [](X509* x) {
         X509_add_ext(x, X509_get_ext(x, X509_get_ext_by_NID(x, NID_key_usage, -1)), -1);
       }},
  };
  for (const Breach& breach : breaches) {
    auto parsed = Certificate::Parse(Changed(*leaf, breach.change));
    if (!parsed) continue;  // found even earlier
    auto linted = LintCertificate(*parsed, &*issuing, Role::kGatewaySignature);
    ASSERT_FALSE(linted) << breach.what;
    EXPECT_NE(linted.error().message.find("breaks a rule of RFC 5280"), std::string::npos);
  }
  // The change alone is what is found: none makes none.
  auto same = Certificate::Parse(Changed(*leaf, [](X509*) {}));
  ASSERT_TRUE(same);
  EXPECT_TRUE(LintCertificate(*same, &*issuing, Role::kGatewaySignature));
}

TEST_F(Lint, TheLintedBytesAreThoseThatAreSigned) {
  const CertificateTemplate what = Template(Role::kGatewaySignature, leaf_key.key);
  auto linted = LintBeforeSigning(what, &*issuing, hsm::KeyType::kP256);
  ASSERT_TRUE(linted) << linted.error().message;
  auto made = protocol::BuildCertificate(what, &*issuing, *ca_key.signer);
  ASSERT_TRUE(made);
  EXPECT_EQ(TbsOf(*made), linted->tbs);
  EXPECT_NE(linted->throw_away_key, ca_key.key.ToSpki());
  CertificateTemplate longer = what;
  longer.not_after = kNow + std::chrono::days(5000);
  EXPECT_FALSE(LintBeforeSigning(longer, &*issuing, hsm::KeyType::kP256));
}

}  // namespace
}  // namespace paygate::tools::ceremony
