// The checks of the conformance suite. Each runs in a process of its own with a fresh adapter.
//
// A check returns no error when the adapter keeps the rules that it looks at, or an error whose
// sentence names the fault.
#pragma once

#include <span>

#include "base/result.h"
#include "tools/adapter-check/subject.h"

namespace paygate::adaptercheck {

struct Check {
  const char* name;
  const char* about;            // what is kept when it passes
  uint32_t capability = 0;      // without it the check is skipped
  const char* needs = nullptr;  // an option that must be given; otherwise skipped
  base::Status (*run)(const Terms& terms);
};

std::span<const Check> AllChecks();

// In checks_loading.cc: what goes before any transfer.
base::Status CheckVersion(const Terms& terms);
base::Status CheckConfiguration(const Terms& terms);
base::Status CheckLeaks(const Terms& terms);
base::Status CheckPrepare(const Terms& terms);
base::Status CheckInput(const Terms& terms);
// In checks_money.cc.
base::Status CheckOnce(const Terms& terms);
base::Status CheckFinality(const Terms& terms);
base::Status CheckNeverSent(const Terms& terms);
base::Status CheckDeadline(const Terms& terms);
base::Status CheckReturns(const Terms& terms);
// In checks_statement.cc.
base::Status CheckStatement(const Terms& terms);
// In checks_calls.cc.
base::Status CheckLoad(const Terms& terms);
base::Status CheckDrain(const Terms& terms);
base::Status CheckVerify(const Terms& terms);
base::Status CheckEnrolment(const Terms& terms);
base::Status CheckNotices(const Terms& terms);

// The check's last act: looks out for late completions, drains and closes.
base::Status Finish(Subject& subject);

}  // namespace paygate::adaptercheck
