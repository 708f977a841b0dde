// A checkpoint: what the gateway says of its whole audit log at one time (C2SP tlog-checkpoint).
//
//   p2p-gateway/ID_PG          the log, and the name of the keys that sign for it
//   1234                       entries
//   base64(root hash)
//   at=1800000000              when it was signed, seconds since 1970: an extension line
//
// Two good checkpoints of one log and one size with different roots, or without a consistency
// proof from one to the other, prove that the gateway showed two histories. Pure; thread-safe.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "audit/merkle.h"
#include "audit/note.h"
#include "base/clock.h"
#include "base/result.h"
#include "hsm/signer.h"

namespace paygate::audit {

struct Checkpoint {
  std::string origin;
  uint64_t size = 0;
  Hash root;
  base::UnixTime at{};
};

std::string OriginOf(std::string_view gateway_id);  // "p2p-gateway/" and the ID

// A note's text. Parsing accepts what printing prints: kMalformed for all else.
std::string PrintCheckpoint(const Checkpoint& checkpoint);
base::Result<Checkpoint> ParseCheckpoint(std::string_view text);

// The signed note. `key` is the public half of `signer`; the signer's errors are passed on.
base::Result<std::string> SignCheckpoint(const Checkpoint& checkpoint,
                                         const protocol::PublicKey& key, hsm::Signer& signer);
// kMalformed, or kSignatureInvalid unless the note is by its own origin under `key`.
base::Result<Checkpoint> VerifyCheckpoint(std::string_view note, const protocol::PublicKey& key);

}  // namespace paygate::audit
