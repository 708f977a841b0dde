#include "tests/audit/evidence_case.h"

#include <algorithm>
#include <bit>
#include <map>

#include "audit/checkpoint.h"
#include "protocol/crl.h"
#include "protocol/json.h"
#include "protocol/jwe.h"
#include "protocol/jws.h"

namespace paygate::audit {

using namespace protocol;  // NOLINT: a test that speaks nothing else
using End = EvidenceCase::End;

namespace {

Certificate Certify(const TestPki& pki, const EvidenceParty& party, Role role,
                    const PublicKey& key, const std::string& binding) {
  CertificateTemplate what = TestPki::Template(role, party.id, key);
  what.account_binding = binding;
  return pki.Issue(what).value();
}

// The hash over a perfect subtree of all these lines.
Hash SubtreeHash(const std::vector<std::string>& lines, uint8_t level, uint64_t index) {
  if (level == 0) return HashLeaf(lines.at(index));
  return HashNode(SubtreeHash(lines, static_cast<uint8_t>(level - 1), 2 * index),
                  SubtreeHash(lines, static_cast<uint8_t>(level - 1), 2 * index + 1));
}

const char* Word(End end) { return end == End::kCompleted ? "completed" : "failed"; }

}  // namespace

EvidenceParty::EvidenceParty(const TestPki& pki, const std::string& iban)
    : signature(Certify(pki, *this, Role::kParticipantSignature, key.public_key(),
                        base::Sha256(id))),
      encryption(Certify(pki, *this, Role::kParticipantEncryption,
                         NewKey(hsm::KeyType::kP256, hsm::KeyUsage::kDecrypt).public_key(),
                         base::Sha256(id))),
      account(Disclosure::Make(iban).value()) {}

Entry EvidenceParty::Certified(base::UnixTime at) const {
  return {.kind = EntryKind::kCertified,
          .at = at,
          .values = {id, base::Sha256Base64Url("request"), signature.fingerprint(),
                     encryption.fingerprint()}};
}

EvidenceCase::EvidenceCase(End end, bool promises) {
  Log({.kind = EntryKind::kOperator, .at = now, .values = {"", "participants.list", "0"}});
  Log(seller.Certified(now));
  Log(EvidenceParty(pki, "GB33BUKB20201555555555").Certified(now));
  Log(buyer.Certified(now));
  Sell(promises);
  Pay(end);
}

std::string EvidenceCase::By(const EvidenceParty& party, std::string_view typ,
                             std::string_view payload) const {
  return SignJws(*party.key.AsSigner().value(), typ,
                 {.name = KeyName::kX5c, .x5c = {party.signature.der()}, .x5t_s256 = {}}, payload)
      .value();
}

std::string EvidenceCase::ByGateway(std::string_view typ, std::string_view payload) const {
  return SignJws(*gateway_key.AsSigner().value(), typ,
                 {.name = KeyName::kX5t, .x5c = {}, .x5t_s256 = gateway.fingerprint()}, payload)
      .value();
}

void EvidenceCase::Sell(bool promises) {
  draft.gateway_id = gateway.subject_id();
  now += std::chrono::minutes(1);
  CsblkPayload payload{
      .iss = draft.gateway_id,
      .sub = seller.id,
      .iat = base::ToNumericDate(now),
      .exp = base::ToNumericDate(now + std::chrono::hours(1)),
      .sblk = {.nonce = NewNonce(),
               .goods = "A lamp",
               .price = base::Money::Parse("12.50", "GBP").value(),
               .account_digest = seller.account.Digest(),
               .buyer = {}},
      .undertaking = {}};
  if (promises) {
    const int64_t deliver_by = payload.exp + 60;
    payload.undertaking = By(seller, kTypUndertaking,
                             UndertakingPayload{.iss = seller.id,
                                                .aud = draft.gateway_id,
                                                .iat = payload.iat,
                                                .sblk_nonce = payload.sblk.nonce,
                                                .terms = "It works, or your money back.",
                                                .deliver_by = deliver_by,
                                                .claim_until = deliver_by + 20 * 86400}
                                 .Print());
  }
  draft.csblk = ByGateway(kTypCsblk, payload.Print());
  Log({.kind = EntryKind::kCsblkIssued,
       .at = now,
       .values = {DocumentDigest(draft.csblk), seller.id, base::Sha256Base64Url("message 3")}});
}

void EvidenceCase::Pay(End end) {
  now += std::chrono::minutes(1);
  authorisation = PaymentAuthorisationPayload{
                   .iss = buyer.id,
                   .aud = draft.gateway_id,
                   .r3 = NewNonce(),
                   .r4 = NewNonce(),
                   .iat = base::ToNumericDate(now) - 2,
                   .bblk = {.goods = "A lamp",
                            .price = base::Money::Parse("12.50", "GBP").value(),
                            .account_digest = buyer.account.Digest()},
                   .csblk = draft.csblk};
  const std::string jws = By(buyer, kTypPaymentAuthorisation, authorisation->Print());
  draft.payment_id = DocumentDigest(jws);
  draft.accounts = SealJwe(bank_key.public_key(), base::Sha256Base64Url("its certificate"), {},
                           JsonWriter()
                               .String("buyer", buyer.account.text())
                               .String("seller", seller.account.text())
                               .Take())
                       .value();
  Log({.kind = EntryKind::kAuthorised,
       .at = now,
       .values = {draft.payment_id, DocumentDigest(draft.csblk), buyer.id, seller.id, "12.50 GBP",
                  base::Sha256Base64Url(draft.accounts)}});
  draft.payment.authorisation = jws;
  if (end == End::kOpen) return;
  now += std::chrono::seconds(3);
  const bool completed = end == End::kCompleted;
  draft.payment.bank_answer = "the bank's " + std::string(Word(end));
  Log({.kind = EntryKind::kOutcome,
       .at = now,
       .values = {draft.payment_id, Word(end), completed ? "" : "AM04", completed ? "REF-1" : "",
                  base::Sha256Base64Url(draft.payment.bank_answer)}});
  PaymentResultPayload result{
      .iss = draft.gateway_id,
      .sub = buyer.id,
      .iat = base::ToNumericDate(now),
      .authorised_at = authorisation->iat,
      .result = completed ? PaymentResult::kCompleted : PaymentResult::kFailed,
      .reason = completed ? "" : "AM04",
      .payment_id = draft.payment_id,
      .bank_reference = completed ? "REF-1" : "",
      .bblk = authorisation->bblk,
      .csblk = draft.csblk};
  draft.payment.receipt = ByGateway(kTypReceipt, result.Print());
  result.sub = seller.id;
  result.reason.clear();
  draft.payment.confirmation = ByGateway(kTypPaymentConfirmation, result.Print());
  Log({.kind = EntryKind::kResults,
       .at = now,
       .values = {draft.payment_id, DocumentDigest(draft.payment.receipt),
                  DocumentDigest(draft.payment.confirmation)}});
}

void EvidenceCase::Refund(const std::string& amount, End end) {
  now += std::chrono::hours(1);
  const base::Money money = base::Money::Parse(amount, "GBP").value();
  const RefundAuthorisationPayload said{
      .iss = seller.id,
      .aud = draft.gateway_id,
      .r5 = NewNonce(),
      .r6 = NewNonce(),
      .iat = base::ToNumericDate(now),
      .refund = {.payment_id = draft.payment_id, .amount = money, .nonce = NewNonce()}};
  const std::string jws = By(seller, kTypRefundAuthorisation, said.Print());
  GiveBack({.authorisation = jws}, DocumentDigest(jws), money, end);
}

void EvidenceCase::GiveBack(EvidenceAct act, const std::string& id, const base::Money& money,
                            End end) {
  Log({.kind = EntryKind::kAuthorised,
       .at = now,
       .values = {id, DocumentDigest(draft.csblk), buyer.id, seller.id, money.ToString(), ""}});
  if (end != End::kOpen) {
    act.bank_answer = "the bank's " + std::string(Word(end)) + " refund of " + money.AmountString();
    Log({.kind = EntryKind::kOutcome,
         .at = now,
         .values = {id, Word(end), "", "", base::Sha256Base64Url(act.bank_answer)}});
    const bool completed = end == End::kCompleted;
    if (completed) refunded += money.minor_units();
    RefundResultPayload result{
        .iss = draft.gateway_id,
        .sub = seller.id,
        .iat = base::ToNumericDate(now),
        .result = completed ? PaymentResult::kCompleted : PaymentResult::kFailed,
        .refund_id = id,
        .payment_id = draft.payment_id,
        .amount = money,
        .refunded_total = {}};
    if (refunded > 0) result.refunded_total = base::Money::Of(refunded, money.currency()).value();
    act.receipt = ByGateway(kTypRefundReceipt, result.Print());
    result.sub = buyer.id;
    act.confirmation = ByGateway(kTypRefundConfirmation, result.Print());
    Log({.kind = EntryKind::kResults,
         .at = now,
         .values = {id, DocumentDigest(act.receipt), DocumentDigest(act.confirmation)}});
  }
  draft.refunds.push_back(std::move(act));
}

void EvidenceCase::FileClaim() {
  now += std::chrono::hours(24);
  const RefundClaimPayload said{.iss = buyer.id,
                                .aud = draft.gateway_id,
                                .iat = base::ToNumericDate(now),
                                .nonce = NewNonce(),
                                .payment_id = draft.payment_id,
                                .statement = "It does not work."};
  draft.claim.filed = By(buyer, kTypRefundClaim, said.Print());
  Log({.kind = EntryKind::kClaimed,
       .at = now,
       .values = {draft.payment_id, DocumentDigest(draft.claim.filed), buyer.id, seller.id}});
}

void EvidenceCase::AnswerClaim() {
  now += std::chrono::hours(1);
  const RefundAnswerPayload said{.iss = seller.id,
                                 .aud = draft.gateway_id,
                                 .iat = base::ToNumericDate(now),
                                 .nonce = NewNonce(),
                                 .claim = DocumentDigest(draft.claim.filed),
                                 .evidence = "It did."};
  draft.claim.answer = By(seller, kTypRefundAnswer, said.Print());
  Log({.kind = EntryKind::kClaimAnswered,
       .at = now,
       .values = {draft.payment_id, said.claim, DocumentDigest(draft.claim.answer)}});
}

void EvidenceCase::DecideClaim(bool refund) {
  const bool unanswered = draft.claim.answer.empty();
  now += unanswered ? std::chrono::hours(73) : std::chrono::hours(1);
  RefundDecisionPayload said{
      .iss = draft.gateway_id,
      .sub = buyer.id,
      .iat = base::ToNumericDate(now),
      .claim = DocumentDigest(draft.claim.filed),
      .payment_id = draft.payment_id,
      .decision = refund ? ClaimDecision::kRefund : ClaimDecision::kReject,
      .grounds = unanswered ? ClaimGrounds::kUnanswered : ClaimGrounds::kOperator,
      .reason = unanswered ? "" : "as the photographs show"};
  draft.claim.to_buyer = ByGateway(kTypRefundDecision, said.Print());
  said.sub = seller.id;
  draft.claim.to_seller = ByGateway(kTypRefundDecision, said.Print());
  Log({.kind = EntryKind::kClaimDecided,
       .at = now,
       .values = {draft.payment_id, said.claim, std::string(Name(said.decision)),
                  std::string(Name(said.grounds)), DocumentDigest(draft.claim.to_buyer),
                  DocumentDigest(draft.claim.to_seller)}});
}

void EvidenceCase::RefundClaimed(End end) {
  now += std::chrono::minutes(1);
  const std::string claim = DocumentDigest(draft.claim.filed);
  GiveBack({.authorisation = draft.claim.filed}, ClaimRefundId(claim, ++claim_refunds),
           base::Money::Of(1250 - refunded, base::Currency::Parse("GBP").value()).value(), end);
}

void EvidenceCase::Revoke(EvidenceParty& party, const std::string& reason, base::UnixTime at) {
  Log({.kind = EntryKind::kRevoked, .at = at, .values = {party.id, reason, "operator", ""}});
  party.status = {true, at, reason == "superseded" ? CrlReason::kSuperseded
                                                   : CrlReason::kKeyCompromise};
}

void EvidenceCase::FillLog(EvidenceFile& file) const {
  const NodeReader read = [this](uint8_t level, uint64_t index) -> base::Result<Hash> {
    return SubtreeHash(lines, level, index);
  };
  const uint64_t size = lines.size();
  file.entries.clear();
  for (uint64_t i = 0; i < size; ++i) {
    const Entry entry = ParseEntry(lines[i]).value();
    const bool of_claim = entry.subject().size() == 43 && [&] {
      for (uint32_t n = 1; n <= claim_refunds; ++n) {
        if (ClaimRefundId(DocumentDigest(file.claim.filed), n) == entry.subject()) return true;
      }
      return false;
    }();
    const bool ours = of_claim || entry.subject() == file.payment_id ||
                      entry.subject() == buyer.id || entry.subject() == seller.id ||
                      entry.subject() == DocumentDigest(file.csblk) ||
                      std::ranges::any_of(file.refunds, [&](const EvidenceAct& refund) {
                        return DocumentDigest(refund.authorisation) == entry.subject();
                      });
    if (!ours) continue;
    file.entries.push_back({i, lines[i], InclusionProof(i, size, read).value()});
  }
  file.checkpoint = SignCheckpoint({.origin = OriginOf(file.gateway_id),
                                    .size = size,
                                    .root = RootOf(size, read).value(),
                                    .at = now},
                                   gateway_key.public_key(), *gateway_key.AsSigner().value())
                        .value();
}

void EvidenceCase::FillStatuses(EvidenceFile& file) const {
  std::vector<OcspCertId> ids;
  std::vector<OcspSingle> singles;
  for (const Certificate* each : {&gateway, &seller.signature, &seller.encryption,
                                  &buyer.signature, &buyer.encryption}) {
    ids.push_back(OcspCertIdOf(*each, pki.issuing).value());
  }
  const OcspStatus all[] = {{}, seller.status, seller.status, buyer.status, buyer.status};
  for (size_t i = 0; i < ids.size(); ++i) singles.push_back({ids[i].der, all[i]});
  file.statuses = {BuildOcspResponse({.this_update = now,
                                      .next_update = now + std::chrono::hours(4),
                                      .certificates = singles,
                                      .nonce = {}},
                                     pki.issuing, *pki.issuing_signer)
                       .value()};
  file.root_crl = BuildCrl({.number = 1,
                            .base_number = {},
                            .this_update = kTestNow - std::chrono::days(30),
                            .next_update = kTestNow + std::chrono::days(300),
                            .entries = {},
                            .delta_url = {}},
                           pki.root, *pki.root_signer)
                      .value();
}

EvidenceFile EvidenceCase::File() {
  EvidenceFile file = draft;
  now += std::chrono::hours(1);
  std::map<std::string, std::string> certificates;
  for (const Certificate* each :
       {&gateway, &pki.issuing, &seller.signature, &seller.encryption, &buyer.signature,
        &buyer.encryption}) {
    certificates.emplace(each->fingerprint(), each->der());
  }
  for (const auto& [fingerprint, der] : certificates) file.certificates.push_back(der);
  FillLog(file);
  FillStatuses(file);
  Seal(file);
  return file;
}

void EvidenceCase::Seal(EvidenceFile& file) const {
  if (!SealEvidence(file, now, gateway, *gateway_key.AsSigner().value())) std::abort();
}

std::string WhatIsBad(const EvidenceReport& report) {
  for (const EvidenceCheck& check : report.checks) {
    if (check.outcome == EvidenceCheck::Outcome::kBad) return check.words;
  }
  return report.checks.empty() ? "nothing was checked" : "";
}

bool Says(const EvidenceReport& report, const std::string& words) {
  return std::ranges::any_of(report.checks, [&](const EvidenceCheck& check) {
    return check.words.find(words) != check.words.npos;
  });
}

}  // namespace paygate::audit
