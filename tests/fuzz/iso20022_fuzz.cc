// A message from a bank, or from whoever holds its connection: what is taken can be written, and
// reads back the same.
#include "bank/adapters/iso20022/messages.h"
#include "bank/adapters/iso20022/rules.h"
#include "tests/fuzz/fuzz.h"

using namespace paygate::bank::iso20022;

void Fuzz(std::string_view input) {
  auto message = Parse(input);
  if (!message) return;
  Require(IsBic(message->header.from) && IsBic(message->header.to), "both ends are BICs");
  if (const auto* transfer = std::get_if<CreditTransfer>(&message->body)) {
    Require(IsIban(transfer->debtor_account) && IsIban(transfer->creditor_account), "IBANs");
    Require(IsUetr(transfer->uetr), "a UETR");
    Require(transfer->deadline >= transfer->accepted &&
                transfer->deadline - transfer->accepted < 24LL * 3600 * 1000,
            "the deadline is within a day");
    Require(transfer->amount.minor_units() > 0, "an amount");
  }
  const std::string written = Print(*message);
  auto again = Parse(written);
  // What was read with its bounds may be longer once written anew; then it is refused.
  if (!again) return;
  Require(Print(*again) == written, "written, read and written is the same");
}
