// What a bank must never do with money, seen through its adapter.
#include "tools/adapter-check/checks.h"

namespace paygate::adaptercheck {
namespace {

using base::ErrorCode;
using base::Result;
using base::Status;

std::string Name(const Completion& c) { return std::string(OutcomeName(c.word)); }

Status Same(const Completion& first, const Completion& later, const std::string& asked) {
  if (!IsFinal(later.word) || (later.word == first.word && later.reference == first.reference))
    return {};
  if (later.word == first.word)
    return Fault(asked + " gives another bank_reference (" + later.reference + ") than before (" +
                 first.reference + ")");
  return Fault("lies about what is final: said " + Name(first) + ", and " + asked + " then says " +
               Name(later));
}

Result<Completion> Paid(Subject& subject, const std::string& prepared) {
  ASSIGN_OR_RETURN(Completion end, subject.Settle(prepared));
  if (end.word == PAYGATE_BANK_COMPLETED) return end;
  return Fault("the bank rejects a transfer of " + std::to_string(subject.terms().amount) +
               " minor units (" + end.reason +
               "): give --debtor and --creditor between whom money can move");
}

}  // namespace

Status CheckOnce(const Terms& terms) {
  ASSIGN_OR_RETURN(auto subject, Subject::Open(terms));
  ASSIGN_OR_RETURN(const std::string prepared, subject->PreparedTransfer());
  ASSIGN_OR_RETURN(const Completion first, Paid(*subject, prepared));
  for (int i = 0; i < 3; ++i) {
    ASSIGN_OR_RETURN(const Completion again, subject->Submit(prepared));
    RETURN_IF_ERROR(Same(first, again, "the same submit"));
    if (again.word == PAYGATE_BANK_NOT_FOUND)
      return Fault("says NOT_FOUND to a submit repeated after COMPLETED");
    ASSIGN_OR_RETURN(const Completion asked, subject->Status(prepared));
    RETURN_IF_ERROR(Same(first, asked, "status"));
  }
  return Finish(*subject);
}

Status CheckFinality(const Terms& terms) {
  ASSIGN_OR_RETURN(auto subject, Subject::Open(terms));
  for (int i = 0; i < 10; ++i) {
    ASSIGN_OR_RETURN(const std::string prepared, subject->PreparedTransfer());
    ASSIGN_OR_RETURN(const Completion first, subject->Settle(prepared));
    for (int n = 0; n < 3; ++n) {
      ASSIGN_OR_RETURN(const Completion asked, subject->Status(prepared));
      RETURN_IF_ERROR(Same(first, asked, "status"));
      if (asked.word == PAYGATE_BANK_NOT_FOUND && first.word == PAYGATE_BANK_COMPLETED)
        return Fault("lies about what is final: said COMPLETED, and status then says NOT_FOUND");
    }
    ASSIGN_OR_RETURN(const Completion again, subject->Submit(prepared));
    RETURN_IF_ERROR(Same(first, again, "the same submit"));
  }
  return Finish(*subject);
}

Status CheckNeverSent(const Terms& terms) {
  ASSIGN_OR_RETURN(auto subject, Subject::Open(terms));
  ASSIGN_OR_RETURN(const std::string prepared, subject->PreparedTransfer());
  for (int i = 0; i < 3; ++i) {
    ASSIGN_OR_RETURN(const Completion end, subject->Status(prepared));
    if (end.word == PAYGATE_BANK_NOT_FOUND || end.word == PAYGATE_BANK_UNKNOWN ||
        end.word == PAYGATE_BANK_BUSY)
      continue;
    return Fault("status says " + Name(end) + " of a transfer that was never submitted");
  }
  // To ask does not execute, and does not forbid.
  RETURN_IF_ERROR(Paid(*subject, prepared));
  return Finish(*subject);
}

Status CheckDeadline(const Terms& terms) {
  ASSIGN_OR_RETURN(auto subject, Subject::Open(terms));
  std::string id;
  auto late = subject->NewTransfer(id);
  late.created = subject->Now() - 200;
  late.deadline = subject->Now() - 100;
  const auto prepared = subject->Prepare(late);
  if (!prepared && prepared.error().code == ErrorCode::kInvalidArgument) return Finish(*subject);
  if (!prepared) return std::unexpected(prepared.error());
  const bool declared = subject->Declares(PAYGATE_BANK_CAP_NOTFOUND_IS_FINAL);
  ASSIGN_OR_RETURN(const Completion asked, subject->Status(*prepared));
  for (int i = 0; i < 3; ++i) {
    const auto end = i < 2 ? subject->Submit(*prepared) : subject->Status(*prepared);
    if (!end && end.error().code == ErrorCode::kInvalidArgument) continue;
    if (!end) return std::unexpected(end.error());
    if (end->word == PAYGATE_BANK_COMPLETED)
      return Fault(declared && asked.word == PAYGATE_BANK_NOT_FOUND
                       ? "declares NOTFOUND_IS_FINAL, said NOT_FOUND after the deadline, and "
                         "executed the transfer all the same"
                       : "executes a transfer 100 s after its deadline");
  }
  return Finish(*subject);
}

Status CheckReturns(const Terms& terms) {
  ASSIGN_OR_RETURN(auto subject, Subject::Open(terms));
  std::string id;
  ASSIGN_OR_RETURN(const std::string prepared, subject->Prepare(subject->NewTransfer(id)));
  ASSIGN_OR_RETURN(const Completion paid, Paid(*subject, prepared));
  const auto give_back = [&](const std::string& refund, int64_t amount) -> Result<std::string> {
    const paygate_bank_return ret = {.size = sizeof ret,
                                     .refund_id = refund.c_str(),
                                     .payment_id = id.c_str(),
                                     .bank_reference = paid.reference.c_str(),
                                     .amount_minor_units = amount,
                                     .currency = terms.currency.c_str(),
                                     .fraction_digits = terms.fraction_digits,
                                     .deadline = subject->Now() + 900,
                                     .created = subject->Now()};
    return subject->PrepareReturn(ret);
  };
  const std::string first_id = subject->NewId(), second_id = subject->NewId();
  ASSIGN_OR_RETURN(const std::string whole, give_back(first_id, terms.amount));
  ASSIGN_OR_RETURN(const Completion back, subject->Settle(whole));
  if (back.word != PAYGATE_BANK_COMPLETED)
    return Fault("a return of what was just paid is REJECTED (" + back.reason + ")");
  ASSIGN_OR_RETURN(const Completion again, subject->Submit(whole));
  RETURN_IF_ERROR(Same(back, again, "the same return"));
  const auto more = give_back(second_id, terms.amount);
  if (!more && more.error().code == ErrorCode::kInvalidArgument) return Finish(*subject);
  if (!more) return std::unexpected(more.error());
  ASSIGN_OR_RETURN(const Completion too_much, subject->Settle(*more));
  if (too_much.word == PAYGATE_BANK_COMPLETED)
    return Fault("returns more than was paid: a second whole return is COMPLETED");
  return Finish(*subject);
}

}  // namespace paygate::adaptercheck
