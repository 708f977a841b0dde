// The embedded bank behind the plugin ABI (bank/include/bank_adapter.h): translation only. No
// exception leaves: allocation failure ends the process, and everything else here is a Result.
#include <charconv>
#include <cstddef>
#include <optional>

#include "bank/adapters/embedded/ledger.h"
#include "bank/include/bank_adapter.h"

using paygate::bank::embedded::BankBooking;
using paygate::bank::embedded::BankNotice;
using paygate::bank::embedded::Config;
using paygate::bank::embedded::Ledger;
using paygate::bank::embedded::ParseConfig;
using paygate::bank::embedded::PrepareOrder;
using paygate::bank::embedded::TransferAnswer;
using paygate::bank::embedded::TransferOrder;
using paygate::bank::embedded::TransferState;
using paygate::bank::embedded::VerifyAnswer;

struct paygate_bank {
  std::unique_ptr<Ledger> ledger;
};

namespace {

void Say(paygate_bank_bytes callback, void* ctx, std::string_view text) {
  if (callback) callback(ctx, reinterpret_cast<const uint8_t*>(text.data()), text.size());
}

std::string Text(const char* text) { return text ? text : ""; }

int ReturnCode(const paygate::base::Status& status) {
  if (status) return PAYGATE_BANK_TAKEN;
  return status.error().code == paygate::base::ErrorCode::kOverloaded ? PAYGATE_BANK_E_BUSY
                                                                      : PAYGATE_BANK_E_INPUT;
}

uint32_t ToOutcome(TransferState state) {
  switch (state) {
    case TransferState::kCompleted:
      return PAYGATE_BANK_COMPLETED;
    case TransferState::kPending:
      return PAYGATE_BANK_PENDING;
    case TransferState::kRejected:
      return PAYGATE_BANK_REJECTED;
    case TransferState::kNotFound:
      return PAYGATE_BANK_NOT_FOUND;
    case TransferState::kUnknown:
      return PAYGATE_BANK_UNKNOWN;
  }
  return PAYGATE_BANK_UNKNOWN;
}

uint32_t ToReason(const std::string& reason) {
  if (reason == "superseded") return PAYGATE_BANK_SUPERSEDED;
  if (reason == "cessationOfOperation") return PAYGATE_BANK_CESSATION_OF_OPERATION;
  return PAYGATE_BANK_KEY_COMPROMISE;
}

Ledger::TransferDone ToDone(paygate_bank_done done, void* ctx) {
  return [done, ctx](TransferAnswer a) {
    const paygate_bank_result result{
        .size = sizeof(paygate_bank_result),
        .outcome = ToOutcome(a.state),
        .reason = a.state == TransferState::kRejected ? a.reason.c_str() : nullptr,
        .bank_reference = a.state == TransferState::kCompleted ? a.reference.c_str() : nullptr,
        .evidence = nullptr,
        .evidence_size = 0};
    done(ctx, &result);
  };
}

Ledger::VerifyDone ToDone(paygate_bank_verified done, void* ctx) {
  return [done, ctx](bool asked, VerifyAnswer a) {
    paygate_bank_verification verification{.size = sizeof(paygate_bank_verification),
                                           .verdict = PAYGATE_BANK_NO_ANSWER,
                                           .reason = nullptr,
                                           .currency = nullptr};
    if (asked) {
      verification.verdict = a.verified ? PAYGATE_BANK_VERIFIED : PAYGATE_BANK_REFUSED;
      if (a.verified)
        verification.currency = a.currency.c_str();
      else
        verification.reason = a.reason.c_str();
    }
    done(ctx, &verification);
  };
}

std::string_view View(const uint8_t* bytes, size_t size) {
  return {reinterpret_cast<const char*>(bytes), size};
}

paygate_bank* Open(const char* text, const paygate_bank_host* host, paygate_bank_bytes error,
                   void* ctx) {
  auto config = ParseConfig(Text(text));
  if (!config) {
    Say(error, ctx, config.error().message);
    return nullptr;
  }
  auto ledger = Ledger::Open(std::move(*config), [host] { return host->now(host->host); });
  if (!ledger) {
    Say(error, ctx, ledger.error().message);
    return nullptr;
  }
  if ((*ledger)->torn_bytes() > 0)
    host->log(host->host, 2, "cut a torn tail, which nobody was answered for, off the ledger");
  return new paygate_bank{std::move(*ledger)};
}

int Health(paygate_bank* bank) { return bank->ledger->Healthy() ? 0 : 1; }

int Prepare(paygate_bank*, const paygate_bank_transfer* t, paygate_bank_bytes out,
            paygate_bank_bytes error, void* ctx) {
  if (t->size < offsetof(paygate_bank_transfer, created) + sizeof(t->created)) {
    Say(error, ctx, "the transfer lacks fields of version 1");
    return PAYGATE_BANK_E_INPUT;
  }
  const auto prepared = PrepareOrder({.payment_id = Text(t->payment_id),
                                      .debtor = Text(t->debtor_account),
                                      .creditor = Text(t->creditor_account),
                                      .amount = t->amount_minor_units,
                                      .currency = Text(t->currency),
                                      .fraction_digits = t->fraction_digits,
                                      .remittance = Text(t->remittance),
                                      .deadline = t->deadline,
                                      .created = t->created});
  if (!prepared) {
    Say(error, ctx, prepared.error().message);
    return PAYGATE_BANK_E_INPUT;
  }
  Say(out, ctx, *prepared);
  return 0;
}

int PrepareReturn(paygate_bank*, const paygate_bank_return* r, paygate_bank_bytes out,
                  paygate_bank_bytes error, void* ctx) {
  if (r->size < offsetof(paygate_bank_return, created) + sizeof(r->created)) {
    Say(error, ctx, "the return lacks fields of version 1");
    return PAYGATE_BANK_E_INPUT;
  }
  const auto prepared = PrepareOrder({.payment_id = Text(r->refund_id),
                                      .returns = Text(r->payment_id),
                                      .bank_reference = Text(r->bank_reference),
                                      .amount = r->amount_minor_units,
                                      .currency = Text(r->currency),
                                      .fraction_digits = r->fraction_digits,
                                      .deadline = r->deadline,
                                      .created = r->created});
  if (!prepared || !r->payment_id || !*r->payment_id) {
    Say(error, ctx, prepared ? "a return must name a payment" : prepared.error().message);
    return PAYGATE_BANK_E_INPUT;
  }
  Say(out, ctx, *prepared);
  return 0;
}

int Submit(paygate_bank* bank, const uint8_t* prepared, size_t size, paygate_bank_done done,
           void* ctx) {
  return ReturnCode(bank->ledger->Submit(View(prepared, size), ToDone(done, ctx)));
}

int Inquire(paygate_bank* bank, const uint8_t* prepared, size_t size, paygate_bank_done done,
            void* ctx) {
  return ReturnCode(bank->ledger->Inquire(View(prepared, size), ToDone(done, ctx)));
}

int VerifyAccount(paygate_bank* bank, const char* account, const char* participant,
                  paygate_bank_verified done, void* ctx) {
  return ReturnCode(
      bank->ledger->VerifyAccount(Text(account), Text(participant), ToDone(done, ctx)));
}

int VerifyEnrolment(paygate_bank* bank, const char* account, const char* code,
                    const char* registration, const char* participant, paygate_bank_verified done,
                    void* ctx) {
  return ReturnCode(bank->ledger->Enrol(Text(account), code ? code : "", Text(registration),
                                        Text(participant), ToDone(done, ctx)));
}

// A cursor is the number of a notice, or of a booking, in decimal.
std::optional<uint64_t> ToNumber(const char* cursor) {
  const std::string_view text = cursor ? cursor : "";
  uint64_t number = 0;
  const auto [rest, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (text.empty() || (error == std::errc() && rest == text.data() + text.size())) return number;
  return std::nullopt;
}

int Statement(paygate_bank* bank, const char* after, paygate_bank_stated done, void* ctx) {
  const auto from = ToNumber(after);
  if (!from) return PAYGATE_BANK_E_INPUT;
  const auto give = [done, ctx, from = *from](bool asked, const Ledger::Statement& page) {
    std::vector<paygate_bank_booking> bookings;
    std::vector<const paygate_bank_booking*> list;
    for (const BankBooking& b : page.bookings)
      bookings.push_back(
          {.size = sizeof(paygate_bank_booking),
           .kind = b.is_return ? PAYGATE_BANK_BOOKED_RETURN : PAYGATE_BANK_BOOKED_TRANSFER,
           .id = b.transaction.c_str(),
           .amount_minor_units = b.amount,
           .currency = b.currency.c_str(),
           .bank_reference = b.reference.c_str(),
           .booked = b.time});
    for (const paygate_bank_booking& booking : bookings) list.push_back(&booking);
    const std::string cursor = std::to_string(from + page.bookings.size());
    const auto count = static_cast<uint32_t>(list.size());
    const paygate_bank_statement_page answer{.size = sizeof(paygate_bank_statement_page),
                                             .answered = asked ? 1u : 0u,
                                             .count = asked ? count : 0,
                                             .more = page.more ? 1u : 0u,
                                             .bookings = list.data(),
                                             .cursor = cursor.c_str(),
                                             .complete_until = page.complete_until};
    done(ctx, &answer);
  };
  return ReturnCode(bank->ledger->AskStatement(*from, PAYGATE_BANK_MAX_BOOKINGS, give));
}

int Notices(paygate_bank* bank, const char* after, paygate_bank_noticed done, void* ctx) {
  const auto from = ToNumber(after);
  if (!from) return PAYGATE_BANK_E_INPUT;
  const uint64_t number = *from;
  const auto give = [done, ctx, number](bool asked, const std::vector<BankNotice>& page) {
    std::vector<std::string> cursors;
    std::vector<paygate_bank_notice> notices;
    std::vector<const paygate_bank_notice*> list;
    for (size_t i = 0; i < page.size(); ++i) cursors.push_back(std::to_string(number + i + 1));
    for (size_t i = 0; i < page.size(); ++i)
      notices.push_back({.size = sizeof(paygate_bank_notice),
                         .cursor = cursors[i].c_str(),
                         .kind = page[i].closed ? PAYGATE_BANK_ACCOUNT_CLOSED : PAYGATE_BANK_REVOKE,
                         .reason = ToReason(page[i].reason),
                         .participant_id = page[i].participant.c_str()});
    for (const paygate_bank_notice& notice : notices) list.push_back(&notice);
    const paygate_bank_notice_list answer{.size = sizeof(paygate_bank_notice_list),
                                          .answered = asked ? 1u : 0u,
                                          .count = static_cast<uint32_t>(list.size()),
                                          .notices = list.data()};
    done(ctx, &answer);
  };
  return ReturnCode(bank->ledger->Notices(number, PAYGATE_BANK_MAX_NOTICES, give));
}

void Drain(paygate_bank* bank) { bank->ledger->Drain(); }
void Close(paygate_bank* bank) { delete bank; }

constexpr paygate_bank_adapter_v1 kTable = {
    .size = sizeof(paygate_bank_adapter_v1),
    .version = 1,
    .name = "embedded",
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
