#include "protocol/crl.h"

#include <openssl/err.h>

#include "base/encoding.h"
#include "protocol/internal/certificate_profile.h"
#include "protocol/internal/der.h"
#include "protocol/internal/openssl.h"

// Grammar (RFC 5280 section 5.1; DER):
//   TBSCertList = SEQUENCE { INTEGER 1 (v2), signature AlgorithmIdentifier, issuer Name,
//                 thisUpdate,
//                 nextUpdate, revokedCertificates (absent if none), [0] crlExtensions }
//   entry       = SEQUENCE { serial, revocationDate, [crlEntryExtensions = reasonCode] }
//   crlExtensions = authorityKeyIdentifier, cRLNumber, deltaCRLIndicator! (a delta),
//                 freshestCRL (a complete list, where there is a URL)          ! = critical
namespace paygate::protocol {
namespace {

using CrlPtr = std::unique_ptr<X509_CRL, Deleter<X509_CRL_free>>;

}  // namespace

void AppendCrlEntry(std::string& entries, std::string_view serial, base::UnixTime revoked_at,
                    CrlReason reason) {
  std::string extensions;
  if (reason != CrlReason::kUnspecified) {
    const char code = static_cast<char>(reason);
    extensions = der::Sequence(
        {Extension("2.5.29.21", false, der::Tlv(der::kEnumerated, std::string_view(&code, 1)))});
  }
  entries += der::Sequence({der::Tlv(der::kInteger, serial), der::Time(revoked_at), extensions});
}

base::Result<std::string> BuildCrl(const CrlTemplate& what, const Certificate& ca,
                                   hsm::Signer& ca_key) {
  if (what.next_update <= what.this_update ||
      (what.base_number && *what.base_number > what.number)) {
    return base::Fail(base::ErrorCode::kInvalidArgument, "a list ends before it begins");
  }
  std::string extensions =
      Extension("2.5.29.35", false,
                der::Sequence({der::Tlv(der::Context(0), KeyIdentifierOf(ca))}));
  extensions += Extension("2.5.29.20", false, der::Unsigned(what.number));
  if (what.base_number) {
    extensions += Extension("2.5.29.27", true, der::Unsigned(*what.base_number));
  } else if (!what.delta_url.empty()) {
    const std::string uri = der::Tlv(der::Context(6), what.delta_url);
    const std::string name =
        der::Tlv(der::ContextConstructed(0), der::Tlv(der::ContextConstructed(0), uri));
    extensions += Extension("2.5.29.46", false, der::Sequence({der::Sequence({name})}));
  }
  const std::string revoked =
      what.entries.empty() ? "" : der::Tlv(der::kSequence, what.entries);
  const std::string tbs = der::Sequence({
      der::Unsigned(1),
      AlgorithmIdentifier(ca_key.algorithm()),
      ca.parsed().subject,
      der::Time(what.this_update),
      der::Time(what.next_update),
      revoked,
      der::Tlv(der::ContextConstructed(0), der::Tlv(der::kSequence, extensions)),
  });
  return SignDer(tbs, hsm::StatementKind::kCrl, ca.key(), ca_key);
}

base::Result<std::string> ReadCrl(std::string_view text, const Certificate& ca) {
  const BioPtr bio(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
  const CrlPtr crl(!bio ? nullptr
                   : text.starts_with("-----BEGIN")
                       ? PEM_read_bio_X509_CRL(bio.get(), nullptr, nullptr, nullptr)
                       : d2i_X509_CRL_bio(bio.get(), nullptr));
  const bool good = crl && X509_CRL_verify(crl.get(), ca.key().get()) == 1;
  ERR_clear_error();
  if (!crl) return base::Fail(base::ErrorCode::kCertificateInvalid, "no revocation list");
  if (!good) {
    return base::Fail(base::ErrorCode::kCertificateInvalid,
                      "a revocation list that another key than this CA's signed");
  }
  return ToDer(i2d_X509_CRL, crl.get());
}

base::Result<CrlContents> VerifyCrl(std::string_view der, const Certificate& ca) {
  const auto bad = [](const char* why) {
    return base::Fail(base::ErrorCode::kCertificateInvalid, why);
  };
  const uint8_t* at = Bytes(der);
  const CrlPtr crl(d2i_X509_CRL(nullptr, &at, static_cast<long>(der.size())));
  ERR_clear_error();
  if (!crl || ToDer(i2d_X509_CRL, crl.get()) != der) return bad("no revocation list in DER");
  const auto algorithm = ca.key().signature_algorithm();
  const X509_ALGOR* named = nullptr;
  X509_CRL_get0_signature(crl.get(), nullptr, &named);
  const bool good = algorithm && ToDer(i2d_X509_ALGOR, named) == AlgorithmIdentifier(*algorithm) &&
                    ToDer(i2d_X509_NAME, X509_CRL_get_issuer(crl.get())) == ca.parsed().subject &&
                    X509_CRL_verify(crl.get(), ca.key().get()) == 1;
  ERR_clear_error();
  if (!good) return bad("a revocation list that another key than this CA's signed");
  if (X509_CRL_get_ext_by_NID(crl.get(), NID_delta_crl, -1) >= 0) {
    return bad("a delta says nothing of what was revoked before it");
  }
  CrlContents contents;
  ASSIGN_OR_RETURN(contents.this_update, ReadTime(X509_CRL_get0_lastUpdate(crl.get())));
  const STACK_OF(X509_REVOKED)* revoked = X509_CRL_get_REVOKED(crl.get());
  for (int i = 0; i < sk_X509_REVOKED_num(revoked); ++i) {
    const X509_REVOKED* entry = sk_X509_REVOKED_value(revoked, i);
    const ASN1_INTEGER* serial = X509_REVOKED_get0_serialNumber(entry);
    CrlContents::Entry each;
    each.serial_hex =
        base::HexEncode(View(ASN1_STRING_get0_data(serial), ASN1_STRING_length(serial)));
    ASSIGN_OR_RETURN(each.revoked_at, ReadTime(X509_REVOKED_get0_revocationDate(entry)));
    contents.entries.push_back(std::move(each));
  }
  return contents;
}

}  // namespace paygate::protocol
