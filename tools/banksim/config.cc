// The accounts are CSV with this header line, without quotes:
//   bank,iban,currency,balance,overdraft,closed,enrolment_code,name
#include "tools/banksim/config.h"

#include <toml++/toml.h>

#include <algorithm>
#include <filesystem>
#include <set>

#include "bank/adapters/iso20022/rules.h"
#include "base/file.h"

namespace paygate::banksim {
namespace {

using base::ErrorCode;
using base::Fail;
using base::Result;

constexpr std::string_view kColumns =
    "bank,iban,currency,balance,overdraft,closed,enrolment_code,name";

std::unexpected<base::Error> Bad(const std::string& what) {
  return Fail(ErrorCode::kInvalidArgument, what);
}

std::vector<std::string> Split(std::string_view text, char separator) {
  std::vector<std::string> parts;
  for (;;) {
    const size_t at = text.find(separator);
    parts.emplace_back(text.substr(0, at));
    if (at == text.npos) return parts;
    text.remove_prefix(at + 1);
  }
}

Result<int64_t> Amount(const std::string& text, const base::Currency& currency,
                       const std::string& where) {
  if (text.empty() || text == "0" || text == base::FormatMinorUnits(0, currency)) return 0;
  const auto money = base::Money::Parse(text, currency.code());
  if (!money)
    return Bad(where + ": '" + text + "' is no amount such as " +
               base::FormatMinorUnits(100000, currency));
  return money->minor_units();
}

Result<AccountConfig> ParseAccount(std::string_view line, const std::string& where) {
  const auto fields = Split(line, ',');
  if (fields.size() != 8 || line.find('"') != line.npos)
    return Bad(where + ": must have 8 fields without quotes: " + std::string(kColumns));
  AccountConfig a{
      .bank = fields[0], .iban = fields[1], .enrolment_code = fields[6], .name = fields[7]};
  if (!bank::iso20022::IsIban(a.iban)) return Bad(where + ": not an IBAN with right check digits");
  const auto currency = base::Currency::Parse(fields[2]);
  if (!currency) return Bad(where + ": '" + fields[2] + "' is no ISO 4217 code");
  a.currency = *currency;
  ASSIGN_OR_RETURN(a.balance, Amount(fields[3], a.currency, where));
  ASSIGN_OR_RETURN(a.overdraft, Amount(fields[4], a.currency, where));
  if (!fields[5].empty() && fields[5] != "yes" && fields[5] != "no")
    return Bad(where + ": 'closed' must be yes or no");
  a.closed = fields[5] == "yes";
  return a;
}

// Reads keys of one table; the first thing wrong stays.
class Table {
 public:
  Table(const toml::table& table, std::string where, std::filesystem::path directory)
      : table_(table), where_(std::move(where)), directory_(std::move(directory)) {}

  std::string Text(std::string_view key, bool required = true) {
    seen_.insert(key);
    if (!table_.contains(key) && !required) return "";
    const auto value = table_[key].value_exact<std::string>();
    if (!value || value->empty()) Wrong(key, "must be a text");
    return value.value_or("");
  }
  std::string Path(std::string_view key, bool required = true) {
    const std::string text = Text(key, required);
    return text.empty() ? text : (directory_ / text).string();
  }
  int64_t Number(std::string_view key, int64_t fallback, int64_t least, int64_t most) {
    seen_.insert(key);
    if (!table_.contains(key)) return fallback;
    const auto value = table_[key].value_exact<int64_t>();
    if (!value || *value < least || *value > most)
      Wrong(key,
            "must be a whole number from " + std::to_string(least) + " to " + std::to_string(most));
    return value.value_or(fallback);
  }
  double Rate(std::string_view key) {
    seen_.insert(key);
    if (!table_.contains(key)) return 1;
    const auto value = table_[key].value<double>();
    if (!value || *value < 0 || *value > 1) Wrong(key, "must be a number from 0 to 1");
    return value.value_or(1);
  }
  const toml::node* Node(std::string_view key) {
    seen_.insert(key);
    return table_.get(key);
  }
  void Wrong(std::string_view key, const std::string& what) {
    if (status_) status_ = Bad(where_ + ": '" + std::string(key) + "' " + what);
  }
  base::Status Finish() {
    for (const auto& [key, value] : table_)
      if (!seen_.contains(key.str())) Wrong(key.str(), "is not a key here");
    return status_;
  }

