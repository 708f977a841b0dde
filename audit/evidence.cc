// {"format":"p2p-evidence/1","gateway":ID_PG,"payment_id":digest,"csblk":JWS,
//  "payment":act,"accounts":JWE or "",
//  "claim":{"filed":JWS,"answer":JWS,"to_buyer":JWS,"to_seller":JWS} or each "",
//  "refunds":[act,…],
//  "certificates":[b64 DER,…],"statuses":[b64 DER,…],"root_crl":b64 DER or "",
//  "log":{"checkpoint":note,"entries":[{"number":n,"entry":line,"proof":[b64 hash,…]},…]},
//  "seal":JWS}
// act = {"authorisation":JWS,"receipt":JWS or "","confirmation":JWS or "","bank_answer":b64 or ""}
// without white space and with members in this order.
#include "audit/evidence.h"

#include <algorithm>

#include "base/crypto.h"
#include "base/encoding.h"
#include "protocol/json.h"
#include "protocol/jws.h"
#include "protocol/messages.h"

namespace paygate::audit {

using base::ErrorCode;
using base::Fail;
using base::Result;
using base::Status;
using protocol::JsonObject;
using protocol::JsonWriter;

namespace {

constexpr std::string_view kFormat = "p2p-evidence/1";

std::unexpected<base::Error> NoEvidence(std::string why) {
  return Fail(ErrorCode::kMalformed, "not an evidence file: " + std::move(why));
}

std::vector<std::string> Encoded(const std::vector<std::string>& all) {
  std::vector<std::string> out;
  for (const std::string& each : all) out.push_back(base::Base64Encode(each));
  return out;
}

Result<std::vector<std::string>> Decoded(const std::vector<std::string>& all, size_t limit,
                                         const char* what) {
  if (all.size() > limit) return NoEvidence(std::string("too many ") + what);
  std::vector<std::string> out;
  for (const std::string& each : all) {
    ASSIGN_OR_RETURN(out.emplace_back(), base::Base64Decode(each));
  }
  return out;
}

std::string PrintAct(const EvidenceAct& act) {
  return JsonWriter()
      .String("authorisation", act.authorisation)
      .String("receipt", act.receipt)
      .String("confirmation", act.confirmation)
      .String("bank_answer", base::Base64Encode(act.bank_answer))
      .Take();
}

Result<EvidenceAct> ParseAct(JsonObject json) {
  EvidenceAct act{.authorisation = json.TakeString("authorisation"),
                  .receipt = json.TakeString("receipt"),
                  .confirmation = json.TakeString("confirmation"),
                  .bank_answer = {}};
  ASSIGN_OR_RETURN(act.bank_answer, base::Base64Decode(json.TakeString("bank_answer")));
  RETURN_IF_ERROR(json.Finish());
  return act;
}

std::string PrintClaim(const EvidenceClaim& claim) {
  return JsonWriter()
      .String("filed", claim.filed)
      .String("answer", claim.answer)
      .String("to_buyer", claim.to_buyer)
      .String("to_seller", claim.to_seller)
      .Take();
}

Result<EvidenceClaim> ParseClaim(JsonObject json) {
  EvidenceClaim claim{.filed = json.TakeString("filed"),
                      .answer = json.TakeString("answer"),
                      .to_buyer = json.TakeString("to_buyer"),
                      .to_seller = json.TakeString("to_seller")};
  RETURN_IF_ERROR(json.Finish());
  return claim;
}

std::string PrintLog(const EvidenceFile& file) {
  std::vector<std::string> entries;
  for (const EvidenceEntry& entry : file.entries) {
    entries.push_back(JsonWriter()
                          .Integer("number", static_cast<int64_t>(entry.number))
                          .String("entry", entry.line)
                          .Strings("proof", Encoded(entry.proof))
                          .Take());
  }
  return JsonWriter()
      .String("checkpoint", file.checkpoint)
      .RawArray("entries", entries)
      .Take();
}

Status ParseLog(JsonObject json, EvidenceFile& file) {
  file.checkpoint = json.TakeString("checkpoint");
  std::vector<JsonObject> entries = json.TakeObjects("entries");
  RETURN_IF_ERROR(json.Finish());
  if (entries.size() > kMaxEvidenceEntries) return NoEvidence("too many entries");
  for (JsonObject& each : entries) {
    const int64_t number = each.TakeInteger("number");
    EvidenceEntry entry{.number = static_cast<uint64_t>(number),
                        .line = each.TakeString("entry"),
                        .proof = {}};
    ASSIGN_OR_RETURN(entry.proof,
                     Decoded(each.TakeStrings("proof"), kMaxProofHashes, "hashes in a proof"));
    RETURN_IF_ERROR(each.Finish());
    if (number < 0 || entry.number >= kMaxTreeSize) return NoEvidence("an entry's number");
    file.entries.push_back(std::move(entry));
  }
  return {};
}

// The object without its seal.
std::string PrintContent(const EvidenceFile& file) {
  std::vector<std::string> refunds;
  for (const EvidenceAct& refund : file.refunds) refunds.push_back(PrintAct(refund));
  return JsonWriter()
      .String("format", kFormat)
      .String("gateway", file.gateway_id)
      .String("payment_id", file.payment_id)
      .String("csblk", file.csblk)
      .Raw("payment", PrintAct(file.payment))
      .String("accounts", file.accounts)
      .Raw("claim", PrintClaim(file.claim))
      .RawArray("refunds", refunds)
      .Strings("certificates", Encoded(file.certificates))
      .Strings("statuses", Encoded(file.statuses))
      .String("root_crl", base::Base64Encode(file.root_crl))
      .Raw("log", PrintLog(file))
      .Take();
}

// The order of P-256's group (FIPS 186-4, D.1.2.3) and the integer below its half.
std::string Hex(std::string_view digits) { return base::HexDecode(digits).value(); }
const std::string& Order() {
  static const std::string order =
      Hex("ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551");
  return order;
}
const std::string& HalfOrder() {
  static const std::string half =
      Hex("7fffffff800000007fffffffffffffffde737d56d38bcf4279dce5617e3192a8");
  return half;
}
constexpr size_t kScalarBytes = 32;

// n - s, big-endian.
std::string Negated(std::string_view s) {
  std::string out(kScalarBytes, '\0');
  int borrow = 0;
  for (size_t i = kScalarBytes; i-- > 0;) {
    const int difference = static_cast<unsigned char>(Order()[i]) -
                           static_cast<unsigned char>(s[i]) - borrow;
    borrow = difference < 0 ? 1 : 0;
    out[i] = static_cast<char>(difference + borrow * 256);
  }
  return out;
}

}  // namespace

std::string PrintEvidence(const EvidenceFile& file) {
  std::string out = PrintContent(file);
  out.pop_back();
  // Everything in a compact JWS is itself in JSON.
  return out + ",\"seal\":\"" + file.seal + "\"}";
}

Result<EvidenceFile> ParseEvidence(std::string_view bytes) {
  if (bytes.size() > kMaxEvidenceFileBytes) return NoEvidence("it is too long");
  ASSIGN_OR_RETURN(JsonObject json, JsonObject::Parse(bytes, kMaxEvidenceFileBytes));
  const std::string format = json.TakeString("format");
  EvidenceFile file{.gateway_id = json.TakeString("gateway"),
                    .payment_id = json.TakeString("payment_id"),
                    .csblk = json.TakeString("csblk")};
  ASSIGN_OR_RETURN(file.payment, ParseAct(json.TakeObject("payment")));
  file.accounts = json.TakeString("accounts");
  ASSIGN_OR_RETURN(file.claim, ParseClaim(json.TakeObject("claim")));
  std::vector<JsonObject> refunds = json.TakeObjects("refunds");
  if (refunds.size() > kMaxEvidenceRefunds) return NoEvidence("too many refunds");
  for (JsonObject& refund : refunds) {
    ASSIGN_OR_RETURN(file.refunds.emplace_back(), ParseAct(std::move(refund)));
  }
  ASSIGN_OR_RETURN(file.certificates, Decoded(json.TakeStrings("certificates"),
                                              kMaxEvidenceCertificates, "certificates"));
  ASSIGN_OR_RETURN(file.statuses,
                   Decoded(json.TakeStrings("statuses"), kMaxEvidenceStatuses, "statuses"));
  ASSIGN_OR_RETURN(file.root_crl, base::Base64Decode(json.TakeString("root_crl")));
  RETURN_IF_ERROR(ParseLog(json.TakeObject("log"), file));
  file.seal = json.TakeString("seal");
  RETURN_IF_ERROR(json.Finish());
  if (format != kFormat) return NoEvidence("its format is not " + std::string(kFormat));
  if (!protocol::IsNonce(file.gateway_id) || !protocol::IsDigest(file.payment_id)) {
    return NoEvidence("its names are none");
  }
  if (PrintEvidence(file) != bytes) return NoEvidence("spelled otherwise than gateways do");
  return file;
}

Result<EvidenceSeal> EvidenceSeal::Parse(std::string_view text) {
  ASSIGN_OR_RETURN(JsonObject json, JsonObject::Parse(text));
  EvidenceSeal seal{.iss = json.TakeString("iss"),
                    .iat = json.TakeInteger("iat"),
                    .payment_id = json.TakeString("payment_id"),
                    .content = json.TakeString("content")};
  RETURN_IF_ERROR(json.Finish());
  if (seal.iat < 0 || seal.iat > protocol::kMaxNumericDate || seal.Print() != text) {
    return Fail(ErrorCode::kMalformed, "the seal says something else than seals do");
  }
  return seal;
}

std::string EvidenceSeal::Print() const {
  return JsonWriter()
      .String("iss", iss)
      .Integer("iat", iat)
      .String("payment_id", payment_id)
      .String("content", content)
      .Take();
}

std::string ContentDigest(const EvidenceFile& file) {
  return base::Sha256Base64Url(PrintContent(file));
}

Status SealEvidence(EvidenceFile& file, base::UnixTime at,
                    const protocol::Certificate& certificate, hsm::Signer& signer) {
  const EvidenceSeal seal{.iss = file.gateway_id,
                          .iat = base::ToNumericDate(at),
                          .payment_id = file.payment_id,
                          .content = ContentDigest(file)};
  ASSIGN_OR_RETURN(file.seal,
                   protocol::SignJws(signer, kTypEvidence,
                                     {.name = protocol::KeyName::kX5t,
                                      .x5c = {},
                                      .x5t_s256 = certificate.fingerprint()},
                                     seal.Print()));
  ASSIGN_OR_RETURN(auto jws, protocol::ParseJws(file.seal, kTypEvidence,
                                                protocol::KeyName::kX5t));
  if (IsTheSmallerTwin(jws.algorithm, jws.signature)) return {};
  jws.signature = jws.signature.substr(0, kScalarBytes) +
                  Negated(std::string_view(jws.signature).substr(kScalarBytes));
  file.seal = jws.Compact();
  return {};
}

bool IsTheSmallerTwin(hsm::SignatureAlgorithm algorithm, std::string_view signature) {
  return algorithm != hsm::SignatureAlgorithm::kES256 ||
         signature.size() != 2 * kScalarBytes || signature.substr(kScalarBytes) <= HalfOrder();
}

}  // namespace paygate::audit
