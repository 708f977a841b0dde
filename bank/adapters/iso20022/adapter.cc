// The financial network behind the plugin ABI (bank/include/bank_adapter.h): translation only. No
// exception leaves: allocation failure ends the process, and everything else here is a Result.
#include <cstddef>

#include "bank/adapters/iso20022/correspondent.h"
#include "bank/adapters/iso20022/rules.h"
#include "bank/include/bank_adapter.h"

namespace iso = paygate::bank::iso20022;

struct paygate_bank {
  std::unique_ptr<iso::Correspondent> banks;
};

namespace {

void Say(paygate_bank_bytes callback, void* ctx, std::string_view text) {
  if (callback) callback(ctx, reinterpret_cast<const uint8_t*>(text.data()), text.size());
}

std::string Text(const char* text) { return text ? text : ""; }

uint32_t ToOutcome(iso::Outcome outcome) {
  switch (outcome) {
    case iso::Outcome::kCompleted:
      return PAYGATE_BANK_COMPLETED;
    case iso::Outcome::kPending:
      return PAYGATE_BANK_PENDING;
    case iso::Outcome::kRejected:
      return PAYGATE_BANK_REJECTED;
    case iso::Outcome::kNotSent:
      return PAYGATE_BANK_NOT_SENT;
    case iso::Outcome::kUnknown:
      return PAYGATE_BANK_UNKNOWN;
    case iso::Outcome::kNotFound:
      return PAYGATE_BANK_NOT_FOUND;
  }
  return PAYGATE_BANK_UNKNOWN;
}

iso::Correspondent::TransferDone ToDone(paygate_bank_done done, void* ctx) {
  return [done, ctx](iso::TransferEnd end) {
    const bool rejected = end.judgement.outcome == iso::Outcome::kRejected;
    const bool completed = end.judgement.outcome == iso::Outcome::kCompleted;
    const paygate_bank_result result{
        .size = sizeof(paygate_bank_result),
        .outcome = ToOutcome(end.judgement.outcome),
        .reason = rejected ? end.judgement.reason.c_str() : nullptr,
        .bank_reference = completed ? end.bank_reference.c_str() : nullptr,
        .evidence = reinterpret_cast<const uint8_t*>(end.evidence.data()),
        .evidence_size = end.evidence.size()};
    done(ctx, &result);
  };
}

iso::Correspondent::VerificationDone ToDone(paygate_bank_verified done, void* ctx) {
  return [done, ctx](iso::VerificationEnd end) {
    using Verdict = iso::VerificationEnd::Verdict;
    const paygate_bank_verification verification{
        .size = sizeof(paygate_bank_verification),
        .verdict = end.verdict == Verdict::kVerified  ? PAYGATE_BANK_VERIFIED
                   : end.verdict == Verdict::kRefused ? PAYGATE_BANK_REFUSED
                                                      : PAYGATE_BANK_NO_ANSWER,
        .reason = end.reason.empty() ? nullptr : end.reason.c_str(),
        .currency = end.currency.empty() ? nullptr : end.currency.c_str()};
    done(ctx, &verification);
  };
}

paygate_bank* Open(const char* text, const paygate_bank_host* host, paygate_bank_bytes error,
                   void* ctx) {
  auto config = iso::ParseConfig(Text(text));
  if (!config) {
    Say(error, ctx, config.error().message);
    return nullptr;
  }
  auto banks = iso::Correspondent::Open(
      std::move(*config),
      {.unix_time = [host] { return host->now(host->host); },
       .log =
           [host](iso::Correspondent::Level level, const std::string& sentence) {
             host->log(host->host, static_cast<int>(level), sentence.c_str());
           }});
  if (!banks) {
    Say(error, ctx, banks.error().message);
    return nullptr;
  }
  return new paygate_bank{std::move(*banks)};
}

int Health(paygate_bank* bank) { return bank->banks->Healthy() ? 0 : 1; }

int GivePrepared(const paygate::base::Result<std::string>& prepared, paygate_bank_bytes out,
                 paygate_bank_bytes error, void* ctx) {
  if (!prepared) {
    Say(error, ctx, prepared.error().message);
    return PAYGATE_BANK_E_INPUT;
  }
  Say(out, ctx, *prepared);
  return PAYGATE_BANK_TAKEN;
}

int Prepare(paygate_bank* bank, const paygate_bank_transfer* t, paygate_bank_bytes out,
            paygate_bank_bytes error, void* ctx) {
  if (t->size < offsetof(paygate_bank_transfer, created) + sizeof(t->created)) {
    Say(error, ctx, "the transfer lacks fields of version 1");
    return PAYGATE_BANK_E_INPUT;
  }
  return GivePrepared(
      iso::PrepareTransfer(bank->banks->config(), {.payment_id = Text(t->payment_id),
                                                   .debtor = Text(t->debtor_account),
                                                   .creditor = Text(t->creditor_account),
                                                   .amount = t->amount_minor_units,
                                                   .currency = Text(t->currency),
                                                   .fraction_digits = t->fraction_digits,
                                                   .remittance = Text(t->remittance),
                                                   .deadline = t->deadline,
                                                   .created = t->created}),
      out, error, ctx);
}

int PrepareReturn(paygate_bank* bank, const paygate_bank_return* r, paygate_bank_bytes out,
                  paygate_bank_bytes error, void* ctx) {
  if (r->size < offsetof(paygate_bank_return, created) + sizeof(r->created)) {
    Say(error, ctx, "the return lacks fields of version 1");
    return PAYGATE_BANK_E_INPUT;
  }
  return GivePrepared(
      iso::PrepareReturn(bank->banks->config(), {.refund_id = Text(r->refund_id),
                                                 .payment_id = Text(r->payment_id),
                                                 .bank_reference = Text(r->bank_reference),
                                                 .amount = r->amount_minor_units,
                                                 .currency = Text(r->currency),
                                                 .fraction_digits = r->fraction_digits,
                                                 .deadline = r->deadline,
                                                 .created = r->created}),
      out, error, ctx);
}

// A bank that is gone from the configuration may come back: busy, not refused.
int Taken(bool taken) { return taken ? PAYGATE_BANK_TAKEN : PAYGATE_BANK_E_BUSY; }

int Submit(paygate_bank* bank, const uint8_t* bytes, size_t size, paygate_bank_done done,
           void* ctx) {
  const auto prepared = iso::ParsePrepared({reinterpret_cast<const char*>(bytes), size});
  if (!prepared) return PAYGATE_BANK_E_INPUT;
  return Taken(bank->banks->Submit(*prepared, ToDone(done, ctx)));
}

int Inquire(paygate_bank* bank, const uint8_t* bytes, size_t size, paygate_bank_done done,
            void* ctx) {
  const auto prepared = iso::ParsePrepared({reinterpret_cast<const char*>(bytes), size});
  if (!prepared) return PAYGATE_BANK_E_INPUT;
  return Taken(bank->banks->Status(*prepared, ToDone(done, ctx)));
}

int Verify(paygate_bank* bank, iso::VerificationRequest request, paygate_bank_verified done,
           void* ctx) {
  const iso::BankRoute* route = bank->banks->config().ForIban(request.account);
  if (!iso::IsIban(request.account) || !route || request.participant_id.size() > 128 ||
      request.registration_digest.size() > 128 || request.enrolment_code.size() > 128)
    return PAYGATE_BANK_E_INPUT;
  return Taken(bank->banks->Verify(*route, std::move(request), ToDone(done, ctx)));
}

int VerifyAccount(paygate_bank* bank, const char* account, const char* participant,
                  paygate_bank_verified done, void* ctx) {
  return Verify(bank, {.account = Text(account), .participant_id = Text(participant)}, done, ctx);
}

int VerifyEnrolment(paygate_bank* bank, const char* account, const char* code,
                    const char* registration, const char* participant, paygate_bank_verified done,
                    void* ctx) {
  iso::VerificationRequest request{.account = Text(account),
                                   .participant_id = Text(participant),
                                   .registration_digest = Text(registration),
                                   .enrolment_code = Text(code)};
  if (request.registration_digest.empty() || request.enrolment_code.empty())
    return PAYGATE_BANK_E_INPUT;
  return Verify(bank, std::move(request), done, ctx);
}

uint32_t ReasonOf(const iso::ParticipantNotice& notice) {
  if (notice.closed || notice.reason == "cessationOfOperation")
    return PAYGATE_BANK_CESSATION_OF_OPERATION;
  if (notice.reason == "superseded") return PAYGATE_BANK_SUPERSEDED;
  return PAYGATE_BANK_KEY_COMPROMISE;
}

int Notices(paygate_bank* bank, const char* after, paygate_bank_noticed done, void* ctx) {
  auto positions = iso::ParsePositions(Text(after));
  if (!positions) return PAYGATE_BANK_E_INPUT;
  const auto give = [done, ctx](const iso::NoticesEnd& end) {
    std::vector<paygate_bank_notice> notices;
    std::vector<const paygate_bank_notice*> list;
    for (const auto& [cursor, notice] : end.list)
      notices.push_back(
          {.size = sizeof(paygate_bank_notice),
           .cursor = cursor.c_str(),
           .kind = notice.closed ? PAYGATE_BANK_ACCOUNT_CLOSED : PAYGATE_BANK_REVOKE,
           .reason = ReasonOf(notice),
           .participant_id = notice.participant_id.c_str()});
    for (const paygate_bank_notice& notice : notices) list.push_back(&notice);
    const paygate_bank_notice_list answer{.size = sizeof(paygate_bank_notice_list),
                                          .answered = end.answered ? 1u : 0u,
                                          .count = static_cast<uint32_t>(list.size()),
                                          .notices = list.data()};
    done(ctx, &answer);
  };
  return Taken(bank->banks->AskNotices(std::move(*positions), give));
}

int Statement(paygate_bank* bank, const char* after, paygate_bank_stated done, void* ctx) {
  auto positions = iso::ParsePositions(Text(after));
  if (!positions) return PAYGATE_BANK_E_INPUT;
  const auto give = [done, ctx](const iso::StatementEnd& end) {
    std::vector<paygate_bank_booking> bookings;
    std::vector<const paygate_bank_booking*> list;
    for (const auto& b : end.bookings)
      bookings.push_back(
          {.size = sizeof(paygate_bank_booking),
           .kind = b.is_return ? PAYGATE_BANK_BOOKED_RETURN : PAYGATE_BANK_BOOKED_TRANSFER,
           .id = b.id.c_str(),
           .amount_minor_units = b.amount,
           .currency = b.currency.c_str(),
           .bank_reference = b.bank_reference.c_str(),
           .booked = b.booked});
    for (const paygate_bank_booking& booking : bookings) list.push_back(&booking);
    const paygate_bank_statement_page answer{.size = sizeof(paygate_bank_statement_page),
                                             .answered = end.answered ? 1u : 0u,
                                             .count = static_cast<uint32_t>(list.size()),
                                             .more = end.more ? 1u : 0u,
                                             .bookings = list.data(),
                                             .cursor = end.cursor.c_str(),
                                             .complete_until = end.complete_until};
    done(ctx, &answer);
  };
  return Taken(bank->banks->AskStatement(std::move(*positions), give));
}

void Drain(paygate_bank* bank) { bank->banks->Drain(); }
void Close(paygate_bank* bank) { delete bank; }

constexpr paygate_bank_adapter_v1 kTable = {
    .size = sizeof(paygate_bank_adapter_v1),
    .version = 1,
    .name = "iso20022",
    // Where a bank does not enforce the deadline, "not found" after it is given as unknown.
    .capabilities = PAYGATE_BANK_CAP_NOTFOUND_IS_FINAL | PAYGATE_BANK_CAP_RETURNS |
                    PAYGATE_BANK_CAP_ENROLMENT | PAYGATE_BANK_CAP_NOTICES |
                    PAYGATE_BANK_CAP_STATEMENT,
    .open = Open,
    .health = Health,
    .prepare = Prepare,
    .submit = Submit,
    .status = Inquire,
    .verify_account = VerifyAccount,
    .verify_enrolment = VerifyEnrolment,
    .prepare_return = PrepareReturn,
    .drain = Drain,
    .close = Close,
    .notices = Notices,
    .statement = Statement};

}  // namespace

extern "C" const paygate_bank_adapter_v1* paygate_bank_adapter(uint32_t host_version) {
  return host_version >= 1 ? &kTable : nullptr;
}
