// protocol.md section 5: seller block certification (paper 6.2.3).
#include "base/encoding.h"
#include "protocol/internal/message_reader.h"
#include "protocol/messages.h"

namespace paygate::protocol {

base::Result<SellerChallengeRequestBody> SellerChallengeRequestBody::Parse(std::string_view json) {
  ASSIGN_OR_RETURN(MessageReader r, MessageReader::Open(json));
  ASSIGN_OR_RETURN(Sblk sblk, r.TakeSblk());
  SellerChallengeRequestBody m{.sblk = std::move(sblk), .certificate = r.OneCertificate()};
  RETURN_IF_ERROR(r.Finish());
  return m;
}

std::string SellerChallengeRequestBody::Print() const {
  return JsonWriter()
      .Raw("sblk", sblk.Print())
      .Strings("x5c", EncodeCertificates({certificate}))
      .Take();
}

base::Result<SellerChallengePayload> SellerChallengePayload::Parse(std::string_view json) {
  ASSIGN_OR_RETURN(MessageReader r, MessageReader::Open(json));
  ASSIGN_OR_RETURN(Sblk sblk, r.TakeSblk());
  SellerChallengePayload m{
      .iss = r.Id("iss"),
      .sub = r.Id("sub"),
      .iat = r.Time("iat"),
      .exp = r.Time("exp"),
      .r1 = r.Nonce("r1"),
      .r2 = r.Nonce("r2"),
      .sblk = std::move(sblk),
  };
  RETURN_IF_ERROR(r.Finish());
  return m;
}

std::string SellerChallengePayload::Print() const {
  return JsonWriter()
      .String("iss", iss)
      .String("sub", sub)
      .Integer("iat", iat)
      .Integer("exp", exp)
      .String("r1", r1)
      .String("r2", r2)
      .Raw("sblk", sblk.Print())
      .Take();
}

base::Result<ChallengeBody> ChallengeBody::Parse(std::string_view json) {
  ASSIGN_OR_RETURN(MessageReader r, MessageReader::Open(json));
  ChallengeBody m{.challenge = r.Jws("challenge"), .handshake = r.Handshake()};
  RETURN_IF_ERROR(r.Finish());
  return m;
}

std::string ChallengeBody::Print() const {
  return JsonWriter().String("challenge", challenge).String("handshake", handshake).Take();
}

base::Result<SellerConfirmationPayload> SellerConfirmationPayload::Parse(std::string_view json) {
  ASSIGN_OR_RETURN(MessageReader r, MessageReader::Open(json));
  ASSIGN_OR_RETURN(Sblk sblk, r.TakeSblk());
  SellerConfirmationPayload m{
      .iss = r.Id("iss"),
      .aud = r.Id("aud"),
      .r1 = r.Nonce("r1"),
      .r2 = r.Nonce("r2"),
      .sblk = std::move(sblk),
      .undertaking = r.OptionalJws("undertaking"),
  };
  RETURN_IF_ERROR(r.Finish());
  return m;
}

std::string SellerConfirmationPayload::Print() const {
  JsonWriter writer;
  writer.String("iss", iss).String("aud", aud).String("r1", r1).String("r2", r2);
  writer.Raw("sblk", sblk.Print());
  if (!undertaking.empty()) writer.String("undertaking", undertaking);
  return writer.Take();
}

base::Result<SellerConfirmationBody> SellerConfirmationBody::Parse(std::string_view json) {
  ASSIGN_OR_RETURN(MessageReader r, MessageReader::Open(json));
  MessageReader disclosures(r.object().TakeObject("disclosures"));
  SellerConfirmationBody m{
      .confirmation = r.Jws("confirmation"),
      .seller_disclosure = disclosures.DisclosureText("seller"),
      .seller_binding_disclosure = disclosures.DisclosureText("seller_binding"),
  };
  RETURN_IF_ERROR(disclosures.Finish());
  RETURN_IF_ERROR(r.Finish());
  return m;
}

std::string SellerConfirmationBody::Print() const {
  const std::string disclosures = JsonWriter()
                                      .String("seller", seller_disclosure)
                                      .String("seller_binding", seller_binding_disclosure)
                                      .Take();
  return JsonWriter().String("confirmation", confirmation).Raw("disclosures", disclosures).Take();
}

base::Result<CsblkPayload> CsblkPayload::Parse(std::string_view json) {
  ASSIGN_OR_RETURN(MessageReader r, MessageReader::Open(json));
  ASSIGN_OR_RETURN(Sblk sblk, r.TakeSblk());
  CsblkPayload m{
      .iss = r.Id("iss"),
      .sub = r.Id("sub"),
      .iat = r.Time("iat"),
      .exp = r.Time("exp"),
      .sblk = std::move(sblk),
      .undertaking = r.OptionalJws("undertaking"),
  };
  if (r.object().TakeString("_sd_alg") != "sha-256") r.Fail("_sd_alg", "not sha-256");
  RETURN_IF_ERROR(r.Finish());
  return m;
}

std::string CsblkPayload::Print() const {
  JsonWriter writer;
  writer.String("iss", iss).String("sub", sub).Integer("iat", iat).Integer("exp", exp);
  writer.Raw("sblk", sblk.Print()).String("_sd_alg", "sha-256");
  if (!undertaking.empty()) writer.String("undertaking", undertaking);
  return writer.Take();
}

base::Result<CsblkBody> CsblkBody::Parse(std::string_view json) {
  ASSIGN_OR_RETURN(MessageReader r, MessageReader::Open(json));
  CsblkBody m{.csblk = r.SdJwtText("csblk")};
  RETURN_IF_ERROR(r.Finish());
  return m;
}

std::string CsblkBody::Print() const { return JsonWriter().String("csblk", csblk).Take(); }

base::Result<CancellationPayload> CancellationPayload::Parse(std::string_view json) {
  ASSIGN_OR_RETURN(MessageReader r, MessageReader::Open(json));
  CancellationPayload m{
      .iss = r.Id("iss"),
      .aud = r.Id("aud"),
      .iat = r.Time("iat"),
      .nonce = r.Nonce("nonce"),
      .csblk_id = r.Digest("csblk_id"),
  };
  RETURN_IF_ERROR(r.Finish());
  return m;
}

std::string CancellationPayload::Print() const {
  return JsonWriter()
      .String("iss", iss)
      .String("aud", aud)
      .Integer("iat", iat)
      .String("nonce", nonce)
      .String("csblk_id", csblk_id)
      .Take();
}

base::Result<SdJwt> SdJwt::Parse(std::string_view text) {
  const auto bad = [] {
    return base::Fail(base::ErrorCode::kMalformed, "an SD-JWT is not <JWS>~<disclosure>~");
  };
  const size_t tilde = text.find('~');
  if (tilde == text.npos || !text.ends_with('~') || tilde + 1 == text.size()) return bad();
  const std::string_view jws = text.substr(0, tilde);
  const std::string_view disclosure = text.substr(tilde + 1, text.size() - tilde - 2);
  if (!IsCompact(jws, 3)) return bad();
  RETURN_IF_ERROR(Disclosure::Parse(disclosure));  // no tilde in it: it is base64url
  return SdJwt{.jws = std::string(jws), .disclosure = std::string(disclosure)};
}

std::string SdJwt::Print() const { return jws + "~" + disclosure + "~"; }

}  // namespace paygate::protocol
