// Certificate revocation lists (RFC 5280): for each issuing CA whose key is in the token, a
// complete list and a delta, made anew when something was revoked and before they lapse;
// docs/operations/status.md says when. Signed on a worker; what is asked for is answered from
// memory. Thread-safe.
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/mutex.h"
#include "base/worker_pool.h"
#include "gateway/engine/allowance.h"
#include "gateway/engine/envelope.h"
#include "gateway/engine/reply.h"
#include "storage/store.h"

namespace paygate::gateway::engine {

constexpr std::chrono::hours kCrlLifetime{24};       // from thisUpdate to nextUpdate
constexpr std::chrono::hours kCrlReissue{12};        // at the latest
constexpr std::chrono::hours kDeltaBaseLifetime{24};  // a delta counts from a list at most so old
constexpr uint64_t kCrlBytesPerSecond = 32u << 20, kCrlBytesPerSource = 8u << 20;

class Crls {
 public:
  // All borrowed; the pool is drained before this object goes.
  Crls(const base::Clock& clock, const Envelope& envelope, storage::CertificateStatuses& statuses,
       base::WorkerPool& workers, std::string public_url)
      : clock_(clock),
        envelope_(envelope),
        statuses_(statuses),
        workers_(workers),
        public_url_(std::move(public_url)) {}

  // Has lists made where they are due.
  void Tick();
  // GET /v1/crl and below; `rest` is the path after that: "", "/delta", "/root", "/{key id}",
  // "/{key id}/delta". Without a key id: of the preferred issuing CA.
  void Get(std::string_view rest, const std::string& source, Reply reply);

  // What goes into a certificate issued under this CA.
  static std::string UrlFor(const std::string& public_url, const protocol::Certificate& ca);

 private:
  struct Lists {
    uint64_t base = 0;  // number of the complete list that the delta counts from; 0: none yet
    base::UnixTime base_update{}, issued{};
    uint64_t seen = 0;  // Revocations() before they were made
    base::MonotonicTime next_try{};
    std::shared_ptr<const std::string> complete, delta;
  };
  bool Due(const Lists& lists) const;
  void MakeDue();
  base::Result<Lists> Make(const GatewayKeys::Certified<hsm::Signer>& ca, const Lists& former);
  base::Result<std::string> Entries(std::string_view key_id, base::UnixTime since) const;

  const base::Clock& clock_;
  const Envelope& envelope_;
  storage::CertificateStatuses& statuses_;
  base::WorkerPool& workers_;
  const std::string public_url_;
  std::atomic<bool> busy_ = false;  // a worker makes lists
  Allowance allowance_{kCrlBytesPerSecond, kCrlBytesPerSource};
  base::Mutex mutex_;
  std::map<std::string, Lists, std::less<>> lists_ GUARDED_BY(mutex_);  // by key id, hexadecimal
};

}  // namespace paygate::gateway::engine
