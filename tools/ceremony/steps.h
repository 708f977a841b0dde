// Steps: what a ceremony does, in order, in words. `plan` prints them, `run` does them, `verify`
// expects them: one list for all three.
#pragma once

#include <string>
#include <vector>

#include "tools/ceremony/plan.h"

namespace paygate::tools::ceremony {

enum class Action : uint8_t {
  kGenerate, kCertify, kListRevoked, kBackUp, kRestore, kDestroy, kClose, kSign,
};

struct Step {
  Action action;
  size_t index;       // into the plan's list for that action
  std::string id;     // "key root", "certificate root.pem", …: the `step` of the transcript
  std::string words;  // a sentence or two for those who are present
};

std::vector<Step> StepsOf(const Plan& plan);

}  // namespace paygate::tools::ceremony
