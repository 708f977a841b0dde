#include "tools/ceremony/root_crl.h"

#include <openssl/err.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <memory>

namespace paygate::tools::ceremony {
namespace {

using base::ErrorCode;
using base::Fail;
using base::Result;
using protocol::Certificate;

template <auto kFree>
struct Free {
  template <typename T>
  void operator()(T* p) const {
    kFree(p);
  }
};
using X509Ptr = std::unique_ptr<X509, Free<X509_free>>;
using CrlPtr = std::unique_ptr<X509_CRL, Free<X509_CRL_free>>;
using TimePtr = std::unique_ptr<ASN1_TIME, Free<ASN1_TIME_free>>;
using IntegerPtr = std::unique_ptr<ASN1_INTEGER, Free<ASN1_INTEGER_free>>;
using KeyPtr = std::unique_ptr<EVP_PKEY, Free<EVP_PKEY_free>>;

auto Failed() { return Fail(ErrorCode::kInternal, "OpenSSL could not make the CRL"); }

X509Ptr Parse(const Certificate& certificate) {
  const auto* at = reinterpret_cast<const unsigned char*>(certificate.der().data());
  return X509Ptr(d2i_X509(nullptr, &at, static_cast<long>(certificate.der().size())));
}

bool AddEntry(X509_CRL* crl, const RevokedEntry& entry, const ASN1_TIME* when) {
  BIGNUM* number = nullptr;
  if (BN_hex2bn(&number, entry.serial_hex.c_str()) == 0) return false;
  IntegerPtr serial(BN_to_ASN1_INTEGER(number, nullptr));
  BN_free(number);
  X509_REVOKED* revoked = X509_REVOKED_new();
  std::unique_ptr<ASN1_ENUMERATED, Free<ASN1_ENUMERATED_free>> reason(ASN1_ENUMERATED_new());
  if (X509_REVOKED_set_serialNumber(revoked, serial.get()) == 1 &&
      X509_REVOKED_set_revocationDate(revoked, const_cast<ASN1_TIME*>(when)) == 1 &&
      ASN1_ENUMERATED_set(reason.get(), entry.reason) == 1 &&
      X509_REVOKED_add1_ext_i2d(revoked, NID_crl_reason, reason.get(), 0, 0) == 1 &&
      X509_CRL_add0_revoked(crl, revoked) == 1) {
    return true;
  }
  X509_REVOKED_free(revoked);
  return false;
}

// Everything but the signature. A throw-away key of the same type signs it, which sets the
// algorithm's identifier as OpenSSL spells it; the signature is replaced.
Result<CrlPtr> Unsigned(const Certificate& issuer, const std::vector<RevokedEntry>& revoked,
                        base::UnixTime this_update, base::UnixTime next_update) {
  X509Ptr ca = Parse(issuer);
  CrlPtr crl(X509_CRL_new());
  TimePtr from(ASN1_TIME_set(nullptr, base::ToNumericDate(this_update)));
  TimePtr to(ASN1_TIME_set(nullptr, base::ToNumericDate(next_update)));
  IntegerPtr number(ASN1_INTEGER_new());
  std::unique_ptr<AUTHORITY_KEYID, Free<AUTHORITY_KEYID_free>> authority(AUTHORITY_KEYID_new());
  if (!ca || !crl || !authority || X509_CRL_set_version(crl.get(), 1) != 1 ||
      X509_CRL_set_issuer_name(crl.get(), X509_get_subject_name(ca.get())) != 1 ||
      X509_CRL_set1_lastUpdate(crl.get(), from.get()) != 1 ||
      X509_CRL_set1_nextUpdate(crl.get(), to.get()) != 1 ||
      ASN1_INTEGER_set_int64(number.get(), base::ToNumericDate(this_update)) != 1) {
    return Failed();
  }
  authority->keyid = ASN1_OCTET_STRING_dup(X509_get0_subject_key_id(ca.get()));
  if (X509_CRL_add1_ext_i2d(crl.get(), NID_authority_key_identifier, authority.get(), 0, 0) != 1 ||
      X509_CRL_add1_ext_i2d(crl.get(), NID_crl_number, number.get(), 0, 0) != 1) {
    return Failed();
  }
  for (const RevokedEntry& entry : revoked) {
    if (!AddEntry(crl.get(), entry, from.get())) return Failed();
  }
  X509_CRL_sort(crl.get());
  return crl;
}

// DER tag, length and contents.
std::string Tlv(char tag, std::string_view contents) {
  std::string out(1, tag);
  if (contents.size() < 0x80) {
    out.push_back(static_cast<char>(contents.size()));
  } else {
    std::string length;
    for (size_t n = contents.size(); n > 0; n >>= 8) length.insert(0, 1, static_cast<char>(n));
    out.push_back(static_cast<char>(0x80 | length.size()));
    out += length;
  }
  return out.append(contents);
}

// The first DER element of `bytes`, whole.
std::string_view First(std::string_view bytes) {
  const auto* at = reinterpret_cast<const unsigned char*>(bytes.data());
  const auto* begin = at;
  long length = 0;
  int tag = 0, kind = 0;
  if (ASN1_get_object(&at, &length, &tag, &kind, static_cast<long>(bytes.size())) & 0x80) return {};
  return bytes.substr(0, static_cast<size_t>(at - begin + length));
}

// The AlgorithmIdentifier of this key's signatures, from a certificate that it made: the TBS of a
// template, whose third element it is after version and serial.
Result<std::string> AlgorithmOf(const Certificate& issuer, hsm::Signer& signer) {
  ASSIGN_OR_RETURN(std::string tbs,
                   protocol::BuildTbs({.role = protocol::Role::kIssuingCa,
                                       .subject_cn = "algorithm",
                                       .subject_key = issuer.key(),
                                       .not_before = issuer.not_before(),
                                       .not_after = issuer.not_after()},
                                      &issuer, signer.algorithm()));
  const auto* at = reinterpret_cast<const unsigned char*>(tbs.data());
  long length = 0;
  int tag = 0, kind = 0;
  ASN1_get_object(&at, &length, &tag, &kind, static_cast<long>(tbs.size()));
  std::string_view rest(reinterpret_cast<const char*>(at), static_cast<size_t>(length));
  for (int skip = 0; skip < 2; ++skip) rest.remove_prefix(First(rest).size());
  return std::string(First(rest));
}

// The signature's bits as X.509 has them, out of a certificate joined with it.
Result<std::string> SignatureBits(hsm::SignatureAlgorithm algorithm, const std::string& raw) {
  if (algorithm != hsm::SignatureAlgorithm::kES256) return raw;
  ECDSA_SIG* signature = ECDSA_SIG_new();
  const auto* bytes = reinterpret_cast<const unsigned char*>(raw.data());
  if (raw.size() != 64 || ECDSA_SIG_set0(signature, BN_bin2bn(bytes, 32, nullptr),
                                         BN_bin2bn(bytes + 32, 32, nullptr)) != 1) {
    ECDSA_SIG_free(signature);
    return std::unexpected(Failed().error());
  }
  unsigned char* der = nullptr;
  const int size = i2d_ECDSA_SIG(signature, &der);
  std::string out(reinterpret_cast<char*>(der), size > 0 ? size : 0);
  OPENSSL_free(der);
  ECDSA_SIG_free(signature);
  return out;
}

}  // namespace

Result<std::string> BuildRootCrl(const Certificate& issuer, hsm::Signer& signer,
                                 const std::vector<RevokedEntry>& revoked,
                                 base::UnixTime this_update, base::UnixTime next_update) {
  ASSIGN_OR_RETURN(CrlPtr crl, Unsigned(issuer, revoked, this_update, next_update));
  KeyPtr nobody(EVP_EC_gen("P-256"));
  if (X509_CRL_sign(crl.get(), nobody.get(), EVP_sha256()) <= 0) return Failed();
  unsigned char* bytes = nullptr;
  const int size = i2d_re_X509_CRL_tbs(crl.get(), &bytes);
  if (size <= 0) return Failed();
  const std::string other(reinterpret_cast<char*>(bytes), size);
  OPENSSL_free(bytes);
  // tbsCertList: version, signature, then all else: the second element is the issuer's own.
  const auto* at = reinterpret_cast<const unsigned char*>(other.data());
  long length = 0;
  int tag = 0, kind = 0;
  ASN1_get_object(&at, &length, &tag, &kind, size);
  std::string_view rest(reinterpret_cast<const char*>(at), static_cast<size_t>(length));
  const std::string_view version = First(rest);
  rest.remove_prefix(version.size());
  rest.remove_prefix(First(rest).size());
  ASSIGN_OR_RETURN(const std::string algorithm, AlgorithmOf(issuer, signer));
  const std::string tbs = Tlv('\x30', std::string(version) + algorithm + std::string(rest));
  ASSIGN_OR_RETURN(std::string raw, signer.Sign({hsm::StatementKind::kCrl, tbs}));
  ASSIGN_OR_RETURN(std::string bits, SignatureBits(signer.algorithm(), raw));
  std::string der = Tlv('\x30', tbs + algorithm + Tlv('\x03', std::string(1, '\0') + bits));
  RETURN_IF_ERROR(CheckCrl(der, issuer));
  return der;
}

base::Status CheckCrl(std::string_view der, const Certificate& issuer) {
  const auto* at = reinterpret_cast<const unsigned char*>(der.data());
  const auto* end = at + der.size();
  CrlPtr crl(d2i_X509_CRL(nullptr, &at, static_cast<long>(der.size())));
  X509Ptr ca = Parse(issuer);
  const bool named = crl && ca && X509_NAME_cmp(X509_CRL_get_issuer(crl.get()),
                                                X509_get_subject_name(ca.get())) == 0;
  const bool good = named && at == end &&
                    X509_CRL_verify(crl.get(), X509_get0_pubkey(ca.get())) == 1;
  ERR_clear_error();
  if (good) return {};
  return Fail(ErrorCode::kCertificateInvalid, "the CRL is none of this issuer, or its signature "
                                              "does not verify");
}

}  // namespace paygate::tools::ceremony
