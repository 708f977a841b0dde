// The frames between the engine and a token process (docs/formats/token-frames.md). Internal to
// hsm/token. Parsing never trusts the other side: bounds first, kMalformed for anything else.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "hsm/decrypter.h"
#include "hsm/key_admin.h"
#include "hsm/signer.h"

namespace paygate::hsm::token {

constexpr size_t kMaxOperationsPerFrame = 64;
constexpr size_t kMaxKeys = 256;
constexpr size_t kMaxWrappedBytes = 4096;

enum class RequestKind : uint8_t { kKeys = 1, kSign = 2, kUnwrap = 3, kRetire = 4 };

struct Operation {
  RequestKind kind;
  std::string_view label;   // kSign, kUnwrap
  uint8_t what = 0;         // kSign: StatementKind; kUnwrap: KeyManagement
  std::string_view bytes;   // kSign: the statement; kUnwrap: the wrapped key
};

struct Request {
  uint64_t id;
  std::vector<Operation> operations;  // views into the frame
};

// One operation's outcome: the signature, the content key, or the keys' encoding.
using Outcome = base::Result<std::string>;

struct Reply {
  uint64_t id;
  uint64_t resident_bytes;  // of the token process
  std::vector<Outcome> outcomes;
};

std::string EncodeRequest(uint64_t id, const std::vector<Operation>& operations);
base::Result<Request> DecodeRequest(std::string_view frame);
std::string EncodeReply(const Reply& reply);
base::Result<Reply> DecodeReply(std::string_view frame);

std::string EncodeKeys(const std::vector<KeyInfo>& keys);
base::Result<std::vector<KeyInfo>> DecodeKeys(std::string_view bytes);

}  // namespace paygate::hsm::token
