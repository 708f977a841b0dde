// Messages 3 and 4 of seller block certification (paper 6.2.3, protocol.md section 5), and the
// cancellation of a CSBLK. A CSBLK leaves only after its issue is durable in the register; one sale
// is issued once, whatever is repeated. Thread-safe.
#pragma once

#include <memory>
#include <optional>
#include <string_view>

#include "bank/bank.h"
#include "base/clock.h"
#include "base/worker_pool.h"
#include "gateway/engine/handshake.h"
#include "gateway/engine/limits.h"
#include "gateway/engine/verified_message.h"
#include "protocol/messages.h"
#include "storage/store.h"

namespace paygate::gateway::engine {

class SellerCertification {
 public:
  SellerCertification(const base::Clock& clock, const Envelope& envelope,
                      const SignedMessages& messages, Participants& participants,
                      storage::CsblkRegister& csblks, bank::Bank& bank, base::WorkerPool& workers,
                      const Limits& limits);

  // A message whose handshake is lost or expired is answered only if it was seen before.
  void Confirm(protocol::ParsedJwe jwe, base::Result<Handshake> handshake, Reply reply);
  void Cancel(std::string_view jwe, Reply reply);

 private:
  struct Sale {  // a confirmation that passed every check but the bank's
    VerifiedMessage message;
    protocol::SellerConfirmationPayload payload;
    protocol::Disclosure disclosure;  // opens the SBLK's digest
    std::optional<protocol::UndertakingPayload> undertaking;
    base::UnixTime expires;           // of the handshake
  };
  bool AnswerSeenBefore(const protocol::UnverifiedJws& jws,
                        const protocol::SellerConfirmationBody& body, Reply& reply);
  base::Result<Sale> Check(VerifiedMessage message, const protocol::SellerConfirmationBody& body,
                           const Handshake& handshake);
  // Signed by the same seller; whether it fits in time is looked at when the CSBLK is made.
  base::Result<std::optional<protocol::UndertakingPayload>> CheckUndertaking(
      const VerifiedMessage& message, const std::string& compact) const;
  void Issue(Sale sale, const bank::Verification& answer, Reply reply);
  void AnswerCsblk(const protocol::Certificate& recipient, std::string_view jws,
                   std::string_view disclosure, Reply& reply);

  const base::Clock& clock_;
  const Envelope& envelope_;
  const SignedMessages& messages_;
  Participants& participants_;
  storage::CsblkRegister& csblks_;
  bank::Bank& bank_;
  base::WorkerPool& workers_;
  const Limits& limits_;
};

}  // namespace paygate::gateway::engine
