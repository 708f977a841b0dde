// handshake = base64url(AEAD(u8 phase, bytes id, bytes nonce, bytes nonce, bytes block_digest,
//                            bytes fingerprint, i64 expires)), the phase as additional data too
#include "gateway/engine/handshake.h"

#include "base/codec.h"
#include "base/crypto.h"
#include "base/encoding.h"

namespace paygate::gateway::engine {
namespace {

std::string_view Aad(Phase phase) {
  switch (phase) {
    case Phase::kSellerBlock:
      return "paygate handshake seller-block";
    case Phase::kPayment:
      return "paygate handshake payment";
    case Phase::kRefund:
      return "paygate handshake refund";
  }
  return "";
}

std::unexpected<base::Error> Expired(const char* why) {
  return base::Fail(base::ErrorCode::kHandshakeExpired, why);
}

}  // namespace

Handshakes::Handshakes() : key_(base::RandomSecret(32)) {}

std::string Handshakes::Seal(const Handshake& h) const {
  base::Encoder e;
  e.U8(static_cast<uint8_t>(h.phase)).Bytes(h.participant_id).Bytes(h.nonce_participant);
  e.Bytes(h.nonce_gateway).Bytes(h.block_digest).Bytes(h.encryption_certificate);
  e.I64(base::ToNumericDate(h.expires));
  return base::Base64UrlEncode(base::AeadSeal(key_, e.Take(), Aad(h.phase)));
}

base::Result<Handshake> Handshakes::Open(std::string_view sealed, Phase phase,
                                         base::UnixTime now) const {
  auto bytes = base::Base64UrlDecode(sealed);
  if (!bytes) return Expired("handshake is not base64url");
  auto plain = base::AeadOpen(key_, *bytes, Aad(phase));
  if (!plain) return Expired("handshake was not sealed by this process for this phase");
  base::Decoder d(*plain);
  Handshake h;
  h.phase = static_cast<Phase>(d.U8());
  h.participant_id = d.Bytes();
  h.nonce_participant = d.Bytes();
  h.nonce_gateway = d.Bytes();
  h.block_digest = d.Bytes();
  h.encryption_certificate = d.Bytes();
  h.expires = base::FromNumericDate(d.I64());
  if (!d.Finish() || h.phase != phase) return Expired("handshake of another phase");
  if (now >= h.expires) return Expired("handshake is older than its lifetime");
  return h;
}

bool LanePasses::Take(const Handshake& handshake, base::UnixTime now) {
  base::MutexLock lock(mutex_);
  while (!taken_.empty() && taken_.begin()->first <= now) taken_.erase(taken_.begin());
  if (taken_.size() >= kMaxPasses) return false;
  return taken_.emplace(handshake.expires, handshake.nonce_gateway).second;
}

void LanePasses::GiveBack(const Handshake& handshake) {
  base::MutexLock lock(mutex_);
  taken_.erase({handshake.expires, handshake.nonce_gateway});
}

}  // namespace paygate::gateway::engine
