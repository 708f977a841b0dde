// What the operator may ask of the running engine, as a table of {command, effect, handler}: a part
// that has something for the operator adds its rows where the engine is wired, and paygatectl
// gets a row too (tools/ctl/main.cc). Whatever acts is logged with the user who did it, before its
// answer leaves. Run is thread-safe once all rows are there.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <string>

#include "base/result.h"
#include "gateway/control_frames.h"

namespace paygate::gateway::engine {

class Control {
 public:
  using Arguments = std::map<std::string, std::string>;
  using Handler = std::function<base::Result<std::string>(const Arguments&)>;  // a JSON object
  enum class Effect : uint8_t { kReads, kActs };

  // `required`: all of these and no others but `optional`; the handler finds all of both, those not
  // given as "".
  struct Command {
    Effect effect;
    std::set<std::string> required, optional;
    Handler run;
  };
  // Told of every order that acts, before it is carried out; an error there is the order's answer,
  // and nothing is done.
  using Recorder =
      std::function<base::Status(const ControlRequest& request, uid_t who)>;
  explicit Control(Recorder record = {}) : record_(std::move(record)) {}

  void Add(std::string name, Command command);
  ControlReply Run(const ControlRequest& request, uid_t who) const;

 private:
  base::Result<std::string> Dispatch(const ControlRequest& request, uid_t who,
                                     Effect& effect) const;
  const Recorder record_;
  std::map<std::string, Command> commands_;
};

constexpr uint64_t kDefaultPage = 50, kLargestPage = 200;  // rows of a list

// The argument of this name as a whole number from `least` to `most`; `otherwise` if it was not
// given. kInvalidArgument says which is wanted.
base::Result<uint64_t> WholeNumber(const Control::Arguments& arguments, const std::string& name,
                                   uint64_t otherwise, uint64_t least, uint64_t most);

}  // namespace paygate::gateway::engine
