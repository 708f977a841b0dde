#include "protocol/ocsp.h"
#include "tests/fuzz/fuzz.h"

using namespace paygate;
using namespace paygate::protocol;

void Fuzz(std::string_view input) {
  const auto request = ParseOcspRequest(input);
  if (!request) return;
  Require(input.size() <= kMaxOcspRequestBytes, "within the bound");
  Require(!request->certificates.empty() && request->certificates.size() <= kMaxOcspCertificates,
          "as many certificates as are allowed");
  Require(request->nonce.size() <= kMaxOcspNonceBytes, "a short nonce");
  for (const OcspCertId& id : request->certificates) {
    Require(id.serial.size() <= 20, "a serial of at most 20 octets");
    Require(!id.der.empty(), "an ID that can be repeated");
  }
}
