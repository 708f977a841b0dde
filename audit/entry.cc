// kind             members after "kind" and "at" (seconds since 1970), all strings
// csblk-issued     csblk_id seller confirmation       digest of the seller's message 3
// csblk-cancelled  csblk_id seller
// authorised       payment_id csblk_id buyer seller amount accounts
//                     SHA-256, base64url, of the accounts sealed to the buyer's bank, or ""
// outcome          payment_id result reason bank_reference evidence
//                     completed or failed; SHA-256, base64url, of the bank's signed answer
// results          payment_id receipt confirmation    their digests
// certified        participant request signature encryption    digest; x5t#S256 of both
// revoked          participant reason by request      participant|operator|bank; digest or ""
// held released    participant
// claimed          payment_id claim buyer seller      the claim's digest
// claim-answered   payment_id claim answer            digests
// claim-decided    payment_id claim decision grounds to_buyer to_seller
//                     refund or reject; unanswered or operator; digests of the signed decisions
// operator         subject command uid                ordered, before anything was done
#include "audit/entry.h"

#include <algorithm>
#include <cstdlib>

#include "base/crypto.h"
#include "protocol/json.h"

namespace paygate::audit {

using base::ErrorCode;
using base::Fail;
using base::Result;

namespace {

struct Kind {
  EntryKind kind;
  const char* name;
  std::vector<const char*> members;
};

const std::vector<Kind>& Kinds() {
  static const std::vector<Kind> kinds = {
      {EntryKind::kCsblkIssued, "csblk-issued", {"csblk_id", "seller", "confirmation"}},
      {EntryKind::kCsblkCancelled, "csblk-cancelled", {"csblk_id", "seller"}},
      {EntryKind::kAuthorised,
       "authorised",
       {"payment_id", "csblk_id", "buyer", "seller", "amount", "accounts"}},
      {EntryKind::kOutcome,
       "outcome",
       {"payment_id", "result", "reason", "bank_reference", "evidence"}},
      {EntryKind::kResults, "results", {"payment_id", "receipt", "confirmation"}},
      {EntryKind::kCertified,
       "certified",
       {"participant", "request", "signature", "encryption"}},
      {EntryKind::kRevoked, "revoked", {"participant", "reason", "by", "request"}},
      {EntryKind::kHeld, "held", {"participant"}},
      {EntryKind::kReleased, "released", {"participant"}},
      {EntryKind::kClaimed, "claimed", {"payment_id", "claim", "buyer", "seller"}},
      {EntryKind::kClaimAnswered, "claim-answered", {"payment_id", "claim", "answer"}},
      {EntryKind::kClaimDecided,
       "claim-decided",
       {"payment_id", "claim", "decision", "grounds", "to_buyer", "to_seller"}},
      {EntryKind::kOperator, "operator", {"subject", "command", "uid"}},
  };
  return kinds;
}

constexpr size_t kMaxValueBytes = 128;

// What others wrote (an ID, the bank's reason) is taken over if it is short and plain; a value that
// is not is named by its hash, so that no entry can fail to be written or read.
std::string Plain(const std::string& value) {
  const bool plain = value.size() <= kMaxValueBytes &&
                     std::ranges::all_of(value, [](char c) { return c >= ' ' && c <= '~'; });
  return plain ? value : "sha256 " + base::Sha256Base64Url(value);
}

const Kind& KindOf(EntryKind kind) {
  return *std::ranges::find(Kinds(), kind, &Kind::kind);
}

}  // namespace

std::string_view Entry::Value(std::string_view name) const {
  const auto& members = KindOf(kind).members;
  for (size_t i = 0; i < members.size(); ++i) {
    if (members[i] == name) return values[i];
  }
  return "";
}

std::string_view Name(EntryKind kind) { return KindOf(kind).name; }

std::string PrintEntry(const Entry& entry) {
  const Kind& kind = KindOf(entry.kind);
  if (entry.values.size() != kind.members.size()) std::abort();
  protocol::JsonWriter json;
  json.String("kind", kind.name).Integer("at", base::ToNumericDate(entry.at));
  for (size_t i = 0; i < kind.members.size(); ++i) {
    json.String(kind.members[i], Plain(entry.values[i]));
  }
  return json.Take();
}

Result<Entry> ParseEntry(std::string_view line) {
  if (line.size() > kMaxEntryBytes) return Fail(ErrorCode::kMalformed, "an entry too long");
  ASSIGN_OR_RETURN(auto json, protocol::JsonObject::Parse(line));
  const std::string name = json.TakeString("kind");
  const auto kind = std::ranges::find(Kinds(), name, [](const Kind& k) { return k.name; });
  if (kind == Kinds().end()) return Fail(ErrorCode::kMalformed, "an entry of an unknown kind");
  const int64_t at = json.TakeInteger("at");
  if (at < 0 || at > int64_t{1} << 40) return Fail(ErrorCode::kMalformed, "an entry of no time");
  Entry entry{.kind = kind->kind, .at = base::FromNumericDate(at), .values = {}};
  for (const char* member : kind->members) entry.values.push_back(json.TakeString(member));
  RETURN_IF_ERROR(json.Finish());
  if (PrintEntry(entry) != line) return Fail(ErrorCode::kMalformed, "an entry spelled otherwise");
  return entry;
}

std::string DocumentDigest(std::string_view compact) {
  if (compact.empty()) return "";
  return base::Sha256Base64Url(compact.substr(0, compact.rfind('.')));
}

}  // namespace paygate::audit
