#include "tests/doubles/ocsp_question.h"

#include <openssl/ocsp.h>

#include <memory>

namespace paygate::doubles {
namespace {

using X509Ptr = std::unique_ptr<X509, decltype(&X509_free)>;

X509Ptr Parse(std::string_view der) {
  const auto* at = reinterpret_cast<const unsigned char*>(der.data());
  return {d2i_X509(nullptr, &at, static_cast<long>(der.size())), X509_free};
}

}  // namespace

std::string OcspQuestion(std::string_view certificate, std::string_view issuer, bool nonce) {
  const X509Ptr subject = Parse(certificate), ca = Parse(issuer);
  const std::unique_ptr<OCSP_REQUEST, decltype(&OCSP_REQUEST_free)> request(OCSP_REQUEST_new(),
                                                                            OCSP_REQUEST_free);
  OCSP_request_add0_id(request.get(), OCSP_cert_to_id(EVP_sha1(), subject.get(), ca.get()));
  if (nonce) OCSP_request_add1_nonce(request.get(), nullptr, 16);
  std::string der(static_cast<size_t>(i2d_OCSP_REQUEST(request.get(), nullptr)), '\0');
  auto* out = reinterpret_cast<unsigned char*>(der.data());
  i2d_OCSP_REQUEST(request.get(), &out);
  return der;
}

}  // namespace paygate::doubles
