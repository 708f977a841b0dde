// The configuration:                          An account in the accounts file:
//
//   ledger   = "bank.ledger"                    [[account]]
//   accounts = "accounts.toml"                  name           = "Alice Brown"
//   enrolment_tries   = 5     # optional        iban           = "GB33BUKB20201555555555"
//   pending_inquiries = 2     # optional        currency       = "GBP"
//                                               balance        = "1000.00"
//                                               enrolment_code = "…"           # optional
//                                               enrolment_expires = 2027-01-31T00:00:00Z  # opt.
//                                               overdraft      = "50.00"       # optional
//                                               closed         = true          # optional
//                                               behaviour      = "pending"     # optional; or
//                                                 "reject:AC04", "no-answer"
#include "bank/adapters/embedded/config.h"

#include <toml++/toml.h>

#include <algorithm>
#include <chrono>
#include <set>

#include "base/clock.h"
#include "base/file.h"

namespace paygate::bank::embedded {
namespace {

using base::ErrorCode;
using base::Fail;
using base::Result;

std::unexpected<base::Error> Bad(const std::string& what) {
  return Fail(ErrorCode::kInvalidArgument, what);
}

Result<toml::table> Parse(std::string_view text, const std::string& name) {
  try {  // toml++ reports by exception; none leaves this function
    return toml::parse(text);
  } catch (const toml::parse_error& e) {
    return Bad(name + ", line " + std::to_string(e.source().begin.line) +
               ": not valid TOML: " + std::string(e.description()));
  }
}

base::Status OnlyKeys(const toml::table& table, const std::set<std::string_view>& known,
                      const std::string& where) {
  for (const auto& [key, value] : table)
    if (!known.contains(key.str()))
      return Bad(where + ": unknown key '" + std::string(key.str()) + "'");
  return {};
}

Result<std::string> Text(const toml::table& table, std::string_view key, const std::string& where) {
  auto value = table[key].value_exact<std::string>();
  if (!value || value->empty() || value->size() > 1024)
    return Bad(where + ": '" + std::string(key) + "' must be a text");
  return std::move(*value);
}

Result<uint32_t> SmallNumber(const toml::table& table, std::string_view key, uint32_t fallback) {
  if (!table.contains(key)) return fallback;
  const auto value = table[key].value_exact<int64_t>();
  if (!value || *value < 1 || *value > 1000)
    return Bad("'" + std::string(key) + "' must be a whole number from 1 to 1000");
  return static_cast<uint32_t>(*value);
}

// "0.00" is a balance, but no Money.
Result<int64_t> Balance(const toml::table& table, std::string_view key, const base::Currency& c,
                        const std::string& where) {
  ASSIGN_OR_RETURN(const std::string text, Text(table, key, where));
  if (text == "0" || text == base::FormatMinorUnits(0, c)) return 0;
  const auto money = base::Money::Parse(text, c.code());
  if (!money)
    return Bad(where + ": '" + std::string(key) + "' must be an amount such as \"" +
               base::FormatMinorUnits(100000, c) + "\"");
  return money->minor_units();
}

bool IsIban(std::string_view text) {
  if (text.size() < 15 || text.size() > 34) return false;
  int rest = 0;  // ISO 7064, MOD 97-10, over the number with its first four characters last
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[(i + 4) % text.size()];
    if (c >= '0' && c <= '9')
      rest = (rest * 10 + (c - '0')) % 97;
    else if (c >= 'A' && c <= 'Z')
      rest = (rest * 100 + (c - 'A' + 10)) % 97;
    else
      return false;
  }
  return rest == 1;
}

base::Status SetBehaviour(const toml::table& table, Account& account, const std::string& where) {
  if (!table.contains("behaviour")) return {};
  ASSIGN_OR_RETURN(const std::string text, Text(table, "behaviour", where));
  constexpr std::string_view kReject = "reject:";
  if (text == "pending") {
    account.behaviour = Behaviour::kPending;
  } else if (text == "no-answer") {
    account.behaviour = Behaviour::kNoAnswer;
  } else if (text.starts_with(kReject) && text.size() == kReject.size() + 4) {
    account.behaviour = Behaviour::kReject;
    account.reject_reason = text.substr(kReject.size());
  } else {
    return Bad(where + ": 'behaviour' must be \"pending\", \"no-answer\" or \"reject:AC04\" " +
               "(with an ISO 20022 reason of four characters)");
  }
  return {};
}

base::Status SetExpiry(const toml::table& table, Account& account, const std::string& where) {
  if (!table.contains("enrolment_expires")) return {};
  const auto value = table["enrolment_expires"].value_exact<toml::date_time>();
  if (!value || !value->offset)
    return Bad(where + ": 'enrolment_expires' must be a time with its zone, such as " +
               "2027-01-31T00:00:00Z, without quotes");
  const std::chrono::year_month_day date{std::chrono::year(value->date.year),
                                         std::chrono::month(value->date.month),
                                         std::chrono::day(value->date.day)};
  const auto time = std::chrono::sys_days(date) + std::chrono::hours(value->time.hour) +
                    std::chrono::minutes(value->time.minute - value->offset->minutes) +
                    std::chrono::seconds(value->time.second);
  account.enrolment_expires = base::ToNumericDate(time);
  return {};
}

Result<Account> ParseAccount(const toml::table& table, const std::string& where) {
  RETURN_IF_ERROR(OnlyKeys(
      table,
      {"name", "iban", "currency", "balance", "enrolment_code", "enrolment_expires", "overdraft",
       "closed", "behaviour"},
      where));
  Account a;
  ASSIGN_OR_RETURN(a.name, Text(table, "name", where));
  ASSIGN_OR_RETURN(a.iban, Text(table, "iban", where));
  if (!IsIban(a.iban))
    return Bad(where + ": 'iban' must be an IBAN without spaces and with right check digits");
  ASSIGN_OR_RETURN(const std::string currency, Text(table, "currency", where));
  const auto known = base::Currency::Parse(currency);
  if (!known) return Bad(where + ": 'currency' must be an ISO 4217 code such as GBP");
  a.currency = *known;
  ASSIGN_OR_RETURN(a.opening_balance, Balance(table, "balance", a.currency, where));
  if (table.contains("overdraft")) {
    ASSIGN_OR_RETURN(a.overdraft, Balance(table, "overdraft", a.currency, where));
  }
  if (table.contains("closed")) {
    const auto closed = table["closed"].value_exact<bool>();
    if (!closed) return Bad(where + ": 'closed' must be true or false");
    a.closed = *closed;
  }
  if (table.contains("enrolment_code")) {
    ASSIGN_OR_RETURN(std::string code, Text(table, "enrolment_code", where));
    a.enrolment_code = base::SecretBytes::CopyOf(code);
    base::Cleanse(code.data(), code.size());
  }
  RETURN_IF_ERROR(SetExpiry(table, a, where));
  RETURN_IF_ERROR(SetBehaviour(table, a, where));
  return a;
}

std::string Under(const std::string& directory, const std::string& path) {
  return path.starts_with('/') ? path : directory + "/" + path;
}

}  // namespace

