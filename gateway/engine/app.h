// The engine as a process: everything is wired here and nowhere else.
#pragma once

#include <string>

#include "base/clock.h"
#include "base/result.h"

namespace paygate::gateway::engine {

// Serves until SIGTERM or SIGINT. The clock is an argument so that tests can turn it; the program
// itself passes SystemClock. Returns once everything promised is done, or why it could not start.
base::Status RunEngine(const std::string& config_path, const base::Clock& clock);

}  // namespace paygate::gateway::engine
