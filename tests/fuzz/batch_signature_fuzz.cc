// The third part of a JWS of the form +mjws, alone and inside a message.
#include "base/encoding.h"
#include "protocol/batch_signature.h"
#include "protocol/jws.h"
#include "protocol/messages.h"
#include "tests/fuzz/fuzz.h"

using namespace paygate;
using namespace paygate::protocol;

void Fuzz(std::string_view input) {
  static const PublicKey key = PublicKey::FromJwk(
      R"({"crv":"P-256","kty":"EC","x":"bTgifiDBt0haaxCncfW8pd_2JrqFJMIMf-V5sdY_NTQ",)"
      R"("y":"g3AWECUQ2wWup35lg2Nx_AvaTcTTzrCA6x_EIKWOMvg"})").value();
  static const JwsKeyReference reference{.name = KeyName::kX5t, .x5t_s256 = std::string(43, 'A')};
  static const std::string message = JwsSigningInput(hsm::SignatureAlgorithm::kES256,
                                                     BatchTyp(kTypReceipt), reference, "{}");
  const auto proof = BatchProof::Parse(input);
  if (proof) Require(proof->Print() == input, "one spelling of a proof");
  Require(!VerifyInBatch(message, input, key), "nobody has this key");
  const std::string compact = message + "." + base::Base64UrlEncode(input);
  auto jws = ParseJws(compact, kTypReceipt, KeyName::kX5t, JwsForms::kSingleOrBatch);
  Require(jws.has_value() == proof.has_value(), "a message is as good as its proof");
  Require(!ParseJws(compact, kTypReceipt, KeyName::kX5t), "not asked for");
  if (jws) Require(jws->Compact() == compact, "one spelling of a message");
}