Result<std::vector<Account>> ParseAccounts(std::string_view toml) {
  ASSIGN_OR_RETURN(const toml::table root, Parse(toml, "the accounts file"));
  RETURN_IF_ERROR(OnlyKeys(root, {"account"}, "the accounts file"));
  const toml::array* list = root["account"].as_array();
  if (!list || list->empty())
    return Bad("the accounts file lists no [[account]]; a bank needs at least one");
  std::vector<Account> accounts;
  std::set<std::string> seen;
  for (const toml::node& node : *list) {
    const std::string where = "account " + std::to_string(accounts.size() + 1) + " of the file";
    if (!node.is_table()) return Bad(where + " must be a table, written [[account]]");
    ASSIGN_OR_RETURN(Account account, ParseAccount(*node.as_table(), where));
    if (!seen.insert(account.iban).second) return Bad(where + ": its 'iban' stands above already");
    accounts.push_back(std::move(account));
  }
  return accounts;
}

Result<Config> ParseConfig(std::string_view toml, const std::string& directory) {
  ASSIGN_OR_RETURN(const toml::table root, Parse(toml, "the configuration"));
  RETURN_IF_ERROR(OnlyKeys(root, {"ledger", "accounts", "enrolment_tries", "pending_inquiries"},
                           "the configuration"));
  Config config;
  ASSIGN_OR_RETURN(config.ledger, Text(root, "ledger", "the configuration"));
  config.ledger = Under(directory, config.ledger);
  ASSIGN_OR_RETURN(std::string accounts, Text(root, "accounts", "the configuration"));
  accounts = Under(directory, accounts);
  ASSIGN_OR_RETURN(config.enrolment_tries, SmallNumber(root, "enrolment_tries", 5));
  ASSIGN_OR_RETURN(config.pending_inquiries, SmallNumber(root, "pending_inquiries", 2));
  auto text = base::ReadFile(accounts, 16u << 20);
  if (!text) return Bad("cannot read the accounts file: " + text.error().message);
  auto parsed = ParseAccounts(*text);
  base::Cleanse(text->data(), text->size());
  if (!parsed) return std::unexpected(std::move(parsed).error());
  config.accounts = std::move(*parsed);
  return config;
}

}  // namespace paygate::bank::embedded
