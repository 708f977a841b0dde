#include "gateway/engine/ocsp.h"

#include "base/encoding.h"
#include "gateway/engine/status_words.h"

namespace paygate::gateway::engine {

using base::ErrorCode;
using base::Fail;
using base::Result;
using protocol::OcspCertId;
using protocol::OcspError;
using protocol::OcspRequest;
using protocol::OcspStatus;

namespace {

void Send(std::string der, Reply& reply) {
  reply.Send(Response{
      .status = 200, .content_type = "application/ocsp-response", .body = std::move(der)});
}

OcspError ToOcsp(ErrorCode code) {
  switch (code) {
    case ErrorCode::kMalformed:
      return OcspError::kMalformedRequest;
    case ErrorCode::kNotFound:
      return OcspError::kUnauthorized;
    case ErrorCode::kTokenUnavailable:
    case ErrorCode::kOverloaded:
    case ErrorCode::kRateLimited:
      return OcspError::kTryLater;
    default:
      return OcspError::kInternalError;
  }
}

// %2B, %2F and %3D as clients write them; kMalformed for a broken escape.
Result<std::string> PercentDecode(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    if (text[0] != '%') {
      out += text[0];
      text.remove_prefix(1);
      continue;
    }
    std::string hex(text.substr(1, 2));
    for (char& c : hex) {
      if (c >= 'A' && c <= 'F') c = static_cast<char>(c - 'A' + 'a');
    }
    ASSIGN_OR_RETURN(const std::string byte, base::HexDecode(hex));
    if (byte.size() != 1) return Fail(ErrorCode::kMalformed, "a broken percent escape");
    out += byte;
    text.remove_prefix(3);
  }
  return out;
}

template <typename Key>
bool IsOneOf(const std::vector<GatewayKeys::Certified<Key>>& all,
             const protocol::Certificate& issuer, const std::string& serial_hex) {
  for (const auto& each : all) {
    if (each.certificate.serial_hex() == serial_hex &&
        each.issuer.fingerprint() == issuer.fingerprint()) {
      return true;
    }
  }
  return false;
}

}  // namespace

void Ocsp::Post(std::string_view bytes, const std::string& source, Reply reply) {
  auto request = protocol::ParseOcspRequest(bytes);
  auto answer = request ? Answer(*request, source)
                        : Result<std::string>(std::unexpected(request.error()));
  Send(answer ? std::move(*answer) : PrintOcspError(ToOcsp(answer.error().code)), reply);
}

void Ocsp::Get(std::string_view path, const std::string& source, Reply reply) {
  const auto text = PercentDecode(path);
  auto der = text ? base::Base64Decode(*text) : text;
  // What is no base64 is no request either.
  Post(der ? *der : std::string(), source, std::move(reply));
}

Result<Ocsp::Asked> Ocsp::Find(const GatewayKeys& keys, const OcspCertId& id) const {
  for (const auto& ca : keys.issuing) {
    if (!ca.key || !id.IssuedBy(ca.certificate)) continue;
    ASSIGN_OR_RETURN(const auto pair,
                     statuses_.FindBySerial(ca.certificate.subject_key_id(), id.serial));
    if (pair) {
      OcspStatus status;
      if (pair->revoked != storage::RevocationReason::kNone) {
        status = {true, pair->revoked_at, ToCrlReason(pair->revoked)};
      }
      return Asked{&ca, status};
    }
    const std::string serial = base::HexEncode(id.serial);
    if (IsOneOf(keys.signature, ca.certificate, serial) ||
        IsOneOf(keys.encryption, ca.certificate, serial)) {
      return Asked{&ca, {}};
    }
  }
  return Fail(ErrorCode::kNotFound, "no certificate of ours");
}

