// JWS and JWE with P-256 software keys: what the envelopes cost around the private-key operations.
#include "protocol/jwe.h"
#include "protocol/jws.h"
#include "tests/bench/bench.h"
#include "tests/bench/samples.h"

namespace paygate::bench {

using namespace protocol;  // NOLINT: nothing else here

const Samples& TheSamples() {
  static const Samples samples;
  return samples;
}

namespace {

template <typename Operation>
void Add(const char* name, Operation operation) {
  benchmark::RegisterBenchmark(name, [operation](benchmark::State& state) {
    const Samples& s = TheSamples();
    for (auto _ : state) {
      auto done = operation(s);
      if (!done) state.SkipWithError(done.error().ToString().c_str());
      benchmark::DoNotOptimize(done);
    }
  });
}

}  // namespace

void RegisterJose() {
  Add("jws/sign/receipt", [](const Samples& s) {
    return SignJws(*s.signer, kTypReceipt, {.name = KeyName::kX5t, .x5t_s256 = s.digest},
                   s.receipt_payload->Print());
  });
  Add("jws/parse/authorisation", [](const Samples& s) {
    return ParseJws(s.authorisation, kTypPaymentAuthorisation, KeyName::kX5c);
  });
  Add("jws/verify/authorisation", [](const Samples& s) {
    static const auto jws =
        Must(ParseJws(s.authorisation, kTypPaymentAuthorisation, KeyName::kX5c));
    return s.signature.key().Verify(jws.signing_input, jws.signature);
  });
  Add("jwe/seal/receipt", [](const Samples& s) {
    return SealJwe(s.encryption_key.public_key(), s.encryption.fingerprint(), {},
                   PrintSingle("receipt", s.receipt));
  });
  Add("jwe/new_content_key",
      [](const Samples& s) { return NewContentKey(s.encryption_key.public_key()); });
  Add("jwe/parse/receipt", [](const Samples& s) { return ParseJwe(s.receipt_jwe); });
  Add("jwe/open/receipt", [](const Samples& s) {
    static const auto jwe = Must(ParseJwe(s.receipt_jwe));
    return OpenJwe(jwe, *s.decrypter);
  });
  Add("certificate/parse", [](const Samples& s) { return Certificate::Parse(s.signature.der()); });
}

}  // namespace paygate::bench
