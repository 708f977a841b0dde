// Truth: at the end of a run, what the bank did beside what buyers and sellers were told. A payment
// that was lost, doubled or misreported makes the run fail.
#pragma once

#include <map>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/result.h"
#include "tools/load/ledger.h"

namespace paygate::load {

struct BankTransfer {
  std::string debtor, creditor;
  int64_t amount = 0;     // minor units
  uint32_t executed = 0;  // how often
  bool pending = false;
};
// By payment_id for the embedded bank, by the network's transaction id for the simulator.
using BankBook = std::unordered_map<std::string, BankTransfer>;

// Where the bank's books can be read. A program of the bank's is asked, never the gateway.
class Bank {
 public:
  virtual ~Bank() = default;
  virtual std::string Name() const = 0;
  virtual base::Result<BankBook> Read() = 0;
  // The bank's own check of its books: conservation, nothing applied twice. What is wrong, if any.
  virtual base::Status Check() = 0;
  virtual std::string KeyOf(const std::string& payment_id) const = 0;
};
// `tool`: the program paygate-embedded-bank; `config`: the adapter's configuration.
std::unique_ptr<Bank> EmbeddedBank(std::string tool, std::string config);
// `admin`: the loopback URL of paygate-banksim's admin. `root_pem`: any certificate.
std::unique_ptr<Bank> SimulatedBank(std::string admin, std::string root_pem);

// Lines of `paygate-embedded-bank journal`. Pure.
base::Result<BankBook> ParseJournal(const std::string& text);
// The answer of GET /transactions. Pure.
base::Result<BankBook> ParseTransactions(const std::string& json);

struct TruthReport {
  uint64_t payments = 0, completed = 0, failed = 0, refused = 0;
  uint64_t undecided = 0;     // no end was told before the tester gave up
  uint64_t lost = 0;          // told "completed", and the bank did not do it
  uint64_t doubled = 0;       // the bank did it more than once
  uint64_t misreported = 0;   // told "no", and it was done; or another amount or account
  uint64_t contradicted = 0;  // two ends were told
  uint64_t unconfirmed = 0;   // completed, and the seller was told nothing, twice or something else
  uint64_t foreign = 0;       // the bank moved money between these participants, and none asked
  std::vector<std::string> findings;  // the first of them, in words, without account numbers
  bool good() const {
    return undecided + lost + doubled + misreported + contradicted + unconfirmed + foreign == 0;
  }
};
constexpr size_t kMaxFindings = 50;

// `before`: the book when the run began. Without `bank` only what was told is compared.
TruthReport Compare(const std::vector<const Ledger*>& ledgers, const Bank* bank,
                    const BankBook& before, const BankBook& after, bool confirmations_read);

}  // namespace paygate::load
