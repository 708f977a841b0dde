#include "tools/load/truth.h"

#include <sys/wait.h>

#include <cstdio>
#include <nlohmann/json.hpp>
#include <unordered_set>

#include "bank/adapters/iso20022/rules.h"
#include "participant/transport.h"

namespace paygate::load {
namespace {

using base::ErrorCode;
using base::Fail;

constexpr size_t kMaxBookBytes = 1u << 30;

std::string Quoted(const std::string& word) {
  std::string out = "'";
  for (const char c : word) c == '\'' ? out += "'\\''" : out += c;
  return out + "'";
}

base::Result<std::string> Run(const std::string& command) {
  FILE* pipe = popen(command.c_str(), "re");
  if (pipe == nullptr) return Fail(ErrorCode::kIo, "cannot run " + command);
  std::string out;
  char chunk[65536];
  while (const size_t n = fread(chunk, 1, sizeof chunk, pipe)) out.append(chunk, n);
  const int status = pclose(pipe);
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return out;
  return Fail(ErrorCode::kInternal, command + " ended with an error: " + out.substr(0, 500));
}

// "-12.50" → -1250; the number of fraction digits is the bank's own and the same throughout.
int64_t MinorUnits(std::string_view amount) {
  int64_t value = 0;
  for (const char c : amount) {
    if (c >= '0' && c <= '9') value = value * 10 + (c - '0');
  }
  return amount.starts_with('-') ? -value : value;
}

std::vector<std::string_view> Words(std::string_view line) {
  std::vector<std::string_view> words;
  for (size_t at = 0; (at = line.find_first_not_of(' ', at)) != line.npos;) {
    const size_t end = std::min(line.find(' ', at), line.size());
    words.push_back(line.substr(at, end - at));
    at = end;
  }
  return words;
}

class Embedded final : public Bank {
 public:
  Embedded(std::string tool, std::string config)
      : command_(Quoted(tool) + " --config " + Quoted(config) + " ") {}
  std::string Name() const override { return "the embedded bank's journal"; }
  base::Result<BankBook> Read() override {
    ASSIGN_OR_RETURN(const std::string text, Run(command_ + "journal"));
    return ParseJournal(text);
  }
  base::Status Check() override {
    const auto checked = Run(command_ + "check 2>&1");
    if (!checked) return std::unexpected(checked.error());
    return {};
  }
  std::string KeyOf(const std::string& payment_id) const override { return payment_id; }

 private:
  const std::string command_;
};

class Simulated final : public Bank {
 public:
  Simulated(std::string admin, std::string root_pem)
      : admin_(std::move(admin)), root_pem_(std::move(root_pem)) {}
  std::string Name() const override { return "paygate-banksim's ledger"; }
  base::Result<BankBook> Read() override {
    ASSIGN_OR_RETURN(const std::string text, Get("/transactions"));
    return ParseTransactions(text);
  }
  base::Status Check() override {
    ASSIGN_OR_RETURN(const std::string text, Get("/ledger/check"));
    const auto json = nlohmann::json::parse(text, nullptr, false);
    if (json.is_object() && json.value("ok", false)) return {};
    return Fail(ErrorCode::kInternal, "the simulated network's ledger: " + text);
  }
  std::string KeyOf(const std::string& payment_id) const override {
    return bank::iso20022::TransactionIdOf(payment_id);
  }

