#include "gateway/engine/documents.h"

#include <array>

#include "base/encoding.h"
#include "protocol/messages.h"

namespace paygate::gateway::engine {

using base::ErrorCode;
using base::Result;

namespace {
constexpr std::chrono::seconds kSignAgainAfter{5};  // where the token could not
}  // namespace

Result<std::string> Documents::SignGatewayDocument(base::UnixTime now) const {
  const GatewayKeys& keys = envelope_.keys();
  protocol::GatewayPayload payload{
      .id = keys.id,
      .version = 1,
      .iat = base::ToNumericDate(now),
      .exp = base::ToNumericDate(now + limits_.gateway_document_lifetime),
      .signature = {{keys.signature_certificate.der(), keys.issuing_ca.der()}},
      .encryption = {{keys.encryption_certificate.der(), keys.issuing_ca.der()}},
      .signature_algorithms = {"ES256", "PS256", "EdDSA"},
      .limits = {.request_bytes = static_cast<int64_t>(kMaxRequestBytes),
                 .clock_skew_s = limits_.clock_skew.count(),
                 .handshake_s = limits_.handshake_lifetime.count(),
                 .csblk_lifetime_s = limits_.csblk_lifetime.count(),
                 .currencies = {limits_.currencies.begin(), limits_.currencies.end()}}};
  return protocol::SignJws(*keys.signature, protocol::kTypGateway,
                           {.name = protocol::KeyName::kX5c, .x5c = payload.signature[0]},
                           payload.Print());
}

// Signed outside the lock, while the others go on with the document that there is: a token that
// hangs must not queue up every thread of the strangers' lane behind it.
void Documents::Gateway(Reply reply) {
  const base::UnixTime now = clock_.Now();
  std::string document;
  {
    base::MutexLock lock(mutex_);
    if (now < expires_) document = document_;
    if (!document.empty() && now < sign_again_) return reply.Jose(200, std::move(document));
    if (!document.empty()) sign_again_ = now + kSignAgainAfter;
  }
  auto made = SignGatewayDocument(now);
  if (!made && document.empty()) return reply.Problem(made.error());
  if (made) {
    document = *made;
    base::MutexLock lock(mutex_);
    document_ = std::move(*made);
    sign_again_ = now + limits_.gateway_document_lifetime / 2;
    expires_ = now + limits_.gateway_document_lifetime;
  }
  reply.Jose(200, std::move(document));
}

void Documents::CertificateChain(std::string_view fingerprint, Reply reply) {
  const GatewayKeys& keys = envelope_.keys();
  for (const protocol::Certificate* leaf :
       std::array{&keys.signature_certificate, &keys.encryption_certificate}) {
    if (leaf->fingerprint() != fingerprint) continue;
    // Standard base64 needs no escaping in JSON.
    return reply.Send(Response{.status = 200,
                               .content_type = "application/json",
                               .body = "[\"" + base::Base64Encode(leaf->der()) + "\",\"" +
                                       base::Base64Encode(keys.issuing_ca.der()) + "\"]"});
  }
  reply.Problem({ErrorCode::kNotFound, "no certificate of the gateway has this fingerprint"});
}

}  // namespace paygate::gateway::engine
