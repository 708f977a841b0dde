// Message 3 of a payment, honest and not, and what is no message at all.
#include "base/crypto.h"
#include "base/encoding.h"
#include "protocol/jws.h"
#include "tools/load/trade.h"

namespace paygate::load {

using namespace protocol;  // NOLINT: speaks nothing else

namespace {

// The CSBLK with another payload under the signature that was made for the true one.
std::string WithHigherPrice(const Offer& offer, const base::Money& price) {
  auto parsed = ParseJws(offer.csblk.jws, kTypCsblk, KeyName::kX5t);
  auto payload = parsed ? CsblkPayload::Parse(parsed->payload)
                        : base::Result<CsblkPayload>(std::unexpected(parsed.error()));
  if (!payload) return offer.csblk.jws;
  payload->sblk.price = price;
  parsed->signing_input = parsed->signing_input.substr(0, parsed->signing_input.find('.') + 1) +
                          base::Base64UrlEncode(payload->Print());
  return JoinJws(parsed->signing_input, parsed->signature);
}

std::string Altered(std::string text) {
  text[text.size() / 2] = text[text.size() / 2] == 'A' ? 'B' : 'A';
  return text;
}

}  // namespace

std::string_view Name(Attack attack) {
  constexpr std::string_view kNames[kAttacks] = {
      "none",        "garbage",         "too-large",
      "wrong-type",  "unknown-member",  "forged-signature",
      "other-price", "forged-csblk",    "wrong-handshake",
      "own-sale",    "swapped-parties", "pay-again"};
  return kNames[static_cast<size_t>(attack)];
}

Next Trade::Crude() {
  crude_ = true;
  Ask ask{.step = Step::kHostile,
          .path = "/v1/payments",
          .body = "eyJ" + base::HexEncode(base::RandomBytes(64))};
  if (attack_ == Attack::kTooLarge) ask.body.assign(scene_.gateway.request_bytes + 1, 'A');
  if (attack_ == Attack::kWrongType) ask.type = "application/json";
  if (attack_ == Attack::kUnknownMember) {
    ask.path = "/v1/payments/challenge";
    auto jwe = SealTo(scene_, {"r3", NewNonce()}, R"({"bblk":{},"x5c":[],"more":1})");
    if (!jwe) return Broken(jwe.error().message);
    ask.body = std::move(*jwe);
  }
  return Next::Send(std::move(ask));
}

Next Trade::Authorise(const std::string& answer) {
  const auto body = ChallengeBody::Parse(answer);
  const auto said = body ? scene_.Read(body->challenge, kTypBuyerChallenge)
                         : base::Result<std::string>(std::unexpected(body.error()));
  const auto challenge = said ? BuyerChallengePayload::Parse(*said)
                              : base::Result<BuyerChallengePayload>(std::unexpected(said.error()));
  if (!challenge) return Broken("a buyer's challenge: " + challenge.error().message);
  if (challenge->iss != scene_.gateway.id || challenge->sub != asking().id ||
      challenge->r3 != nonce_ || !(challenge->bblk == *bblk_)) {
    return Broken("a buyer's challenge to another request");
  }
  PaymentAuthorisationPayload payload{.iss = buyer_->id,
                                      .aud = scene_.gateway.id,
                                      .r3 = nonce_,
                                      .r4 = challenge->r4,
                                      .iat = challenge->iat,
                                      .bblk = *bblk_,
                                      .csblk = offer_->csblk.jws};
  if (attack_ == Attack::kForgedCsblk) {
    const auto more = base::Money::Of(bblk_->price.minor_units() + 1, bblk_->price.currency());
    if (more) payload.csblk = WithHigherPrice(*offer_, *more);
  }
  // A forger has the buyer's certificate and not the buyer's key.
  hsm::Signer& signer = attack_ == Attack::kForgedSignature ? *seller_->signer : *buyer_->signer;
  auto jws =
      SignJws(signer, kTypPaymentAuthorisation,
              {.name = KeyName::kX5c, .x5c = {buyer_->signature_certificate}}, payload.Print());
  if (!jws) return Broken(jws.error().message);
  digest_ = DigestOfCompact(*jws).value_or("");
  const PaymentAuthorisationBody message{.authorisation = std::move(*jws),
                                         .buyer_disclosure = disclosure_,
                                         .buyer_binding_disclosure = buyer_->binding,
                                         .seller_disclosure = offer_->csblk.disclosure};
  const std::string handshake =
      attack_ == Attack::kWrongHandshake ? Altered(body->handshake) : body->handshake;
  auto jwe = SealTo(scene_, {"handshake", handshake}, message.Print());
  if (!jwe) return Broken(jwe.error().message);
  fact_ = scene_.ledger.Sent({.payment_id = digest_,
                              .buyer = buyer_,
                              .seller = offer_->seller,
                              .amount = offer_->sblk.price.minor_units(),
                              .bank_reference = {},
                              .jwe = *jwe});
  at_ = At::kAuthorisation;
  attempts_ = 0;
  const Step step = attack_ == Attack::kNone ? Step::kAuthorisation : Step::kHostile;
  return Next::Send({step, "/v1/payments", std::move(*jwe)});
}

// Anything but a refusal is a breach: the run fails by it.
Next Trade::Judge(const HttpAnswer& answer, const Heard& heard) {
  const std::string name(Name(attack_));
  const bool accepted = answer.status < 400;
  if (fact_) {
    // A receipt may say what it likes: the attack went through.
    scene_.ledger.Tell(*fact_, accepted ? Told::kCompleted : Told::kRefused, {});
  }
  std::string code = heard.words;
  if (const auto problem = Problem::Parse(answer.body); crude_ && problem) code = problem->code;
  CountWord(scene_.stats.hostile, name + ": " + std::to_string(answer.status) + " " + code);
  if (accepted) return Next::Done(Verdict::kAccepted, name + " was accepted");
  if (answer.status == 500) return Broken(name + " was answered by 500");
  return Next::Done(Verdict::kGood, heard.words);
}

}  // namespace paygate::load
