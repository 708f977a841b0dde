// The first byte chooses how the key must be named.
#include "protocol/jws.h"
#include "protocol/messages.h"
#include "tests/fuzz/fuzz.h"

using namespace paygate;
using namespace paygate::protocol;

void Fuzz(std::string_view input) {
  const auto name = static_cast<KeyName>(Choose(input, 3));
  auto jws = ParseJws(input, kTypDone, name);
  auto digest = DigestOfCompact(input);
  if (!jws) return;
  Require(jws->Compact() == input, "one spelling of a JWS");
  Require(digest.has_value() && *digest == jws->Digest(), "one digest of a JWS");
  static const PublicKey key = PublicKey::FromJwk(
      R"({"crv":"P-256","kty":"EC","x":"bTgifiDBt0haaxCncfW8pd_2JrqFJMIMf-V5sdY_NTQ",)"
      R"("y":"g3AWECUQ2wWup35lg2Nx_AvaTcTTzrCA6x_EIKWOMvg"})").value();
  (void)VerifyJws(std::move(*jws), key);
}
