// A private directory for one test, a configuration in it that is right, and a child process.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "tests/doubles/eventually.h"

namespace paygate::gateway::testing {

class Scratch {
 public:
  Scratch();
  ~Scratch();
  Scratch(const Scratch&) = delete;
  const std::string& path() const { return path_; }
  std::string Write(const std::string& name, const std::string& text, int mode = 0600) const;

  // A TLS certificate for 127.0.0.1 and its key, made by the openssl command.
  void MakeTls() const;
  // A whole configuration; `front` and `more` are lines for [front] and the end of the file.
  std::string Configuration(const std::string& front, const std::string& more = "") const;

 private:
  std::string path_;
};

// A program that is killed when the object goes away.
class Program {
 public:
  explicit Program(std::vector<std::string> words, std::vector<std::string> environment = {});
  ~Program();
  Program(const Program&) = delete;
  pid_t pid() const { return pid_; }
  void Signal(int signal) const;
  int Wait();  // its exit status, or 128 + signal
  // The next line of its standard output; empty at the end.
  std::string ReadLine();

 private:
  pid_t pid_ = 0;
  int out_ = -1;
  std::string buffer_;
};

using doubles::Eventually;

}  // namespace paygate::gateway::testing
