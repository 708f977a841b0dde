// The status of one certificate, now (RFC 6960), signed by the CA that issued it.
//
// A signed answer is kept (bounded) and given again until half its life is over or the status
// changes: the status itself is looked up for every request, so that "revoked" is said from the
// next request on, while a burst costs no signature. An answer with a nonce, or to a question about
// several certificates, costs one each: these are limited, beyond which a nonce is left out (RFC
// 6960 section 4.4.1 lets it) and several are told to try later. Thread-safe.
#pragma once

#include <array>
#include <atomic>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>

#include "base/clock.h"
#include "base/mutex.h"
#include "gateway/engine/allowance.h"
#include "gateway/engine/envelope.h"
#include "gateway/engine/reply.h"
#include "protocol/ocsp.h"
#include "storage/store.h"

namespace paygate::gateway::engine {

constexpr std::chrono::hours kOcspLifetime{4};  // from thisUpdate to nextUpdate
// Answers signed for their question alone.
constexpr uint64_t kOcspSignedPerSecond = 100, kOcspSignedPerSource = 20;

class Ocsp {
 public:
  Ocsp(const base::Clock& clock, const Envelope& envelope,
       const storage::CertificateStatuses& statuses)
      : clock_(clock), envelope_(envelope), statuses_(statuses) {}

  void Post(std::string_view request, const std::string& source, Reply reply);
  // GET: what follows /v1/ocsp/, the request in base64, percent-encoded where need be.
  void Get(std::string_view path, const std::string& source, Reply reply);

  // Answers signed now, by each issuing CA whose key is in the token, about those of these
  // certificates that are its own: for an evidence file. Of others nothing is said.
  base::Result<std::vector<std::string>> Attest(
      const std::vector<protocol::Certificate>& certificates);

  uint64_t signatures() const { return signatures_; }  // spent so far

 private:
  static constexpr size_t kCacheGeneration = 16384;  // answers of about 1 KB; two are kept
  static constexpr size_t kStripes = 64;
  struct Kept {
    protocol::OcspStatus status;
    base::UnixTime this_update;
    std::shared_ptr<const GatewayKeys> keys;
    std::shared_ptr<const std::string> response;
  };
  using Cache = std::unordered_map<std::string, Kept>;
  // A certificate asked about, and the CA that speaks for it.
  struct Asked {
    const GatewayKeys::Certified<hsm::Signer>* ca = nullptr;
    protocol::OcspStatus status;
  };

  base::Result<std::string> Answer(const protocol::OcspRequest& request, const std::string& source);
  base::Result<Asked> Find(const GatewayKeys& keys, const protocol::OcspCertId& id) const;
  base::Result<std::string> Sign(const protocol::OcspRequest& request,
                                 const std::vector<Asked>& asked, bool nonce);
  base::Result<std::string> FromCache(const std::shared_ptr<const GatewayKeys>& keys,
                                      const protocol::OcspRequest& request, const Asked& asked);
  std::shared_ptr<const std::string> LookUp(const std::shared_ptr<const GatewayKeys>& keys,
                                            const std::string& cert_id,
                                            const protocol::OcspStatus& status) EXCLUDES(mutex_);
  void Keep(const std::string& cert_id, Kept kept) EXCLUDES(mutex_);

  const base::Clock& clock_;
  const Envelope& envelope_;
  const storage::CertificateStatuses& statuses_;
  std::atomic<uint64_t> signatures_ = 0;
  Allowance allowance_{kOcspSignedPerSecond, kOcspSignedPerSource};
  std::array<base::Mutex, kStripes> signing_;  // by certificate: one signs, the others wait for it
  base::Mutex mutex_;
  Cache young_ GUARDED_BY(mutex_), old_ GUARDED_BY(mutex_);
};

}  // namespace paygate::gateway::engine
