#include "gateway/engine/documents.h"

#include "base/encoding.h"
#include "protocol/messages.h"

namespace paygate::gateway::engine {

using base::ErrorCode;
using base::Result;

namespace {
constexpr std::chrono::seconds kSignAgainAfter{5};  // where the token could not

// The chains that are good now, preferred first: readers check each.
template <typename Key>
std::vector<std::vector<std::string>> ChainsOf(
    const std::vector<GatewayKeys::Certified<Key>>& certified, base::UnixTime now) {
  std::vector<std::vector<std::string>> chains;
  for (const auto& each : certified) {
    const bool current = now >= each.certificate.not_before() &&
                         now <= each.certificate.not_after() && now <= each.issuer.not_after();
    if (current) chains.push_back(each.Chain());
  }
  return chains;
}

}  // namespace

Result<std::string> Documents::SignGatewayDocument(const GatewayKeys& keys,
                                                   base::UnixTime now) const {
  protocol::GatewayPayload payload{
      .id = keys.id,
      .version = 1,
      .iat = base::ToNumericDate(now),
      .exp = base::ToNumericDate(now + limits_.gateway_document_lifetime),
      .signature = ChainsOf(keys.signature, now),
      .encryption = ChainsOf(keys.encryption, now),
      .signature_algorithms = {"ES256", "PS256", "EdDSA"},
      .batch_signatures = envelope_.batch(),
      .limits = {.request_bytes = static_cast<int64_t>(kMaxRequestBytes),
                 .clock_skew_s = limits_.clock_skew.count(),
                 .handshake_s = limits_.handshake_lifetime.count(),
                 .csblk_lifetime_s = limits_.csblk_lifetime.count(),
                 .currencies = {limits_.currencies.begin(), limits_.currencies.end()}}};
  return protocol::SignJws(*keys.Signature().key, protocol::kTypGateway,
                           {.name = protocol::KeyName::kX5c, .x5c = keys.Signature().Chain()},
                           payload.Print());
}

// Signed outside the lock, while the others go on with the document that there is: a token that
// hangs must not queue up every thread of the strangers' lane behind it.
void Documents::Gateway(Reply reply) {
  const base::UnixTime now = clock_.Now();
  const auto keys = envelope_.keys();
  std::string document;
  {
    base::MutexLock lock(mutex_);
    if (now < expires_ && keys_ == keys) document = document_;
    if (!document.empty() && now < sign_again_) return reply.Jose(200, std::move(document));
    if (!document.empty()) sign_again_ = now + kSignAgainAfter;
  }
  auto made = SignGatewayDocument(*keys, now);
  if (!made && document.empty()) return reply.Problem(made.error());
  if (made) {
    document = *made;
    base::MutexLock lock(mutex_);
    document_ = std::move(*made);
    keys_ = keys;
    sign_again_ = now + limits_.gateway_document_lifetime / 2;
    expires_ = now + limits_.gateway_document_lifetime;
  }
  reply.Jose(200, std::move(document));
}

void Documents::CertificateChain(std::string_view fingerprint, Reply reply) {
  const auto keys = envelope_.keys();
  std::vector<std::string> chain;
  if (const auto* found = keys->FindSignature(fingerprint)) chain = found->Chain();
  if (const auto* found = keys->FindEncryption(fingerprint)) chain = found->Chain();
  if (chain.empty()) {
    return reply.Problem(
        {ErrorCode::kNotFound, "no certificate of the gateway has this fingerprint"});
  }
  // Standard base64 needs no escaping in JSON.
  reply.Send(Response{.status = 200,
                      .content_type = "application/json",
                      .body = "[\"" + base::Base64Encode(chain[0]) + "\",\"" +
                              base::Base64Encode(chain[1]) + "\"]"});
}

}  // namespace paygate::gateway::engine
