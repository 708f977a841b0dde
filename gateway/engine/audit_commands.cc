#include "gateway/engine/audit_commands.h"

#include <limits>

#include "protocol/certificate.h"
#include "protocol/json.h"

namespace paygate::gateway::engine {

using base::ErrorCode;
using base::Fail;
using base::Result;
using protocol::JsonWriter;
using Arguments = Control::Arguments;

namespace {

constexpr size_t kEntriesPageBytes = 1u << 20;
constexpr size_t kCheckpointsPage = 500;
constexpr uint64_t kAnyNumber = std::numeric_limits<uint64_t>::max();

Result<std::string> Checkpoint(AuditKeeper& keeper) {
  ASSIGN_OR_RETURN(const auto checkpoint, keeper.Checkpoint());
  if (!checkpoint) return Fail(ErrorCode::kNotFound, "the audit log is empty");
  return JsonWriter()
      .Integer("entries", static_cast<int64_t>(checkpoint->size))
      .String("checkpoint", checkpoint->note)
      .Take();
}

Result<std::string> Entries(const storage::AuditLog& log, const Arguments& arguments) {
  ASSIGN_OR_RETURN(const uint64_t first, WholeNumber(arguments, "first", 0, 0, kAnyNumber));
  std::vector<std::string> lines;
  size_t bytes = 0;
  RETURN_IF_ERROR(log.ForEach(first, [&](uint64_t, std::string_view line) {
    lines.emplace_back(line);
    bytes += line.size();
    return bytes < kEntriesPageBytes;
  }));
  return JsonWriter().Strings("entries", lines).Take();
}

Result<std::string> Checkpoints(const storage::AuditLog& log, const Arguments& arguments) {
  ASSIGN_OR_RETURN(const uint64_t after, WholeNumber(arguments, "after", 0, 0, kAnyNumber));
  ASSIGN_OR_RETURN(const auto kept, log.Checkpoints(after, kCheckpointsPage));
  std::vector<std::string> rows;
  for (const auto& checkpoint : kept) {
    rows.push_back(JsonWriter()
                       .Integer("entries", static_cast<int64_t>(checkpoint.size))
                       .String("checkpoint", checkpoint.note)
                       .Take());
  }
  return JsonWriter().RawArray("checkpoints", rows).Take();
}

Result<std::string> Certificates(const storage::AuditLog& log) {
  ASSIGN_OR_RETURN(const auto ders, log.SigningCertificates());
  std::vector<std::string> pems;
  for (const std::string& der : ders) {
    ASSIGN_OR_RETURN(const auto certificate, protocol::Certificate::Parse(der));
    pems.push_back(certificate.ToPem());
  }
  return JsonWriter().Strings("certificates", pems).Take();
}

}  // namespace

void AddAuditCommands(const storage::AuditLog& log, AuditKeeper& keeper, Control& control) {
  using enum Control::Effect;
  // It signs, but decides nothing: as the timer does.
  control.Add("audit.checkpoint",
              {kReads, {}, {}, [&keeper](const Arguments&) { return Checkpoint(keeper); }});
  control.Add("audit.entries", {kReads, {"first"}, {}, [&log](const Arguments& a) {
                return Entries(log, a);
              }});
  control.Add("audit.checkpoints", {kReads, {"after"}, {}, [&log](const Arguments& a) {
                return Checkpoints(log, a);
              }});
  control.Add("audit.certificates",
              {kReads, {}, {}, [&log](const Arguments&) { return Certificates(log); }});
}

base::Status RecordOrder(storage::Store& store, const base::Clock& clock,
                         const ControlRequest& request, uid_t who) {
  // Only what the store knows: whatever else was typed may be anything, an account number too.
  std::string subject;
  if (const auto id = request.arguments.find("id"); id != request.arguments.end()) {
    ASSIGN_OR_RETURN(const auto pairs, store.certificates().FindByParticipant(id->second));
    if (!pairs.empty()) subject = id->second;
  }
  if (const auto id = request.arguments.find("payment_id"); id != request.arguments.end()) {
    ASSIGN_OR_RETURN(const auto payment, store.payments().Find(id->second));
    if (payment) subject = id->second;
  }
  if (const auto id = request.arguments.find("claim"); id != request.arguments.end()) {
    ASSIGN_OR_RETURN(auto claim, store.claims().FindById(id->second));
    if (!claim) {
      ASSIGN_OR_RETURN(claim, store.claims().Find(id->second));
    }
    if (claim) subject = claim->payment_id;
  }
  return store.audit().Append({.kind = audit::EntryKind::kOperator,
                               .at = clock.Now(),
                               .values = {std::move(subject), request.command,
                                          std::to_string(who)}});
}

}  // namespace paygate::gateway::engine
