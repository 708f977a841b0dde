// Client: one participant's side of the protocol, buyer and seller alike (protocol.md, sections 3
// to 9), on one directory.
//
// Guarantees, whatever the gateway, the network or a crash does:
//  - nothing is signed before every check that the page asks for has passed;
//  - what binds the participant is durable before it is sent, and is sent again unchanged until it
//  is
//    answered (journal.h); there is never a second authorisation for a CSBLK while the first may
//    still be decided;
//  - a result is believed only with the gateway's signature, and is durable before it is returned.
//
// Errors: kTimeout, kClosed: no answer that decides anything; what is out stays in the journal.
// kInFlight: an earlier message is still undecided. kPermissionDenied: passphrase or file modes.
// kIo: the disk. Others: the gateway's answer, or what was given, does not pass a check.
// Borrows its references. Not thread-safe.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/money.h"
#include "base/result.h"
#include "base/secret_bytes.h"
#include "participant/claims.h"
#include "participant/csblk.h"
#include "participant/disk.h"
#include "participant/evidence.h"
#include "participant/identity.h"
#include "participant/journal.h"
#include "participant/keyring.h"
#include "participant/transport.h"

namespace paygate::participant {

struct ClientOptions {
  int max_attempts = 5;               // sends of one message in one call
  std::chrono::seconds max_wait{10};  // between two of them, whatever Retry-After says
  // Asks for batch signatures where the gateway offers them (docs/protocol/batch-signatures.md).
  // What was asked for once in a directory is verified there ever after, with or without this.
  bool batch_signatures = false;
  // How to wait. Required: a program sleeps, a test turns its clock.
  std::function<void(std::chrono::seconds)> wait;
  // Called before a wait, with a sentence for the person who waits. May be empty.
  std::function<void(std::string_view)> progress;
};

// The gateway's no. Signed: final, and nothing was or will be debited because of that message.
// Unsigned (only before anything binding was sent): the gateway did not go on.
struct Refusal {
  std::string code;        // as protocol.md section 9 spells it
  std::string payment_id;  // with already-paid, to the buyer who paid
  bool is_signed = false;
};

template <typename T>
struct Answer {
  std::optional<Refusal> refusal;
  std::optional<T> value;  // exactly one of the two
};

struct Sale {
  std::string csblk_id;
  std::string csblk;  // <JWS>~<disclosure>~: what the seller hands to the buyer
};

// What became of one message found in the journal.
struct Resumed {
  MessageKind kind = MessageKind::kPayment;
  std::string subject;  // as JournalEntry::subject
  std::optional<Refusal> refusal;
  std::optional<PaymentRecord> payment;
  std::optional<Sale> sale;
  std::optional<RefundRecord> refund;
  std::optional<ClaimRecord> claim;     // filed, or answered
  std::optional<Identity> identity;  // registered, or renewed
  std::optional<Revoked> revoked;
  bool lapsed =
      false;  // it never reached the gateway and no longer can; start anew if still wanted
  std::optional<base::Error> error;  // still open, or refused by a check: stays in the journal
};

struct InboxMessage {
  int64_t cursor = 0;
  std::optional<PaymentRecord> payment;  // a receipt or confirmation that verified
  std::optional<RefundRecord> refund;    // the same of a refund
  std::optional<ClaimRecord> claim;      // a claim on a sale of one's own, or a decision
  std::string set_aside;  // otherwise: why the message was not believed; kept in rejected/
};

class Client {
 public:
  // Everything the calls that sign need; the directory may be empty.
  struct Parts {
    Disk& disk;
    Transport& transport;
    const base::Clock& clock;
    std::string root_pem;
  };
  static base::Result<std::unique_ptr<Client>> Open(Parts parts, ClientOptions options);
  ~Client();

  // The participant, once registered.
  const std::optional<Identity>& identity() const;
  GatewayTrust& trust();
  Journal& journal();

  // Opens the keys: needed before all that follows.
  base::Status Unlock(const base::SecretBytes& passphrase);
  // Makes the keys if there are none, then opens them.
  base::Status MakeKeys(const base::SecretBytes& passphrase, KeyTypes types = {});

  base::Result<Answer<Identity>> Register(std::string_view iban, const std::string& enrolment_code);
  // New keys and certificates for the same ID and account (protocol.md section 4, "renewals"). The
  // new keys count from when the verified answer is durable; the old ones stay to read what is
  // encrypted to them. One that was sent before and not answered is sent again instead.
  base::Result<Answer<Identity>> Renew(const base::SecretBytes& passphrase, KeyTypes types = {});
  // For good: from the gateway's acknowledgement on nothing of this participant is accepted.
  base::Result<Answer<Revoked>> Revoke(protocol::RevocationReason reason);
  // The account to be paid into is the registered one. `buyer`: the ID that alone may pay, or
  // empty. `undertaking`: kInvalidArgument unless deliver_by is after the offer's expiry and
  // claim_until 14 days after that.
  base::Result<Answer<Sale>> Sell(const std::string& goods, const base::Money& price,
                                  const std::string& buyer,
                                  const std::optional<Undertaking>& undertaking = {});
  // Takes an offer back: from the acknowledgement on nobody can pay it. Its csblk_id comes back.
  base::Result<Answer<std::string>> Cancel(const std::string& csblk_id);
  base::Result<CsblkView> Inspect(std::string_view csblk);
  // kAlreadyPaid: a receipt for it is here. A pending payment of it is asked for again.
  base::Result<Answer<PaymentRecord>> Pay(const CsblkView& csblk);
  // Money of a completed payment back to its buyer. A refund of the same payment that is still out
  // is sent again instead.
  base::Result<Answer<RefundRecord>> Refund(const std::string& payment_id,
                                            const base::Money& amount);
  // What is left of a payment by the confirmations held here. kNotFound: none, or nothing is left.
  base::Result<base::Money> Refundable(const std::string& payment_id);
  // The price of a payment back, by the seller's undertaking. One that is still out is sent again
  // instead; so is an answer.
  base::Result<Answer<ClaimRecord>> Claim(const std::string& payment_id,
                                          const std::string& statement);
  base::Result<Answer<ClaimRecord>> AnswerClaim(const std::string& claim_id,
                                                const std::string& evidence);
  // Every message that is out is sent again. An error only if the journal cannot be read.
  base::Result<std::vector<Resumed>> Resume();
  // New messages, oldest first; waits up to `wait` (at most 30 s) for one if there is none.
  base::Result<std::vector<InboxMessage>> Inbox(std::chrono::seconds wait);
  // All results held, each verified again against the root; an error stands for one that fails.
  base::Result<std::vector<base::Result<PaymentRecord>>> Receipts();
  // The same of refunds, given and received.
  base::Result<std::vector<base::Result<RefundRecord>>> Refunds();
  // The same of claims, answers and decisions.
  base::Result<std::vector<base::Result<ClaimRecord>>> Claims();
  // The sales that were certified for this participant, as they were given.
  base::Result<std::vector<Sale>> Sales();

 private:
  struct Impl;
  explicit Client(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace paygate::participant
