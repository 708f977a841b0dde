// GatewayTrust: what the gateway says, and whether it is the gateway that says it.
//
// Fetches and keeps the gateway's document (GET /v1/gateway, protocol.md section 3), checks it
// against the pinned root, and verifies the gateway's statements: path to the root, CA flags, key
// usage, the gateway's role, its ID as CN, the one `typ` that is right, the signature. An unknown
// certificate is looked up in the document fetched anew, then at /v1/certificates. Once the
// participant knows the gateway's ID, a document or certificate of another ID is refused.
// Borrows its references. Not thread-safe.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "participant/disk.h"
#include "participant/transport.h"
#include "protocol/certificate.h"
#include "protocol/jws.h"
#include "protocol/messages.h"

namespace paygate::participant {

// A statement of the gateway that has been verified, with the chain that proves it later.
struct Statement {
  protocol::VerifiedJws jws;
  std::vector<std::string> chain;  // DER, leaf first, root excluded
};

class GatewayTrust {
 public:
  // `cache` keeps the document between runs; nullptr: not kept. `gateway_id` empty: not known yet.
  static base::Result<std::unique_ptr<GatewayTrust>> Create(std::string_view root_pem,
                                                            std::string gateway_id,
                                                            Transport& transport,
                                                            const base::Clock& clock, Disk* cache);

  // The document: the one that is held, while it has not expired; otherwise fetched.
  base::Result<protocol::GatewayPayload> Document();
  // Fetches it anew, whatever is held (after decryption-failed, or an unknown certificate).
  base::Status Refresh();
  // The preferred certificate to encrypt to.
  base::Result<protocol::Certificate> EncryptionCertificate();
  const std::string& gateway_id() const { return gateway_id_; }  // empty before the first document
  // The signature forms that statements may have from now on; at first single ones alone.
  void Take(protocol::JwsForms forms) { forms_ = forms; }

  // Verifies a compact JWS by the gateway at the time `now`.
  base::Result<Statement> Verify(std::string_view compact, std::string_view typ);
  // The same long after, by the chain that was kept, at the time the statement was made.
  base::Result<protocol::VerifiedJws> VerifyKept(std::string_view compact, std::string_view typ,
                                                 const std::vector<std::string>& chain,
                                                 base::UnixTime at) const;
  // [Cert_V, the CA that issued it] of a participant's JWS: the CA is looked for in `known` (DER)
  // and in the gateway's document. kCertificateInvalid: not issued by the operator, or by a CA
  // that is not known here.
  base::Result<std::vector<std::string>> ParticipantChain(const protocol::UnverifiedJws& jws,
                                                          base::UnixTime at,
                                                          std::vector<std::string> known);
  // A JWS by the participant `id`, under the first certificate of `chain`, which it carries.
  base::Result<protocol::VerifiedJws> VerifyParticipantKept(std::string_view compact,
                                                            std::string_view typ,
                                                            const std::string& id,
                                                            const std::vector<std::string>& chain,
                                                            base::UnixTime at) const;
  // Path and profile of a participant's certificate that the gateway issued.
  base::Status CheckIssued(const std::vector<std::string>& chain, protocol::Role role) const;
  const base::Clock& clock() const { return clock_; }

 private:
  GatewayTrust(protocol::CertificateChecker checker, std::string gateway_id, Transport& transport,
               const base::Clock& clock, Disk* cache);
  base::Status Accept(std::string_view compact);
  base::Result<protocol::Certificate> CheckGatewayChain(const std::vector<std::string>& chain,
                                                        protocol::Role role, const std::string& id,
                                                        base::UnixTime at) const;
  base::Result<std::vector<std::string>> ChainOf(const std::string& x5t);

  const protocol::CertificateChecker checker_;
  std::string gateway_id_;
  Transport& transport_;
  const base::Clock& clock_;
  Disk* const cache_;
  protocol::JwsForms forms_ = protocol::JwsForms::kSingle;
  bool tried_cache_ = false;
  std::optional<protocol::GatewayPayload> document_;
  std::map<std::string, std::vector<std::string>> signature_chains_;  // by x5t#S256
};

// The certificates of a chain; kCertificateInvalid if one does not parse.
base::Result<std::vector<protocol::Certificate>> ParseChain(const std::vector<std::string>& ders);

}  // namespace paygate::participant
