// The minute of a ceremony, HTML to print and sign by hand: what its transcript says, and no more.
// Pure: the same transcript always has the same minute.
#pragma once

#include <string>
#include <vector>

#include "tools/ceremony/transcript.h"

namespace paygate::tools::ceremony {

std::string PrintMinute(const std::vector<Record>& records);

}  // namespace paygate::tools::ceremony
