#include "gateway/engine/reconciliation_commands.h"

#include <ctime>

#include "protocol/json.h"

namespace paygate::gateway::engine {
namespace {

using base::ErrorCode;
using base::Fail;
using base::Result;
using protocol::JsonWriter;

// "2027-01-31" or "2027-01-31T12:00:00Z".
Result<base::UnixTime> ParseSince(const std::string& text) {
  std::tm parts{};
  const char* format = text.size() > 10 ? "%Y-%m-%dT%H:%M:%SZ" : "%Y-%m-%d";
  const char* rest = strptime(text.c_str(), format, &parts);
  if (!rest || *rest != '\0') {
    return Fail(ErrorCode::kInvalidArgument,
                "since is a day, 2027-01-31, or a time, 2027-01-31T12:00:00Z");
  }
  return base::FromNumericDate(timegm(&parts));
}

Result<std::string> Start(Reconciler& reconciler, const Control::Arguments& arguments) {
  Reconciler::Wish wish;
  if (const std::string& since = arguments.at("since"); !since.empty()) {
    ASSIGN_OR_RETURN(wish.since, ParseSince(since));
    wish.whole = true;
  }
  ASSIGN_OR_RETURN(const uint64_t run, reconciler.Start(wish));
  return JsonWriter().Integer("run", static_cast<int64_t>(run)).Take();
}

std::string Print(const FoundDifference& found) {
  JsonWriter json;
  json.String("difference", Name(found.difference))
      .String("id", found.id)
      .String("here", found.state);
  if (!found.amount.empty()) json.String("amount", found.amount);
  if (!found.reference.empty()) json.String("bank_reference", found.reference);
  if (found.settled_at) json.Integer("settled_at", base::ToNumericDate(*found.settled_at));
  if (found.booked_at) {
    json.String("booked_amount", found.booked_amount)
        .String("booked_reference", found.booked_reference)
        .Integer("booked_at", base::ToNumericDate(*found.booked_at));
  }
  return json.String("clue", Clue(found.difference)).Take();
}

std::string Show(const ReconciliationReport& report) {
  std::vector<std::string> rows;
  for (const FoundDifference& found : report.differences) rows.push_back(Print(found));
  JsonWriter json;
  json.Integer("run", static_cast<int64_t>(report.run))
      .Raw("ended", report.ended ? "true" : "false")
      .Raw("whole", report.whole ? "true" : "false")
      .Integer("began_at", base::ToNumericDate(report.began_at));
  if (report.ended) json.Integer("ended_at", base::ToNumericDate(report.ended_at));
  if (!report.failure.empty()) json.String("failure", report.failure);
  return json.Integer("statement_complete_until", base::ToNumericDate(report.complete_until))
      .Integer("bookings_read", static_cast<int64_t>(report.bookings))
      .Integer("waiting", static_cast<int64_t>(report.waiting))
      .Integer("count", static_cast<int64_t>(report.count))
      .RawArray("differences", rows)
      .Take();
}

}  // namespace

void AddReconciliationCommands(Reconciler& reconciler, Control& control) {
  using enum Control::Effect;
  // It decides nothing that the timer would not.
  control.Add("reconcile.start", {kReads, {}, {"since"}, [&](const Control::Arguments& a) {
                return Start(reconciler, a);
              }});
  control.Add("reconcile.show", {kReads, {}, {}, [&](const Control::Arguments&) {
                return Result<std::string>(Show(reconciler.Report()));
              }});
}

}  // namespace paygate::gateway::engine
