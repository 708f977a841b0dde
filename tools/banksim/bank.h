// Bank: one bank's word on one message. It knows nothing of connections: what is to happen to the
// answer on its way is told in Response::fault. Thread-safe.
#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <string>

#include "bank/adapters/iso20022/messages.h"
#include "bank/adapters/iso20022/schema.h"
#include "bank/adapters/iso20022/signature.h"
#include "tools/banksim/ledger.h"

namespace paygate::banksim {

struct Response {
  std::string body;       // empty: none
  std::string signature;  // of the body
  bool in_inbox = false;  // taken; the answer comes to the inbox
  std::optional<Rule> fault;
  double latency_ms = 0;
};

class Bank {
 public:
  // All must outlive the bank; `schemas` may be null.
  static base::Result<std::unique_ptr<Bank>> Open(const Config& config, const BankConfig& self,
                                                  Ledger& ledger, Rules& rules,
                                                  bank::iso20022::Schemas* schemas);

  // Returns when what happened is durable.
  Response Handle(const std::string& bytes, const std::string& signature);
  // The first inbox message after `after`, at once or within wait_ms; an empty body if there is
  // none.
  Response Inbox(uint64_t after, int64_t wait_ms);
  // The first notice after `after`, with its number; an empty body if there is none.
  Response Notice(uint64_t after, uint64_t& number);
  // camt.054: at most `limit` of what was booked on the gateway's orders after the first `after`.
  Response Bookings(uint64_t after, uint64_t limit);
  // Orders of the bank's staff; false if there is nothing to do.
  bool Revoke(const std::string& account, const std::string& reason);
  bool Close(const std::string& account);
  uint64_t NewestInInbox() { return ledger_.NewestIn(bic()); }

  const std::string& bic() const { return self_.bic; }
  int64_t Now() const { return NowMs() + skew_ms_; }
  void SetSkew(int64_t ms) { skew_ms_ = ms; }
  // A message from this bank to the gateway.
  std::string PrintFromHere(bank::iso20022::Body body) const;

 private:
  Bank(const Config& config, const BankConfig& self, Ledger& ledger, Rules& rules,
       bank::iso20022::Schemas* schemas)
      : config_(config),
        self_(self),
        ledger_(ledger),
        rules_(rules),
        schemas_(schemas),
        skew_ms_(self.clock_skew_s * 1000) {}

  Response Signed(std::string body) const;
  Response Refuse(const std::string& reference, const std::string& reason,
                  const std::string& why) const;
  Response Treat(const bank::iso20022::Message& message, const std::string& content);
  bank::iso20022::Body AnswerTo(const bank::iso20022::Message& message, const std::string& content,
                                const std::optional<Rule>& fault, Books& books,
                                std::vector<Record>& records) const;
  void Schedule(std::vector<Record>& records, bank::iso20022::Body body, int64_t due) const;
  void ScheduleMore(std::vector<Record>& records, const std::optional<Rule>& fault,
                    const bank::iso20022::Body& answer) const;
  double LatencyOf(const Occasion& occasion) const;

  const Config& config_;
  const BankConfig& self_;
  Ledger& ledger_;
  Rules& rules_;
  bank::iso20022::Schemas* const schemas_;
  std::atomic<int64_t> skew_ms_;
  bank::iso20022::SigningKey key_;
  bank::iso20022::VerifyingKey gateway_;
};

// What the inbox says of a transfer that has settled.
std::string SettledNotice(const Config& config, const Transaction& transaction);

}  // namespace paygate::banksim
