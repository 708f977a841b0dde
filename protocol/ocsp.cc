#include "protocol/ocsp.h"

#include <openssl/err.h>

#include "protocol/internal/certificate_profile.h"
#include "protocol/internal/der.h"
#include "protocol/internal/ocsp.h"
#include "protocol/internal/openssl.h"

// Grammar (RFC 6960 sections 4.1.1 and 4.2.1; DER). OpenSSL reads the request. The response:
//   OCSPResponse = SEQUENCE { ENUMERATED status, [0] SEQUENCE { id-pkix-ocsp-basic, OCTET STRING
//                  BasicOCSPResponse } }                      ([0] only with status 0, successful)
//   Basic        = SEQUENCE { ResponseData, AlgorithmIdentifier, signature, [0] { the CA } }
//   ResponseData = SEQUENCE { [2] SHA-1 of the CA's key, producedAt, SEQUENCE OF single,
//                  [1] SEQUENCE { nonce } }
//   single       = SEQUENCE { CertID, [0] NULL | [1] { revoked at, [0] reason }, thisUpdate,
//                  [0] nextUpdate }
namespace paygate::protocol {
namespace {

using base::ErrorCode;
using base::Fail;

using RequestPtr = std::unique_ptr<OCSP_REQUEST, Deleter<OCSP_REQUEST_free>>;

constexpr size_t kMaxSerialBytes = 20;

auto Malformed(const char* why) { return Fail(ErrorCode::kMalformed, why); }

std::string Octets(const ASN1_STRING* text) {
  return text ? std::string(View(ASN1_STRING_get0_data(text), ASN1_STRING_length(text))) : "";
}

std::string Digest(const std::string& hash, std::string_view bytes) {
  uint8_t out[EVP_MAX_MD_SIZE];
  unsigned size = 0;
  const EVP_MD* md = hash == "SHA1" ? EVP_sha1() : EVP_sha256();
  if (EVP_Digest(bytes.data(), bytes.size(), out, &size, md, nullptr) != 1) return {};
  return std::string(View(out, size));
}

std::string KeyBits(const Certificate& ca) {
  return Octets(X509_get0_pubkey_bitstr(ca.parsed().x509.get()));
}

}  // namespace

OcspCertId ReadCertId(OCSP_CERTID* id) {
  OcspCertId out{.der = ToDer(i2d_OCSP_CERTID, id)};
  ASN1_OCTET_STRING *name = nullptr, *key = nullptr;
  ASN1_OBJECT* hash = nullptr;
  ASN1_INTEGER* serial = nullptr;
  OCSP_id_get0_info(&name, &hash, &key, &serial, id);
  const int nid = OBJ_obj2nid(hash);
  out.hash = nid == NID_sha1 ? "SHA1" : nid == NID_sha256 ? "SHA256" : "";
  out.issuer_name_hash = Octets(name);
  out.issuer_key_hash = Octets(key);
  if (ASN1_STRING_type(serial) == V_ASN1_INTEGER &&
      ASN1_STRING_length(serial) <= static_cast<int>(kMaxSerialBytes)) {
    out.serial = Octets(serial);
  }
  return out;
}

namespace {

std::string Status(const OcspStatus& status) {
  if (!status.revoked) return der::Tlv(der::Context(0), "");
  std::string info = der::GeneralizedTime(status.revoked_at);
  if (status.reason != CrlReason::kUnspecified) {
    const char code = static_cast<char>(status.reason);
    info += der::Tlv(der::ContextConstructed(0),
                     der::Tlv(der::kEnumerated, std::string_view(&code, 1)));
  }
  return der::Tlv(der::ContextConstructed(1), info);
}

}  // namespace

bool OcspCertId::IssuedBy(const Certificate& ca) const {
  return !hash.empty() && issuer_key_hash == Digest(hash, KeyBits(ca)) &&
         issuer_name_hash == Digest(hash, ca.parsed().subject);
}

base::Result<OcspRequest> ParseOcspRequest(std::string_view der) {
  if (der.empty() || der.size() > kMaxOcspRequestBytes) {
    return Malformed("an OCSP request has 1 to 4096 bytes");
  }
  const uint8_t* at = Bytes(der);
  const RequestPtr request(d2i_OCSP_REQUEST(nullptr, &at, static_cast<long>(der.size())));
  ERR_clear_error();
  if (!request || at != Bytes(der) + der.size()) return Malformed("not one OCSP request in DER");
  const int count = OCSP_request_onereq_count(request.get());
  if (count < 1 || count > static_cast<int>(kMaxOcspCertificates)) {
    return Malformed("an OCSP request names 1 to 16 certificates");
  }
  OcspRequest out;
  for (int i = 0; i < count; ++i) {
    out.certificates.push_back(
        ReadCertId(OCSP_onereq_get0_id(OCSP_request_onereq_get0(request.get(), i))));
  }
  const int nonce = OCSP_REQUEST_get_ext_by_NID(request.get(), NID_id_pkix_OCSP_Nonce, -1);
  if (nonce >= 0) {
    out.nonce = Octets(X509_EXTENSION_get_data(OCSP_REQUEST_get_ext(request.get(), nonce)));
    if (out.nonce.empty() || out.nonce.size() > kMaxOcspNonceBytes) {
      return Malformed("a nonce has 1 to 128 octets");
    }
  }
  return out;
}

std::string PrintOcspData(const OcspTemplate& what, const Certificate& ca) {
  std::string singles;
  const std::string this_update = der::GeneralizedTime(what.this_update);
  const std::string next_update =
      der::Tlv(der::ContextConstructed(0), der::GeneralizedTime(what.next_update));
  for (const OcspSingle& single : what.certificates) {
    singles += der::Sequence({single.cert_id, Status(single.status), this_update, next_update});
  }
  std::string extensions;
  if (!what.nonce.empty()) {
    extensions = der::Tlv(der::ContextConstructed(1),
                          der::Sequence({Extension("1.3.6.1.5.5.7.48.1.2", false, what.nonce)}));
  }
  const std::string responder = der::Tlv(
      der::ContextConstructed(2), der::Tlv(der::kOctetString, Digest("SHA1", KeyBits(ca))));
  return der::Sequence({responder, this_update, der::Tlv(der::kSequence, singles), extensions});
}

std::string PrintOcspBasic(std::string_view basic) {
  const std::string bytes = der::Sequence(
      {der::Oid("1.3.6.1.5.5.7.48.1.1"), der::Tlv(der::kOctetString, basic)});
  return der::Sequence({der::Tlv(der::kEnumerated, std::string_view("\0", 1)),
                        der::Tlv(der::ContextConstructed(0), bytes)});
}

base::Result<std::string> BuildOcspResponse(const OcspTemplate& what, const Certificate& ca,
                                            hsm::Signer& ca_key) {
  const std::string data = PrintOcspData(what, ca);
  const std::string chain = der::Tlv(der::ContextConstructed(0), der::Sequence({ca.der()}));
  ASSIGN_OR_RETURN(const std::string basic,
                   SignDer(data, hsm::StatementKind::kOcsp, ca.key(), ca_key, chain));
  return PrintOcspBasic(basic);
}

std::string PrintOcspError(OcspError error) {
  const char code = static_cast<char>(error);
  return der::Sequence({der::Tlv(der::kEnumerated, std::string_view(&code, 1))});
}

}  // namespace paygate::protocol
