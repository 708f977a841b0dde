#include "bank/adapters/iso20022/correspondent.h"

#include "bank/adapters/iso20022/rules.h"

namespace paygate::bank::iso20022 {
namespace {

using base::MutexLock;

constexpr size_t kMostRemembered = 4096;

VerificationEnd EndOf(const VerificationReport& report) {
  using Verdict = VerificationEnd::Verdict;
  if (report.verified) return {Verdict::kVerified, "", report.currency};
  // NORR, NR01: no response, not possible. Nothing was decided.
  if (report.reason.empty() || report.reason == "NORR" || report.reason == "NR01")
    return {Verdict::kNoAnswer, report.reason, ""};
  return {Verdict::kRefused, report.reason, ""};
}

}  // namespace

Correspondent::Correspondent(Config config, Environment environment)
    : config_(std::move(config)), environment_(std::move(environment)) {}

base::Result<std::unique_ptr<Correspondent>> Correspondent::Open(Config config,
                                                                 Environment environment) {
  std::unique_ptr<Correspondent> c(new Correspondent(std::move(config), std::move(environment)));
  ASSIGN_OR_RETURN(c->exchange_, Exchange::Open(c->config_));
  for (const BankRoute& bank : c->config_.banks) c->Poll(bank);
  return c;
}

Correspondent::~Correspondent() {
  Drain();
  exchange_->Close();
}

bool Correspondent::Submit(const Prepared& prepared, TransferDone done) {
  auto call = std::make_shared<Call>();
  call->bank = config_.ForBic(prepared.bic);
  if (!call->bank) return false;
  call->about = prepared;
  call->done = std::move(done);
  return Start(std::move(call), prepared.transaction_id, prepared.message);
}

bool Correspondent::Status(const Prepared& prepared, TransferDone done) {
  auto call = std::make_shared<Call>();
  call->bank = config_.ForBic(prepared.bic);
  if (!call->bank) return false;
  call->is_status = true;
  call->about = prepared;
  call->done = std::move(done);
  std::string bytes = Print({{.from = config_.bic,
                              .to = prepared.bic,
                              .id = FreshId('S'),
                              .created = environment_.unix_time() * 1000},
                             StatusRequest{prepared.original()}});
  return Start(std::move(call), prepared.transaction_id, std::move(bytes));
}

bool Correspondent::Verify(const BankRoute& bank, VerificationRequest request,
                           VerificationDone done) {
  auto call = std::make_shared<Call>();
  call->bank = &bank;
  call->verified = std::move(done);
  call->message_id = FreshId('V');
  call->verification_id = request.id = call->message_id;
  const std::string key = call->message_id;
  std::string bytes = Print(
      {{.from = config_.bic, .to = bank.bic, .id = key, .created = environment_.unix_time() * 1000},
       std::move(request)});
  return Start(std::move(call), key, std::move(bytes));
}

bool Correspondent::Start(std::shared_ptr<Call> call, const std::string& key, std::string bytes) {
  uint64_t id;
  {
    MutexLock lock(mutex_);
    if (draining_ || calls_.size() >= config_.max_waiting) return false;
    id = next_id_++;
    calls_.emplace(id, call);
    by_key_.emplace(key, id);
  }
  HttpRequest request{.bank = call->bank,
                      .path = "/messages",
                      .signature = config_.key.Sign(bytes),
                      .timeout = config_.answer_timeout};
  request.body = std::move(bytes);
  const bool taken = exchange_->Send(
      std::move(request), [this, id](HttpAnswer answer) { OnAnswer(id, std::move(answer)); });
  if (taken) return true;
  // Nothing was sent and nothing will be said: the call never was.
  MutexLock lock(mutex_);
  calls_.erase(id);
  std::erase_if(by_key_, [&](const auto& each) { return each.second == id; });
  if (calls_.empty() && rounds_ == 0) idle_.NotifyAll();
  return false;
}

std::shared_ptr<Correspondent::Call> Correspondent::Find(uint64_t id) const {
  MutexLock lock(mutex_);
  const auto it = calls_.find(id);
  return it == calls_.end() ? nullptr : it->second;
}

std::optional<Message> Correspondent::Open(const BankRoute& bank, const HttpAnswer& answer,
                                           std::string& evidence) const {
  if (!bank.key.Verify(answer.signature, answer.body)) {
    environment_.log(Level::kError, bank.bic + ": an answer whose signature does not hold");
    return std::nullopt;
  }
  auto message = Parse(answer.body);
  if (!message) {
    environment_.log(Level::kError,
                     bank.bic + ": an answer that cannot be read: " + message.error().message);
    return std::nullopt;
  }
  if (message->header.from != bank.bic || message->header.to != config_.bic) {
    environment_.log(Level::kError, bank.bic + ": an answer from another, or to another");
    return std::nullopt;
  }
  if (const auto* refused = std::get_if<MessageRejection>(&message->body))
    environment_.log(Level::kError,
                     bank.bic + ": took a message for unreadable (admi.002): " + refused->reason);
  evidence = std::string(kSignatureHeader) + ": " + answer.signature + "\r\n\r\n" + answer.body;
  return std::move(*message);
}

void Correspondent::OnAnswer(uint64_t id, HttpAnswer answer) {
  const auto call = Find(id);
  if (!call) return;
  TransferEnd end;  // unknown
  if (!answer.connected && !call->is_status) end.judgement.outcome = Outcome::kNotSent;
  if (answer.status == 202) return OnAccepted(id, call);
  if (answer.status == 200) {
    std::string evidence;
    const auto message = Open(*call->bank, answer, evidence);
    if (message && EndWith(id, call, *message, evidence)) return;
  }
  End(id, call, std::move(end), {});
}

// The answer comes to the inbox; perhaps it is there already.
void Correspondent::OnAccepted(uint64_t id, const std::shared_ptr<Call>& call) {
  std::optional<std::pair<Message, std::string>> early;
  {
    MutexLock lock(mutex_);
    call->waits_for_inbox = true;
    early.swap(call->early);
  }
  if (early && EndWith(id, call, early->first, early->second)) return;
  exchange_->After(config_.late_answer_wait, [this, id] {
    if (const auto still = Find(id)) End(id, still, {}, {});
  });
}

bool Correspondent::EndWith(uint64_t id, const std::shared_ptr<Call>& call, const Message& message,
                            const std::string& evidence) {
  if (call->verified) {
    const auto* report = std::get_if<VerificationReport>(&message.body);
    if (!report || report->original_message_id != call->message_id ||
        report->id != call->verification_id)
      return false;
    End(id, call, {}, EndOf(*report));
    return true;
  }
  const auto judged = Judge({.about = call->about,
                             .is_status = call->is_status,
                             .enforces_deadline = call->bank->enforces_deadline,
                             .now = environment_.unix_time() * 1000},
                            message);
  if (!judged) return false;
  TransferEnd end{.judgement = *judged};
  if (judged->outcome == Outcome::kCompleted)
    end.bank_reference = BankReference(call->bank->bic, judged->reference);
  if (judged->final()) end.evidence = evidence;
  End(id, call, std::move(end), {});
  return true;
}

void Correspondent::End(uint64_t id, const std::shared_ptr<Call>& call, TransferEnd end,
                        VerificationEnd verification) {
  {
    MutexLock lock(mutex_);
    if (calls_.erase(id) == 0) return;  // it has ended by another way
    const auto [first, last] =
        by_key_.equal_range(call->verified ? call->message_id : call->about.transaction_id);
    for (auto it = first; it != last; ++it) {
      if (it->second != id) continue;
      by_key_.erase(it);
      break;
    }
    if (end.judgement.final()) {
      Remember(call->about.transaction_id, end.judgement);
      // The inbox was faster than the answer itself.
      if (call->early)
        NoteContradiction(*call->bank, call->about.transaction_id, end.judgement.outcome,
                          call->early->first);
    }
  }
  if (call->verified)
    call->verified(std::move(verification));
  else
    call->done(std::move(end));
  MutexLock lock(mutex_);
  if (calls_.empty() && rounds_ == 0) idle_.NotifyAll();
}

void Correspondent::Remember(const std::string& transaction, const Judgement& judgement) {
  if (!recent_.emplace(transaction, judgement.outcome).second) return;
  recent_order_.push_back(transaction);
  if (recent_order_.size() <= kMostRemembered) return;
  recent_.erase(recent_order_.front());
  recent_order_.pop_front();
}

void Correspondent::Drain() {
  std::vector<std::pair<uint64_t, std::shared_ptr<Call>>> waiting;
  {
    MutexLock lock(mutex_);
    draining_ = true;
    for (const auto& [id, call] : calls_)
      if (call->waits_for_inbox) waiting.emplace_back(id, call);
  }
  // From a thread of ours: Drain may not call done itself while another call of it waits.
  exchange_->After(std::chrono::milliseconds(0), [this, waiting] {
    for (const auto& [id, call] : waiting) End(id, call, {}, {});
  });
  MutexLock lock(mutex_);
  while (!calls_.empty() || rounds_ > 0) idle_.Wait(mutex_);
}

bool Correspondent::Healthy() const {
  MutexLock lock(mutex_);
  for (const auto& [bic, inbox] : inboxes_)
    if (inbox.reachable) return true;
  return false;
}

}  // namespace paygate::bank::iso20022
