// Registration (paper 6.2.2, protocol.md section 4): two certificates for a participant whose bank
// confirms account and enrolment code. The bank is the Registration Authority; the gateway keeps no
// account number: certificates carry its salted digest. Thread-safe.
#pragma once

#include <string_view>

#include "bank/bank.h"
#include "base/clock.h"
#include "base/worker_pool.h"
#include "gateway/engine/envelope.h"
#include "gateway/engine/issuance.h"
#include "gateway/engine/limits.h"
#include "gateway/engine/reply.h"
#include "protocol/messages.h"
#include "storage/store.h"

namespace paygate::gateway::engine {

class Registration {
 public:
  Registration(const base::Clock& clock, const Envelope& envelope, const Issuance& issuance,
               storage::Registrations& registrations, bank::Bank& bank, base::WorkerPool& workers,
               const Limits& limits)
      : clock_(clock),
        envelope_(envelope),
        issuance_(issuance),
        registrations_(registrations),
        bank_(bank),
        workers_(workers),
        limits_(limits) {}

  void Register(std::string_view jwe, Reply reply);

 private:
  struct Applicant {  // a registration whose signature verified
    std::string digest;
    protocol::RegistrationPayload payload;
    protocol::PublicKey signature_key, encryption_key;
    protocol::Disclosure disclosure;
    std::string participant_id;  // chosen before the bank is asked
  };
  base::Result<Applicant> Verify(std::string_view jwe) const;
  base::Status Check(const Applicant& applicant) const;
  void Certify(Applicant applicant, const bank::Verification& answer, Reply reply);
  void Refuse(const Applicant& applicant, const base::Error& error, Reply& reply) const;

  const base::Clock& clock_;
  const Envelope& envelope_;
  const Issuance& issuance_;
  storage::Registrations& registrations_;
  bank::Bank& bank_;
  base::WorkerPool& workers_;
  const Limits& limits_;
};

}  // namespace paygate::gateway::engine
