#include "audit/checkpoint.h"

#include <charconv>
#include <vector>

#include "base/encoding.h"

namespace paygate::audit {

using base::ErrorCode;
using base::Fail;
using base::Result;

namespace {

constexpr std::string_view kAt = "at=";
constexpr size_t kLines = 4;

template <typename Number>
bool ParseNumber(std::string_view text, Number& number) {
  const char* const end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, number);
  return error == std::errc() && rest == end;
}

}  // namespace

std::string OriginOf(std::string_view gateway_id) {
  return "p2p-gateway/" + std::string(gateway_id);
}

std::string PrintCheckpoint(const Checkpoint& c) {
  return c.origin + "\n" + std::to_string(c.size) + "\n" + base::Base64Encode(c.root) + "\n" +
         std::string(kAt) + std::to_string(base::ToNumericDate(c.at)) + "\n";
}

Result<Checkpoint> ParseCheckpoint(std::string_view text) {
  const auto malformed = [] {
    return Fail(ErrorCode::kMalformed, "not a checkpoint of a gateway's audit log");
  };
  std::vector<std::string_view> lines;
  for (std::string_view rest = text; !rest.empty();) {
    const size_t end = rest.find('\n');
    if (end == rest.npos || lines.size() == kLines) return malformed();
    lines.push_back(rest.substr(0, end));
    rest.remove_prefix(end + 1);
  }
  if (lines.size() != kLines || !lines[3].starts_with(kAt)) return malformed();
  Checkpoint checkpoint{.origin = std::string(lines[0]), .size = 0, .root = {}, .at = {}};
  const auto root = base::Base64Decode(lines[2]);
  int64_t at = 0;
  if (!root || root->size() != kHashBytes || !ParseNumber(lines[1], checkpoint.size) ||
      !ParseNumber(lines[3].substr(kAt.size()), at) || at < 0 || at > int64_t{1} << 40 ||
      checkpoint.size > kMaxTreeSize || !checkpoint.origin.starts_with(OriginOf(""))) {
    return malformed();
  }
  checkpoint.root = *root;
  checkpoint.at = base::FromNumericDate(at);
  if (PrintCheckpoint(checkpoint) != text) return malformed();  // a number with a zero before it
  return checkpoint;
}

Result<std::string> SignCheckpoint(const Checkpoint& checkpoint, const protocol::PublicKey& key,
                                   hsm::Signer& signer) {
  Note note{.text = PrintCheckpoint(checkpoint), .signatures = {}};
  ASSIGN_OR_RETURN(std::string signature,
                   signer.Sign({hsm::StatementKind::kCheckpoint, note.text}));
  note.signatures.push_back(
      {checkpoint.origin, NoteKeyId(checkpoint.origin, key), std::move(signature)});
  return PrintNote(note);
}

Result<Checkpoint> VerifyCheckpoint(std::string_view bytes, const protocol::PublicKey& key) {
  ASSIGN_OR_RETURN(const Note note, ParseNote(bytes));
  ASSIGN_OR_RETURN(Checkpoint checkpoint, ParseCheckpoint(note.text));
  RETURN_IF_ERROR(VerifyNote(note, checkpoint.origin, key));
  return checkpoint;
}

}  // namespace paygate::audit
