// paygate-ceremony: the hour in which a gateway's keys are made. docs/ceremony.md.
//
// One entry of kCommands for each subcommand: what it adds to the command line, and what it does.
#include <CLI/CLI.hpp>
#include <iostream>

#include "base/log.h"
#include "base/secret_bytes.h"
#include "tools/ceremony/commands.h"
#include "tools/ceremony/probe.h"

namespace {

using namespace paygate;          // NOLINT: a program's own names
using namespace tools::ceremony;  // NOLINT

constexpr const char kIntroduction[] =
    "Makes a gateway's keys inside its PKCS#11 tokens and the certificates over them, as one\n"
    "reviewable file says (docs/ceremony.md). Nothing is ever overwritten, no network is used.\n"
    "\n"
    "  paygate-ceremony plan ceremony.toml      every step in words; nothing is done\n"
    "  paygate-ceremony rehearse ceremony.toml  all of it on scratch tokens\n"
    "  paygate-ceremony run ceremony.toml       step by step, with a confirmation for each\n"
    "  paygate-ceremony verify DIRECTORY        everything again, from the artefacts alone\n\n"
    "Exit status: 0 done (or good), 1 failed, stopped by an answer, or found bad, 2 wrong\n"
    "arguments, 3 the file is wrong, 4 the probed token is unfit.";

}  // namespace

int main(int argc, char** argv) {
  base::MakeProcessUndumpable();
  base::InitLog("paygate-ceremony", base::LogLevel::kWarning);
  CLI::App app{kIntroduction, "paygate-ceremony"};
  app.require_subcommand(1);
  int status = 0;
  for (const Command& command : kCommands) {
    CLI::App* sub = app.add_subcommand(command.name, command.help);
    command.add(*sub, status);
  }
  const ProbeCommand probe(app);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& e) {
    return app.exit(e) == 0 ? 0 : 2;
  }
  return probe.chosen() ? probe.Run() : status;
}
