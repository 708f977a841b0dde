// One golden text for each message, and how to read and print it.
#pragma once

#include <functional>
#include <ostream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/encoding.h"
#include "protocol/messages.h"

namespace paygate::protocol {

using Outcome = base::Result<std::string>;  // the text printed anew

struct Case {
  const char* name = nullptr;
  std::string golden;
  std::vector<std::string> optional;  // paths of members that may be absent
  std::function<Outcome(std::string_view)> reprint;
};

inline void PrintTo(const Case& c, std::ostream* out) { *out << c.name; }

template <typename T>
Outcome Reprint(std::string_view json) {
  auto m = T::Parse(json);
  if (!m) return std::unexpected(m.error());
  return m->Print();
}

// $I an ID or nonce, $D a digest, $C a certificate, $J a JWS, $E a JWE, $O a disclosure, $S and $B
// an SBLK and a BBLK, $R a refund, $M an amount.
inline std::string Fill(std::string text) {
  const std::string price = R"("price":{"amount":"12.50","currency":"GBP"},"_sd":[$D])";
  const std::pair<std::string, std::string> words[] = {
      {"$S", R"({"nonce":$I,"goods":"A bicycle",)" + price + R"(,"buyer":$I})"},
      {"$B", R"({"goods":"A bicycle",)" + price + "}"},
      {"$R", R"({"payment_id":$D,"amount":$M,"nonce":$I})"},
      {"$M", R"({"amount":"12.50","currency":"GBP"})"},
      {"$I", R"("AAECAwQFBgcICQoLDA0ODw")"},
      {"$D", R"("47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU")"},
      {"$C", R"("MAMCAQE=")"},
      {"$J", R"("eyJhIjoxfQ.eyJiIjoyfQ.AAAA")"},
      {"$E", R"("eyJhIjoxfQ..AAAA.BBBB.CCCC")"},
      {"$O", "\"" +
                 base::Base64UrlEncode(
                     R"(["AAECAwQFBgcICQoLDA0ODw","account","GB82WEST12345698765432"])") +
                 "\""},
  };
  for (const auto& [word, value] : words) {
    for (size_t at; (at = text.find(word)) != text.npos;) text.replace(at, 2, value);
  }
  return text;
}

inline std::string SdJwtText() {
  std::string jws = Fill("$J"), disclosure = Fill("$O");
  return jws.substr(0, jws.size() - 1) + "~" + disclosure.substr(1, disclosure.size() - 2) + "~\"";
}

template <typename T>
Case Of(const char* name, const std::string& golden, std::vector<std::string> optional = {}) {
  return {name, Fill(golden), std::move(optional), Reprint<T>};
}

inline std::vector<Case> Cases() {
  const std::string head = R"({"iss":$I,"sub":$I,"iat":1700000000,)";
  const std::string jwk = R"({"crv":"P-256","kty":"EC","x":"AA","y":"AA"})";
  // The key's own parser looks at those.
  const std::vector<std::string> in_keys = {
      "/keys/signature/crv",  "/keys/signature/kty",  "/keys/signature/x",  "/keys/signature/y",
      "/keys/encryption/crv", "/keys/encryption/kty", "/keys/encryption/x", "/keys/encryption/y"};
  const std::vector<std::string> buyer = {"/sblk/buyer"};
  std::vector<Case> cases = {
      Of<RegistrationPayload>(
          "RegistrationPayload",
          R"({"aud":$I,"iat":0,"nonce":$I,"keys":{"signature":)" + jwk + R"(,"encryption":)" + jwk +
              R"(},"disclosure":$O,"enrolment_code":"K7QF-2M9X"})",
          in_keys),
      Of<RegisteredPayload>(
          "RegisteredPayload",
          head +
              R"("request":$D,"nonce":$I,"signature_certificate":$C,"encryption_certificate":$C,)"
              R"("chain":[$C],"gateway":{"signature":$C,"encryption":$C}})"),
      Of<RenewalPayload>("RenewalPayload",
                         R"({"iss":$I,"aud":$I,"iat":0,"nonce":$I,"keys":{"signature":)" + jwk +
                             R"(,"encryption":)" + jwk + R"(},"disclosure":$O,"proof":$J})",
                         in_keys),
      Of<RenewalProofPayload>("RenewalProofPayload", R"({"iss":$I,"aud":$I,"nonce":$I})"),
      Of<RevocationPayload>(
          "RevocationPayload",
          R"({"iss":$I,"aud":$I,"iat":1,"nonce":$I,"reason":"keyCompromise"})"),
      Of<SellerChallengeRequestBody>("SellerChallengeRequestBody", R"({"sblk":$S,"x5c":[$C]})",
                                     buyer),
      Of<SellerChallengePayload>("SellerChallengePayload",
                                 head + R"("exp":1700000060,"r1":$I,"r2":$I,"sblk":$S})", buyer),
      Of<ChallengeBody>("ChallengeBody", R"({"challenge":$J,"handshake":"opaque"})"),
      Of<SellerConfirmationPayload>(
          "SellerConfirmationPayload",
          R"({"iss":$I,"aud":$I,"r1":$I,"r2":$I,"sblk":$S,"undertaking":$J})",
          {"/sblk/buyer", "/undertaking"}),
      Of<SellerConfirmationBody>(
          "SellerConfirmationBody",
          R"({"confirmation":$J,"disclosures":{"seller":$O,"seller_binding":$O}})"),
      Of<CsblkPayload>(
          "CsblkPayload",
          head + R"("exp":1,"sblk":$S,"_sd_alg":"sha-256","undertaking":$J})",
          {"/sblk/buyer", "/undertaking"}),
      Of<CsblkBody>("CsblkBody", R"({"csblk":)" + SdJwtText() + "}"),
      Of<CancellationPayload>("CancellationPayload",
                              R"({"iss":$I,"aud":$I,"iat":1,"nonce":$I,"csblk_id":$D})"),
      Of<BuyerChallengeRequestBody>("BuyerChallengeRequestBody", R"({"bblk":$B,"x5c":[$C]})"),
      Of<BuyerChallengePayload>("BuyerChallengePayload",
                                head + R"("exp":2,"r3":$I,"r4":$I,"bblk":$B})"),
      Of<PaymentAuthorisationPayload>(
          "PaymentAuthorisationPayload",
          R"({"iss":$I,"aud":$I,"r3":$I,"r4":$I,"iat":1,"bblk":$B,"csblk":$J})"),
      Of<PaymentAuthorisationBody>(
          "PaymentAuthorisationBody",
          R"({"authorisation":$J,"disclosures":{"buyer":$O,"buyer_binding":$O,"seller":$O}})"),
      Of<PaymentResultPayload>(
          "PaymentResultPayload",
          head + R"("authorised_at":1,"result":"failed","reason":"AC04","payment_id":$D,)"
                 R"("bank_reference":"E2E-7","bblk":$B,"csblk":$J})",
          {"/reason", "/bank_reference"}),
      Of<RefundChallengeRequestBody>("RefundChallengeRequestBody", R"({"refund":$R,"x5c":[$C]})"),
      Of<RefundChallengePayload>("RefundChallengePayload",
                                 head + R"("exp":2,"r5":$I,"r6":$I,"refund":$R})"),
      Of<RefundAuthorisationPayload>(
          "RefundAuthorisationPayload",
          R"({"iss":$I,"aud":$I,"r5":$I,"r6":$I,"iat":1,"refund":$R})"),
      Of<RefundResultPayload>(
          "RefundResultPayload",
          head + R"("result":"pending","refund_id":$D,"payment_id":$D,"amount":$M,)"
                 R"("refunded_total":$M})",
          {"/refunded_total"}),
      Of<UndertakingPayload>(
          "UndertakingPayload",
          R"({"iss":$I,"aud":$I,"iat":1,"sblk_nonce":$I,"terms":"If it\ndoes not come",)"
          R"("deliver_by":1,"claim_until":1209601})"),
      Of<RefundClaimPayload>(
          "RefundClaimPayload",
          R"({"iss":$I,"aud":$I,"iat":1,"nonce":$I,"payment_id":$D,"statement":"Not\nhere"})"),
      Of<RefundAnswerPayload>(
          "RefundAnswerPayload",
          R"({"iss":$I,"aud":$I,"iat":1,"nonce":$I,"claim":$D,"evidence":"Signed for\nby him"})"),
      Of<RefundDecisionPayload>(
          "RefundDecisionPayload",
          head + R"("claim":$D,"payment_id":$D,"decision":"reject","grounds":"operator",)"
                 R"("reason":"It was delivered"})"),
      Of<RefundDecisionPayload>(
          "RefundDecisionPayloadUnanswered",
          head + R"("claim":$D,"payment_id":$D,"decision":"refund","grounds":"unanswered"})"),
      Of<MailboxPayload>("MailboxPayload",
                         R"({"iss":$I,"aud":$I,"iat":1,"nonce":$I,"after":0,"wait":30,"ack":4})",
                         {"/ack"}),
      Of<MailboxBody>("MailboxBody", R"({"newest":9,"messages":[{"cursor":3,"message":$E},)"
                                     R"({"cursor":9,"message":$E}]})"),
      Of<DonePayload>("DonePayload", head + R"("request":$D})"),
      Of<RefusalPayload>("RefusalPayload",
                         head + R"("request":$D,"code":"already-paid","payment_id":$D})",
                         {"/payment_id"}),
      Of<Problem>("Problem",
                  R"({"type":"urn:p2p-gateway:error:handshake-expired","title":"Begin anew",)"
                  R"("status":409,"instance":"r-17"})"),
      {"Single",
       Fill(R"({"receipt":$J})"),
       {},
       [](std::string_view json) -> Outcome {
         auto single = ParseSingle(json);
         if (!single) return std::unexpected(single.error());
         return PrintSingle(single->member, single->jws);
       }},
  };
  return cases;
}

}  // namespace paygate::protocol
