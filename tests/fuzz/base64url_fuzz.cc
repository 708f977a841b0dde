#include "base/encoding.h"
#include "tests/fuzz/fuzz.h"

using namespace paygate;

void Fuzz(std::string_view input) {
  auto bytes = base::Base64UrlDecode(input);
  if (bytes) Require(base::Base64UrlEncode(*bytes) == input, "one spelling in base64url");
  bytes = base::Base64Decode(input);
  if (bytes) Require(base::Base64Encode(*bytes) == input, "one spelling in base64");
  bytes = base::HexDecode(input);
  if (bytes) Require(base::HexEncode(*bytes) == input, "one spelling in hex");
  Require(base::Base64UrlDecode(base::Base64UrlEncode(input)).value() == input, "all bytes encode");
  Require(base::Base64Decode(base::Base64Encode(input)).value() == input, "all bytes encode");
  (void)base::IsUtf8(input);
}
