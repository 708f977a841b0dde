// An OCSP question as openssl's own clients make it: CertID with SHA-1, and a nonce if asked for.
#pragma once

#include <string>
#include <string_view>

namespace paygate::doubles {

// Both certificates in DER; the question too.
std::string OcspQuestion(std::string_view certificate, std::string_view issuer, bool nonce);

}  // namespace paygate::doubles
