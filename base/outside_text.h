// What an outside party says (a bank's adapter, say), as far as an error or a log line may repeat
// it.
#pragma once

#include <string>
#include <string_view>

namespace paygate::base {

// At most 200 characters, printable ASCII, and [hidden] for every word of four or more that has a
// digit, since it may be a code or an account; ISO 20022 reasons ("AC04") stay. Pure.
std::string OutsideText(std::string_view text);
// At most 256 characters, printable ASCII, nothing hidden: for what holds no secret. Pure.
std::string PrintableText(std::string_view text);

}  // namespace paygate::base
