// The admin: plain HTTP on loopback, JSON out, for tests and for people with curl.
#include <nlohmann/json.hpp>

#include "bank/adapters/iso20022/rules.h"
#include "tools/banksim/network.h"

namespace paygate::banksim {
namespace {

namespace iso = bank::iso20022;
using nlohmann::json;

constexpr char kHelp[] =
    "GET    /ledger/check               is money conserved, nothing applied twice, nothing "
    "overdrawn?\n"
    "GET    /ledger/totals              how many transactions of each state\n"
    "GET    /accounts                   balances\n"
    "GET    /transactions               all of them\n"
    "GET    /transactions/ID            the truth about one: payment_id, TxId or UETR\n"
    "GET    /statements/IBAN            camt.053\n"
    "GET    /notifications/IBAN         camt.054\n"
    "GET    /bookings/BIC               camt.054 of the gateway's orders, as the gateway reads it\n"
    "POST   /accounts/IBAN/revoke       the certificates of who enrolled for it end, ?reason=…\n"
    "POST   /accounts/IBAN/close        for good; its certificates end with it\n"
    "GET    /rules                      the faults in force, and how often each struck\n"
    "POST   /rules {\"fault\":\"lost\"}     add one; keys as in the configuration's [[rule]]\n"
    "DELETE /rules/NUMBER, /rules       remove one, or all\n"
    "POST   /banks/BIC/offline          nobody listens, connections are cut; /online ends it\n"
    "POST   /banks/BIC/clock?skew_s=N   the bank's clock is N seconds ahead (behind, if "
    "negative)\n";

std::string Text(const base::Currency& currency, int64_t minor_units) {
  return base::FormatMinorUnits(minor_units, currency);
}

json JsonOf(const Transaction& t) {
  const auto currency = base::Currency::Parse(t.currency);
  json j{{"id", t.id},
         {"uetr", t.uetr},
         {"bank", t.bank},
         {"state", Name(t.state)},
         {"reason", t.reason},
         {"reference", t.ReferenceText()},
         {"debtor", t.debtor},
         {"creditor", t.creditor},
         {"currency", t.currency},
         {"amount", currency ? Text(*currency, t.amount) : ""},
         {"returned", currency ? Text(*currency, t.returned) : ""},
         {"decided", iso::FormatTime(t.decided)}};
  if (!t.original.empty()) j["return_of"] = t.original;
  if (!t.own_id.empty()) j["order"] = t.own_id;
  return j;
}

json JsonOf(const Rules::Listed& listed) {
  const Rule& r = listed.rule;
  return {{"number", listed.number}, {"struck", listed.struck}, {"fault", Name(r.fault)},
          {"bank", r.bank},          {"message", r.message},    {"account", r.account},
          {"amount", r.amount},      {"rate", r.rate},          {"nth", r.nth},
          {"times", r.times},        {"reason", r.reason},      {"delay_ms", r.delay_ms}};
}

// Throws json::exception for a wrong type; the caller catches.
base::Result<Rule> RuleOf(const json& j) {
  ASSIGN_OR_RETURN(Rule r, MakeRule(j.value("fault", "")));
  for (const auto& [key, value] : j.items()) {
    if (key == "fault") continue;
    if (key == "bank") {
      r.bank = value.get<std::string>();
    } else if (key == "message") {
      r.message = value.get<std::string>();
    } else if (key == "account") {
      r.account = value.get<std::string>();
    } else if (key == "amount") {
      r.amount = value.get<std::string>();
    } else if (key == "reason") {
      r.reason = value.get<std::string>();
    } else if (key == "rate") {
      r.rate = value.get<double>();
    } else if (key == "nth") {
      r.nth = value.get<uint64_t>();
    } else if (key == "times") {
      r.times = value.get<uint64_t>();
    } else if (key == "delay_ms") {
      r.delay_ms = value.get<int64_t>();
    } else {
      return base::Fail(base::ErrorCode::kInvalidArgument, "no key '" + key + "' in a rule");
    }
  }
  if (r.reason.size() > 4 || r.delay_ms < 0 || r.delay_ms > 3'600'000)
    return base::Fail(base::ErrorCode::kInvalidArgument, "reason or delay_ms out of range");
  return r;
}

std::vector<std::string> Words(const std::string& path) {
  std::vector<std::string> words;
  for (size_t at = 1; at <= path.size();) {
    const size_t end = std::min(path.find('/', at), path.size());
    words.push_back(path.substr(at, end - at));
    at = end + 1;
  }
  words.resize(3);
  return words;
}

}  // namespace

bool Network::OnAdminRequest(const Request& request, Stream& stream) {
  const Page page = Admin(request);
  return WriteResponse(stream, page.status, page.body, {{"Content-Type", page.type}});
}

Network::Page Network::Admin(const Request& request) {
  const auto words = Words(request.path);
  const bool get = request.method == "GET";
  if (get && words[0] == "ledger") return LedgerPage(words[1]);
  if (get && words[0] == "accounts") return AccountsPage();
  if (get && words[0] == "transactions") return TransactionPage(words[1]);
  if (get && words[0] == "statements") return ReportPage(true, words[1]);
  if (get && words[0] == "notifications") return ReportPage(false, words[1]);
  if (get && words[0] == "bookings") return BookingsPage(words[1]);
  if (request.method == "POST" && words[0] == "accounts")
    return OrderPage(request, words[1], words[2]);
  if (words[0] == "rules") return RulesPage(request, words[1]);
  if (request.method == "POST" && words[0] == "banks") return BankPage(request, words[1], words[2]);
  return {request.path == "/" ? 200 : 404, kHelp, "text/plain"};
}

Network::Page Network::LedgerPage(const std::string& what) {
  json j;
  ledger_->Change([&](Books& books) -> std::vector<Record> {
    if (what == "check") {
      const auto checked = books.Check();
      j = {{"ok", checked.has_value()}};
      if (!checked) j["problem"] = checked.error().message;
    } else {
      for (State s : {State::kCompleted, State::kPending, State::kRejected, State::kCancelled})
        j[std::string(Name(s))] = 0;
      for (const auto& [id, t] : books.transactions())
        j[std::string(Name(t.state))] = j[std::string(Name(t.state))].get<int>() + 1;
    }
    return {};
  });
  return {200, j.dump() + "\n"};
}

Network::Page Network::AccountsPage() {
  json list = json::array();
  ledger_->Change([&](Books& books) -> std::vector<Record> {
    for (const AccountConfig& a : config_.accounts)
      list.push_back({{"bank", a.bank},
                      {"iban", a.iban},
                      {"name", a.name},
                      {"currency", a.currency.code()},
                      {"balance", Text(a.currency, books.Balance(a.iban).value_or(0))},
                      {"enrolment_code", a.enrolment_code}});
    return {};
  });
  return {200, list.dump() + "\n"};
}

Network::Page Network::TransactionPage(const std::string& id) {
  json found, all = json::array();
  ledger_->Change([&](Books& books) -> std::vector<Record> {
    const Transaction* t = books.Find(id);
    if (!t) t = books.Find(iso::TransactionIdOf(id));
    for (const auto& [key, each] : books.transactions()) {
      if (!t && each.uetr == id && !id.empty()) t = &each;
      if (id.empty()) all.push_back(JsonOf(each));
    }
    if (t) found = JsonOf(*t);
    return {};
  });
  if (id.empty()) return {200, all.dump() + "\n"};
  if (found.is_null()) return {404, "{\"error\":\"no bank knows such a transaction\"}\n"};
  return {200, found.dump() + "\n"};
}

Network::Page Network::ReportPage(bool statement, const std::string& iban) {
  std::string body;
  ledger_->Change([&](Books& books) -> std::vector<Record> {
    const AccountConfig* account = books.Account(iban);
    if (!account) return {};
    iso::AccountReport report{.statement = statement,
                              .id = iso::FreshId('R'),
                              .account = iban,
                              .currency = account->currency,
                              .opening = books.OpeningOf(iban),
                              .closing = books.Balance(iban).value_or(0)};
    for (const Books::Line& line : books.LinesOf(iban))
      report.entries.push_back({.amount = line.amount,
                                .booked = line.time,
                                .reference = line.transaction->ReferenceText(),
                                .transaction_id = line.transaction->id,
                                .uetr = line.transaction->uetr});
    for (const Site& s : sites_)
      if (s.bank->bic() == account->bank) body = s.bank->PrintFromHere(std::move(report));
    return {};
  });
  if (body.empty()) return {404, "{\"error\":\"no such account\"}\n"};
  return {200, body, "application/xml"};
}

Network::Page Network::BookingsPage(const std::string& bic) {
  for (const Site& s : sites_)
    if (s.bank->bic() == bic)
      return {200, s.bank->Bookings(0, iso::kMaxBookings).body, "application/xml"};
  return {404, "{\"error\":\"no such bank\"}\n"};
}

Network::Page Network::OrderPage(const Request& request, const std::string& iban,
                                 const std::string& what) {
  const auto given = request.query.find("reason");
  const std::string reason = given == request.query.end() ? "keyCompromise" : given->second;
  if (reason != "keyCompromise" && reason != "cessationOfOperation" && reason != "superseded")
    return {400, "{\"error\":\"reason: keyCompromise, cessationOfOperation or superseded\"}\n"};
  for (const AccountConfig& account : config_.accounts) {
    if (account.iban != iban || (what != "revoke" && what != "close")) continue;
    for (Site& s : sites_) {
      if (s.bank->bic() != account.bank) continue;
      const bool done = what == "close" ? s.bank->Close(iban) : s.bank->Revoke(iban, reason);
      return {200, json{{"done", done}}.dump() + "\n"};
    }
  }
  return {404, "{\"error\":\"no such account, or no such order\"}\n"};
}

Network::Page Network::RulesPage(const Request& request, const std::string& number) {
  if (request.method == "GET") {
    json list = json::array();
    for (const auto& listed : rules_.List()) list.push_back(JsonOf(listed));
    return {200, list.dump() + "\n"};
  }
  if (request.method == "DELETE" && number.empty()) {
    rules_.Clear();
    return {200, "{}\n"};
  }
  try {  // the JSON library and stoull report by exception; none leaves this function
    if (request.method == "DELETE") {
      const bool gone = rules_.Remove(std::stoull(number));
      return {gone ? 200 : 404, "{}\n"};
    }
    auto rule = RuleOf(json::parse(request.body));
    if (!rule) return {400, json{{"error", rule.error().message}}.dump() + "\n"};
    return {200, json{{"number", rules_.Add(std::move(*rule))}}.dump() + "\n"};
  } catch (const std::exception& e) {
    return {400, json{{"error", e.what()}}.dump() + "\n"};
  }
}

Network::Page Network::BankPage(const Request& request, const std::string& bic,
                                const std::string& what) {
  for (Site& s : sites_) {
    if (s.bank->bic() != bic) continue;
    if (what == "offline" || what == "online") {
      s.server->SetOffline(what == "offline");
      return {200, "{}\n"};
    }
    const auto skew = request.query.find("skew_s");
    if (what != "clock" || skew == request.query.end()) break;
    s.bank->SetSkew(std::atoll(skew->second.c_str()) * 1000);
    return {200, "{}\n"};
  }
  return {404, "{\"error\":\"no such bank, or nothing that can be done to it\"}\n"};
}

}  // namespace paygate::banksim
