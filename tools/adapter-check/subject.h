// Subject: the adapter under check, opened with its configuration, and one order after another.
//
// What a check finds is an error whose sentence names the fault. Every function but Close may be
// called from several threads.
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "bank/host/plugin.h"
#include "base/clock.h"
#include "base/result.h"
#include "tools/adapter-check/recorder.h"

namespace paygate::adaptercheck {

// What the author of the adapter gave.
struct Terms {
  std::string plugin, config;  // path; the configuration's text
  std::string debtor, creditor, currency = "GBP", enrolment_code;
  int64_t amount = 1;  // minor units of each transfer
  uint32_t fraction_digits = 2;
  std::chrono::seconds limit{30};         // for one completion, and for a transfer to end
  std::chrono::milliseconds watch{500};   // how long a late completion is looked out for
  int load = 200;                         // transfers of the check `load`
};

std::string_view OutcomeName(uint32_t outcome);
inline bool IsFinal(uint32_t outcome) {
  return outcome == PAYGATE_BANK_COMPLETED || outcome == PAYGATE_BANK_REJECTED;
}
inline std::unexpected<base::Error> Fault(std::string sentence) {
  return base::Fail(base::ErrorCode::kInternal, std::move(sentence));
}

class Subject {
 public:
  // Loads it with the host's own loader, and opens it. `terms` must outlive it.
  static base::Result<std::unique_ptr<Subject>> Open(const Terms& terms);

  const Terms& terms() const { return terms_; }
  const paygate_bank_adapter_v1& table() const { return plugin_->table(); }
  paygate_bank* handle() const { return plugin_->handle(); }
  bool Declares(uint32_t capability) const { return (table().capabilities & capability) != 0; }

  // A transfer that nobody made before, to be executed within a quarter of an hour.
  paygate_bank_transfer NewTransfer(std::string& id_storage);
  // The bytes; a fault where the rules of prepare are broken; kInvalidArgument where the adapter
  // refuses the transfer.
  base::Result<std::string> Prepare(const paygate_bank_transfer& transfer);
  base::Result<std::string> PrepareReturn(const paygate_bank_return& ret);
  base::Result<std::string> PreparedTransfer();  // NewTransfer and Prepare

  Recorder::Started StartSubmit(const std::string& prepared);
  Recorder::Started StartStatus(const std::string& prepared);
  base::Result<Completion> Submit(const std::string& prepared);  // busy: an outcome like others
  base::Result<Completion> Status(const std::string& prepared);
  // Submits and asks, as the gateway does, until the bank's word is final.
  base::Result<Completion> Settle(const std::string& prepared);
  base::Result<Completion> Settled(const std::string& prepared, Completion first);
  base::Result<Completion> VerifyAccount(const std::string& account, const std::string& id);
  base::Result<Completion> Enrol(const std::string& code, const std::string& digest,
                                 const std::string& id);
  base::Result<Completion> Notices(const std::string& cursor);
  base::Result<Completion> Statement(const std::string& cursor);
  int64_t Now() const { return base::ToNumericDate(clock_.Now()); }
  std::string NewId();  // 43 base64url characters, never the same

  base::Status Drain();  // within the limit
  void Close();
  // The breach that the recorder saw, if it saw one.
  static base::Status NoBreach();

 private:
  explicit Subject(const Terms& terms) : terms_(terms) {}
  base::Result<Completion> End(Recorder::Started started);

  const Terms& terms_;
  const base::SystemClock clock_;
  std::unique_ptr<bank::host::Plugin> plugin_;
};

}  // namespace paygate::adaptercheck
