#include "protocol/jwe.h"
#include "protocol/software_key.h"
#include "tests/fuzz/fuzz.h"

using namespace paygate;
using namespace paygate::protocol;

void Fuzz(std::string_view input) {
  auto jwe = ParseJwe(input);
  if (!jwe) return;
  static const auto decrypter =
      SoftwareKey::Generate(hsm::KeyType::kP256, hsm::KeyUsage::kDecrypt).value().AsDecrypter();
  // The key is made anew in each run, so that nothing in the corpus can be for it.
  Require(!OpenJwe(*jwe, **decrypter), "nothing opens under a fresh key");
}
