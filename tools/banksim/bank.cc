#include "tools/banksim/bank.h"

#include "bank/adapters/iso20022/rules.h"
#include "base/crypto.h"

namespace paygate::banksim {
namespace {

namespace iso = bank::iso20022;

template <typename... F>
struct Overloaded : F... {
  using F::operator()...;
};

iso::Original OriginalOf(const iso::Header& header, const iso::CreditTransfer& t) {
  return {header.id,       "pacs.008.001.08", t.instruction_id,
          t.end_to_end_id, t.transaction_id,  t.uetr};
}

iso::Original OriginalOf(const iso::Header& header, const iso::PaymentReturn& p) {
  return {
      .message_id = header.id, .message_name = "pacs.004.001.10", .transaction_id = p.return_id};
}

iso::Body Report(iso::Original original, const Answer& answer) {
  return iso::StatusReport{{{std::move(original), answer.status, answer.reason, answer.reference}}};
}

// The opposite of a report; what no honest bank says.
iso::Body Contrary(const iso::Body& body) {
  iso::Body contrary = body;
  if (auto* report = std::get_if<iso::StatusReport>(&contrary)) {
    for (iso::TransactionStatus& t : report->transactions) {
      const bool rejected = t.status == "RJCT";
      t.status = rejected ? "ACSC" : "RJCT";
      t.reason = rejected ? "" : "AM04";
      t.reference = rejected ? "BSCONTRARY" : "";
    }
  }
  if (auto* report = std::get_if<iso::VerificationReport>(&contrary)) {
    report->verified = !report->verified;
    report->reason = report->verified ? "" : "AC01";
  }
  return contrary;
}

iso::Body StillPending(const iso::Body& body) {
  iso::Body pending = body;
  if (auto* report = std::get_if<iso::StatusReport>(&pending))
    for (iso::TransactionStatus& t : report->transactions) t = {t.original, "ACSP", "", ""};
  return pending;
}

struct Words {  // what an Occasion's views point to
  std::string transaction, debtor, creditor, amount;
};

Words WordsOf(const iso::Body& body) {
  return std::visit(
      Overloaded{[](const iso::CreditTransfer& t) {
                   return Words{t.transaction_id, t.debtor_account, t.creditor_account,
                                t.amount.AmountString()};
                 },
                 [](const iso::StatusRequest& s) { return Words{s.original.transaction_id}; },
                 [](const iso::PaymentReturn& p) {
                   return Words{p.return_id, "", "", p.amount.AmountString()};
                 },
                 [](const iso::VerificationRequest& v) {
                   return Words{v.participant_id, v.account};
                 },
                 [](const iso::CancellationRequest& c) { return Words{c.original.transaction_id}; },
                 [](const auto&) { return Words{}; }},
      body);
}

}  // namespace

base::Result<std::unique_ptr<Bank>> Bank::Open(const Config& config, const BankConfig& self,
                                               Ledger& ledger, Rules& rules,
                                               iso::Schemas* schemas) {
  std::unique_ptr<Bank> bank(new Bank(config, self, ledger, rules, schemas));
  ASSIGN_OR_RETURN(bank->key_, iso::SigningKey::Load(self.signing_key));
  ASSIGN_OR_RETURN(bank->gateway_, iso::VerifyingKey::Load(config.gateway_key));
  return bank;
}

std::string Bank::PrintFromHere(iso::Body body) const {
  return iso::Print(
      {{.from = self_.bic, .to = config_.gateway_bic, .id = iso::FreshId('B'), .created = Now()},
       std::move(body)});
}

std::string SettledNotice(const Config& config, const Transaction& t) {
  const iso::Original original{.message_id = t.id,
                               .message_name = "pacs.008.001.08",
                               .instruction_id = t.id,
                               .end_to_end_id = t.id,
                               .transaction_id = t.id,
                               .uetr = t.uetr};
  return iso::Print(
      {{.from = t.bank, .to = config.gateway_bic, .id = iso::FreshId('B'), .created = NowMs()},
       Report(original, {"ACSC", "", t.ReferenceText()})});
}

Response Bank::Signed(std::string body) const {
  Response response{.signature = key_.Sign(body)};
  response.body = std::move(body);
  return response;
}

Response Bank::Refuse(const std::string& reference, const std::string& reason,
                      const std::string& why) const {
  return Signed(PrintFromHere(iso::MessageRejection{reference, reason, why}));
}

double Bank::LatencyOf(const Occasion& occasion) const {
  auto found = self_.latency.find(std::string(occasion.message.substr(0, 8)));
  if (found == self_.latency.end()) found = self_.latency.find("default");
  return found == self_.latency.end() ? 0 : LatencyMs(found->second, config_.seed, occasion);
}

Response Bank::Handle(const std::string& bytes, const std::string& signature) {
  if (!gateway_.Verify(signature, bytes))
    return Refuse("UNKNOWN", "SIGNATURE", "the signature is not the gateway's over these bytes");
  if (schemas_) {
    if (auto valid = schemas_->Check(bytes); !valid)
      return Refuse("UNKNOWN", "SCHEMA", "the message is not valid by its schema");
  }
  auto message = iso::Parse(bytes);
  if (!message) return Refuse("UNKNOWN", "FORMAT", message.error().message);
  if (message->header.to != self_.bic || message->header.from != config_.gateway_bic)
    return Refuse(message->header.id, "ADDRESS",
                  "the message is not from the gateway to this bank");
  return Treat(*message, base::Sha256(bytes));
}

Response Bank::Treat(const iso::Message& message, const std::string& content) {
  const Words words = WordsOf(message.body);
  Occasion occasion{.bank = self_.bic,
                    .message = iso::NameOf(message.body),
                    .transaction = words.transaction,
                    .step = "first",
                    .debtor = words.debtor,
                    .creditor = words.creditor,
                    .amount = words.amount};
  std::optional<Rule> fault;
  std::optional<iso::Body> answer;
  ledger_.Change([&](Books& books) {
    // A resend is another step: a fault by rate need not strike it again.
    if (books.Find(words.transaction)) occasion.step = "again";
    fault = rules_.Decide(occasion);
    std::vector<Record> records;
    if (fault && (fault->fault == FaultKind::kLost || fault->fault == FaultKind::kAdmi))
      return records;
    answer = AnswerTo(message, content, fault, books, records);
    // How the statement will list it is decided with the deed, and durable with it.
    occasion.message = "camt.054.001.08";
    for (Record& record : records)
      if (const auto rule = record.postings.empty() ? std::nullopt : rules_.Decide(occasion))
        record.code = Name(rule->fault);
    occasion.message = iso::NameOf(message.body);
    ScheduleMore(records, fault, *answer);
    return records;
  });
  Response response;
  const FaultKind kind = fault ? fault->fault : FaultKind::kNone;
  if (kind == FaultKind::kAdmi)
    response = Refuse(message.header.id, "FAULT", "a rule says so");
  else if (kind == FaultKind::kLate || kind == FaultKind::kOutOfOrder)
    response.in_inbox = true;
  else if (kind == FaultKind::kMalformed)
    response = Signed(PrintFromHere(*answer) + "</BizMsg>");
  else if (answer)
    response = Signed(PrintFromHere(kind == FaultKind::kLie ? Contrary(*answer) : *answer));
  if (kind == FaultKind::kWrongSignature) response.signature = key_.Sign("other bytes");
  response.fault = fault;
  response.latency_ms = LatencyOf(occasion);
  return response;
}

iso::Body Bank::AnswerTo(const iso::Message& message, const std::string& content,
                         const std::optional<Rule>& fault, Books& books,
                         std::vector<Record>& records) const {
  Treatment treatment{.rejects_duplicates = self_.rejects_duplicates};
  if (fault && fault->fault == FaultKind::kReject) treatment.reject = fault->reason;
  if (fault && fault->fault == FaultKind::kPending) treatment.settle_at = NowMs() + fault->delay_ms;
  const auto keep = [&](std::optional<Record> record) {
    if (record) records.push_back(std::move(*record));
  };
  return std::visit(
      Overloaded{[&](const iso::CreditTransfer& t) -> iso::Body {
                   auto decision = books.DecideTransfer(self_.bic, t, content, treatment, Now());
                   keep(std::move(decision.record));
                   return Report(OriginalOf(message.header, t), decision.answer);
                 },
                 [&](const iso::PaymentReturn& p) -> iso::Body {
                   auto decision = books.DecideReturn(self_.bic, p, content, treatment, Now());
                   keep(std::move(decision.record));
                   return Report(OriginalOf(message.header, p), decision.answer);
                 },
                 [&](const iso::StatusRequest& s) -> iso::Body {
                   return Report(s.original, books.Status(self_.bic, s.original.transaction_id));
                 },
                 [&](const iso::CancellationRequest& c) -> iso::Body {
                   auto decision = books.DecideCancellation(self_.bic, c.original.transaction_id,
                                                            c.reason, Now());
                   keep(std::move(decision.record));
                   const bool known = books.Find(c.original.transaction_id) != nullptr;
                   return iso::CancellationResult{c.id, c.original, decision.answer,
                                                  known ? "LEGL" : "NOOR"};
                 },
                 [&](const iso::VerificationRequest& v) -> iso::Body {
                   Verdict verdict;
                   if (v.enrolment_code.empty()) {
                     verdict = books.VerifyAccount(self_.bic, v.account, v.participant_id);
                   } else {
                     auto decision = books.DecideEnrolment(self_.bic, v, Now());
                     keep(std::move(decision.record));
                     verdict = decision.answer;
                   }
                   return iso::VerificationReport{message.header.id, v.id, verdict.verified,
                                                  verdict.reason, verdict.currency};
                 },
                 [&](const auto&) -> iso::Body {
                   return iso::MessageRejection{message.header.id, "KIND",
                                                "a bank does not take this kind of message"};
                 }},
      message.body);
}

void Bank::Schedule(std::vector<Record>& records, iso::Body body, int64_t due) const {
  records.push_back({.kind = RecordKind::kScheduled,
                     .time = Now(),
                     .bank = self_.bic,
                     .text = PrintFromHere(std::move(body)),
                     .due = due});
}

// What a fault sends to the inbox: durable with the deed itself.
void Bank::ScheduleMore(std::vector<Record>& records, const std::optional<Rule>& fault,
                        const iso::Body& answer) const {
  if (!fault) return;
  const int64_t now = NowMs(), later = now + fault->delay_ms;
  switch (fault->fault) {
    case FaultKind::kLate:
    case FaultKind::kTwice:
      return Schedule(records, answer, later);
    case FaultKind::kContradict:
      return Schedule(records, Contrary(answer), later);
    case FaultKind::kOutOfOrder:
      Schedule(records, answer, now);
      return Schedule(records, StillPending(answer), later);
    default:
      return;
  }
}

Response Bank::Notice(uint64_t after, uint64_t& number) {
  std::string message;
  ledger_.Change([&](Books& books) -> std::vector<Record> {
    const auto next = books.NoticeAfter(self_.bic, after);
    number = next.value_or(0);
    if (next) message = books.InboxOf(self_.bic)[*next - 1];
    return {};
  });
  if (message.empty()) return {};
  return Signed(std::move(message));
}

Response Bank::Bookings(uint64_t after, uint64_t limit) {
  iso::BookingReport report;
  ledger_.Change([&](Books& books) -> std::vector<Record> {
    const auto& all = books.BookingsOf(self_.bic);
    limit = std::min<uint64_t>(limit, iso::kMaxBookings);
    for (uint64_t i = after; i < all.size() && report.bookings.size() < limit; ++i) {
      const Transaction& t = *all[i].transaction;
      report.bookings.push_back(
          {.number = i + 1,
           .is_return = !t.original.empty(),
           .amount = *base::Money::Of(all[i].amount, *base::Currency::Parse(t.currency)),
           .booked = all[i].time,
           .reference = all[i].reference,
           .transaction_id = t.id,
           .uetr = t.uetr,
           .own_id = t.own_id});
    }
    report.more = after + report.bookings.size() < all.size();
    report.complete_until = report.more ? report.bookings.back().booked : Now();
    return {};
  });
  return Signed(PrintFromHere(std::move(report)));
}

bool Bank::Revoke(const std::string& account, const std::string& reason) {
  bool done = false;
  ledger_.Change([&](Books& books) {
    std::vector<Record> records;
    if (auto order = books.DecideRevoke(account, reason, Now())) {
      Schedule(records,
               iso::ParticipantNotice{.id = iso::FreshId('N'),
                                      .participant_id = order->creditor,
                                      .reason = reason},
               NowMs());
      records.push_back(std::move(*order));
      done = true;
    }
    return records;
  });
  return done;
}

bool Bank::Close(const std::string& account) {
  bool done = false;
  ledger_.Change([&](Books& books) {
    std::vector<Record> records;
    if (auto order = books.DecideClose(account, Now())) {
      for (const std::string& participant : books.EndedWith(account))
        Schedule(records,
                 iso::ParticipantNotice{
                     .id = iso::FreshId('N'), .participant_id = participant, .closed = true},
                 NowMs());
      records.push_back(std::move(*order));
      done = true;
    }
    return records;
  });
  return done;
}

Response Bank::Inbox(uint64_t after, int64_t wait_ms) {
  std::string message = ledger_.Inbox(self_.bic, after, wait_ms);
  if (message.empty()) return {};
  return Signed(std::move(message));
}

}  // namespace paygate::banksim
