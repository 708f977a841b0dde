// How paygate-bank ends, for whoever starts it again (or should not).
#pragma once

namespace paygate::bank::host {

enum ExitCode : int {
  kExitOk = 0,
  kExitUsage = 2,
  kExitRefused = 3,       // the plugin or its configuration: starting again will not help
  kExitSocket = 4,        // the socket cannot be made
  kExitPluginBroken = 5,  // a completion for a call that never was: start again
  kExitNotDrained = 6,    // SIGTERM, but the plugin did not finish in time
};

}  // namespace paygate::bank::host
