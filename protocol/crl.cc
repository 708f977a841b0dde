#include "protocol/crl.h"

#include <openssl/err.h>

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
  using CrlPtr = std::unique_ptr<X509_CRL, Deleter<X509_CRL_free>>;
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

}  // namespace paygate::protocol
