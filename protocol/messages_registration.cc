// protocol.md sections 3 and 4: the gateway's document, and registration (paper 6.2.2).
#include <algorithm>
#include <limits>

#include "base/encoding.h"
#include "protocol/internal/message_reader.h"
#include "protocol/messages.h"

namespace paygate::protocol {
namespace {

constexpr int64_t kAnyPositive = std::numeric_limits<int64_t>::max();

using Chains = std::vector<std::vector<std::string>>;

Chains TakeChains(MessageReader& reader, std::string_view name) {
  Chains chains = reader.object().TakeStringLists(name);
  if (chains.empty()) reader.Fail(name, "empty");
  for (auto& chain : chains) {
    if (chain.empty()) reader.Fail(name, "a list with an empty chain");
    for (std::string& certificate : chain) {
      certificate = DecodeCertificate(certificate);
      if (certificate.empty()) reader.Fail(name, "not certificates in base64");
    }
  }
  return chains;
}

std::vector<std::string> PrintChains(const Chains& chains) {
  std::vector<std::string> lists;
  for (const auto& chain : chains) lists.push_back(PrintJsonStrings(EncodeCertificates(chain)));
  return lists;
}

std::string PrintKeys(const std::string& signature, const std::string& encryption) {
  return JsonWriter().Raw("signature", signature).Raw("encryption", encryption).Take();
}

bool IsCurrencyCode(std::string_view code) {
  return code.size() == 3 &&
         std::all_of(code.begin(), code.end(), [](char c) { return c >= 'A' && c <= 'Z'; });
}

constexpr std::string_view kSignatureForms = "signature_forms", kBatchForm = "mjws";

base::Result<GatewayPayload::Limits> ParseLimits(JsonObject object) {
  MessageReader r(std::move(object));
  r.object().IgnoreOthers();
  GatewayPayload::Limits limits{
      .request_bytes = r.Integer("request_bytes", 1, kAnyPositive),
      .clock_skew_s = r.Integer("clock_skew_s", 0, kAnyPositive),
      .handshake_s = r.Integer("handshake_s", 1, kAnyPositive),
      .csblk_lifetime_s = r.Integer("csblk_lifetime_s", 1, kAnyPositive),
      .currencies = r.object().TakeStrings("currencies"),
  };
  if (!std::all_of(limits.currencies.begin(), limits.currencies.end(), IsCurrencyCode)) {
    r.Fail("currencies", "no list of currency codes");
  }
  RETURN_IF_ERROR(r.Finish());
  return limits;
}

}  // namespace

base::Result<GatewayPayload> GatewayPayload::Parse(std::string_view json) {
  ASSIGN_OR_RETURN(MessageReader r, MessageReader::Open(json));
  r.object().IgnoreOthers();
  GatewayPayload m{
      .id = r.Id("id"),
      .version = r.Integer("version", 1, 1),
      .iat = r.Time("iat"),
      .exp = r.Time("exp"),
      .signature = TakeChains(r, "signature"),
      .encryption = TakeChains(r, "encryption"),
      .signature_algorithms = r.object().TakeStrings("signature_algorithms"),
  };
  if (r.object().Has(kSignatureForms)) {
    const auto forms = r.object().TakeStrings(kSignatureForms);
    m.batch_signatures = std::ranges::find(forms, kBatchForm) != forms.end();
  }
  ASSIGN_OR_RETURN(m.limits, ParseLimits(r.object().TakeObject("limits")));
  RETURN_IF_ERROR(r.Finish());
  return m;
}

std::string GatewayPayload::Print() const {
  const std::string printed_limits = JsonWriter()
                                         .Integer("request_bytes", limits.request_bytes)
                                         .Integer("clock_skew_s", limits.clock_skew_s)
                                         .Integer("handshake_s", limits.handshake_s)
                                         .Integer("csblk_lifetime_s", limits.csblk_lifetime_s)
                                         .Strings("currencies", limits.currencies)
                                         .Take();
  JsonWriter w;
  w.String("id", id)
      .Integer("version", version)
      .Integer("iat", iat)
      .Integer("exp", exp)
      .RawArray("signature", PrintChains(signature))
      .RawArray("encryption", PrintChains(encryption))
      .Strings("signature_algorithms", signature_algorithms);
  if (batch_signatures) w.Strings(kSignatureForms, {"jws", std::string(kBatchForm)});
  return w.Raw("limits", printed_limits).Take();
}

base::Result<RegistrationPayload> RegistrationPayload::Parse(std::string_view json) {
  ASSIGN_OR_RETURN(MessageReader r, MessageReader::Open(json));
  MessageReader keys(r.object().TakeObject("keys"));
  RegistrationPayload m{
      .aud = r.Id("aud"),
      .iat = r.Time("iat"),
      .nonce = r.Nonce("nonce"),
      .signature_jwk = keys.Jwk("signature"),
      .encryption_jwk = keys.Jwk("encryption"),
      .disclosure = r.DisclosureText("disclosure"),
      .enrolment_code = r.Secret("enrolment_code", kMaxEnrolmentCodeBytes),
  };
  RETURN_IF_ERROR(keys.Finish());
  RETURN_IF_ERROR(r.Finish());
  return m;
}

std::string RegistrationPayload::Print() const {
  const std::string keys = PrintKeys(signature_jwk, encryption_jwk);
  return JsonWriter()
      .String("aud", aud)
      .Integer("iat", iat)
      .String("nonce", nonce)
      .Raw("keys", keys)
      .String("disclosure", disclosure)
      .String("enrolment_code", enrolment_code.view())
      .Take();
}

base::Result<RegisteredPayload> RegisteredPayload::Parse(std::string_view json) {
  ASSIGN_OR_RETURN(MessageReader r, MessageReader::Open(json));
  MessageReader gateway(r.object().TakeObject("gateway"));
  RegisteredPayload m{
      .iss = r.Id("iss"),
      .sub = r.Id("sub"),
      .iat = r.Time("iat"),
      .request = r.Digest("request"),
      .nonce = r.Nonce("nonce"),
      .signature_certificate = r.Certificate("signature_certificate"),
      .encryption_certificate = r.Certificate("encryption_certificate"),
      .chain = r.Chain("chain"),
      .gateway_signature = gateway.Certificate("signature"),
      .gateway_encryption = gateway.Certificate("encryption"),
  };
  RETURN_IF_ERROR(gateway.Finish());
  RETURN_IF_ERROR(r.Finish());
  return m;
}

std::string RegisteredPayload::Print() const {
  const std::string gateway = JsonWriter()
                                  .String("signature", base::Base64Encode(gateway_signature))
                                  .String("encryption", base::Base64Encode(gateway_encryption))
                                  .Take();
  return JsonWriter()
      .String("iss", iss)
      .String("sub", sub)
      .Integer("iat", iat)
      .String("request", request)
      .String("nonce", nonce)
      .String("signature_certificate", base::Base64Encode(signature_certificate))
      .String("encryption_certificate", base::Base64Encode(encryption_certificate))
      .Strings("chain", EncodeCertificates(chain))
      .Raw("gateway", gateway)
      .Take();
}

base::Result<RenewalPayload> RenewalPayload::Parse(std::string_view json) {
  ASSIGN_OR_RETURN(MessageReader r, MessageReader::Open(json));
  MessageReader keys(r.object().TakeObject("keys"));
  RenewalPayload m{
      .iss = r.Id("iss"),
      .aud = r.Id("aud"),
      .iat = r.Time("iat"),
      .nonce = r.Nonce("nonce"),
      .signature_jwk = keys.Jwk("signature"),
      .encryption_jwk = keys.Jwk("encryption"),
      .disclosure = r.DisclosureText("disclosure"),
      .proof = r.Jws("proof"),
  };
  RETURN_IF_ERROR(keys.Finish());
  RETURN_IF_ERROR(r.Finish());
  return m;
}

std::string RenewalPayload::Print() const {
  return JsonWriter()
      .String("iss", iss)
      .String("aud", aud)
      .Integer("iat", iat)
      .String("nonce", nonce)
      .Raw("keys", PrintKeys(signature_jwk, encryption_jwk))
      .String("disclosure", disclosure)
      .String("proof", proof)
      .Take();
}

base::Result<RenewalProofPayload> RenewalProofPayload::Parse(std::string_view json) {
  ASSIGN_OR_RETURN(MessageReader r, MessageReader::Open(json));
  RenewalProofPayload m{.iss = r.Id("iss"), .aud = r.Id("aud"), .nonce = r.Nonce("nonce")};
  RETURN_IF_ERROR(r.Finish());
  return m;
}

std::string RenewalProofPayload::Print() const {
  return JsonWriter().String("iss", iss).String("aud", aud).String("nonce", nonce).Take();
}

std::string_view Name(RevocationReason reason) {
  switch (reason) {
    case RevocationReason::kKeyCompromise:
      return "keyCompromise";
    case RevocationReason::kCessationOfOperation:
      return "cessationOfOperation";
    case RevocationReason::kSuperseded:
      return "superseded";
  }
  return "";
}

base::Result<RevocationPayload> RevocationPayload::Parse(std::string_view json) {
  ASSIGN_OR_RETURN(MessageReader r, MessageReader::Open(json));
  RevocationPayload m{.iss = r.Id("iss"),
                      .aud = r.Id("aud"),
                      .iat = r.Time("iat"),
                      .nonce = r.Nonce("nonce")};
  const std::string reason = r.object().TakeString("reason");
  bool known = false;
  for (RevocationReason each : {RevocationReason::kKeyCompromise,
                                RevocationReason::kCessationOfOperation,
                                RevocationReason::kSuperseded}) {
    if (reason != Name(each)) continue;
    m.reason = each;
    known = true;
  }
  if (!known) r.Fail("reason", "is none of those that the page lists");
  RETURN_IF_ERROR(r.Finish());
  return m;
}

std::string RevocationPayload::Print() const {
  return JsonWriter()
      .String("iss", iss)
      .String("aud", aud)
      .Integer("iat", iat)
      .String("nonce", nonce)
      .String("reason", Name(reason))
      .Take();
}

}  // namespace paygate::protocol