 private:
  base::Result<std::string> Get(const std::string& path) {
    ASSIGN_OR_RETURN(auto transport,
                     participant::OpenHttpsTransport({.url = admin_,
                                                      .root_pem = root_pem_,
                                                      .allow_plain_loopback = true,
                                                      .max_body_bytes = kMaxBookBytes}));
    ASSIGN_OR_RETURN(auto answer, transport->Get(path));
    if (answer.status != 200) return Fail(ErrorCode::kIo, "paygate-banksim has no " + path);
    return std::move(answer.body);
  }
  const std::string admin_, root_pem_;
};

void Find(TruthReport& report, uint64_t& count, const std::string& payment, const char* what) {
  ++count;
  if (report.findings.size() < kMaxFindings) report.findings.push_back(payment + ": " + what);
}

void CompareToBank(TruthReport& report, const PaymentFact& fact, const BankTransfer* done) {
  const bool told = fact.told == Told::kCompleted;
  const uint32_t times = done != nullptr ? done->executed : 0;
  if (told && times == 0) {
    Find(report, report.lost, fact.payment_id, "told completed, and the bank has not moved it");
  }
  if (!told && fact.told != Told::kNothing && fact.told != Told::kPending && times > 0) {
    Find(report, report.misreported, fact.payment_id, "told no, and the bank moved the money");
  }
  if (times > 1) Find(report, report.doubled, fact.payment_id, "moved more than once");
  if (times == 0) return;
  if (done->amount != fact.amount || done->debtor != fact.buyer->customer.iban ||
      done->creditor != fact.seller->customer.iban) {
    Find(report, report.misreported, fact.payment_id, "another amount or account than authorised");
  }
}

}  // namespace

std::unique_ptr<Bank> EmbeddedBank(std::string tool, std::string config) {
  return std::make_unique<Embedded>(std::move(tool), std::move(config));
}

std::unique_ptr<Bank> SimulatedBank(std::string admin, std::string root_pem) {
  return std::make_unique<Simulated>(std::move(admin), std::move(root_pem));
}

// TIME executed   payment=ID  IBAN -0.01 (999.99)  IBAN 0.01 (1000.01)
base::Result<BankBook> ParseJournal(const std::string& text) {
  BankBook book;
  for (size_t at = 0; at < text.size();) {
    const size_t end = std::min(text.find('\n', at), text.size());
    const auto words = Words(std::string_view(text).substr(at, end - at));
    at = end + 1;
    if (words.size() < 3 || !words[2].starts_with("payment=")) continue;
    const std::string id(words[2].substr(8));
    if (words[1] != "executed" && words[1] != "accepted" && words[1] != "settled") continue;
    if (words.size() < 9) return Fail(ErrorCode::kMalformed, "the journal has another form");
    BankTransfer& transfer = book[id];
    const bool from = words[1] != "settled", to = words[1] != "accepted";
    if (from) transfer.debtor = words[3];
    if (to) transfer.creditor = words[6];
    transfer.amount = MinorUnits(words[7]);
    transfer.pending = !to;
    if (to) ++transfer.executed;
  }
  return book;
}

base::Result<BankBook> ParseTransactions(const std::string& text) {
  const auto json = nlohmann::json::parse(text, nullptr, false);
  if (!json.is_array()) return Fail(ErrorCode::kMalformed, "no array of transactions");
  BankBook book;
  for (const auto& row : json) {
    if (!row.is_object()) return Fail(ErrorCode::kMalformed, "a transaction is no object");
    if (row.contains("return_of")) continue;
    BankTransfer& transfer = book[row.value("id", "")];
    const std::string state = row.value("state", "");
    transfer.debtor = row.value("debtor", "");
    transfer.creditor = row.value("creditor", "");
    transfer.amount = MinorUnits(row.value("amount", ""));
    transfer.pending = state == "pending";
    if (state == "completed") ++transfer.executed;
  }
  return book;
}

TruthReport Compare(const std::vector<const Ledger*>& ledgers, const Bank* bank,
                    const BankBook& before, const BankBook& after, bool confirmations_read) {
  TruthReport report;
  std::unordered_set<std::string> ours, accounts;
  for (const Ledger* ledger : ledgers) {
    for (const PaymentFact& fact : ledger->facts()) {
      ++report.payments;
      report.completed += fact.told == Told::kCompleted;
      report.failed += fact.told == Told::kFailed;
      report.refused += fact.told == Told::kRefused;
      if (fact.told == Told::kNothing || fact.told == Told::kPending) {
        Find(report, report.undecided, fact.payment_id, "no end was told");
      }
      if (fact.contradicted) {
        Find(report, report.contradicted, fact.payment_id, "two ends were told");
      }
      const bool confirmed = fact.confirmations == 1 && fact.confirmed_completed;
      if (confirmations_read && fact.told == Told::kCompleted && !confirmed) {
        Find(report, report.unconfirmed, fact.payment_id,
             fact.confirmations == 0 ? "the seller was not told" : "the seller was told otherwise");
      }
      if (bank == nullptr) continue;
      const std::string key = bank->KeyOf(fact.payment_id);
      ours.insert(key);
      accounts.insert({fact.buyer->customer.iban, fact.seller->customer.iban});
      const auto found = after.find(key);
      CompareToBank(report, fact, found == after.end() ? nullptr : &found->second);
    }
  }
  for (const auto& [key, transfer] : after) {
    if (ours.contains(key) || before.contains(key) || !accounts.contains(transfer.debtor)) continue;
    Find(report, report.foreign, key, "the bank moved money that nobody here authorised");
  }
  return report;
}

}  // namespace paygate::load
