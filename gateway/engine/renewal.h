// Renewal (protocol.md section 4): another pair of certificates under the same ID_X and the same
// account, for new keys. What stays is checked, not believed: the disclosure must open the present
// accountBinding (formal/README.md, attack 3), the new signature key proves itself over this very
// renewal, the new encryption key by reading the answer, and the bank says whether the account
// stands. Only the newest pair can be renewed, from 90 days before it expires to 30 days after.
// Thread-safe.
#pragma once

#include <string_view>

#include "bank/bank.h"
#include "base/clock.h"
#include "base/worker_pool.h"
#include "gateway/engine/issuance.h"
#include "gateway/engine/limits.h"
#include "gateway/engine/verified_message.h"
#include "protocol/messages.h"
#include "storage/store.h"

namespace paygate::gateway::engine {

class Renewal {
 public:
  Renewal(const base::Clock& clock, const Envelope& envelope, const SignedMessages& messages,
          const Issuance& issuance, storage::Registrations& registrations,
          const storage::CertificateRegister& certificates, bank::Bank& bank,
          base::WorkerPool& workers, const Limits& limits)
      : clock_(clock),
        envelope_(envelope),
        messages_(messages),
        issuance_(issuance),
        registrations_(registrations),
        certificates_(certificates),
        bank_(bank),
        workers_(workers),
        limits_(limits) {}

  void Renew(std::string_view jwe, Reply reply);

 private:
  struct Applicant {  // a renewal that passed every check but the bank's
    VerifiedMessage message;
    protocol::RenewalPayload payload;
    protocol::PublicKey signature_key, encryption_key;
    protocol::Disclosure disclosure;
  };
  bool AnswerSeenBefore(const protocol::UnverifiedJws& jws, Reply& reply) const;
  base::Result<Applicant> Check(const VerifiedMessage& message) const;
  base::Status CheckWindow(const protocol::Certificate& current) const;
  base::Status CheckProof(const protocol::RenewalPayload& payload,
                          const protocol::PublicKey& key) const;
  base::Status CheckNewKeys(const VerifiedMessage& message, const protocol::PublicKey& signature,
                            const protocol::PublicKey& encryption) const;
  void Certify(const Applicant& applicant, const bank::Verification& answer, Reply reply);

  const base::Clock& clock_;
  const Envelope& envelope_;
  const SignedMessages& messages_;
  const Issuance& issuance_;
  storage::Registrations& registrations_;
  const storage::CertificateRegister& certificates_;
  bank::Bank& bank_;
  base::WorkerPool& workers_;
  const Limits& limits_;
};

}  // namespace paygate::gateway::engine
