#include "gateway/engine/payment.h"

#include "base/crypto.h"
#include "base/log.h"
#include "protocol/json.h"
#include "protocol/jwe.h"

namespace paygate::gateway::engine {

using base::ErrorCode;
using base::Fail;
using base::Result;
using protocol::Disclosure;
using protocol::PaymentAuthorisationBody;
using protocol::PaymentAuthorisationPayload;
using storage::Intent;
using storage::RecordVerdict;

// Paper 6.2.4: 3. B → PG: e_PG(s_B(R3 R4 ID_PG T BBLK CSBLK) || Cert_VB)
void Payment::Authorise(protocol::ParsedJwe jwe, Result<Handshake> handshake, Reply reply) {
  auto opened = p_.envelope.Open(jwe);
  if (!opened) return reply.Problem(opened.error());
  auto body = PaymentAuthorisationBody::Parse(*opened);
  if (!body) return reply.Problem(body.error());
  auto jws = protocol::ParseJws(body->authorisation, protocol::kTypPaymentAuthorisation,
                                protocol::KeyName::kX5c);
  if (!jws) return reply.Problem(jws.error());
  if (p_.awaiting.AnswerSeenBefore(jws->Digest(), reply)) return;
  if (p_.messages.AnswerRefusedBefore(*jws, reply)) return;
  if (!handshake) return reply.Problem(handshake.error());

  auto message = p_.messages.Verify(std::move(*jws), jwe.extra.accept);
  if (!message) return reply.Problem(message.error());
  Decide(*message, body->authorisation, *body, *handshake, std::move(reply));
}

void Payment::Decide(const VerifiedMessage& message, const std::string& authorisation_jws,
                     const PaymentAuthorisationBody& body, const Handshake& handshake,
                     Reply reply) {
  auto authorisation = PaymentAuthorisationPayload::Parse(message.payload);
  if (!authorisation) return p_.messages.Refuse(message, authorisation.error(), reply);
  if (auto good = CheckAuthorisation(message, *authorisation, handshake); !good) {
    return p_.messages.Refuse(message, good.error(), reply);
  }
  auto sale = CheckCsblk(*authorisation);
  if (!sale) return p_.messages.Refuse(message, sale.error(), reply);
  const protocol::Sblk& sblk = sale->payload.sblk;
  if (!sblk.buyer.empty() && sblk.buyer != message.sender.id()) {
    return p_.messages.Refuse(message, {ErrorCode::kNotYours, "CSBLK is for another buyer"}, reply);
  }
  auto accounts = CheckBlocks(message, *authorisation, body, sblk);
  if (!accounts) return p_.messages.Refuse(message, accounts.error(), reply);
  Record(message, authorisation_jws, *authorisation, *sale, *accounts, handshake,
         std::move(reply));
}

base::Status Payment::CheckAuthorisation(const VerifiedMessage& message,
                                         const PaymentAuthorisationPayload& authorisation,
                                         const Handshake& handshake) const {
  RETURN_IF_ERROR(p_.messages.CheckParties(message, authorisation.iss, authorisation.aud));
  // Cert_VB and the Cert_PB of message 1 are of one registration: the register knows the pair.
  if (handshake.encryption_certificate != message.sender.encryption.fingerprint()) {
    return Fail(ErrorCode::kCertificateInvalid, "Cert_P and Cert_V of two registrations");
  }
  if (handshake.participant_id != authorisation.iss ||
      handshake.nonce_participant != authorisation.r3 ||
      handshake.nonce_gateway != authorisation.r4 ||
      handshake.block_digest != base::Sha256(authorisation.bblk.Print())) {
    return Fail(ErrorCode::kBlockMismatch, "authorisation and challenge differ");
  }
  return CheckTime(p_.clock, authorisation.iat, p_.limits.clock_skew);
}

Result<Payment::Sale> Payment::CheckCsblk(const PaymentAuthorisationPayload& authorisation) const {
  ASSIGN_OR_RETURN(auto jws, protocol::ParseJws(authorisation.csblk, protocol::kTypCsblk,
                                                protocol::KeyName::kX5t));
  // Of the present or a former signature key: a CSBLK outlives the key's rotation.
  const auto keys = p_.envelope.keys();
  const auto* own = keys->FindSignature(jws.x5t_s256);
  if (!own) return Fail(ErrorCode::kCsblkUnknown, "CSBLK names another signature certificate");
  ASSIGN_OR_RETURN(auto verified, protocol::VerifyJws(std::move(jws), own->certificate.key()));
  ASSIGN_OR_RETURN(auto payload, protocol::CsblkPayload::Parse(verified.payload()));
  const base::UnixTime issued = base::FromNumericDate(payload.iat);
  if (issued < own->certificate.not_before() || issued > own->certificate.not_after()) {
    return Fail(ErrorCode::kCsblkUnknown, "CSBLK was not issued while its certificate was valid");
  }
  if (base::ToNumericDate(p_.clock.Now()) >= payload.exp) {
    return Fail(ErrorCode::kCsblkExpired, "CSBLK is past its exp");
  }
  const std::string csblk_id = verified.Digest();
  ASSIGN_OR_RETURN(auto registered, p_.csblks.Find(csblk_id));
  if (!registered) {
    base::LogAlarm("csblk.never_issued",
                   {{"csblk_id", csblk_id},
                    {"meaning", "it carries our signature: the signature key may be stolen"}});
    return Fail(ErrorCode::kCsblkUnknown, "CSBLK verifies but is not in the register");
  }
  RETURN_IF_ERROR(p_.participants.CheckSeller(payload.sub));
  return Sale{.csblk_id = csblk_id, .payload = std::move(payload)};
}

Result<Payment::Accounts> Payment::CheckBlocks(const VerifiedMessage& message,
                                               const PaymentAuthorisationPayload& authorisation,
                                               const PaymentAuthorisationBody& body,
                                               const protocol::Sblk& sblk) const {
  const protocol::Bblk& bblk = authorisation.bblk;
  if (bblk.goods != sblk.goods || bblk.price != sblk.price) {
    return Fail(ErrorCode::kBlockMismatch, "goods or price of BBLK and CSBLK differ");
  }
  ASSIGN_OR_RETURN(Disclosure seller, Disclosure::Parse(body.seller_disclosure));
  ASSIGN_OR_RETURN(Disclosure buyer, Disclosure::Parse(body.buyer_disclosure));
  ASSIGN_OR_RETURN(Disclosure binding, Disclosure::Parse(body.buyer_binding_disclosure));
  if (seller.Digest() != sblk.account_digest || buyer.Digest() != bblk.account_digest ||
      binding.RawDigest() != message.sender.signature.account_binding()) {
    return Fail(ErrorCode::kAccountMismatch, "a disclosure does not open its digest");
  }
  if (buyer.account() != binding.account() || buyer.text() == binding.text()) {
    return Fail(ErrorCode::kAccountMismatch, "BBLK names another account than Cert_V binds");
  }
  if (buyer.account() == seller.account()) {
    return Fail(ErrorCode::kSameAccount, "buyer and seller account are one");
  }
  if (!p_.limits.Accepts(bblk.price.currency().code())) {
    return Fail(ErrorCode::kUnsupportedCurrency, "currency not accepted here");
  }
  return Accounts{.buyer = buyer.account(),
                  .seller = seller.account(),
                  .buyer_disclosure = buyer.text(),
                  .seller_disclosure = seller.text()};
}

// For the evidence file: only the bank can open it, and only with it can anybody show to a court
// which accounts were signed.
Result<std::string> Payment::SealAccounts(const Accounts& accounts) const {
  const auto keys = p_.envelope.keys();
  if (!keys->bank) return std::string();
  return protocol::SealJwe(keys->bank->key(), keys->bank->fingerprint(), {},
                           protocol::JsonWriter()
                               .String("buyer", accounts.buyer_disclosure)
                               .String("seller", accounts.seller_disclosure)
                               .Take());
}

// The authorisation becomes durable; only then may the bank hear of it.
void Payment::Record(const VerifiedMessage& message, const std::string& authorisation_jws,
                     const PaymentAuthorisationPayload& authorisation, const Sale& sale,
                     const Accounts& accounts, const Handshake& handshake, Reply reply) {
  if (p_.payments.OpenCount() >= kMaxOpenIntents) {
    return reply.Problem({ErrorCode::kBankUnavailable, "too many payments wait for the bank"});
  }
  const std::string& payment_id = message.digest;
  const base::UnixTime now = p_.clock.Now(), deadline = now + p_.limits.bank_deadline;
  auto prepared = p_.bank.Prepare({.payment_id = payment_id,
                                   .debtor_account = accounts.buyer,
                                   .creditor_account = accounts.seller,
                                   .amount = sale.payload.sblk.price,
                                   .remittance = sale.payload.sblk.goods,
                                   .deadline = deadline,
                                   .created = now});
  if (!prepared) return reply.Problem(prepared.error());
  auto sealed = p_.storage_keys.Seal(payment_id, *prepared);
  if (!sealed) return reply.Problem(sealed.error());
  auto for_bank = SealAccounts(accounts);
  if (!for_bank) return reply.Problem(for_bank.error());

  if (auto still = p_.messages.CheckStillTakes(handshake); !still) {
    return reply.Problem(still.error());
  }
  auto recorded = p_.authorisations.RecordIntent(
      {.payment_id = payment_id,
       .csblk_id = sale.csblk_id,
       .buyer_id = message.sender.id(),
       .seller_id = sale.payload.sub,
       .authorisation = authorisation_jws,
       .reply_certificate = message.sender.encryption.fingerprint(),
       .amount = sale.payload.sblk.price,
       .authorised_at = base::FromNumericDate(authorisation.iat),
       .recorded_at = now,
       .deadline = deadline,
       .sealed_accounts = std::move(*for_bank),
       .prepared_key = sealed->key_name,
       .prepared = std::move(sealed->bytes)});
  if (!recorded) return reply.Problem(recorded.error());
  switch (recorded->verdict) {
    case RecordVerdict::kRecorded: {
      base::LogInfo("intent.recorded", {{"payment_id", payment_id}, {"csblk_id", sale.csblk_id}});
      // Parked first: the bank's answer must find who waits for it.
      p_.awaiting.Await(*recorded->intent, std::move(reply));
      return p_.settler.Begin(*recorded->intent, *prepared, message.forms);
    }
    case RecordVerdict::kSeenBefore:
      if (p_.awaiting.AnswerSeenBefore(payment_id, reply)) return;
      return reply.Problem({ErrorCode::kOverloaded, "the same message is being decided"});
    case RecordVerdict::kAlreadyPaid:
      return p_.messages.Refuse(
          message, {ErrorCode::kAlreadyPaid, "CSBLK is paid"}, reply,
          recorded->paid_buyer_id == message.sender.id() ? recorded->paid_payment_id : "");
    case RecordVerdict::kInFlight:
      return p_.messages.Refuse(message, {ErrorCode::kInFlight, "another payment is open"}, reply);
    case RecordVerdict::kCancelled:
      return p_.messages.Refuse(message, {ErrorCode::kCsblkCancelled, "CSBLK cancelled"}, reply);
    case RecordVerdict::kCsblkUnknown:
      return p_.messages.Refuse(message, {ErrorCode::kCsblkUnknown, "CSBLK unknown"}, reply);
    case RecordVerdict::kTooManyTries:
      return p_.messages.Refuse(
          message, {ErrorCode::kAccountRefused, "three payments of this CSBLK failed"}, reply);
    case RecordVerdict::kNotRefundable:
    case RecordVerdict::kExceedsPayment:
    case RecordVerdict::kTooManyRefunds:
      return reply.Problem({ErrorCode::kInternal, "a refund's verdict on a payment"});
  }
}

}  // namespace paygate::gateway::engine
