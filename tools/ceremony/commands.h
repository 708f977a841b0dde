// The subcommands of paygate-ceremony. `add` names a command's arguments and what is to be done
// when it is given (CLI11's callback), which leaves the exit status in `status`.
#pragma once

#include <CLI/CLI.hpp>
#include <span>

#include "base/result.h"

namespace paygate::tools::ceremony {

struct Command {
  const char* name;
  const char* help;
  void (*add)(CLI::App& app, int& status);
};
extern const std::span<const Command> kCommands;

void AddPlan(CLI::App& app, int& status);
void AddRun(CLI::App& app, int& status);
void AddRehearse(CLI::App& app, int& status);
void AddResume(CLI::App& app, int& status);
void AddVerify(CLI::App& app, int& status);
void AddMinute(CLI::App& app, int& status);
void AddSignatory(CLI::App& app, int& status);
void AddScratchTokens(CLI::App& app, int& status);

// Says the error on standard error; the exit status for it.
int Complain(const base::Error& error);

}  // namespace paygate::tools::ceremony
