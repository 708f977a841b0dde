#include "audit/note.h"

#include <algorithm>

#include "base/crypto.h"
#include "base/encoding.h"
#include "hsm/signer.h"

namespace paygate::audit {

using base::ErrorCode;
using base::Fail;
using base::Result;
using base::Status;

namespace {

constexpr std::string_view kDash = "\xe2\x80\x94 ";  // U+2014, a space
constexpr size_t kEd25519KeyBytes = 32;
constexpr size_t kMaxSignatureBytes = 512;  // RSA 4096

std::unexpected<base::Error> NoNote(const char* why) {
  return Fail(ErrorCode::kMalformed, std::string("not a signed note: ") + why);
}

bool IsKeyName(std::string_view name) {
  return !name.empty() && std::ranges::all_of(name, [](unsigned char c) {
    return c > ' ' && c < 0x7f && c != '+';
  });
}

// UTF-8 without control characters but LF, and ended by one.
bool IsText(std::string_view text) {
  return !text.empty() && text.back() == '\n' && base::IsUtf8(text) &&
         std::ranges::none_of(text, [](unsigned char c) {
           return (c < ' ' && c != '\n') || c == 0x7f;
         });
}

Result<NoteSignature> ParseSignature(std::string_view line) {
  if (!line.starts_with(kDash)) return NoNote("a line below the text is no signature");
  line.remove_prefix(kDash.size());
  const size_t space = line.find(' ');
  if (space == line.npos) return NoNote("a signature without a name");
  NoteSignature signature;
  signature.name = line.substr(0, space);
  if (!IsKeyName(signature.name)) return NoNote("a name of a key with characters it cannot have");
  const auto bytes = base::Base64Decode(line.substr(space + 1));
  if (!bytes || bytes->size() <= kKeyIdBytes || bytes->size() > kKeyIdBytes + kMaxSignatureBytes) {
    return NoNote("a signature that is not base64 of a key ID and a signature");
  }
  signature.key_id = bytes->substr(0, kKeyIdBytes);
  signature.signature = bytes->substr(kKeyIdBytes);
  return signature;
}

}  // namespace

std::string PrintNote(const Note& note) {
  std::string out = note.text + "\n";
  for (const NoteSignature& s : note.signatures) {
    out.append(kDash).append(s.name).append(" ");
    out.append(base::Base64Encode(s.key_id + s.signature)).append("\n");
  }
  return out;
}

Result<Note> ParseNote(std::string_view bytes) {
  if (bytes.size() > kMaxNoteBytes) return NoNote("it is too long");
  const size_t gap = bytes.rfind("\n\n");  // the text may have empty lines of its own
  if (gap == bytes.npos) return NoNote("no empty line ends its text");
  Note note{.text = std::string(bytes.substr(0, gap + 1)), .signatures = {}};
  if (!IsText(note.text)) return NoNote("its text is not UTF-8 lines without control characters");
  std::string_view rest = bytes.substr(gap + 2);
  while (!rest.empty()) {
    const size_t end = rest.find('\n');
    if (end == rest.npos) return NoNote("its last line is not ended");
    if (note.signatures.size() == kMaxNoteSignatures) return NoNote("too many signatures");
    ASSIGN_OR_RETURN(NoteSignature signature, ParseSignature(rest.substr(0, end)));
    note.signatures.push_back(std::move(signature));
    rest.remove_prefix(end + 1);
  }
  if (note.signatures.empty()) return NoNote("it has no signature");
  return note;
}

std::string NoteKeyId(std::string_view name, const protocol::PublicKey& key) {
  const std::string spki = key.ToSpki();
  const hsm::SignatureAlgorithm algorithm = key.signature_algorithm().value();
  std::string hashed(name);
  if (algorithm == hsm::SignatureAlgorithm::kEdDSA) {
    hashed.append("\n\x01").append(spki.substr(spki.size() - kEd25519KeyBytes));
  } else {
    hashed.append("\n\xff").append("p2p-gateway ").append(hsm::JoseName(algorithm));
    hashed.append("\n").append(spki);
  }
  return base::Sha256(hashed).substr(0, kKeyIdBytes);
}

Status VerifyNote(const Note& note, std::string_view name, const protocol::PublicKey& key) {
  const std::string id = NoteKeyId(name, key);
  for (const NoteSignature& s : note.signatures) {
    if (s.name == name && s.key_id == id && key.Verify(note.text, s.signature)) return {};
  }
  return Fail(ErrorCode::kSignatureInvalid,
              "no signature of the note is by " + std::string(name) + " under this key, and good");
}

}  // namespace paygate::audit
