// journal/<digest>.json:
//   {"version":1,"kind":"registration"|"sale"|"payment"|"renewal"|"revocation"|"cancellation"|
//    "refund"|"claim"|"answer",
//    "digest","subject","expires","clock_offset","handshake","body","jwe"}
// `body` holds disclosures, and in a registration the enrolment code: the file goes when the
// message is answered.
#include "participant/journal.h"

#include "protocol/json.h"

namespace paygate::participant {
namespace {

using base::ErrorCode;
using base::Fail;

constexpr int64_t kVersion = 1;
constexpr char kFolder[] = "journal";

std::string FileOf(const std::string& digest) {
  return std::string(kFolder) + "/" + digest + ".json";
}

std::string Print(const JournalEntry& e) {
  return protocol::JsonWriter()
      .Integer("version", kVersion)
      .String("kind", Name(e.kind))
      .String("digest", e.digest)
      .String("subject", e.subject)
      .Integer("expires", e.expires)
      .Integer("clock_offset", e.clock_offset)
      .String("handshake", e.handshake)
      .String("body", e.body)
      .String("jwe", e.jwe)
      .Take();
}

base::Result<MessageKind> ParseKind(std::string_view name) {
  for (auto kind : {MessageKind::kRegistration, MessageKind::kSale, MessageKind::kPayment,
                    MessageKind::kRenewal, MessageKind::kRevocation, MessageKind::kCancellation,
                    MessageKind::kRefund, MessageKind::kClaim, MessageKind::kAnswer}) {
    if (Name(kind) == name) return kind;
  }
  return Fail(ErrorCode::kMalformed, "unknown kind of message in the journal");
}

base::Result<JournalEntry> Parse(std::string_view text) {
  ASSIGN_OR_RETURN(auto o, protocol::JsonObject::Parse(text));
  JournalEntry e;
  const int64_t version = o.TakeInteger("version");
  const std::string kind = o.TakeString("kind");
  e.digest = o.TakeString("digest");
  e.subject = o.TakeString("subject");
  e.expires = o.TakeInteger("expires");
  e.clock_offset = o.TakeInteger("clock_offset");
  e.handshake = o.TakeString("handshake");
  e.body = o.TakeString("body");
  e.jwe = o.TakeString("jwe");
  RETURN_IF_ERROR(o.Finish());
  if (version != kVersion) {
    return Fail(ErrorCode::kMalformed, "written by a newer program; update this one");
  }
  ASSIGN_OR_RETURN(e.kind, ParseKind(kind));
  return e;
}

}  // namespace

std::string_view Name(MessageKind kind) {
  switch (kind) {
    case MessageKind::kRegistration:
      return "registration";
    case MessageKind::kSale:
      return "sale";
    case MessageKind::kPayment:
      return "payment";
    case MessageKind::kRenewal:
      return "renewal";
    case MessageKind::kRevocation:
      return "revocation";
    case MessageKind::kCancellation:
      return "cancellation";
    case MessageKind::kRefund:
      return "refund";
    case MessageKind::kClaim:
      return "claim";
    case MessageKind::kAnswer:
      return "answer";
  }
  return "unknown";
}

base::Status Journal::Record(const JournalEntry& entry) {
  return disk_.Create(FileOf(entry.digest), Print(entry));
}

base::Status Journal::Update(const JournalEntry& entry) {
  return disk_.Replace(FileOf(entry.digest), Print(entry));
}

base::Status Journal::Close(const std::string& digest) { return disk_.Remove(FileOf(digest)); }

base::Result<std::vector<JournalEntry>> Journal::Open() {
  std::vector<JournalEntry> entries;
  ASSIGN_OR_RETURN(auto names, disk_.List(kFolder));
  for (const std::string& name : names) {
    const std::string file = std::string(kFolder) + "/" + name;
    ASSIGN_OR_RETURN(auto text, disk_.Read(file));
    if (!text) continue;
    auto entry = Parse(*text);
    // Not skipped: what cannot be read may be a payment that is still being decided.
    if (!entry) return Fail(entry.error().code, file + ": " + entry.error().message);
    entries.push_back(std::move(*entry));
  }
  return entries;
}

base::Result<std::optional<JournalEntry>> Journal::Find(MessageKind kind,
                                                        const std::string& subject) {
  ASSIGN_OR_RETURN(auto entries, Open());
  for (JournalEntry& entry : entries) {
    if (entry.kind == kind && entry.subject == subject) {
      return std::optional<JournalEntry>(std::move(entry));
    }
  }
  return std::optional<JournalEntry>();
}

}  // namespace paygate::participant
