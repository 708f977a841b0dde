// Journal: the messages that are out and not yet answered.
//
// A message that can bind the participant or cost him something (registration, renewal,
// revocation, seller confirmation, cancellation, payment or refund authorisation: "message 3"; a
// claim, an answer) is
// durable here before its first byte is sent, and stays until the gateway's answer is durable
// elsewhere. Whatever crashes in between, the identical message is found here and sent again;
// nothing is signed anew while the first may still be decided. One file for each,
// journal/<digest>.json, its grammar in journal.cc. Not thread-safe.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "participant/disk.h"

namespace paygate::participant {

enum class MessageKind : uint8_t {
  kRegistration, kSale, kPayment, kRenewal, kRevocation, kCancellation,
  kRefund, kClaim, kAnswer
};
std::string_view Name(MessageKind kind);  // "registration" "sale" "payment" …

struct JournalEntry {
  MessageKind kind = MessageKind::kPayment;
  std::string digest;   // of the JWS inside (protocol.md rule 8): what makes it "the same message"
  // payment, cancellation: csblk_id; refund, claim: payment_id; answer: the claim's digest; sale:
  // the SBLK's nonce; renewal: the generation that it makes; others: empty
  std::string subject;
  int64_t expires = 0;  // the challenge's exp, by the gateway's clock; 0: no challenge
  int64_t clock_offset = 0;  // the gateway's clock less ours when the challenge came, s
  std::string handshake;     // empty: none
  std::string body;          // JSON inside the JWE
  std::string jwe;           // as first sent; sealed anew only if the gateway cannot open it
};

class Journal {
 public:
  explicit Journal(Disk& disk) : disk_(disk) {}
  base::Status Record(const JournalEntry& entry);  // kAlreadyExists if it is there
  base::Status Update(const JournalEntry& entry);
  base::Status Close(const std::string& digest);  // only when its answer is durable
  base::Result<std::vector<JournalEntry>> Open();
  base::Result<std::optional<JournalEntry>> Find(MessageKind kind, const std::string& subject);

 private:
  Disk& disk_;
};

}  // namespace paygate::participant
