// receipts/<payment_id>.json, confirmations/<payment_id>.json, refunds/<refund_id>.json,
// refund-confirmations/<refund_id>.json; claims/, claims-received/, claim-answers/ and
// claim-decisions/<claim_id>.json:
//   {"version":1,"result":JWS,"chain":[b64 DER,…],"body":JSON text or ""}
#include "participant/evidence.h"

#include "base/encoding.h"
#include "protocol/json.h"

namespace paygate::participant {
namespace {

using base::ErrorCode;
using base::Fail;
using protocol::PaymentResult;
using protocol::PaymentResultPayload;

constexpr int64_t kVersion = 1;
constexpr uint32_t kMaxClaimRefunds = 96;  // as many as a payment may have

std::string Folder(EvidenceKind kind) {
  switch (kind) {
    case EvidenceKind::kReceipt:
      return "receipts";
    case EvidenceKind::kConfirmation:
      return "confirmations";
    case EvidenceKind::kRefund:
      return "refunds";
    case EvidenceKind::kRefundConfirmation:
      return "refund-confirmations";
    case EvidenceKind::kClaim:
      return "claims";
    case EvidenceKind::kClaimReceived:
      return "claims-received";
    case EvidenceKind::kClaimAnswer:
      return "claim-answers";
    case EvidenceKind::kClaimDecision:
      return "claim-decisions";
  }
  return "rejected";
}

std::string_view TypOf(EvidenceKind kind) {
  switch (kind) {
    case EvidenceKind::kReceipt:
      return protocol::kTypReceipt;
    case EvidenceKind::kConfirmation:
      return protocol::kTypPaymentConfirmation;
    case EvidenceKind::kRefund:
      return protocol::kTypRefundReceipt;
    case EvidenceKind::kRefundConfirmation:
      return protocol::kTypRefundConfirmation;
    default:  // of claims: VerifyClaim knows them
      return {};
  }
}

// Payload of either kind of result.
template <typename T>
base::Result<T> ClaimedIn(const Evidence& evidence) {
  // Which forms are taken is for whoever verifies it to say.
  ASSIGN_OR_RETURN(auto jws,
                   protocol::ParseJws(evidence.result, TypOf(evidence.kind),
                                      protocol::KeyName::kX5t, protocol::JwsForms::kSingleOrBatch));
  return T::Parse(jws.payload);
}

std::string Print(const Evidence& evidence) {
  std::vector<std::string> chain;
  for (const std::string& der : evidence.chain) chain.push_back(base::Base64Encode(der));
  return protocol::JsonWriter()
      .Integer("version", kVersion)
      .String("result", evidence.result)
      .Strings("chain", chain)
      .String("body", evidence.body)
      .Take();
}

base::Result<Evidence> Parse(EvidenceKind kind, std::string_view text) {
  ASSIGN_OR_RETURN(auto o, protocol::JsonObject::Parse(text));
  Evidence evidence{.kind = kind};
  const int64_t version = o.TakeInteger("version");
  evidence.result = o.TakeString("result");
  const std::vector<std::string> chain = o.TakeStrings("chain");
  evidence.body = o.TakeString("body");
  RETURN_IF_ERROR(o.Finish());
  if (version != kVersion) {
    return Fail(ErrorCode::kMalformed, "written by a newer program; update this one");
  }
  for (const std::string& b64 : chain) {
    ASSIGN_OR_RETURN(std::string der, base::Base64Decode(b64));
    evidence.chain.push_back(std::move(der));
  }
  return evidence;
}

base::Result<protocol::CsblkPayload> CsblkInside(const std::string& jws) {
  ASSIGN_OR_RETURN(auto parsed,
                   protocol::ParseJws(jws, protocol::kTypCsblk, protocol::KeyName::kX5t));
  return protocol::CsblkPayload::Parse(parsed.payload);
}

std::unexpected<base::Error> OfAnother() {
  return Fail(ErrorCode::kBlockMismatch,
              "the gateway's result is of another payment than the one that was authorised");
}

base::Status CheckReceipt(const PaymentResultPayload& receipt, const std::string& body_json) {
  ASSIGN_OR_RETURN(auto body, protocol::PaymentAuthorisationBody::Parse(body_json));
  ASSIGN_OR_RETURN(auto sent,
                   protocol::ParseJws(body.authorisation, protocol::kTypPaymentAuthorisation,
                                      protocol::KeyName::kX5c));
  ASSIGN_OR_RETURN(auto authorisation, protocol::PaymentAuthorisationPayload::Parse(sent.payload));
  ASSIGN_OR_RETURN(const std::string csblk_id, protocol::DigestOfCompact(receipt.csblk));
  ASSIGN_OR_RETURN(const std::string own_csblk_id, protocol::DigestOfCompact(authorisation.csblk));
  if (receipt.payment_id != sent.Digest() || receipt.authorised_at != authorisation.iat ||
      receipt.bblk != authorisation.bblk || csblk_id != own_csblk_id) {
    return OfAnother();
  }
  return {};
}

// A refund that nobody here authorised, but the gateway decided on.
base::Status CheckDecided(const protocol::RefundResultPayload& refund, const std::string& body) {
  ASSIGN_OR_RETURN(const auto compact, protocol::ParseSingle(body, "refund_decision"));
  ASSIGN_OR_RETURN(const auto jws, protocol::ParseJws(compact, protocol::kTypRefundDecision,
                                                      protocol::KeyName::kX5t));
  ASSIGN_OR_RETURN(const auto decided, protocol::RefundDecisionPayload::Parse(jws.payload));
  if (decided.decision != protocol::ClaimDecision::kRefund ||
      decided.payment_id != refund.payment_id ||
      !IsClaimRefund(decided.claim, refund.refund_id)) {
    return Fail(ErrorCode::kBlockMismatch, "a refund of another claim than was decided on");
  }
  return {};
}

// A final result is never replaced by a different one.
template <typename Record>
base::Status Keep(Disk& disk, const Record& record, const std::string& id,
                  const Evidence& evidence) {
  const std::string name = Folder(record.kind) + "/" + id + ".json";
  ASSIGN_OR_RETURN(auto present, disk.Read(name));
  if (present) {
    ASSIGN_OR_RETURN(auto before, Parse(record.kind, *present));
    ASSIGN_OR_RETURN(auto held, ClaimedIn<decltype(Record::payload)>(before));
    if (held.result != PaymentResult::kPending) {
      if (held.result == record.payload.result) return {};              // the same answer again
      if (record.payload.result == PaymentResult::kPending) return {};  // an older one, late
      return Fail(ErrorCode::kBlockMismatch,
                  "the gateway has signed two different results for " + id +
                      "; tell its operator, and keep " + name);
    }
  }
  return disk.Replace(name, Print(evidence));
}

}  // namespace

base::Result<PaymentRecord> CheckResult(EvidenceKind kind, const std::string& payload_json,
                                        const std::string& body, const std::string& id,
                                        const std::string& gateway_id) {
  ASSIGN_OR_RETURN(auto payload, PaymentResultPayload::Parse(payload_json));
  if (payload.iss != gateway_id) {
    return Fail(ErrorCode::kSignatureInvalid, "the result names another gateway than its signer");
  }
  if (payload.sub != id) {
    return Fail(ErrorCode::kNotYours, "the gateway's result is for another participant");
  }
  ASSIGN_OR_RETURN(auto csblk, CsblkInside(payload.csblk));
  ASSIGN_OR_RETURN(std::string csblk_id, protocol::DigestOfCompact(payload.csblk));
  if (payload.bblk.goods != csblk.sblk.goods || payload.bblk.price != csblk.sblk.price) {
    return Fail(ErrorCode::kBlockMismatch, "what was paid is not what was sold");
  }
  if (kind == EvidenceKind::kReceipt) {
    RETURN_IF_ERROR(CheckReceipt(payload, body));
  } else {
    if (csblk.sub != id) {
      return Fail(ErrorCode::kNotYours, "the confirmation is of another seller's sale");
    }
    if (!payload.reason.empty() || payload.result == PaymentResult::kPending) {
      return Fail(ErrorCode::kMalformed, "a confirmation is final and gives no reason");
    }
  }
  return PaymentRecord{.kind = kind,
                       .payload = std::move(payload),
                       .csblk_id = std::move(csblk_id),
                       .seller_id = csblk.sub};
}

base::Result<PaymentRecord> VerifyEvidence(const GatewayTrust& trust, const Evidence& evidence,
                                           const std::string& id) {
  ASSIGN_OR_RETURN(auto claimed, ClaimedIn<PaymentResultPayload>(evidence));
  ASSIGN_OR_RETURN(auto verified,
                   trust.VerifyKept(evidence.result, TypOf(evidence.kind), evidence.chain,
                                    base::FromNumericDate(claimed.iat)));
  return CheckResult(evidence.kind, verified.payload(), evidence.body, id, trust.gateway_id());
}

base::Status KeepEvidence(Disk& disk, const PaymentRecord& record, const Evidence& evidence) {
  return Keep(disk, record, record.payload.payment_id, evidence);
}

base::Status KeepDocument(Disk& disk, const Evidence& evidence, const std::string& id) {
  return disk.Replace(Folder(evidence.kind) + "/" + id + ".json", Print(evidence));
}

bool IsClaimRefund(const std::string& claim_id, const std::string& refund_id) {
  for (uint32_t attempt = 1; attempt <= kMaxClaimRefunds; ++attempt) {
    if (protocol::ClaimRefundId(claim_id, attempt) == refund_id) return true;
  }
  return false;
}

base::Result<RefundRecord> CheckRefund(EvidenceKind kind, const std::string& payload_json,
                                       const std::string& body, const std::string& id,
                                       const std::string& gateway_id) {
  ASSIGN_OR_RETURN(auto payload, protocol::RefundResultPayload::Parse(payload_json));
  if (payload.iss != gateway_id) {
    return Fail(ErrorCode::kSignatureInvalid, "the result names another gateway than its signer");
  }
  if (payload.sub != id) {
    return Fail(ErrorCode::kNotYours, "the gateway's result is for another participant");
  }
  if (kind == EvidenceKind::kRefund && protocol::ParseSingle(body, "refund_decision")) {
    RETURN_IF_ERROR(CheckDecided(payload, body));
  } else if (kind == EvidenceKind::kRefund) {
    ASSIGN_OR_RETURN(const auto compact, protocol::ParseSingle(body, "authorisation"));
    ASSIGN_OR_RETURN(auto sent, protocol::ParseJws(compact, protocol::kTypRefundAuthorisation,
                                                   protocol::KeyName::kX5c));
    ASSIGN_OR_RETURN(auto asked, protocol::RefundAuthorisationPayload::Parse(sent.payload));
    if (payload.refund_id != sent.Digest() || payload.payment_id != asked.refund.payment_id ||
        payload.amount != asked.refund.amount) {
      return Fail(ErrorCode::kBlockMismatch,
                  "the gateway's result is of another refund than the one that was authorised");
    }
  } else if (payload.result == PaymentResult::kPending) {
    return Fail(ErrorCode::kMalformed, "a confirmation is final");
  }
  return RefundRecord{.kind = kind, .payload = std::move(payload)};
}

base::Result<RefundRecord> VerifyRefund(const GatewayTrust& trust, const Evidence& evidence,
                                        const std::string& id) {
  ASSIGN_OR_RETURN(auto claimed, ClaimedIn<protocol::RefundResultPayload>(evidence));
  ASSIGN_OR_RETURN(auto verified,
                   trust.VerifyKept(evidence.result, TypOf(evidence.kind), evidence.chain,
                                    base::FromNumericDate(claimed.iat)));
  return CheckRefund(evidence.kind, verified.payload(), evidence.body, id, trust.gateway_id());
}

base::Status KeepRefund(Disk& disk, const RefundRecord& record, const Evidence& evidence) {
  return Keep(disk, record, record.payload.refund_id, evidence);
}

base::Result<std::optional<Evidence>> FindEvidence(Disk& disk, EvidenceKind kind,
                                                   const std::string& id) {
  ASSIGN_OR_RETURN(auto text, disk.Read(Folder(kind) + "/" + id + ".json"));
  if (!text) return std::optional<Evidence>();
  ASSIGN_OR_RETURN(auto evidence, Parse(kind, *text));
  return std::optional<Evidence>(std::move(evidence));
}

base::Result<std::vector<Evidence>> ListEvidence(Disk& disk, EvidenceKind kind) {
  std::vector<Evidence> all;
  ASSIGN_OR_RETURN(auto names, disk.List(Folder(kind)));
  for (const std::string& name : names) {
    const std::string file = Folder(kind) + "/" + name;
    ASSIGN_OR_RETURN(auto text, disk.Read(file));
    if (!text) continue;
    auto evidence = Parse(kind, *text);
    if (!evidence) return Fail(evidence.error().code, file + ": " + evidence.error().message);
    all.push_back(std::move(*evidence));
  }
  return all;
}

}  // namespace paygate::participant
