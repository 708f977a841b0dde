#include "gateway/engine/crls.h"

#include <algorithm>

#include "base/encoding.h"
#include "base/log.h"
#include "gateway/engine/status_words.h"
#include "hsm/statement.h"
#include "protocol/crl.h"

namespace paygate::gateway::engine {

using base::ErrorCode;
using base::Result;

namespace {

constexpr std::chrono::seconds kCoalesce{1};  // between two lists of a CA
constexpr int kShareOfTime = 20;              // lists take at most 1/20 of a worker's time
constexpr std::chrono::seconds kTryAgain{5};
// The clock may have been set back between two revocations.
constexpr std::chrono::hours kDeltaMargin{1};
// RFC 5280 section 3.3: an entry stays on one list beyond its certificate's end.
constexpr std::chrono::hours kKeepExpired = kCrlLifetime;
constexpr size_t kMaxEntriesBytes = hsm::kMaxStatementBytes - 4096;

}  // namespace

std::string Crls::UrlFor(const std::string& public_url, const protocol::Certificate& ca) {
  if (public_url.empty()) return "";
  return public_url + "/v1/crl/" + base::HexEncode(ca.subject_key_id());
}

bool Crls::Due(const Lists& lists) const {
  if (clock_.Monotonic() < lists.next_try) return false;
  if (!lists.complete || lists.seen != statuses_.Revocations()) return true;
  const base::UnixTime now = clock_.Now();
  return now < lists.issued || now - lists.issued >= kCrlReissue;
}

void Crls::Tick() {
  if (busy_) return;
  const auto keys = envelope_.keys();
  {
    base::MutexLock lock(mutex_);
    const bool any = std::ranges::any_of(keys->issuing, [&](const auto& ca) REQUIRES(mutex_) {
      return ca.key && Due(lists_[base::HexEncode(ca.certificate.subject_key_id())]);
    });
    if (!any) return;
  }
  busy_ = true;
  if (!workers_.TrySubmit([this] {
        MakeDue();
        busy_ = false;
      })) {
    busy_ = false;
  }
}

void Crls::MakeDue() {
  const auto keys = envelope_.keys();
  for (const auto& ca : keys->issuing) {
    if (!ca.key) continue;
    const std::string id = base::HexEncode(ca.certificate.subject_key_id());
    Lists former;
    {
      base::MutexLock lock(mutex_);
      former = lists_[id];
    }
    if (!Due(former)) continue;
    const base::MonotonicTime begin = clock_.Monotonic();
    auto made = Make(ca, former);
    const auto took = clock_.Monotonic() - begin;
    base::MutexLock lock(mutex_);
    if (made) {
      lists_[id] = std::move(*made);
      lists_[id].next_try = begin + std::max<base::MonotonicTime::duration>(kCoalesce,
                                                                            took * kShareOfTime);
      continue;
    }
    lists_[id].next_try = begin + kTryAgain;
    base::LogAlarm("crl.not_made", {{"issuing_ca", id}, {"why", made.error().message}});
  }
}

Result<std::string> Crls::Entries(std::string_view key_id, base::UnixTime since) const {
  const base::UnixTime now = clock_.Now();
  std::string entries;
  RETURN_IF_ERROR(statuses_.ForEachRevoked(
      key_id, since, [&](const storage::RevokedCertificate& certificate) {
        if (now - certificate.not_after > kKeepExpired) return;
        if (entries.size() > kMaxEntriesBytes) return;
        protocol::AppendCrlEntry(entries, certificate.serial, certificate.revoked_at,
                                 ToCrlReason(certificate.reason));
      }));
  if (entries.size() <= kMaxEntriesBytes) return entries;
  return base::Fail(ErrorCode::kPayloadTooLarge,
                    "more is revoked than one list can hold; OCSP still knows all of it: have new "
                    "certificates issued by a new issuing CA (docs/operations/rotation.md)");
}

Result<Crls::Lists> Crls::Make(const GatewayKeys::Certified<hsm::Signer>& ca,
                               const Lists& former) {
  const std::string& key_id = ca.certificate.subject_key_id();
  Lists lists{.base = former.base,
              .base_update = former.base_update,
              .issued = clock_.Now(),
              .seen = statuses_.Revocations()};
  ASSIGN_OR_RETURN(const uint64_t number, statuses_.NextCrlNumber(key_id));
  if (lists.base == 0 || lists.issued < lists.base_update ||
      lists.issued - lists.base_update >= kDeltaBaseLifetime) {
    lists.base = number;
    lists.base_update = lists.issued;
  }
  ASSIGN_OR_RETURN(const std::string all, Entries(key_id, {}));
  ASSIGN_OR_RETURN(const std::string new_ones, Entries(key_id, lists.base_update - kDeltaMargin));
  const std::string url = UrlFor(public_url_, ca.certificate);
  protocol::CrlTemplate what{.number = number,
                             .base_number = std::nullopt,
                             .this_update = lists.issued,
                             .next_update = lists.issued + kCrlLifetime,
                             .entries = all,
                             .delta_url = url.empty() ? "" : url + "/delta"};
  ASSIGN_OR_RETURN(std::string complete, protocol::BuildCrl(what, ca.certificate, *ca.key));
  what.base_number = lists.base;
  what.entries = new_ones;
  ASSIGN_OR_RETURN(std::string delta, protocol::BuildCrl(what, ca.certificate, *ca.key));
  base::LogInfo("crl.issued", {{"issuing_ca", base::HexEncode(key_id)},
                               {"number", number},
                               {"base", lists.base},
                               {"bytes", complete.size()},
                               {"delta_bytes", delta.size()}});
  lists.complete = std::make_shared<const std::string>(std::move(complete));
  lists.delta = std::make_shared<const std::string>(std::move(delta));
  return lists;
}

void Crls::Get(std::string_view rest, const std::string& source, Reply reply) {
  const auto keys = envelope_.keys();
  std::shared_ptr<const std::string> list;
  bool known = false;
  if (rest == "/root") {
    known = !keys->root_crl.empty();
    list = std::shared_ptr<const std::string>(keys, &keys->root_crl);
  } else {
    const bool delta = rest.ends_with("/delta");
    if (delta) rest.remove_suffix(std::string_view("/delta").size());
    if (rest.starts_with('/')) rest.remove_prefix(1);
    const std::string id = rest.empty() ? base::HexEncode(
                                              keys->Issuing().certificate.subject_key_id())
                                        : std::string(rest);
    known = std::ranges::any_of(keys->issuing, [&](const auto& ca) {
      return ca.key && base::HexEncode(ca.certificate.subject_key_id()) == id;
    });
    base::MutexLock lock(mutex_);
    if (const auto found = lists_.find(id); found != lists_.end()) {
      list = delta ? found->second.delta : found->second.complete;
    }
  }
  if (!known) return reply.Problem({ErrorCode::kNotFound, "no such list"});
  if (!list) return reply.Problem({ErrorCode::kOverloaded, "the list is not made yet"});
  if (!allowance_.Take(source, list->size(), clock_.Monotonic())) {
    return reply.Problem({ErrorCode::kRateLimited, "enough lists in this second"});
  }
  reply.Send(
      Response{.status = 200, .content_type = "application/pkix-crl", .body = *list});
}

}  // namespace paygate::gateway::engine