 private:
  const toml::table& table_;
  const std::string where_;
  const std::filesystem::path directory_;
  std::set<std::string_view> seen_;
  base::Status status_;
};

Result<BankConfig> ParseBank(const toml::table& table, const std::string& where,
                             const std::filesystem::path& directory) {
  Table t(table, where, directory);
  BankConfig b{.bic = t.Text("bic"),
               .port = static_cast<uint16_t>(t.Number("port", 0, 0, 65535)),
               .tls_certificate = t.Path("tls_certificate"),
               .tls_key = t.Path("tls_key"),
               .signing_key = t.Path("signing_key"),
               .clock_skew_s = t.Number("clock_skew_s", 0, -86400, 86400)};
  if (!bank::iso20022::IsBic(b.bic)) t.Wrong("bic", "must have 8 or 11 characters");
  const std::string duplicates = t.Text("duplicates", false);
  if (!duplicates.empty() && duplicates != "answer" && duplicates != "AM05")
    t.Wrong("duplicates", "must be \"answer\" or \"AM05\"");
  b.rejects_duplicates = duplicates == "AM05";
  if (const toml::node* node = t.Node("latency")) {
    if (!node->is_table()) return Bad(where + ": 'latency' must be a table");
    for (const auto& [key, value] : *node->as_table()) {
      ASSIGN_OR_RETURN(b.latency[std::string(key.str())],
                       ParseLatency(value.value_or(std::string())));
    }
  }
  RETURN_IF_ERROR(t.Finish());
  return b;
}

Result<Rule> ParseRule(const toml::table& table, const std::string& where) {
  Table t(table, where, {});
  ASSIGN_OR_RETURN(Rule r, MakeRule(t.Text("fault")));
  r.bank = t.Text("bank", false);
  r.message = t.Text("message", false);
  r.account = t.Text("account", false);
  r.amount = t.Text("amount", false);
  r.rate = t.Rate("rate");
  r.nth = static_cast<uint64_t>(t.Number("nth", 0, 0, 1'000'000'000));
  r.times = static_cast<uint64_t>(t.Number("times", 0, 0, 1'000'000'000));
  r.delay_ms = t.Number("delay_ms", r.delay_ms, 0, 3'600'000);
  if (const std::string reason = t.Text("reason", false); !reason.empty()) r.reason = reason;
  if (r.reason.size() > 4) t.Wrong("reason", "must be an ISO 20022 code of up to 4 characters");
  RETURN_IF_ERROR(t.Finish());
  return r;
}

// Calls each(table, where) for every [[name]].
template <typename Each>
base::Status ForEachTable(const toml::node* node, const std::string& name, Each each) {
  if (!node) return {};
  const toml::array* list = node->as_array();
  if (!list) return Bad("'" + name + "' must be written [[" + name + "]]");
  for (size_t i = 0; i < list->size(); ++i) {
    const std::string where = "[[" + name + "]] number " + std::to_string(i + 1);
    const toml::table* table = (*list)[i].as_table();
    if (!table) return Bad(where + " must be a table");
    RETURN_IF_ERROR(each(*table, where));
  }
  return {};
}

base::Status CheckWhole(const Config& c) {
  std::set<std::string> bics;
  for (const BankConfig& b : c.banks)
    if (!bics.insert(b.bic).second) return Bad("two banks are named " + b.bic);
  if (bics.empty()) return Bad("there is no [[bank]]; a network needs at least one");
  std::set<std::string> ibans;
  for (const AccountConfig& a : c.accounts) {
    if (!bics.contains(a.bank)) return Bad("an account is at bank '" + a.bank + "', which is none");
    if (!ibans.insert(a.iban).second) return Bad("two accounts have one IBAN");
  }
  return {};
}

}  // namespace

Result<std::vector<AccountConfig>> ParseAccounts(std::string_view csv) {
  std::vector<AccountConfig> accounts;
  size_t number = 0;
  for (std::string& line : Split(csv, '\n')) {
    ++number;
    if (line.ends_with('\r')) line.pop_back();
    const std::string where = "accounts, line " + std::to_string(number);
    if (number == 1 && line != kColumns)
      return Bad(where + ": the first line must be " + std::string(kColumns));
    if (number == 1 || line.empty() || line.starts_with('#')) continue;
    ASSIGN_OR_RETURN(AccountConfig account, ParseAccount(line, where));
    accounts.push_back(std::move(account));
  }
  return accounts;
}

Result<Config> LoadConfig(const std::string& path) {
  ASSIGN_OR_RETURN(const std::string text, base::ReadFile(path, 4u << 20));
  const auto directory = std::filesystem::absolute(path).parent_path();
  toml::table root;
  try {  // toml++ reports by exception; none leaves this function
    root = toml::parse(text);
  } catch (const toml::parse_error& e) {
    return Bad(path + ", line " + std::to_string(e.source().begin.line) +
               ": not valid TOML: " + std::string(e.description()));
  }
  Table t(root, path, directory);
  Config c{.seed = static_cast<uint64_t>(t.Number("seed", 1, 0, INT64_MAX)),
           .ledger = t.Path("ledger"),
           .schemas = t.Path("schemas", false),
           .admin_port = static_cast<uint16_t>(t.Number("admin_port", 0, 0, 65535)),
           .client_ca = t.Path("client_ca"),
           .gateway_bic = t.Text("gateway_bic"),
           .gateway_key = t.Path("gateway_key"),
           .enrolment_tries = static_cast<uint32_t>(t.Number("enrolment_tries", 5, 1, 1000))};
  const std::string accounts = t.Path("accounts");
  const toml::node* banks = t.Node("bank");
  const toml::node* rules = t.Node("rule");
  RETURN_IF_ERROR(t.Finish());
  RETURN_IF_ERROR(ForEachTable(banks, "bank", [&](auto& table, auto& where) -> base::Status {
    ASSIGN_OR_RETURN(BankConfig b, ParseBank(table, where, directory));
    c.banks.push_back(std::move(b));
    return {};
  }));
  RETURN_IF_ERROR(ForEachTable(rules, "rule", [&](auto& table, auto& where) -> base::Status {
    ASSIGN_OR_RETURN(Rule r, ParseRule(table, where));
    c.rules.push_back(std::move(r));
    return {};
  }));
  ASSIGN_OR_RETURN(const std::string csv, base::ReadFile(accounts, 64u << 20));
  ASSIGN_OR_RETURN(c.accounts, ParseAccounts(csv));
  RETURN_IF_ERROR(CheckWhole(c));
  return c;
}

}  // namespace paygate::banksim
