// paygate-embedded-bank: what the embedded bank holds, and orders to it. The
// bank may be running: the ledger is only read here.
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <ctime>
#include <iostream>
#include <nlohmann/json.hpp>

#include "bank/adapters/embedded/books.h"
#include "bank/adapters/embedded/config.h"
#include "bank/adapters/embedded/journal.h"
#include "bank/adapters/embedded/order_file.h"
#include "base/file.h"

namespace paygate::bank::embedded {
namespace {

using base::Result;

// The books as the file tells them now, and as the bank would open them.
struct Reading {
  explicit Reading(Config c) : config(std::move(c)), books(config) {}
  const Config config;
  Books books;
  Journal::Replayed replayed;
};

Result<std::unique_ptr<Reading>> Read(const std::string& config_path,
                                      const std::function<void(const Record&)>& each) {
  ASSIGN_OR_RETURN(const std::string text, base::ReadFile(config_path, 1u << 20));
  ASSIGN_OR_RETURN(Config config, ParseConfig(text));
  auto reading = std::make_unique<Reading>(std::move(config));
  if (access(reading->config.ledger.c_str(), F_OK) == 0) {
    const auto visit = [&](std::string_view bytes) -> base::Status {
      ASSIGN_OR_RETURN(const Record record, DecodeRecord(bytes));
      each(record);
      return reading->books.Apply(record);
    };
    ASSIGN_OR_RETURN(reading->replayed, Journal::Replay(reading->config.ledger, visit));
  }
  for (const Record& record : reading->books.AccountsToOpen(0))
    RETURN_IF_ERROR(reading->books.Apply(record));
  return reading;
}

// Columns are counted in characters, not bytes.
std::string Pad(const std::string& text, size_t width) {
  size_t shown = 0;
  for (const char c : text) shown += (static_cast<unsigned char>(c) & 0xC0) != 0x80;
  return shown < width ? text + std::string(width - shown, ' ') : text;
}

base::Status PrintAccounts(const std::string& config, bool json) {
  ASSIGN_OR_RETURN(const auto reading, Read(config, [](const Record&) {}));
  auto list = nlohmann::ordered_json::array();
  if (!json) std::printf("%-28s %-34s %-8s %16s\n", "name", "iban", "currency", "balance");
  for (const Account& a : reading->config.accounts) {
    const std::string currency(a.currency.code());
    const std::string balance =
        base::FormatMinorUnits(reading->books.Balance(a.iban).value_or(0), a.currency);
    if (json)
      list.push_back({{"name", a.name},
                      {"iban", a.iban},
                      {"currency", currency},
                      {"balance", balance},
                      {"enrolment_code", std::string(a.enrolment_code.view())},
                      {"enrolled", reading->books.IsEnrolled(a.iban)}});
    else
      std::printf("%s %-34s %-8s %16s\n", Pad(a.name, 28).c_str(), a.iban.c_str(), currency.c_str(),
                  balance.c_str());
  }
  if (json) std::cout << list.dump(2) << "\n";
  return {};
}

base::Status Check(const std::string& config) {
  // Replay itself refuses a transfer applied twice and a balance that does not follow.
  ASSIGN_OR_RETURN(const auto reading, Read(config, [](const Record&) {}));
  RETURN_IF_ERROR(reading->books.CheckConservation());
  const Totals totals = reading->books.GetTotals();
  std::printf("The books are right: money is conserved, and no transfer is applied twice.\n");
  std::printf("%zu transfers completed, %zu pending, %zu rejected.\n", totals.transfers_completed,
              totals.transfers_pending, totals.transfers_rejected);
  for (const auto& [code, amount] : totals.in_accounts) {
    const auto currency = base::Currency::Parse(code);
    if (currency)
      std::printf("In all accounts: %s %s\n", base::FormatMinorUnits(amount, *currency).c_str(),
                  code.c_str());
  }
  if (reading->replayed.torn_bytes > 0)
    std::printf(
        "%llu bytes at the end are being written, or torn by a crash; nobody was answered "
        "for them.\n",
        static_cast<unsigned long long>(reading->replayed.torn_bytes));
  return {};
}

std::string TimeText(int64_t seconds) {
  const time_t t = seconds;
  tm utc{};
  char text[32];
  gmtime_r(&t, &utc);
  strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &utc);
  return text;
}

void PrintRecord(const Record& r) {
  constexpr const char* kNames[] = {"",         "opened", "executed", "accepted",  "settled",
                                    "rejected", "barred", "enrolled",  "wrong-code",
                                    "closed",   "revoked", "returned"};
  std::printf("%s %-10s", TimeText(r.time).c_str(), kNames[static_cast<size_t>(r.kind)]);
  if (!r.transaction.empty()) std::printf(" payment=%s", r.transaction.c_str());
  if (!r.reason.empty()) std::printf(" reason=%s", r.reason.c_str());
  if (!r.participant.empty()) std::printf(" participant=%s", r.participant.c_str());
  if (r.postings.empty() && !r.account.empty()) std::printf(" account=%s", r.account.c_str());
  if (const auto currency = base::Currency::Parse(r.currency); currency)
    for (const Posting& p : r.postings)
      std::printf("  %s %s (%s)", p.account.c_str(),
                  base::FormatMinorUnits(p.amount, *currency).c_str(),
                  base::FormatMinorUnits(p.balance_after, *currency).c_str());
  std::printf("\n");
}

// To be taken by the bank: at once if it runs, otherwise when it is started.
base::Status GiveOrder(const std::string& config, const std::string& iban, bool close,
                       const std::string& reason) {
  ASSIGN_OR_RETURN(const auto reading, Read(config, [](const Record&) {}));
  const auto known = [&](const Account& a) { return a.iban == iban; };
  if (std::ranges::none_of(reading->config.accounts, known))
    return base::Fail(base::ErrorCode::kNotFound, "the accounts file has no such account");
  Order order{.close = close, .account = iban, .reason = reason};
  if (!close) {
    order.participant = reading->books.ParticipantOf(iban);
    if (order.participant.empty())
      return base::Fail(base::ErrorCode::kNotFound, "nobody enrolled for this account");
  }
  RETURN_IF_ERROR(AppendOrder(reading->config.ledger, order));
  std::printf("Ordered: %s\n", close
                                   ? "the account is closed, and its certificates end."
                                   : ("the certificates of " + order.participant + " end").c_str());
  return {};
}

int Finish(const base::Status& status) {
  if (status) return 0;
  std::fprintf(stderr, "paygate-embedded-bank: %s\n", status.error().message.c_str());
  return 1;
}

}  // namespace
}  // namespace paygate::bank::embedded

