// bic                  = "PGWYGB2LXXX"
// signing_key          = "/…/gateway-signing.key"     # P-256, PEM
// tls_certificate      = "/…/gateway.pem"
// tls_key              = "/…/gateway.key"
// connections          = 32          # optional, as the next three
// max_waiting          = 4096
// answer_timeout_s     = 15
// late_answer_wait_s   = 10
//
// [[bank]]
// bic               = "BUYRGB2LXXX"
// url               = "https://127.0.0.1:7001"
// tls_ca            = "/…/ca.pem"
// signing_key       = "/…/bank-signing.pem"           # public, or a certificate
// ibans             = ["GB:BUYR"]
// enforces_deadline = true           # optional
#include "bank/adapters/iso20022/config.h"

#include <toml++/toml.h>

#include <algorithm>
#include <set>

#include "bank/adapters/iso20022/positions.h"
#include "bank/adapters/iso20022/rules.h"

namespace paygate::bank::iso20022 {
namespace {

using base::ErrorCode;
using base::Fail;
using base::Result;

std::unexpected<base::Error> Bad(const std::string& what) {
  return Fail(ErrorCode::kInvalidArgument, what);
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

Result<std::string> Path(const toml::table& table, std::string_view key, const std::string& where) {
  auto path = Text(table, key, where);
  if (path && !path->starts_with('/'))
    return Bad(where + ": '" + std::string(key) + "' must be an absolute path (it begins with /)");
  return path;
}

Result<std::string> Bic(const toml::table& table, const std::string& where) {
  auto bic = Text(table, "bic", where);
  if (bic && !IsBic(*bic)) return Bad(where + ": 'bic' must be a BIC of 8 or 11 characters");
  return bic;
}

Result<int64_t> Number(const toml::table& table, std::string_view key, int64_t fallback,
                       int64_t most) {
  if (!table.contains(key)) return fallback;
  const auto value = table[key].value_exact<int64_t>();
  if (!value || *value < 1 || *value > most)
    return Bad("'" + std::string(key) + "' must be a whole number from 1 to " +
               std::to_string(most));
  return *value;
}

// "GB:BUYR" or "GB".
bool IsIbanRoute(std::string_view text) {
  const auto upper = [](char c) { return c >= 'A' && c <= 'Z'; };
  return text.size() >= 2 && text.size() <= 33 && upper(text[0]) && upper(text[1]) &&
         (text.size() == 2 || (text[2] == ':' && text.size() > 3));
}

Result<BankRoute> ParseBank(const toml::table& table, const std::string& where) {
  RETURN_IF_ERROR(OnlyKeys(
      table, {"bic", "url", "tls_ca", "signing_key", "ibans", "enforces_deadline"}, where));
  BankRoute b;
  ASSIGN_OR_RETURN(b.bic, Bic(table, where));
  ASSIGN_OR_RETURN(b.url, Text(table, "url", where));
  if (!b.url.starts_with("https://") || b.url.find('/', 8) != b.url.npos)
    return Bad(where + ": 'url' must be https://HOST:PORT without a path");
  ASSIGN_OR_RETURN(b.tls_ca, Path(table, "tls_ca", where));
  ASSIGN_OR_RETURN(const std::string key, Path(table, "signing_key", where));
  ASSIGN_OR_RETURN(b.key, VerifyingKey::Load(key));
  const toml::array* ibans = table["ibans"].as_array();
  if (!ibans || ibans->empty()) return Bad(where + ": 'ibans' must list \"GB:BUYR\" or the like");
  for (const toml::node& node : *ibans) {
    const std::string route = node.value_or(std::string());
    if (!IsIbanRoute(route))
      return Bad(where +
                 ": 'ibans': a country, and after a colon how the account number begins, "
                 "as in \"GB:BUYR\"");
    b.ibans.push_back(route);
  }
  if (table.contains("enforces_deadline")) {
    const auto value = table["enforces_deadline"].value_exact<bool>();
    if (!value) return Bad(where + ": 'enforces_deadline' must be true or false");
    b.enforces_deadline = *value;
  }
  return b;
}

base::Status ParseNumbers(const toml::table& root, Config& c) {
  ASSIGN_OR_RETURN(const int64_t connections, Number(root, "connections", 32, 512));
  ASSIGN_OR_RETURN(const int64_t waiting, Number(root, "max_waiting", 4096, 100'000));
  ASSIGN_OR_RETURN(const int64_t answer, Number(root, "answer_timeout_s", 15, 600));
  ASSIGN_OR_RETURN(const int64_t late, Number(root, "late_answer_wait_s", 10, 600));
  c.connections = static_cast<size_t>(connections);
  c.max_waiting = static_cast<size_t>(waiting);
  c.answer_timeout = std::chrono::seconds(answer);
  c.late_answer_wait = std::chrono::seconds(late);
  return {};
}

}  // namespace

const BankRoute* Config::ForIban(std::string_view iban) const {
  const BankRoute* best = nullptr;
  size_t longest = 0;
  for (const BankRoute& bank : banks) {
    for (std::string_view route : bank.ibans) {
      const bool fits = iban.size() > 4 && iban.substr(0, 2) == route.substr(0, 2) &&
                        (route.size() == 2 || iban.substr(4).starts_with(route.substr(3)));
      if (!fits || route.size() <= longest) continue;
      best = &bank;
      longest = route.size();
    }
  }
  return best;
}

const BankRoute* Config::ForBic(std::string_view bic) const {
  const auto it = std::ranges::find(banks, bic, &BankRoute::bic);
  return it == banks.end() ? nullptr : &*it;
}

Result<Config> ParseConfig(std::string_view text) {
  toml::table root;
  try {  // toml++ reports by exception; none leaves this function
    root = toml::parse(text);
  } catch (const toml::parse_error& e) {
    return Bad("line " + std::to_string(e.source().begin.line) +
               ": not valid TOML: " + std::string(e.description()));
  }
  const std::string where = "the configuration";
  RETURN_IF_ERROR(OnlyKeys(root,
                           {"bic", "signing_key", "tls_certificate", "tls_key", "connections",
                            "max_waiting", "answer_timeout_s", "late_answer_wait_s", "bank"},
                           where));
  Config c;
  ASSIGN_OR_RETURN(c.bic, Bic(root, where));
  ASSIGN_OR_RETURN(const std::string key, Path(root, "signing_key", where));
  ASSIGN_OR_RETURN(c.key, SigningKey::Load(key));
  ASSIGN_OR_RETURN(c.tls_certificate, Path(root, "tls_certificate", where));
  ASSIGN_OR_RETURN(c.tls_key, Path(root, "tls_key", where));
  RETURN_IF_ERROR(ParseNumbers(root, c));
  const toml::array* banks = root["bank"].as_array();
  if (!banks || banks->empty()) return Bad("there is no [[bank]]; the adapter needs at least one");
  if (banks->size() > kMaxBanks)
    return Bad("there are more than " + std::to_string(kMaxBanks) + " [[bank]]");
  std::set<std::string> bics, routes;
  for (const toml::node& node : *banks) {
    const std::string name = "[[bank]] number " + std::to_string(c.banks.size() + 1);
    if (!node.is_table()) return Bad(name + " must be a table");
    ASSIGN_OR_RETURN(BankRoute bank, ParseBank(*node.as_table(), name));
    if (!bics.insert(bank.bic).second) return Bad(name + ": its 'bic' stands above already");
    for (const std::string& route : bank.ibans)
      if (!routes.insert(route).second)
        return Bad(name + ": 'ibans': " + route + " leads to two banks");
    c.banks.push_back(std::move(bank));
  }
  return c;
}

}  // namespace paygate::bank::iso20022
