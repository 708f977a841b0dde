// An evidence report for people and for programs. Pure.
#pragma once

#include <string>

#include "audit/verdict.h"

namespace paygate::tools::audit {

std::string EvidenceInWords(const paygate::audit::EvidenceReport& report);
std::string EvidenceAsJson(const paygate::audit::EvidenceReport& report);  // one object, no LF

}  // namespace paygate::tools::audit
