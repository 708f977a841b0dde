// Progress: what the terminal shows while a run goes on. One line that is written anew each second
// where standard error is a terminal, and a line every ten seconds where it is not.
#pragma once

#include <string>

#include "tools/load/stats.h"

namespace paygate::load {

class Progress {
 public:
  explicit Progress(bool quiet);
  ~Progress();  // ends the line
  // `recent`: what came since the last call. Called about once a second.
  void Show(const char* phase, double elapsed_s, double end_s, const Second& recent);
  void Say(const std::string& line);  // a line that stays

 private:
  void Print(const std::string& line);
  const bool quiet_, terminal_;
  bool open_ = false;  // a line without an end is on the terminal
  double printed_at_ = -100, last_ = 0;
  Second sum_;
};

// "steady  12/30 s   251 payments/s   p50 31.2  p99 88.0 ms   8 out   0 refused"
std::string ProgressLine(const char* phase, double elapsed_s, double end_s, double over_s,
                         const Second& recent);

}  // namespace paygate::load
