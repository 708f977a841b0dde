// Starts a program that dies with the thread that starts it (in tests: with the test), however that
// one ends: nothing that a test starts may keep ctest waiting or outlive it.
#pragma once

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

namespace paygate::doubles {

struct SpawnOptions {
  std::vector<std::string> environment{};  // NAME=VALUE, before what is inherited
  int out = -1, err = -1;                  // become standard output and error; -1: inherited
  bool own_group = false;                  // a process group of its own
};

// The words are the program's path and its arguments. Aborts where fork fails; a program that
// cannot be started ends with status 127.
inline pid_t Spawn(const std::vector<std::string>& words, const SpawnOptions& options = {}) {
  std::vector<char*> argv, envp;
  for (const std::string& word : words) argv.push_back(const_cast<char*>(word.c_str()));
  argv.push_back(nullptr);
  for (const std::string& e : options.environment) envp.push_back(const_cast<char*>(e.c_str()));
  for (char** e = environ; *e != nullptr; ++e) envp.push_back(*e);
  envp.push_back(nullptr);
  const pid_t parent = getpid(), pid = fork();
  if (pid < 0) {
    std::perror("fork");
    std::abort();
  }
  if (pid > 0) return pid;
  // Only what is async-signal-safe: the parent has threads.
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent) _exit(127);  // it died before the line above
  if (options.own_group) setpgid(0, 0);
  if (options.out >= 0) dup2(options.out, STDOUT_FILENO);
  if (options.err >= 0) dup2(options.err, STDERR_FILENO);
  execve(argv[0], argv.data(), envp.data());
  _exit(127);
}

}  // namespace paygate::doubles
