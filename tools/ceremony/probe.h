// `paygate-ceremony probe URI`: what a token is seen to do, for whoever is about to trust one.
#pragma once

#include <CLI/CLI.hpp>

#include "hsm/pkcs11/key_admin.h"

namespace paygate::tools::ceremony {

class ProbeCommand {
 public:
  explicit ProbeCommand(CLI::App& app);  // adds the subcommand
  bool chosen() const { return command_->parsed(); }
  int Run() const;  // the program's exit status: 0 nothing speaks against it, 1 failed, 4 unfit

 private:
  CLI::App* command_;
  hsm::pkcs11::TokenLocation location_;
  bool json_ = false;
};

}  // namespace paygate::tools::ceremony
