#include <set>

#include "tests/fuzz/fuzz.h"
#include "tools/ceremony/ceremony.h"
#include "tools/ceremony/plan.h"
#include "tools/ceremony/steps.h"

using namespace paygate::tools::ceremony;

void Fuzz(std::string_view input) {
  const auto plan = ParsePlan(std::string(input), "ceremony.toml");
  if (!plan) return;
  Require(!plan->signatories.empty() && plan->signatories[0].role == "operator", "an operator");
  for (const CertificatePlan& each : plan->certificates) {
    Require(each.file.find('/') == std::string::npos, "a file in the output directory");
    Require(plan->FindKey(each.key) != nullptr, "a key for each certificate");
  }
  for (const KeyPlan& key : plan->keys) {
    Require(key.token.empty() || plan->tokens.contains(key.token), "a token for each key");
    Require(!key.backup || plan->backup.has_value(), "custodians for a backup");
  }
  std::set<std::string> ids;
  for (const Step& step : StepsOf(*plan)) {
    Require(ids.insert(step.id).second, "each step once");
    Require(!step.words.empty(), "words for each step");
  }
  (void)ConfigurationLines(*plan);
}
