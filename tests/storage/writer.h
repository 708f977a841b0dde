// A process that makes promises (crash_writer.cc) until it is killed.
#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <string>
#include <vector>

#include "tests/doubles/places.h"
#include "tests/doubles/spawn.h"

namespace paygate::storage {

class Writer {
 public:
  Writer(const std::string& directory, const std::string& prefix) {
    int pipe_ends[2];
    EXPECT_EQ(pipe2(pipe_ends, O_CLOEXEC), 0);
    pid_ = doubles::Spawn({doubles::Program("storage_crash_writer"), directory, prefix},
                          {.out = pipe_ends[1]});
    close(pipe_ends[1]);
    promises_ = pipe_ends[0];
  }
  ~Writer() { close(promises_); }

  int promises() const { return promises_; }
  // Kills it once it has made `promises`, and returns all that it made.
  std::vector<std::string> KillAfter(size_t promises) {
    std::string text;
    bool killed = false;
    char buffer[512];
    for (ssize_t n; (n = read(promises_, buffer, sizeof buffer)) > 0;) {
      text.append(buffer, static_cast<size_t>(n));
      if (!killed && static_cast<size_t>(std::count(text.begin(), text.end(), '\n')) >= promises) {
        killed = kill(pid_, SIGKILL) == 0;
      }
    }
    int status = 0;
    EXPECT_EQ(waitpid(pid_, &status, 0), pid_);
    EXPECT_TRUE(WIFSIGNALED(status)) << "the writer ended by itself with status " << status;
    std::vector<std::string> lines;
    for (size_t end; (end = text.find('\n')) != std::string::npos; text.erase(0, end + 1)) {
      lines.push_back(text.substr(0, end));
    }
    return lines;
  }

 private:
  pid_t pid_ = 0;
  int promises_ = -1;
};

}  // namespace paygate::storage
