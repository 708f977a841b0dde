#include "tools/ceremony/lint.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <functional>
#include <memory>

#include "protocol/software_key.h"

namespace paygate::tools::ceremony {
namespace {

using base::ErrorCode;
using base::Fail;
using base::Result;
using protocol::Certificate;
using protocol::Role;

template <auto kFree>
struct Free {
  template <typename T>
  void operator()(T* p) const {
    kFree(p);
  }
};
using X509Ptr = std::unique_ptr<X509, Free<X509_free>>;
using StorePtr = std::unique_ptr<X509_STORE, Free<X509_STORE_free>>;
using ContextPtr = std::unique_ptr<X509_STORE_CTX, Free<X509_STORE_CTX_free>>;
using KeyPtr = std::unique_ptr<EVP_PKEY, Free<EVP_PKEY_free>>;

constexpr int kMaxSerialOctets = 20, kMinSerialOctets = 8;
constexpr int kLongestCommonName = 64;

const unsigned char* Octets(std::string_view bytes) {
  return reinterpret_cast<const unsigned char*>(bytes.data());
}

X509Ptr Parse(std::string_view der) {
  const unsigned char* at = Octets(der);
  return X509Ptr(d2i_X509(nullptr, &at, static_cast<long>(der.size())));
}

std::string Encode(X509* x509, int (*encode)(X509*, unsigned char**)) {
  unsigned char* bytes = nullptr;
  const int size = encode(x509, &bytes);
  std::string out(reinterpret_cast<char*>(bytes), size > 0 ? size : 0);
  OPENSSL_free(bytes);
  return out;
}

bool IsCa(Role role) { return role == Role::kRoot || role == Role::kIssuingCa; }

struct Subject {
  X509* x509;
  X509* issuer;  // nullptr: a root
  Role role;
};

bool SerialFits(const Subject& s) {
  const ASN1_INTEGER* serial = X509_get0_serialNumber(s.x509);
  const int octets = ASN1_STRING_length(serial);
  return ASN1_STRING_type(serial) == V_ASN1_INTEGER && octets >= kMinSerialOctets &&
         octets <= kMaxSerialOctets;
}

bool AlgorithmsAgree(const Subject& s) {
  const X509_ALGOR* outer = nullptr;
  X509_get0_signature(nullptr, &outer, s.x509);
  return X509_ALGOR_cmp(outer, X509_get0_tbs_sigalg(s.x509)) == 0;
}

bool NamesFit(const Subject& s) {
  const X509_NAME* subject = X509_get_subject_name(s.x509);
  const X509_NAME* issuer = X509_get_issuer_name(s.x509);
  const X509_NAME* expected = s.issuer ? X509_get_subject_name(s.issuer) : subject;
  char text[kLongestCommonName * 2];
  const int length = X509_NAME_get_text_by_NID(subject, NID_commonName, text, sizeof text);
  return X509_NAME_entry_count(subject) == 1 && length > 0 && length <= kLongestCommonName &&
         X509_NAME_cmp(issuer, expected) == 0;
}

// Section 4.1.2.5: UTCTime up to 2049, GeneralizedTime from 2050, to the second and in Zulu.
bool IsTime(const ASN1_TIME* time) {
  tm broken{};
  if (ASN1_TIME_to_tm(time, &broken) != 1) return false;
  const bool utc = broken.tm_year + 1900 < 2050;
  const std::string_view text(reinterpret_cast<const char*>(ASN1_STRING_get0_data(time)),
                              ASN1_STRING_length(time));
  return text.ends_with('Z') && text.size() == (utc ? 13 : 15) &&
         ASN1_STRING_type(time) == (utc ? V_ASN1_UTCTIME : V_ASN1_GENERALIZEDTIME);
}

bool ValidityFits(const Subject& s) {
  const ASN1_TIME *from = X509_get0_notBefore(s.x509), *to = X509_get0_notAfter(s.x509);
  return IsTime(from) && IsTime(to) && ASN1_TIME_compare(from, to) < 0;
}

bool LiesWithinIssuer(const Subject& s) {
  return !s.issuer ||
         (ASN1_TIME_compare(X509_get0_notAfter(s.x509), X509_get0_notAfter(s.issuer)) <= 0 &&
          ASN1_TIME_compare(X509_get0_notBefore(s.x509), X509_get0_notBefore(s.issuer)) >= 0);
}

bool HasNoUniqueIds(const Subject& s) {
  const ASN1_BIT_STRING *issuer = nullptr, *subject = nullptr;
  X509_get0_uids(s.x509, &issuer, &subject);
  return issuer == nullptr && subject == nullptr;
}

bool ExtensionsAreSingleAndKnown(const Subject& s) {
  const int count = X509_get_ext_count(s.x509);
  for (int i = 0; i < count; ++i) {
    const ASN1_OBJECT* object = X509_EXTENSION_get_object(X509_get_ext(s.x509, i));
    if (X509_get_ext_by_OBJ(s.x509, object, i) >= 0) return false;
    if (OBJ_obj2nid(object) == NID_undef) return false;  // a ceremony's certificates have none
  }
  return count > 0;
}

bool IsCritical(X509* x509, int nid) {
  const int at = X509_get_ext_by_NID(x509, nid, -1);
  return at >= 0 && X509_EXTENSION_get_critical(X509_get_ext(x509, at)) == 1;
}

bool ConstraintsFit(const Subject& s) {
  std::unique_ptr<BASIC_CONSTRAINTS, Free<BASIC_CONSTRAINTS_free>> value(
      static_cast<BASIC_CONSTRAINTS*>(
          X509_get_ext_d2i(s.x509, NID_basic_constraints, nullptr, nullptr)));
  if (!value || !IsCritical(s.x509, NID_basic_constraints)) return false;
  if ((value->ca != 0) != IsCa(s.role)) return false;
  if (s.role != Role::kIssuingCa) return value->pathlen == nullptr;
  return value->pathlen != nullptr && ASN1_INTEGER_get(value->pathlen) == 0;
}

bool KeyUsageFits(const Subject& s) {
  if (!IsCritical(s.x509, NID_key_usage)) return false;
  const uint32_t usage = X509_get_key_usage(s.x509);
  switch (s.role) {
    case Role::kRoot:
    case Role::kIssuingCa:
      return usage == (KU_KEY_CERT_SIGN | KU_CRL_SIGN);
    case Role::kTlsServer:
      return usage == KU_DIGITAL_SIGNATURE;
    case Role::kGatewayEncryption:
      return usage == (EVP_PKEY_get_base_id(X509_get0_pubkey(s.x509)) == EVP_PKEY_RSA
                           ? KU_KEY_ENCIPHERMENT
                           : KU_KEY_AGREEMENT);
    default:
      return usage == (KU_DIGITAL_SIGNATURE | KU_NON_REPUDIATION);
  }
}

bool PurposeFits(const Subject& s) {
  if (IsCa(s.role)) return X509_get_ext_by_NID(s.x509, NID_ext_key_usage, -1) < 0;
  return IsCritical(s.x509, NID_ext_key_usage) != (s.role == Role::kTlsServer);
}

bool KeyIdentifiersFit(const Subject& s) {
  const ASN1_OCTET_STRING* own = X509_get0_subject_key_id(s.x509);
  const ASN1_OCTET_STRING* authority = X509_get0_authority_key_id(s.x509);
  if (own == nullptr || IsCritical(s.x509, NID_subject_key_identifier)) return false;
  if (!s.issuer) return authority == nullptr || ASN1_OCTET_STRING_cmp(authority, own) == 0;
  const ASN1_OCTET_STRING* issuers = X509_get0_subject_key_id(s.issuer);
  return authority != nullptr && issuers != nullptr &&
         ASN1_OCTET_STRING_cmp(authority, issuers) == 0 &&
         !IsCritical(s.x509, NID_authority_key_identifier);
}

bool AlternativeNamesFit(const Subject& s) {
  const int at = X509_get_ext_by_NID(s.x509, NID_subject_alt_name, -1);
  if (s.role != Role::kTlsServer) return at < 0;
  return at >= 0 && !IsCritical(s.x509, NID_subject_alt_name);
}

struct Rule {
  const char* sentence;
  std::function<bool(const Subject&)> holds;
};

const Rule kRules[] = {
    {"version 3 (4.1.2.1)", [](const Subject& s) { return X509_get_version(s.x509) == 2; }},
    {"serial positive, 8 to 20 octets (4.1.2.2)", SerialFits},
    {"signature algorithm the same inside and outside (4.1.2.3)", AlgorithmsAgree},
    {"subject is one common name of 1 to 64 octets; issuer is the signer's subject (4.1.2.4)",
     NamesFit},
    {"validity in the right time types and order (4.1.2.5)", ValidityFits},
    {"validity within the issuer's", LiesWithinIssuer},
    {"no unique identifiers (4.1.2.8)", HasNoUniqueIds},
    {"extensions known and there once each (4.2)", ExtensionsAreSingleAndKnown},
    {"key identifiers there, matching, not critical (4.2.1.1, 4.2.1.2)", KeyIdentifiersFit},
    {"key usage critical and its role's alone (4.2.1.3)", KeyUsageFits},
    {"alternative names for TLS only, not critical (4.2.1.6)", AlternativeNamesFit},
    {"basic constraints critical, CA and path length its role's (4.2.1.9)", ConstraintsFit},
    {"extended key usage critical, none in a CA (4.2.1.12)", PurposeFits},
};

auto Broken(std::string_view sentence) {
  return Fail(ErrorCode::kCertificateInvalid,
              "the certificate breaks a rule of RFC 5280: " + std::string(sentence));
}

// The issuer with another key, for a lint: all else, its key identifier too, stays. Who signed this
// copy does not matter, since it is trusted as it is.
Result<Certificate> WithKey(const Certificate& issuer, const std::string& spki) {
  const unsigned char* at = Octets(spki);
  KeyPtr key(d2i_PUBKEY(nullptr, &at, static_cast<long>(spki.size())));
  KeyPtr nobody(EVP_EC_gen("P-256"));
  X509Ptr copy = Parse(issuer.der());
  if (!key || !nobody || !copy || X509_set_pubkey(copy.get(), key.get()) != 1 ||
      X509_sign(copy.get(), nobody.get(), EVP_sha256()) <= 0) {
    return Fail(ErrorCode::kInternal, "OpenSSL does not copy the issuer for the lint");
  }
  return Certificate::Parse(Encode(copy.get(), [](X509* x, unsigned char** out) {
    return i2d_X509(x, out);
  }));
}

}  // namespace

Result<std::vector<std::string>> LintCertificate(const Certificate& certificate,
                                                 const Certificate* issuer, Role role) {
  X509Ptr x509 = Parse(certificate.der());
  X509Ptr signer = issuer ? Parse(issuer->der()) : nullptr;
  if (!x509 || (issuer && !signer)) return Broken("it does not parse");
  X509Ptr again(X509_dup(x509.get()));
  if (Encode(again.get(), i2d_re_X509_tbs) != TbsOf(certificate)) {
    return Broken("its encoding is DER: it encodes to the same bytes again (4.1)");
  }
  std::vector<std::string> kept = {"encodes to the same DER again (4.1)"};
  const Subject subject{x509.get(), signer.get(), role};
  for (const Rule& rule : kRules) {
    if (!rule.holds(subject)) return Broken(rule.sentence);
    kept.push_back(rule.sentence);
  }
  const auto stated = certificate.role();
  if (IsCa(role) ? stated.has_value() : stated != role) return Broken("the role's own purpose");
  kept.push_back("the role's own purpose (protocol.md 3)");
  return kept;
}

base::Status VerifyStrictly(const Certificate& certificate,
                            const std::vector<Certificate>& intermediates,
                            const Certificate& anchor, base::UnixTime at) {
  X509Ptr leaf = Parse(certificate.der()), trusted = Parse(anchor.der());
  StorePtr store(X509_STORE_new());
  ContextPtr context(X509_STORE_CTX_new());
  std::vector<X509Ptr> owned;
  std::unique_ptr<STACK_OF(X509), void (*)(STACK_OF(X509)*)> others(
      sk_X509_new_null(), [](STACK_OF(X509)* s) { sk_X509_free(s); });
  for (const Certificate& each : intermediates) {
    owned.push_back(Parse(each.der()));
    sk_X509_push(others.get(), owned.back().get());
  }
  if (!leaf || !trusted || X509_STORE_add_cert(store.get(), trusted.get()) != 1 ||
      X509_STORE_CTX_init(context.get(), store.get(), leaf.get(), others.get()) != 1) {
    return Fail(ErrorCode::kInternal, "OpenSSL does not take the certificates to verify");
  }
  X509_VERIFY_PARAM* parameters = X509_STORE_CTX_get0_param(context.get());
  X509_VERIFY_PARAM_set_flags(parameters, X509_V_FLAG_X509_STRICT | X509_V_FLAG_PARTIAL_CHAIN);
  X509_VERIFY_PARAM_set_time(parameters, base::ToNumericDate(at));
  const bool good = X509_verify_cert(context.get()) == 1;
  const int why = X509_STORE_CTX_get_error(context.get());
  ERR_clear_error();
  if (good) return {};
  return Fail(ErrorCode::kCertificateInvalid, std::string("OpenSSL's strict verification: ") +
                                                  X509_verify_cert_error_string(why));
}

std::string TbsOf(const Certificate& certificate) {
  X509Ptr x509 = Parse(certificate.der());
  if (!x509) return {};
  // The bytes as they are: i2d of the cached encoding (d2i keeps it until something is set).
  const unsigned char* at = Octets(certificate.der());
  long outer = 0, inner = 0;
  int tag = 0, kind = 0;
  ASN1_get_object(&at, &outer, &tag, &kind, static_cast<long>(certificate.der().size()));
  const unsigned char* begin = at;
  ASN1_get_object(&at, &inner, &tag, &kind, outer);
  return {reinterpret_cast<const char*>(begin), static_cast<size_t>(at + inner - begin)};
}

Result<LintedTbs> LintBeforeSigning(const protocol::CertificateTemplate& what,
                                    const Certificate* issuer, hsm::KeyType issuer_type) {
  ASSIGN_OR_RETURN(auto key,
                   protocol::SoftwareKey::Generate(issuer_type, hsm::KeyUsage::kSign));
  ASSIGN_OR_RETURN(auto signer, key.AsSigner());
  const std::string spki = key.public_key().ToSpki();
  ASSIGN_OR_RETURN(std::string tbs, protocol::BuildTbs(what, issuer, signer->algorithm()));
  ASSIGN_OR_RETURN(Certificate lint, protocol::SignTbs(tbs, key.public_key(), *signer));
  ASSIGN_OR_RETURN(auto checks, LintCertificate(lint, issuer, what.role));
  if (issuer) {
    ASSIGN_OR_RETURN(Certificate stand_in, WithKey(*issuer, spki));
    RETURN_IF_ERROR(VerifyStrictly(lint, {}, stand_in, what.not_before));
  } else {
    // A trust anchor's signature is not looked at here, all else is.
    RETURN_IF_ERROR(VerifyStrictly(lint, {}, lint, what.not_before));
  }
  checks.push_back("OpenSSL's strict verification");
  return LintedTbs{std::move(tbs), spki, std::move(checks)};
}

}  // namespace paygate::tools::ceremony
