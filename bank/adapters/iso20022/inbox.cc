// The correspondent's other half: the banks' inboxes, one long poll for each bank at all times.
//
// The first poll asks where the end is, and what came before is nobody's: a gateway that was away
// asks about each open transfer by status. A message from the inbox ends a call only when the bank
// has said (202) that the answer comes that way; one that is there sooner waits for that word.
#include "bank/adapters/iso20022/correspondent.h"

namespace paygate::bank::iso20022 {
namespace {

using base::MutexLock;
constexpr int kWaitSeconds = 25;
constexpr std::chrono::milliseconds kTimeout{(kWaitSeconds + 10) * 1000};
constexpr std::chrono::milliseconds kRetry{500};

}  // namespace

void Correspondent::Poll(const BankRoute& bank) {
  std::string after = "newest";
  {
    MutexLock lock(mutex_);
    if (draining_) return;
    const Inbox& inbox = inboxes_[bank.bic];
    if (inbox.started) after = std::to_string(inbox.after);
  }
  HttpRequest request{.bank = &bank,
                      .path = "/inbox?after=" + after + "&wait=" + std::to_string(kWaitSeconds),
                      .timeout = kTimeout};
  const bool taken = exchange_->Send(
      std::move(request), [this, &bank](HttpAnswer answer) { OnInbox(bank, std::move(answer)); });
  if (!taken) exchange_->After(kRetry, [this, &bank] { Poll(bank); });
}

void Correspondent::OnInbox(const BankRoute& bank, HttpAnswer answer) {
  const bool good = answer.status == 200 || answer.status == 204;
  bool take = false;
  {
    MutexLock lock(mutex_);
    Inbox& inbox = inboxes_[bank.bic];
    if (inbox.reachable != good)
      environment_.log(good ? Level::kInfo : Level::kWarning,
                       bank.bic + (good ? ": is reached" : ": cannot be reached"));
    inbox.reachable = good;
    if (answer.status == 204 && !inbox.started) {
      inbox.started = true;
      inbox.after = answer.inbox_newest;
    }
    if (answer.status == 200 && answer.inbox_number > inbox.after) {
      inbox.started = take = true;
      inbox.after = answer.inbox_number;
    }
  }
  if (!good || (answer.status == 200 && !take)) {
    exchange_->After(kRetry, [this, &bank] { Poll(bank); });
    return;
  }
  if (take) {
    std::string evidence;
    if (const auto message = Open(bank, answer, evidence)) TakeFromInbox(bank, *message, evidence);
  }
  Poll(bank);
}

void Correspondent::NoteContradiction(const BankRoute& bank, const std::string& transaction,
                                      Outcome first, const Message& message) const {
  const Prepared about{.transaction_id = transaction};
  const auto judged = Judge({.about = about}, message);
  if (judged && judged->final() && judged->outcome != first)
    environment_.log(Level::kError, bank.bic + ": contradicts what it said before of transaction " +
                                        transaction + "; the first word stands");
}

void Correspondent::TakeFromInbox(const BankRoute& bank, const Message& message,
                                  const std::string& evidence) {
  std::vector<std::string> keys;
  if (const auto* report = std::get_if<StatusReport>(&message.body))
    for (const TransactionStatus& t : report->transactions)
      keys.push_back(t.original.transaction_id);
  if (const auto* report = std::get_if<VerificationReport>(&message.body))
    keys.push_back(report->original_message_id);
  std::vector<std::pair<uint64_t, std::shared_ptr<Call>>> waiting;
  {
    MutexLock lock(mutex_);
    for (const std::string& key : keys) {
      const auto [first, last] = by_key_.equal_range(key);
      for (auto it = first; it != last; ++it) {
        const auto& call = calls_.at(it->second);
        if (call->bank != &bank) continue;
        if (call->waits_for_inbox)
          waiting.emplace_back(it->second, call);
        else
          call->early.emplace(message, evidence);
      }
      const auto known = recent_.find(key);
      if (known != recent_.end()) NoteContradiction(bank, key, known->second, message);
    }
  }
  for (const auto& [id, call] : waiting) EndWith(id, call, message, evidence);
}

}  // namespace paygate::bank::iso20022