int main(int argc, char** argv) {
  using namespace paygate::bank::embedded;
  CLI::App app{
      "Shows what the embedded bank (a bank in a box, for demonstrations and tests) holds, and\n"
      "gives it orders, also while it runs. Ends with 1 and a sentence if the ledger is not right "
      "or an\n"
      "order cannot be given.",
      "paygate-embedded-bank"};
  std::string config;
  bool json = false;
  app.add_option("--config", config, "the adapter's configuration, as given to paygate-bank")
      ->required();
  app.require_subcommand(1);
  auto* accounts = app.add_subcommand("accounts", "names, account numbers, balances");
  accounts->add_flag("--json", json, "as JSON, with enrolment codes: for scripts, not for logs");
  auto* check = app.add_subcommand("check", "is money conserved, and nothing applied twice?");
  app.add_subcommand("journal", "every entry, oldest first: account, amount (balance after)");
  std::string iban, reason = "keyCompromise";
  auto* revoke =
      app.add_subcommand("revoke", "end the certificates of who enrolled for an account");
  revoke->add_option("iban", iban)->required();
  revoke->add_option("--reason", reason, "keyCompromise, cessationOfOperation or superseded")
      ->check(CLI::IsMember({"keyCompromise", "cessationOfOperation", "superseded"}))
      ->capture_default_str();
  auto* close = app.add_subcommand("close-account", "for good; its certificates end with it");
  close->add_option("iban", iban)->required();
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& e) {
    return app.exit(e) == 0 ? 0 : 2;
  }
  if (*accounts) return Finish(PrintAccounts(config, json));
  if (*check) return Finish(Check(config));
  if (*revoke || *close) return Finish(GiveOrder(config, iban, bool(*close), reason));
  const auto reading = Read(config, PrintRecord);
  return Finish(reading ? paygate::base::Status() : std::unexpected(reading.error()));
}
