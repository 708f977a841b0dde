// Text encodings, strict: what Encode prints is all that Decode accepts.
//
// base64url: RFC 4648 section 5 without padding; base64: section 4 with padding. Non-canonical
// trailing bits, padding where none belongs, white space and foreign characters are kMalformed.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace paygate::base {

std::string Base64UrlEncode(std::string_view bytes);
Result<std::string> Base64UrlDecode(std::string_view text);
std::string Base64Encode(std::string_view bytes);
Result<std::string> Base64Decode(std::string_view text);
std::string HexEncode(std::string_view bytes);  // lower case
Result<std::string> HexDecode(std::string_view text);

// True if `bytes` is well-formed UTF-8 (RFC 3629: no surrogates, no overlong forms).
bool IsUtf8(std::string_view bytes);

}  // namespace paygate::base
