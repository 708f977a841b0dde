// Who sent this: certificates that messages carry, checked against the issuing CA, the profile of
// their role, their validity and the register's status. Parsing and path checks are cached by
// fingerprint (bounded); validity and revocation are looked up each time. Thread-safe.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>

#include "base/clock.h"
#include "base/mutex.h"
#include "base/result.h"
#include "gateway/engine/keys.h"
#include "protocol/certificate.h"
#include "storage/store.h"

namespace paygate::gateway::engine {

// A registration's two certificates, both valid and not revoked when Find returned.
struct Participant {
  protocol::Certificate signature;   // Cert_V
  protocol::Certificate encryption;  // Cert_P
  const std::string& id() const { return signature.subject_id(); }
};

// Whom a message may come from, besides a participant whose certificates are valid now, not revoked
// and not held.
enum class Admission : uint8_t {
  kPresent,     // nobody else
  kRenewal,     // one whose certificates expired at most kRenewalGrace ago
  kRevocation,  // one whom the operator holds
};

class Participants {
 public:
  static constexpr std::chrono::days kRenewalGrace{30};  // protocol.md section 4

  Participants(const base::Clock& clock, const KeysInForce& keys,
               const storage::CertificateRegister& certificates)
      : clock_(clock), keys_(keys), register_(certificates) {}

  // By the certificate that a message carries (Cert_V with a JWS, Cert_P with a first message).
  // kCertificateInvalid, kCertificateRevoked, or kAccountRefused for one who is held.
  base::Result<Participant> Find(std::string_view certificate_der, protocol::Role role,
                                 Admission admission = Admission::kPresent);
  // For answering, whatever the status is now: the pair to which a fingerprint belongs.
  base::Result<protocol::Certificate> EncryptionCertificateOf(std::string_view fingerprint);
  // ID_X's newest Cert_P that is valid now; if none is, the newest of all, so that a result that
  // was promised can still be delivered.
  base::Result<protocol::Certificate> NewestEncryptionCertificate(std::string_view participant_id);
  // May ID_X's CSBLKs be paid (protocol.md section 6)? kCertificateRevoked; kAccountRefused while
  // the seller is held.
  base::Status CheckSeller(std::string_view participant_id) const;

 private:
  static constexpr size_t kCacheGeneration = 65536;  // certificates; two generations are kept
  struct Cached {
    protocol::Certificate certificate;
    bool good;  // path and profile were checked; role and time are looked at each time. In the
                // cache always
  };
  using Cache = std::unordered_map<std::string, Cached>;

  base::Result<Cached> Parse(std::string_view der);
  base::Result<protocol::Certificate> ParseChecked(std::string_view der, protocol::Role role,
                                                   std::chrono::seconds grace = {});
  void Remember(const Cached& cached, const GatewayKeys& checked_under);
  void ForgetIfReplaced(const std::shared_ptr<const GatewayKeys>& keys) REQUIRES(mutex_);

  const base::Clock& clock_;
  const KeysInForce& keys_;
  const storage::CertificateRegister& register_;
  base::Mutex mutex_;
  Cache young_ GUARDED_BY(mutex_), old_ GUARDED_BY(mutex_);
  // What the cached ones were checked under: an issuing CA that is no longer named proves nothing.
  std::shared_ptr<const GatewayKeys> checked_under_ GUARDED_BY(mutex_);
};

}  // namespace paygate::gateway::engine
