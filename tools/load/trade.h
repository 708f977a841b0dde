// Trade: a sale (protocol.md section 5), a payment (section 6), or both, honest or not.
#pragma once

#include <string_view>

#include "tools/load/operation.h"

namespace paygate::load {

// What a hostile or faulty participant tries. All but the first group carry an honest trade up to
// message 3 of the payment, so that the one wrong thing alone decides.
enum class Attack : uint8_t {
  kNone,
  kGarbage,          // no JWE
  kTooLarge,         // more than the gateway takes
  kWrongType,        // another content type
  kUnknownMember,    // well sealed, not well formed
  kForgedSignature,  // the buyer's certificate, another's signature
  kOtherPrice,       // the BBLK says another price than the CSBLK
  kForgedCsblk,      // the CSBLK's price was changed, its signature kept
  kWrongHandshake,   // not the one that the gateway sealed
  kOwnSale,          // the seller pays to himself
  kSwappedParties,   // Cert_P of another in message 1
  kPayAgain,         // a CSBLK that is paid
};
constexpr size_t kAttacks = 12;
std::string_view Name(Attack attack);

class Trade final : public Operation {
 public:
  // `offer`: what is paid, if nothing is sold; with an attack it may be none.
  Trade(Scene& scene, Kind kind, Participant& seller, Participant& buyer,
        std::optional<Offer> offer, Attack attack = Attack::kNone);

  Next Begin() override;
  Next OnAnswer(const HttpAnswer& answer) override;
  Next OnLost(const std::string& why) override;

 private:
  enum class At : uint8_t {
    kSellerChallenge,
    kSellerConfirmation,
    kBuyerChallenge,
    kAuthorisation
  };
  Next AskSeller();
  Next Confirm(const std::string& payload);
  Next TakeCsblk(const std::string& payload);
  Next AskBuyer();
  Next Authorise(const std::string& payload);
  Next TakeReceipt(const HttpAnswer& answer, const std::string& payload);
  Next Crude();                                              // the first group of attacks
  Next Judge(const HttpAnswer& answer, const Heard& heard);  // of an attack
  Next SendAgain(int retry_after_s);
  Next NotTaken(const Heard& heard);
  Next Broken(const std::string& why) { return Next::Done(Verdict::kBroken, why); }
  const Participant& asking() const;
  bool binding() const { return at_ == At::kSellerConfirmation || at_ == At::kAuthorisation; }

  Scene& scene_;
  Participant *seller_, *buyer_;
  std::optional<Offer> offer_;
  const Attack attack_;
  At at_ = At::kSellerChallenge;
  bool crude_ = false;
  std::string nonce_;       // r1, r3
  std::string disclosure_;  // of the account in the block
  std::string digest_;      // of the JWS that is out
  std::optional<protocol::Sblk> sblk_;
  std::optional<protocol::Bblk> bblk_;
  std::optional<size_t> fact_;  // in the ledger
  int attempts_ = 0;
};

}  // namespace paygate::load
