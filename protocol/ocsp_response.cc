// Reads the answers that ocsp.cc writes. OpenSSL takes them apart and verifies the signature; what
// was read is then written anew and compared, so that an answer has one spelling.
#include <openssl/err.h>

#include "protocol/internal/certificate_profile.h"
#include "protocol/internal/der.h"
#include "protocol/internal/ocsp.h"
#include "protocol/internal/openssl.h"

namespace paygate::protocol {
namespace {

using base::ErrorCode;
using base::Fail;
using base::Result;

using ResponsePtr = std::unique_ptr<OCSP_RESPONSE, Deleter<OCSP_RESPONSE_free>>;
using BasicPtr = std::unique_ptr<OCSP_BASICRESP, Deleter<OCSP_BASICRESP_free>>;
using CertIdPtr = std::unique_ptr<OCSP_CERTID, Deleter<OCSP_CERTID_free>>;

// Not what is in it: those are borrowed.
void FreeStack(STACK_OF(X509) * stack) { sk_X509_free(stack); }

constexpr size_t kMaxOcspResponseBytes = 32u << 10;

auto NoAnswer(const char* why) {
  return Fail(ErrorCode::kMalformed, std::string("no OCSP answer of ours: ") + why);
}

Result<OcspResponse> ReadSingles(OCSP_BASICRESP* basic) {
  OcspResponse out;
  const int count = OCSP_resp_count(basic);
  if (count < 1 || count > static_cast<int>(kMaxOcspCertificates)) {
    return NoAnswer("it names no certificate, or too many");
  }
  for (int i = 0; i < count; ++i) {
    OCSP_SINGLERESP* single = OCSP_resp_get0(basic, i);
    int reason = -1;
    ASN1_GENERALIZEDTIME *revoked = nullptr, *from = nullptr, *until = nullptr;
    const int status = OCSP_single_get0_status(single, &reason, &revoked, &from, &until);
    if (status != V_OCSP_CERTSTATUS_GOOD && status != V_OCSP_CERTSTATUS_REVOKED) {
      return NoAnswer("a status that is neither good nor revoked");
    }
    if (!from || !until) return NoAnswer("it does not say until when it holds");
    ASSIGN_OR_RETURN(out.this_update, ReadTime(from));
    ASSIGN_OR_RETURN(out.next_update, ReadTime(until));
    OcspStatus said{.revoked = status == V_OCSP_CERTSTATUS_REVOKED};
    if (said.revoked) {
      ASSIGN_OR_RETURN(said.revoked_at, ReadTime(revoked));
      said.reason = reason < 0 ? CrlReason::kUnspecified : static_cast<CrlReason>(reason);
    }
    out.certificates.push_back(
        {ReadCertId(const_cast<OCSP_CERTID*>(OCSP_SINGLERESP_get0_id(single))), said});
  }
  return out;
}

}  // namespace

Result<OcspCertId> OcspCertIdOf(const Certificate& subject, const Certificate& issuer) {
  const CertIdPtr id(OCSP_cert_to_id(EVP_sha256(), subject.parsed().x509.get(),
                                     issuer.parsed().x509.get()));
  OcspCertId out = id ? ReadCertId(id.get()) : OcspCertId();
  if (out.IssuedBy(issuer) && subject.parsed().issuer == issuer.parsed().subject) return out;
  return Fail(ErrorCode::kInvalidArgument, "this CA did not issue the certificate");
}

Result<OcspResponse> VerifyOcspResponse(std::string_view der, const Certificate& ca) {
  if (der.empty() || der.size() > kMaxOcspResponseBytes) return NoAnswer("its length");
  const uint8_t* at = Bytes(der);
  const ResponsePtr response(d2i_OCSP_RESPONSE(nullptr, &at, static_cast<long>(der.size())));
  const BasicPtr basic(response ? OCSP_response_get1_basic(response.get()) : nullptr);
  ERR_clear_error();
  if (!basic) return NoAnswer("it is not one in DER, with a status");
  ASSIGN_OR_RETURN(OcspResponse out, ReadSingles(basic.get()));

  std::vector<OcspSingle> singles;
  for (const auto& each : out.certificates) singles.push_back({each.id.der, each.status});
  const std::string data = PrintOcspData({.this_update = out.this_update,
                                          .next_update = out.next_update,
                                          .certificates = singles,
                                          .nonce = {}},
                                         ca);
  const ASN1_OCTET_STRING* bits = OCSP_resp_get0_signature(basic.get());
  const std::string_view signature = View(ASN1_STRING_get0_data(bits), ASN1_STRING_length(bits));
  const auto algorithm = ca.key().signature_algorithm();
  if (!algorithm) return NoAnswer("no key of this CA signs");
  const std::string anew = der::Sequence(
      {data, AlgorithmIdentifier(*algorithm), der::BitString(signature),
       der::Tlv(der::ContextConstructed(0), der::Sequence({ca.der()}))});
  if (PrintOcspBasic(anew) != der) return NoAnswer("it is of another CA, or spelled otherwise");
  std::unique_ptr<STACK_OF(X509), Deleter<FreeStack>> signers(sk_X509_new_null());
  const bool good = signers && sk_X509_push(signers.get(), ca.parsed().x509.get()) > 0 &&
                    OCSP_basic_verify(basic.get(), signers.get(), nullptr,
                                      OCSP_NOINTERN | OCSP_NOVERIFY) == 1;
  ERR_clear_error();
  if (!good) return Fail(ErrorCode::kSignatureInvalid, "the CA did not sign the OCSP answer");
  return out;
}

}  // namespace paygate::protocol
