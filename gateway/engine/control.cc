#include "gateway/engine/control.h"

#include <charconv>

#include "base/log.h"

namespace paygate::gateway::engine {

using base::ErrorCode;
using base::Fail;

void Control::Add(std::string name, Command command) {
  commands_.emplace(std::move(name), std::move(command));
}

ControlReply Control::Run(const ControlRequest& request, uid_t who) const {
  Effect effect = Effect::kReads;
  const auto result = Dispatch(request, who, effect);
  if (effect == Effect::kActs) {
    std::string arguments;
    for (const auto& [name, value] : request.arguments) arguments += name + "=" + value + " ";
    base::LogInfo("operator.act", {{"uid", who},
                                   {"command", request.command},
                                   {"arguments", arguments},
                                   {"result", result ? "done" : result.error().ToString()}});
  }
  if (result) return {.json = *result, .error_code = {}, .error = {}};
  return {.json = {},
          .error_code = std::string(base::Name(result.error().code)),
          .error = result.error().message};
}

base::Result<std::string> Control::Dispatch(const ControlRequest& request, uid_t who,
                                            Effect& effect) const {
  const auto found = commands_.find(request.command);
  if (found == commands_.end()) {
    return Fail(ErrorCode::kInvalidArgument, "this engine has no command " + request.command);
  }
  const Command& command = found->second;
  effect = command.effect;
  Arguments arguments = request.arguments;
  for (const auto& [name, value] : arguments) {
    if (command.required.contains(name) || command.optional.contains(name)) continue;
    return Fail(ErrorCode::kInvalidArgument, request.command + " takes no argument " + name);
  }
  for (const std::string& name : command.required) {
    if (!arguments[name].empty()) continue;
    return Fail(ErrorCode::kInvalidArgument, request.command + " needs the argument " + name);
  }
  for (const std::string& name : command.optional) arguments.try_emplace(name);
  if (effect == Effect::kActs && record_) RETURN_IF_ERROR(record_(request, who));
  return command.run(arguments);
}

base::Result<uint64_t> WholeNumber(const Control::Arguments& arguments, const std::string& name,
                                   uint64_t otherwise, uint64_t least, uint64_t most) {
  const std::string& text = arguments.at(name);
  if (text.empty()) return otherwise;
  uint64_t number = 0;
  const auto [rest, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error == std::errc() && rest == text.data() + text.size() && number >= least &&
      number <= most) {
    return number;
  }
  return Fail(ErrorCode::kInvalidArgument, name + " is a whole number from " +
                                               std::to_string(least) + " to " +
                                               std::to_string(most));
}

}  // namespace paygate::gateway::engine
