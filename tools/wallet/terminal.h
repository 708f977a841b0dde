// The person at the terminal: secrets without echo, questions, and signs of life while waiting.
#pragma once

#include <string>

#include "base/result.h"
#include "base/secret_bytes.h"
#include "participant/transport.h"

namespace paygate::wallet {

// Asks on /dev/tty without echo. kInvalidArgument if there is no terminal.
base::Result<base::SecretBytes> AskSecret(const std::string& prompt);
// Yes only for "y" or "yes". kInvalidArgument if there is no terminal.
base::Result<bool> AskYesNo(const std::string& question);
// One line on standard error.
void Note(const std::string& sentence);

// Passes everything through; says so on standard error when an answer takes longer than 2 s.
class PatientTransport final : public participant::Transport {
 public:
  explicit PatientTransport(participant::Transport& real) : real_(real) {}
  base::Result<participant::HttpAnswer> Post(const std::string& path,
                                             const std::string& body) override;
  base::Result<participant::HttpAnswer> Get(const std::string& path) override;

 private:
  participant::Transport& real_;
};

}  // namespace paygate::wallet
