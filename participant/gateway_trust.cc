#include "participant/gateway_trust.h"

#include "base/encoding.h"
#include "protocol/json.h"

namespace paygate::participant {
namespace {

using base::ErrorCode;
using base::Fail;
using protocol::Certificate;
using protocol::Role;

constexpr std::string_view kCacheName = "gateway.jws";
constexpr size_t kMaxKnownChains = 64;

// ["b64 DER",…] of GET /v1/certificates/{x5t#S256}.
base::Result<std::vector<std::string>> ParseChainArray(const std::string& body) {
  ASSIGN_OR_RETURN(auto object, protocol::JsonObject::Parse("{\"chain\":" + body + "}"));
  const std::vector<std::string> texts = object.TakeStrings("chain");
  RETURN_IF_ERROR(object.Finish());
  std::vector<std::string> chain;
  for (const std::string& text : texts) {
    ASSIGN_OR_RETURN(std::string der, base::Base64Decode(text));
    chain.push_back(std::move(der));
  }
  return chain;
}

}  // namespace

base::Result<std::vector<Certificate>> ParseChain(const std::vector<std::string>& ders) {
  if (ders.empty() || ders.size() > protocol::kMaxX5cCertificates) {
    return Fail(ErrorCode::kCertificateInvalid, "a chain has 1 to 4 certificates");
  }
  std::vector<Certificate> chain;
  for (const std::string& der : ders) {
    ASSIGN_OR_RETURN(Certificate certificate, Certificate::Parse(der));
    chain.push_back(std::move(certificate));
  }
  return chain;
}

GatewayTrust::GatewayTrust(protocol::CertificateChecker checker, std::string gateway_id,
                           Transport& transport, const base::Clock& clock, Disk* cache)
    : checker_(std::move(checker)),
      gateway_id_(std::move(gateway_id)),
      transport_(transport),
      clock_(clock),
      cache_(cache) {}

base::Result<std::unique_ptr<GatewayTrust>> GatewayTrust::Create(std::string_view root_pem,
                                                                 std::string gateway_id,
                                                                 Transport& transport,
                                                                 const base::Clock& clock,
                                                                 Disk* cache) {
  ASSIGN_OR_RETURN(Certificate root, Certificate::ParsePem(root_pem));
  ASSIGN_OR_RETURN(auto checker, protocol::CertificateChecker::Create(std::move(root), {}));
  return std::unique_ptr<GatewayTrust>(
      new GatewayTrust(std::move(checker), std::move(gateway_id), transport, clock, cache));
}

base::Result<Certificate> GatewayTrust::CheckGatewayChain(const std::vector<std::string>& ders,
                                                          Role role, const std::string& id,
                                                          base::UnixTime at) const {
  ASSIGN_OR_RETURN(auto chain, ParseChain(ders));
  RETURN_IF_ERROR(checker_.CheckChain(chain, role, at));
  // The role alone would let one gateway of this operator speak for another.
  if (id.empty() || chain.front().subject_id() != id) {
    return Fail(ErrorCode::kCertificateInvalid,
                "the certificate is of " + chain.front().subject_id() + ", not of gateway " + id);
  }
  return chain.front();
}

base::Status GatewayTrust::Accept(std::string_view compact) {
  ASSIGN_OR_RETURN(auto jws,
                   protocol::ParseJws(compact, protocol::kTypGateway, protocol::KeyName::kX5c));
  ASSIGN_OR_RETURN(auto document, protocol::GatewayPayload::Parse(jws.payload));
  if (document.version != 1) {
    return Fail(ErrorCode::kMalformed,
                "the gateway speaks a version of the protocol that this "
                "program does not know; update it");
  }
  if (!gateway_id_.empty() && document.id != gateway_id_) {
    return Fail(ErrorCode::kCertificateInvalid,
                "this is gateway " + document.id + ", not " + gateway_id_ + ", which you know");
  }
  const base::UnixTime now = clock_.Now();
  ASSIGN_OR_RETURN(Certificate signer,
                   CheckGatewayChain(jws.x5c, Role::kGatewaySignature, document.id, now));
  ASSIGN_OR_RETURN(auto verified, protocol::VerifyJws(std::move(jws), signer.key()));
  if (document.exp <= base::ToNumericDate(now)) {
    return Fail(ErrorCode::kClockSkew,
                "the gateway's document has expired; check this machine's clock and try again");
  }
  if (document.signature.empty() || document.encryption.empty()) {
    return Fail(ErrorCode::kMalformed, "the gateway's document names no certificate");
  }
  std::map<std::string, std::vector<std::string>> chains;
  for (const auto& chain : document.signature) {
    ASSIGN_OR_RETURN(Certificate leaf,
                     CheckGatewayChain(chain, Role::kGatewaySignature, document.id, now));
    chains[leaf.fingerprint()] = chain;
  }
  for (const auto& chain : document.encryption) {
    RETURN_IF_ERROR(CheckGatewayChain(chain, Role::kGatewayEncryption, document.id, now));
  }
  signature_chains_ = std::move(chains);
  gateway_id_ = document.id;
  document_ = std::move(document);
  return {};
}

base::Status GatewayTrust::Refresh() {
  ASSIGN_OR_RETURN(HttpAnswer answer, transport_.Get("/v1/gateway"));
  if (answer.status != 200 || answer.content_type != kJoseType) {
    return Fail(ErrorCode::kClosed, "the gateway does not give its document now (HTTP status " +
                                        std::to_string(answer.status) + "); try again later");
  }
  RETURN_IF_ERROR(Accept(answer.body));
  if (cache_ != nullptr) return cache_->Replace(std::string(kCacheName), answer.body);
  return {};
}

base::Result<protocol::GatewayPayload> GatewayTrust::Document() {
  if (!document_ && cache_ != nullptr && !tried_cache_) {
    tried_cache_ = true;
    ASSIGN_OR_RETURN(auto kept, cache_->Read(std::string(kCacheName)));
    // A kept document that no longer verifies (expired, rotated) is only a reason to fetch.
    if (kept && !Accept(*kept)) document_.reset();
  }
  if (!document_ || document_->exp <= base::ToNumericDate(clock_.Now())) RETURN_IF_ERROR(Refresh());
  return *document_;
}

base::Result<Certificate> GatewayTrust::EncryptionCertificate() {
  ASSIGN_OR_RETURN(auto document, Document());
  return Certificate::Parse(document.encryption.front().front());
}

base::Result<std::vector<std::string>> GatewayTrust::ChainOf(const std::string& x5t) {
  RETURN_IF_ERROR(Document());
  if (const auto it = signature_chains_.find(x5t); it != signature_chains_.end()) return it->second;
  RETURN_IF_ERROR(Refresh());
  if (const auto it = signature_chains_.find(x5t); it != signature_chains_.end()) return it->second;
  ASSIGN_OR_RETURN(HttpAnswer answer, transport_.Get("/v1/certificates/" + x5t));
  if (answer.status != 200) {
    return Fail(ErrorCode::kCertificateInvalid,
                "signed under a certificate that the gateway does not know");
  }
  ASSIGN_OR_RETURN(auto chain, ParseChainArray(answer.body));
  if (signature_chains_.size() < kMaxKnownChains) signature_chains_[x5t] = chain;
  return chain;
}

base::Result<protocol::VerifiedJws> GatewayTrust::VerifyKept(std::string_view compact,
                                                             std::string_view typ,
                                                             const std::vector<std::string>& chain,
                                                             base::UnixTime at) const {
  ASSIGN_OR_RETURN(auto jws,
                   protocol::ParseJws(compact, typ, protocol::KeyName::kX5t, forms_));
  ASSIGN_OR_RETURN(Certificate signer,
                   CheckGatewayChain(chain, Role::kGatewaySignature, gateway_id_, at));
  if (signer.fingerprint() != jws.x5t_s256) {
    return Fail(ErrorCode::kCertificateInvalid,
                "the chain is not the one that the signature names");
  }
  return protocol::VerifyJws(std::move(jws), signer.key());
}

base::Result<Statement> GatewayTrust::Verify(std::string_view compact, std::string_view typ) {
  ASSIGN_OR_RETURN(auto jws,
                   protocol::ParseJws(compact, typ, protocol::KeyName::kX5t, forms_));
  ASSIGN_OR_RETURN(auto chain, ChainOf(jws.x5t_s256));
  ASSIGN_OR_RETURN(auto verified, VerifyKept(compact, typ, chain, clock_.Now()));
  return Statement{std::move(verified), std::move(chain)};
}

base::Result<std::vector<std::string>> GatewayTrust::ParticipantChain(
    const protocol::UnverifiedJws& jws, base::UnixTime at, std::vector<std::string> known) {
  if (jws.x5c.size() != 1) return Fail(ErrorCode::kMalformed, "x5c is not one certificate");
  ASSIGN_OR_RETURN(const auto document, Document());
  for (const auto& chain : document.signature) {
    known.insert(known.end(), chain.begin() + 1, chain.end());
  }
  base::Error last{ErrorCode::kCertificateInvalid, "issued by a CA that is not known here"};
  for (std::string& ca : known) {
    std::vector<std::string> ders = {jws.x5c[0], std::move(ca)};
    const auto chain = ParseChain(ders);
    if (!chain) continue;
    auto checked = checker_.CheckChain(*chain, Role::kParticipantSignature, at);
    if (checked) return ders;
    last = checked.error();
  }
  return std::unexpected(last);
}

base::Result<protocol::VerifiedJws> GatewayTrust::VerifyParticipantKept(
    std::string_view compact, std::string_view typ, const std::string& id,
    const std::vector<std::string>& ders, base::UnixTime at) const {
  ASSIGN_OR_RETURN(auto jws, protocol::ParseJws(compact, typ, protocol::KeyName::kX5c));
  ASSIGN_OR_RETURN(auto chain, ParseChain(ders));
  RETURN_IF_ERROR(checker_.CheckChain(chain, Role::kParticipantSignature, at));
  if (jws.x5c != std::vector<std::string>{ders.front()} || chain.front().subject_id() != id) {
    return Fail(ErrorCode::kCertificateInvalid, "signed under another participant's certificate");
  }
  return protocol::VerifyJws(std::move(jws), chain.front().key());
}

base::Status GatewayTrust::CheckIssued(const std::vector<std::string>& ders, Role role) const {
  ASSIGN_OR_RETURN(auto chain, ParseChain(ders));
  return checker_.CheckChain(chain, role, clock_.Now());
}

}  // namespace paygate::participant
