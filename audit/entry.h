// An entry of the audit log: one thing that the gateway did, as one line of JSON.
//
//   {"kind":"authorised","at":1800000000,"payment_id":"…","csblk_id":"…","buyer":"…", …}
//
// The kinds and their members are a table at the top of entry.cc and in docs/formats/audit-log.md.
// Entries hold identifiers, digests of signed documents and words of ours: no account number, no
// text that a person wrote, and nothing from which either could be confirmed by trying.
// A value of more than 128 bytes, or of other than printable ASCII, is written as "sha256 " and its
// hash. Pure; thread-safe.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"

namespace paygate::audit {

constexpr size_t kMaxEntryBytes = 4096;

enum class EntryKind : uint8_t {
  kCsblkIssued, kCsblkCancelled, kAuthorised, kOutcome, kResults,
  kCertified, kRevoked, kHeld, kReleased, kOperator,
  kClaimed, kClaimAnswered, kClaimDecided,
};

struct Entry {
  EntryKind kind = EntryKind::kOperator;
  base::UnixTime at{};
  std::vector<std::string> values;  // of the kind's members, in the table's order; may be ""

  // What the entry is about: its first member.
  const std::string& subject() const { return values.front(); }
  // The value of the kind's member of this name; "" if it has none.
  std::string_view Value(std::string_view name) const;
};

std::string_view Name(EntryKind kind);  // "authorised"
// Exactly the kind's number of values, or the program ends: the caller is ours.
std::string PrintEntry(const Entry& entry);
// kMalformed for all that PrintEntry does not print.
base::Result<Entry> ParseEntry(std::string_view line);

// SHA-256, base64url, of a compact JWS without its signature: its digest (protocol.md, rule 8).
// "" of "".
std::string DocumentDigest(std::string_view compact);

}  // namespace paygate::audit
