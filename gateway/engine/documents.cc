#include "gateway/engine/documents.h"

#include <array>

#include "base/encoding.h"
#include "protocol/messages.h"

namespace paygate::gateway::engine {

using base::ErrorCode;
using base::Result;

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

void Documents::Gateway(Reply reply) {
  std::string document;
  {
    base::MutexLock lock(mutex_);
    const base::UnixTime now = clock_.Now();
    if (document_.empty() || now >= sign_again_) {
      auto made = SignGatewayDocument(now);
      if (!made) return reply.Problem(made.error());
      document_ = std::move(*made);
      sign_again_ = now + limits_.gateway_document_lifetime / 2;
    }
    document = document_;
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