Result<std::string> Ocsp::Answer(const OcspRequest& request, const std::string& source) {
  const auto keys = envelope_.keys();
  std::vector<Asked> asked;
  for (const OcspCertId& id : request.certificates) {
    ASSIGN_OR_RETURN(asked.emplace_back(), Find(*keys, id));
    if (asked.back().ca != asked.front().ca) {
      return Fail(ErrorCode::kNotFound, "two issuing CAs cannot sign one answer");
    }
  }
  const bool several = asked.size() > 1, nonce = !request.nonce.empty();
  if (several || nonce) {
    if (allowance_.Take(source, 1, clock_.Monotonic())) return Sign(request, asked, nonce);
    if (several) return Fail(ErrorCode::kRateLimited, "enough signatures in this second");
  }
  return FromCache(keys, request, asked.front());
}

Result<std::string> Ocsp::Sign(const OcspRequest& request, const std::vector<Asked>& asked,
                               bool nonce) {
  std::vector<protocol::OcspSingle> singles;
  for (size_t i = 0; i < asked.size(); ++i) {
    singles.push_back({request.certificates[i].der, asked[i].status});
  }
  const base::UnixTime now = clock_.Now();
  ++signatures_;
  return protocol::BuildOcspResponse({.this_update = now,
                                      .next_update = now + kOcspLifetime,
                                      .certificates = singles,
                                      .nonce = nonce ? request.nonce : std::string_view()},
                                     asked[0].ca->certificate, *asked[0].ca->key);
}

Result<std::vector<std::string>> Ocsp::Attest(
    const std::vector<protocol::Certificate>& certificates) {
  const auto keys = envelope_.keys();
  std::vector<std::string> answers;
  for (const auto& ca : keys->issuing) {
    std::vector<std::pair<OcspCertId, Asked>> own;
    for (const protocol::Certificate& certificate : certificates) {
      auto id = protocol::OcspCertIdOf(certificate, ca.certificate);
      if (!ca.key || !id) continue;
      auto asked = Find(*keys, *id);
      if (asked) own.emplace_back(std::move(*id), *asked);
      if (!asked && asked.error().code != ErrorCode::kNotFound) {
        return std::unexpected(asked.error());
      }
    }
    for (size_t i = 0; i < own.size();) {
      OcspRequest request;
      std::vector<Asked> asked;
      for (; i < own.size() && asked.size() < protocol::kMaxOcspCertificates; ++i) {
        request.certificates.push_back(own[i].first);
        asked.push_back(own[i].second);
      }
      ASSIGN_OR_RETURN(answers.emplace_back(), Sign(request, asked, false));
    }
  }
  return answers;
}

Result<std::string> Ocsp::FromCache(const std::shared_ptr<const GatewayKeys>& keys,
                                    const OcspRequest& request, const Asked& asked) {
  const std::string& cert_id = request.certificates.front().der;
  if (const auto kept = LookUp(keys, cert_id, asked.status)) return *kept;
  base::MutexLock one(signing_[std::hash<std::string>()(cert_id) % kStripes]);
  if (const auto kept = LookUp(keys, cert_id, asked.status)) return *kept;
  const base::UnixTime now = clock_.Now();
  ASSIGN_OR_RETURN(std::string response, Sign(request, {asked}, false));
  Keep(cert_id, {asked.status, now, keys, std::make_shared<const std::string>(response)});
  return response;
}

std::shared_ptr<const std::string> Ocsp::LookUp(const std::shared_ptr<const GatewayKeys>& keys,
                                                const std::string& cert_id,
                                                const OcspStatus& status) {
  const base::UnixTime now = clock_.Now();
  base::MutexLock lock(mutex_);
  for (const Cache* generation : {&young_, &old_}) {
    const auto found = generation->find(cert_id);
    if (found == generation->end()) continue;
    const Kept& kept = found->second;
    const bool fresh = now >= kept.this_update && now - kept.this_update < kOcspLifetime / 2;
    return fresh && kept.status == status && kept.keys == keys ? kept.response : nullptr;
  }
  return nullptr;
}

void Ocsp::Keep(const std::string& cert_id, Kept kept) {
  base::MutexLock lock(mutex_);
  if (young_.size() >= kCacheGeneration) {
    old_ = std::move(young_);
    young_.clear();
  }
  young_.insert_or_assign(cert_id, std::move(kept));
}

}  // namespace paygate::gateway::engine
