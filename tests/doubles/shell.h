// A command as a person would type it.
#pragma once

#include <string>

namespace paygate::doubles {

struct ShellRan {
  int code = -1;    // -1 where a signal ended it
  std::string out;  // standard output and standard error
};
ShellRan Shell(const std::string& command);  // by /bin/sh; waits for its end

}  // namespace paygate::doubles
