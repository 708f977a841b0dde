// TokenClient: the engine's way to its private keys, over one or more token processes.
//
// Guarantees: an operation has a deadline; a token process that misses it, or whose memory passes
// the bound, is killed (its supervisor starts another, the client reconnects) while the others
// serve on, and the operation is tried once more on another process: signing and unwrapping are
// safe to repeat. When none serves: kTokenUnavailable, and health() is false until one is back.
// Every process must offer the required keys: at first those of the first process that answers,
// then those of Require(). One that lacks one of them, or has another key of a label that is known,
// is refused, with an alarm; more keys than required are fine. Thread-safe; blocking. Signers and
// Decrypters must not outlive the client.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "hsm/decrypter.h"
#include "hsm/key_admin.h"
#include "hsm/signer.h"

namespace paygate::hsm::token {

struct TokenClientOptions {
  std::vector<std::string> sockets;                 // one for each token process
  std::chrono::milliseconds operation_deadline{2000};
  std::chrono::milliseconds connect_deadline{15000};  // at Open(): at least one must answer
  std::chrono::milliseconds replace_deadline{20000};  // in Require(): for one process
  uint64_t memory_limit_bytes = 512u << 20;         // resident set of one token process
  size_t max_in_flight = 256;                       // operations; beyond: kOverloaded
};

class TokenClient {
 public:
  static base::Result<std::unique_ptr<TokenClient>> Open(TokenClientOptions options);
  virtual ~TokenClient() = default;

  // Keys that token processes have proved by use.
  virtual std::vector<KeyInfo> Keys() const = 0;
  // Has every process offer the keys of these labels: those that lack one are retired, one after
  // another and while the others serve on, and their supervisor starts them with more. Blocks.
  // kTokenUnavailable when one has not come back with them within `replace_deadline`. For one
  // caller at a time.
  virtual base::Status Require(const std::vector<std::string>& labels) = 0;
  virtual base::Result<std::unique_ptr<Signer>> SignerFor(const std::string& label) = 0;
  virtual base::Result<std::unique_ptr<Decrypter>> DecrypterFor(const std::string& label) = 0;
  virtual bool Healthy() const = 0;  // at least one process serves
  virtual size_t ServingProcesses() const = 0;
};

}  // namespace paygate::hsm::token
