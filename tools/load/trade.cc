#include "tools/load/trade.h"

#include "protocol/jws.h"

namespace paygate::load {

using namespace protocol;  // NOLINT: speaks nothing else

namespace {
constexpr char kGoods[] = "One second-hand bicycle, blue, with basket and two lamps";
}  // namespace

Trade::Trade(Scene& scene, Kind kind, Participant& seller, Participant& buyer,
             std::optional<Offer> offer, Attack attack)
    : Operation(kind),
      scene_(scene),
      seller_(&seller),
      buyer_(attack == Attack::kOwnSale ? &seller : &buyer),
      offer_(std::move(offer)),
      attack_(attack) {}

Next Trade::Begin() {
  if (attack_ >= Attack::kGarbage && attack_ <= Attack::kUnknownMember) return Crude();
  return offer_ ? AskBuyer() : AskSeller();
}

const Participant& Trade::asking() const {
  const bool sells = at_ == At::kSellerChallenge || at_ == At::kSellerConfirmation;
  const bool swapped = at_ == At::kBuyerChallenge && attack_ == Attack::kSwappedParties;
  return sells || swapped ? *seller_ : *buyer_;
}

Next Trade::AskSeller() {
  at_ = At::kSellerChallenge;
  const auto account = Disclosure::Make(seller_->customer.iban);
  auto price = base::Money::Parse(scene_.amount, seller_->customer.currency);
  if (!account || !price) return Broken("no sale can be made of this account and amount");
  nonce_ = NewNonce();
  disclosure_ = account->text();
  sblk_ = Sblk{.nonce = NewNonce(),
               .goods = kGoods,
               .price = *price,
               .account_digest = account->Digest(),
               .buyer = {}};
  const SellerChallengeRequestBody body{.sblk = *sblk_,
                                        .certificate = seller_->encryption_certificate};
  auto jwe = SealTo(scene_, {"r1", nonce_}, body.Print());
  if (!jwe) return Broken(jwe.error().message);
  return Next::Send({Step::kSellerChallenge, "/v1/seller-blocks/challenge", std::move(*jwe)});
}

Next Trade::Confirm(const std::string& payload) {
  const auto body = ChallengeBody::Parse(payload);
  const auto said = body ? scene_.Read(body->challenge, kTypSellerChallenge)
                         : base::Result<std::string>(std::unexpected(body.error()));
  const auto challenge = said ? SellerChallengePayload::Parse(*said)
                              : base::Result<SellerChallengePayload>(std::unexpected(said.error()));
  if (!challenge) return Broken("a seller's challenge: " + challenge.error().message);
  if (challenge->iss != scene_.gateway.id || challenge->sub != seller_->id ||
      challenge->r1 != nonce_ || !(challenge->sblk == *sblk_)) {
    return Broken("a seller's challenge to another request");
  }
  const SellerConfirmationPayload confirmation{.iss = seller_->id,
                                               .aud = scene_.gateway.id,
                                               .r1 = nonce_,
                                               .r2 = challenge->r2,
                                               .sblk = *sblk_};
  auto jws = SignAs(*seller_, kTypSellerConfirmation, confirmation.Print());
  if (!jws) return Broken(jws.error().message);
  digest_ = DigestOfCompact(*jws).value_or("");
  const SellerConfirmationBody message{.confirmation = std::move(*jws),
                                       .seller_disclosure = disclosure_,
                                       .seller_binding_disclosure = seller_->binding};
  auto jwe = SealTo(scene_, {"handshake", body->handshake}, message.Print());
  if (!jwe) return Broken(jwe.error().message);
  at_ = At::kSellerConfirmation;
  attempts_ = 0;
  return Next::Send({Step::kSellerConfirmation, "/v1/seller-blocks", std::move(*jwe)});
}

Next Trade::TakeCsblk(const std::string& payload) {
  const auto body = CsblkBody::Parse(payload);
  auto parts =
      body ? SdJwt::Parse(body->csblk) : base::Result<SdJwt>(std::unexpected(body.error()));
  const auto said = parts ? scene_.Read(parts->jws, kTypCsblk)
                          : base::Result<std::string>(std::unexpected(parts.error()));
  const auto csblk =
      said ? CsblkPayload::Parse(*said) : base::Result<CsblkPayload>(std::unexpected(said.error()));
  if (!csblk) return Broken("a CSBLK: " + csblk.error().message);
  if (csblk->iss != scene_.gateway.id || csblk->sub != seller_->id || !(csblk->sblk == *sblk_) ||
      parts->disclosure != disclosure_) {
    return Broken("a CSBLK of another sale");
  }
  offer_ = Offer{.csblk = std::move(*parts), .seller = seller_, .sblk = *sblk_};
  if (kind() == Kind::kSale) {
    scene_.stock.push_back(std::move(*offer_));
    return Next::Done(Verdict::kGood);
  }
  Next next = AskBuyer();
  next.half = Kind::kSale;
  return next;
}

Next Trade::AskBuyer() {
  at_ = At::kBuyerChallenge;
  const auto account = Disclosure::Make(buyer_->customer.iban);
  if (!account) return Broken("no payment can be made from this account");
  nonce_ = NewNonce();
  disclosure_ = account->text();
  bblk_ = Bblk{.goods = offer_->sblk.goods,
               .price = offer_->sblk.price,
               .account_digest = account->Digest()};
  if (attack_ == Attack::kOtherPrice) {
    const auto more = base::Money::Of(bblk_->price.minor_units() + 1, bblk_->price.currency());
    if (more) bblk_->price = *more;
  }
  const BuyerChallengeRequestBody body{.bblk = *bblk_,
                                       .certificate = asking().encryption_certificate};
  auto jwe = SealTo(scene_, {"r3", nonce_}, body.Print());
  if (!jwe) return Broken(jwe.error().message);
  return Next::Send({Step::kBuyerChallenge, "/v1/payments/challenge", std::move(*jwe)});
}

Next Trade::OnAnswer(const HttpAnswer& answer) {
  const bool judged = attack_ != Attack::kNone && at_ == At::kAuthorisation;
  if (crude_ || (judged && answer.status == 500)) return Judge(answer, {});
  if (SaysNothing(answer.status) && answer.content_type == participant::kProblemType) {
    const auto problem = Problem::Parse(answer.body);
    const std::string word = std::to_string(answer.status) + " " +
                             (problem ? problem->code : std::string("of no known form"));
    if (binding()) {
      CountWord(scene_.stats.codes, word);
      return SendAgain(answer.retry_after_s);
    }
    const bool busy = IsBusy(answer.status);
    return Next::Done(busy ? Verdict::kBusy : Verdict::kRefused, word, answer.retry_after_s);
  }
  const Heard heard = Hear(scene_, asking(), answer, binding() ? digest_ : "");
  if (heard.what == Heard::What::kBroken) return Broken(heard.words);
  if (judged) return Judge(answer, heard);
  if (heard.what != Heard::What::kPayload) return NotTaken(heard);
  switch (at_) {
    case At::kSellerChallenge:
      return Confirm(heard.payload);
    case At::kSellerConfirmation:
      return TakeCsblk(heard.payload);
    case At::kBuyerChallenge:
      return Authorise(heard.payload);
    case At::kAuthorisation:
      return TakeReceipt(answer, heard.payload);
  }
  return Broken("an answer to nothing");
}

// A refusal, or a problem that is no matter of load. What the bank did is looked at in the end.
Next Trade::NotTaken(const Heard& heard) {
  if (fact_) scene_.ledger.Tell(*fact_, Told::kRefused, {});
  return Next::Done(Verdict::kRefused, heard.words);
}

Next Trade::SendAgain(int retry_after_s) {
  ++scene_.stats.asked_again;
  return {.what = Next::What::kAskLater, .wait = BackOff(attempts_++, retry_after_s)};
}

Next Trade::OnLost(const std::string& why) {
  if (crude_ || !binding()) return Next::Done(Verdict::kLost, why);
  CountWord(scene_.stats.codes, why);
  return SendAgain(0);
}

Next Trade::TakeReceipt(const HttpAnswer& answer, const std::string& payload) {
  const auto jws = ParseSingle(payload, "receipt");
  const auto said = jws ? scene_.Read(*jws, kTypReceipt) : jws;
  const auto receipt = said ? PaymentResultPayload::Parse(*said)
                            : base::Result<PaymentResultPayload>(std::unexpected(said.error()));
  if (!receipt) return Broken("a receipt: " + receipt.error().message);
  if (receipt->iss != scene_.gateway.id || receipt->sub != buyer_->id ||
      receipt->payment_id != digest_ || !(receipt->bblk == *bblk_) ||
      receipt->csblk != offer_->csblk.jws) {
    return Broken("a receipt of another payment");
  }
  if ((receipt->result == PaymentResult::kPending) != (answer.status == 202)) {
    return Broken("a receipt with another HTTP status");
  }
  switch (receipt->result) {
    case PaymentResult::kPending:
      scene_.ledger.Tell(*fact_, Told::kPending, {});
      return Next::Done(Verdict::kPending);
    case PaymentResult::kFailed:
      scene_.ledger.Tell(*fact_, Told::kFailed, {});
      return Next::Done(Verdict::kRefused, "failed " + receipt->reason);
    case PaymentResult::kCompleted:
      break;
  }
  scene_.ledger.Tell(*fact_, Told::kCompleted, receipt->bank_reference);
  scene_.paid.push_back(std::move(*offer_));
  if (scene_.paid.size() > kPaidKept) scene_.paid.pop_front();
  Next done = Next::Done(Verdict::kGood);
  done.half = Kind::kPayment;
  return done;
}

}  // namespace paygate::load
