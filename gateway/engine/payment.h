// Messages 3 and 4 of the payment phase (paper 6.2.4, protocol.md section 6). Authorise checks, in
// the page's order and all of it, makes the authorisation durable, and hands it to the settler; the
// answer leaves when the payment is settled, or as a signed `pending`. Thread-safe.
#pragma once

#include <string>

#include "bank/bank.h"
#include "base/clock.h"
#include "gateway/engine/awaiting.h"
#include "gateway/engine/handshake.h"
#include "gateway/engine/limits.h"
#include "gateway/engine/settler.h"
#include "gateway/engine/storage_keys.h"
#include "gateway/engine/verified_message.h"
#include "protocol/messages.h"
#include "storage/store.h"

namespace paygate::gateway::engine {

class Payment {
 public:
  struct Parts {  // everything is borrowed
    const base::Clock& clock;
    const Envelope& envelope;
    const SignedMessages& messages;
    Participants& participants;
    const storage::CsblkRegister& csblks;
    storage::AuthorisationStore& authorisations;
    const storage::AuthorisationReader& payments;
    bank::Bank& bank;
    StorageKeys& storage_keys;
    Settler& settler;
    Awaiting& awaiting;
    const Limits& limits;
  };
  explicit Payment(const Parts& parts) : p_(parts) {}

  // A message whose handshake is lost or expired is answered only if it was seen before.
  void Authorise(protocol::ParsedJwe jwe, base::Result<Handshake> handshake, Reply reply);

 private:
  struct Sale {  // the CSBLK that is being paid
    std::string csblk_id;
    protocol::CsblkPayload payload;
  };
  struct Accounts {
    std::string buyer, seller;  // IBANs, for the bank alone
    std::string buyer_disclosure, seller_disclosure;
  };

  base::Status CheckAuthorisation(const VerifiedMessage& message,
                                  const protocol::PaymentAuthorisationPayload& authorisation,
                                  const Handshake& handshake) const;
  base::Result<Sale> CheckCsblk(const protocol::PaymentAuthorisationPayload& authorisation) const;
  base::Result<Accounts> CheckBlocks(const VerifiedMessage& message,
                                     const protocol::PaymentAuthorisationPayload& authorisation,
                                     const protocol::PaymentAuthorisationBody& body,
                                     const protocol::Sblk& sblk) const;
  void Decide(const VerifiedMessage& message, const std::string& authorisation_jws,
              const protocol::PaymentAuthorisationBody& body, const Handshake& handshake,
              Reply reply);
  base::Result<std::string> SealAccounts(const Accounts& accounts) const;
  void Record(const VerifiedMessage& message, const std::string& authorisation_jws,
              const protocol::PaymentAuthorisationPayload& authorisation, const Sale& sale,
              const Accounts& accounts, const Handshake& handshake, Reply reply);

  const Parts p_;
};

}  // namespace paygate::gateway::engine
