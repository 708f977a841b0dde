#include "gateway/engine/difference.h"

namespace paygate::gateway::engine {
namespace {

// An order that the bank has booked and that is open here is asked about at once; so long that may
// take before it is called a difference.
constexpr std::chrono::seconds kSettlingTime{60};

bool FitsKind(const storage::IntentRecord& order, const storage::ListedBooking& booking) {
  return order.is_refund() == booking.is_return;
}

bool FitsAmount(const storage::IntentRecord& order, const storage::ListedBooking& booking) {
  return order.amount.minor_units() == booking.minor_units &&
         order.amount.currency().code() == booking.currency;
}

Difference JudgeUnlisted(const Evidence& e) {
  if (!e.order) return Difference::kNone;
  // Its end may be written this moment, and with it that a booking is to be looked for.
  if (!e.order->settlement) return Difference::kWaiting;
  if (!e.order->settlement->outcome().completed) return Difference::kNone;
  const bool reached = e.complete_until > e.order->settlement->settled_at() + e.clock_skew;
  return reached ? Difference::kNotListed : Difference::kWaiting;
}

}  // namespace

std::string_view Name(Difference difference) {
  switch (difference) {
    case Difference::kNone:
      return "none";
    case Difference::kWaiting:
      return "waiting";
    case Difference::kUnknownHere:
      return "unknown-here";
    case Difference::kNotListed:
      return "not-listed";
    case Difference::kOpenHere:
      return "open-here";
    case Difference::kFailedHere:
      return "failed-here";
    case Difference::kKindDiffers:
      return "kind-differs";
    case Difference::kAmountDiffers:
      return "amount-differs";
    case Difference::kReferenceDiffers:
      return "reference-differs";
  }
  return "none";
}

std::string_view Clue(Difference difference) {
  switch (difference) {
    case Difference::kNone:
    case Difference::kWaiting:
      return "";
    case Difference::kUnknownHere:
      return "The bank moved money on an order that this store never made. Another gateway under "
             "the same name, a store restored from an old copy, or a stolen key: stop paying "
             "through this bank until it is known which.";
    case Difference::kNotListed:
      return "Both sides hold a receipt, and the bank's statement lacks the booking. Ask the bank "
             "by the bank reference, and show it its signed answer, which is kept as evidence.";
    case Difference::kOpenHere:
      return "A bank states that it has booked it, and its own bank does not say so when it is "
             "asked. It is asked on, and nothing else ends it: ask the bank why it is silent.";
    case Difference::kFailedHere:
      return "Both sides were told that it failed, and the bank has moved the money. The receipt "
             "stands: have the bank give the money back, by the bank reference.";
    case Difference::kKindDiffers:
      return "A transfer here is a return there, or the other way round. Ask the bank which of "
             "the two it has executed.";
    case Difference::kAmountDiffers:
      return "The bank has moved another amount or currency than was authorised. The receipt "
             "says what was authorised: have the bank correct its booking.";
    case Difference::kReferenceDiffers:
      return "The bank lists it under another reference than it gave. Refunds name the one that "
             "it gave: ask the bank which holds before one is due.";
  }
  return "";
}

Difference Judge(const Evidence& e) {
  if (!e.booking) return JudgeUnlisted(e);
  if (!e.order) return Difference::kUnknownHere;
  const storage::IntentRecord& order = e.order->intent.record();
  if (!FitsKind(order, *e.booking)) return Difference::kKindDiffers;
  if (!FitsAmount(order, *e.booking)) return Difference::kAmountDiffers;
  if (!e.order->settlement) {
    return e.now >= e.since + kSettlingTime ? Difference::kOpenHere : Difference::kWaiting;
  }
  const storage::FinalOutcome& outcome = e.order->settlement->outcome();
  if (!outcome.completed) return Difference::kFailedHere;
  if (outcome.bank_reference != e.booking->bank_reference) return Difference::kReferenceDiffers;
  return Difference::kNone;
}

}  // namespace paygate::gateway::engine
