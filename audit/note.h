// Signed notes (C2SP signed-note): a text that people can read and lines of signatures below it.
//
//   text, each line ended by LF / empty line / "— " name " " base64(key ID || signature) LF …
//
// The signature is over the text with its last LF. Ed25519 keys sign as C2SP says (algorithm byte
// 0x01); P-256 and RSA keys, for which C2SP has no byte, under 0xff and a name of ours
// (docs/formats/audit-log.md). Parsing is strict: what PrintNote prints is all that ParseNote
// accepts. Pure; thread-safe.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "protocol/public_key.h"

namespace paygate::audit {

constexpr size_t kMaxNoteBytes = 16u << 10;
constexpr size_t kMaxNoteSignatures = 16;
constexpr size_t kKeyIdBytes = 4;

struct NoteSignature {
  std::string name;       // of the key; no white space, no '+'
  std::string key_id;     // kKeyIdBytes raw bytes: a hint, not an identity
  std::string signature;  // as JWS has it: r||s (64 bytes), the modulus' length, or 64
};
struct Note {
  std::string text;  // without the empty line
  std::vector<NoteSignature> signatures;  // at least one
};

std::string PrintNote(const Note& note);
base::Result<Note> ParseNote(std::string_view bytes);  // kMalformed

std::string NoteKeyId(std::string_view name, const protocol::PublicKey& key);
// One signature is by this name and key, and good. kSignatureInvalid.
base::Status VerifyNote(const Note& note, std::string_view name, const protocol::PublicKey& key);

}  // namespace paygate::audit
