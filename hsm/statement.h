// What a statement's bytes must be before any key signs them.
//
// CheckStatement looks at the bytes, not at what the caller says of them, so that a process which
// was taken over cannot have a certificate signed as a "JWS" or the reverse: kJws has a base64url
// header with exactly one `typ`, which begins "p2p-"; the DER kinds are parsed to their last byte;
// a kCheckpoint is the four lines of audit/checkpoint.h; a kBatchRoot is the three of
// protocol/batch_signature.cc, and says of the messages below it nothing but their hash; kSelfTest
// is the prefix and 32 bytes. No two kinds share a first byte and a form. Thread-safe.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "hsm/signer.h"

namespace paygate::hsm {

// A certificate revocation list is the longest. With its request it fits a frame (base/ipc.h).
constexpr size_t kMaxStatementBytes = 7u << 19;  // 3.5 MiB

// kInvalidArgument when the bytes are not of that kind.
base::Status CheckStatement(const Statement& statement);

// "jws", "certificate", "crl", "ocsp", "checkpoint", "batch-root", "self-test".
std::string_view Name(StatementKind kind);
base::Result<StatementKind> ParseStatementKind(std::string_view name);

// A fresh kSelfTest statement's bytes.
std::string MakeSelfTest();

}  // namespace paygate::hsm
