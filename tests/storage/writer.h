// A process that makes promises (crash_writer.cc) until it is killed.
#pragma once

#include <gtest/gtest.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <string>
#include <vector>

extern char** environ;

namespace paygate::storage {

class Writer {
 public:
  Writer(const std::string& directory, const std::string& prefix) {
    int pipe_ends[2];
    EXPECT_EQ(pipe(pipe_ends), 0);
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, pipe_ends[1], STDOUT_FILENO);
    posix_spawn_file_actions_addclose(&actions, pipe_ends[0]);
    std::string program = PAYGATE_BIN_DIR "/storage_crash_writer", d = directory, p = prefix;
    char* const argv[] = {program.data(), d.data(), p.data(), nullptr};
    EXPECT_EQ(posix_spawn(&pid_, program.c_str(), &actions, nullptr, argv, environ), 0);
    posix_spawn_file_actions_destroy(&actions);
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
