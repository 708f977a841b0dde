#include "tools/arguments.h"

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

#include "protocol/values.h"

namespace paygate::tools {
namespace {

bool IsIdWithHyphen(const std::string& argument) {
  return argument.starts_with('-') &&
         (protocol::IsNonce(argument) || protocol::IsDigest(argument));
}

// CLI11 takes no argument that begins with a space for an option; every value passes here, which
// takes the space off again.
void RestoreIds(CLI::App& app) {
  for (CLI::Option* option : app.get_options()) {
    if (option->get_items_expected_max() == 0) continue;  // a flag
    option->transform(CLI::Validator(
        [](std::string& value) {
          if (value.starts_with(' ') && IsIdWithHyphen(value.substr(1))) value.erase(0, 1);
          return std::string();
        },
        "", "id"));
  }
  for (CLI::App* command : app.get_subcommands({})) RestoreIds(*command);
}

}  // namespace

void Parse(CLI::App& app, int argc, char** argv) {
  RestoreIds(app);
  std::vector<std::string> arguments(argv, argv + argc);
  std::vector<const char*> pointers;
  for (std::string& argument : arguments) {
    if (IsIdWithHyphen(argument)) argument.insert(0, 1, ' ');
    pointers.push_back(argument.c_str());
  }
  app.parse(argc, pointers.data());
}

}  // namespace paygate::tools
