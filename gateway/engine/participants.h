// Who sent this: certificates that messages carry, checked against the issuing CA, the profile of
// their role, their validity and the register's status. Parsed certificates whose path and profile
// are good are cached by fingerprint, what the register says by participant for as long as the
// register has not changed (both bounded); validity is looked at each time. Thread-safe.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

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
  base::Status CheckSeller(std::string_view participant_id);

 private:
  static constexpr size_t kCertificates = 65536, kStandings = 32768;  // two generations of each

  // Bounded: when the young are so many, the old go.
  template <typename T>
  class Generations {
   public:
    explicit Generations(size_t size) : size_(size) {}
    const T* Find(const std::string& key) const {
      for (const auto* generation : {&young_, &old_}) {
        if (auto found = generation->find(key); found != generation->end()) return &found->second;
      }
      return nullptr;
    }
    void Keep(const std::string& key, T value) {
      if (young_.size() >= size_) {
        old_ = std::move(young_);
        young_.clear();
      }
      young_.insert_or_assign(key, std::move(value));
    }
    void Clear() {
      young_.clear();
      old_.clear();
    }

   private:
    const size_t size_;
    std::unordered_map<std::string, T> young_, old_;
  };

  // What the register says of one participant, as of a number of its changes.
  struct Standing {
    struct Pair {
      protocol::Certificate signature, encryption;
      storage::RevocationReason revoked;
    };
    uint64_t changes;
    bool held;
    std::vector<Pair> pairs;  // newest first; empty: not in the register
  };

  base::Result<protocol::Certificate> Parse(std::string_view der);
  base::Status Check(const protocol::Certificate& certificate, protocol::Role role,
                     std::chrono::seconds grace = {});
  base::Result<std::shared_ptr<const Standing>> StandingOf(std::string_view participant_id);
  std::optional<protocol::Certificate> FindGood(const std::string& fingerprint);

  const base::Clock& clock_;
  const KeysInForce& keys_;
  const storage::CertificateRegister& register_;
  base::Mutex mutex_;
  // Only what is good: what strangers made up must not fill the memory, nor drive out the others.
  Generations<protocol::Certificate> good_ GUARDED_BY(mutex_){kCertificates};
  Generations<std::shared_ptr<const Standing>> standings_ GUARDED_BY(mutex_){kStandings};
  // What the good ones were checked under: an issuing CA that is no longer named proves nothing.
  std::shared_ptr<const GatewayKeys> checked_under_ GUARDED_BY(mutex_);
};

}  // namespace paygate::gateway::engine
