#include "protocol/certificate.h"
#include "tests/fuzz/fuzz.h"

using namespace paygate;
using namespace paygate::protocol;

void Fuzz(std::string_view input) {
  (void)Certificate::ParsePem(input);
  (void)PublicKey::FromSpki(input);
  (void)PublicKey::FromJwk(input);
  auto certificate = Certificate::Parse(input);
  if (!certificate) return;
  Require(certificate->der() == input, "a certificate is the bytes that came");
  auto pem = Certificate::ParsePem(certificate->ToPem());
  Require(pem.has_value() && pem->der() == input, "PEM holds the same bytes");
  auto checker = CertificateChecker::Create(*certificate, {});
  if (!checker) return;
  // A root, and a chain that leads to it: still nobody's role.
  Require(!checker->Check(*certificate, Role::kParticipantSignature, certificate->not_before()),
          "a root is no participant");
}
