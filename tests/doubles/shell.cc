#include "tests/doubles/shell.h"

#include <sys/wait.h>

#include <cstdio>

namespace paygate::doubles {

ShellRan Shell(const std::string& command) {
  ShellRan ran;
  FILE* pipe = popen(("{ " + command + "\n} 2>&1").c_str(), "r");
  if (pipe == nullptr) return ran;
  char buffer[4096];
  while (const size_t n = fread(buffer, 1, sizeof buffer, pipe)) ran.out.append(buffer, n);
  const int status = pclose(pipe);
  ran.code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  return ran;
}

}  // namespace paygate::doubles
