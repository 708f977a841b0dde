#include "tests/bench/samples.h"

#include "base/crypto.h"
#include "protocol/jwe.h"
#include "protocol/jws.h"
#include "tests/bench/bench.h"

namespace paygate::bench {

using namespace protocol;  // NOLINT: nothing but its messages here
using hsm::KeyType;
using hsm::KeyUsage;

namespace {

constexpr const char* kGoods = "One second-hand bicycle, blue, with basket and two lamps";

// Under a CA that nobody trusts: only parsing is looked at.
Certificate Certify(Role role, const PublicKey& key, const SoftwareKey& issuer) {
  const auto now = base::SystemClock().Now();
  const auto signer = Must(issuer.AsSigner());
  CertificateTemplate what{.role = Role::kRoot,
                           .subject_cn = "A root",
                           .subject_key = issuer.public_key(),
                           .not_before = now,
                           .not_after = now + std::chrono::days(365)};
  const auto root = Must(BuildCertificate(what, nullptr, *signer));
  what.role = role;
  what.subject_cn = NewNonce();
  what.subject_key = key;
  what.account_binding = base::Sha256("a disclosure");
  what.crl_url = "https://pay.example/v1/crl";
  what.ocsp_url = "https://pay.example/v1/ocsp";
  return Must(BuildCertificate(what, &root, *signer));
}

}  // namespace

Samples::Samples()
    : issuer_key(Must(SoftwareKey::Generate(KeyType::kP256, KeyUsage::kSign))),
      signature_key(Must(SoftwareKey::Generate(KeyType::kP256, KeyUsage::kSign))),
      encryption_key(Must(SoftwareKey::Generate(KeyType::kP256, KeyUsage::kDecrypt))),
      signer(Must(signature_key.AsSigner())),
      decrypter(Must(encryption_key.AsDecrypter())),
      signature(Certify(Role::kParticipantSignature, signature_key.public_key(), issuer_key)),
      encryption(Certify(Role::kParticipantEncryption, encryption_key.public_key(), issuer_key)),
      account(Must(Disclosure::Make("GB82WEST12345698765432"))),
      sblk{.nonce = NewNonce(),
           .goods = kGoods,
           .price = Must(base::Money::Parse("12.50", "GBP")),
           .account_digest = account.Digest(),
           .buyer = {}},
      bblk{.goods = kGoods, .price = sblk.price, .account_digest = account.Digest()},
      id(NewNonce()),
      nonce(NewNonce()),
      digest(base::Sha256Base64Url("a message")) {
  const JwsKeyReference ours{.name = KeyName::kX5t, .x5t_s256 = digest};
  const int64_t now = base::ToNumericDate(base::SystemClock().Now());
  const CsblkPayload sale{.iss = id, .sub = id, .iat = now, .exp = now + 3600, .sblk = sblk};
  csblk = Must(SignJws(*signer, kTypCsblk, ours, sale.Print()));
  authorisation_payload = PaymentAuthorisationPayload{
      .iss = id, .aud = id, .r3 = nonce, .r4 = nonce, .iat = now, .bblk = bblk, .csblk = csblk};
  authorisation = Must(SignJws(*signer, kTypPaymentAuthorisation,
                               {.name = KeyName::kX5c, .x5c = {signature.der()}},
                               authorisation_payload->Print()));
  receipt_payload = PaymentResultPayload{.iss = id,
                                         .sub = id,
                                         .iat = now,
                                         .authorised_at = now,
                                         .result = PaymentResult::kCompleted,
                                         .payment_id = digest,
                                         .bank_reference = "E2E-0000000000000001",
                                         .bblk = bblk,
                                         .csblk = csblk};
  receipt = Must(SignJws(*signer, kTypReceipt, ours, receipt_payload->Print()));
  receipt_jwe = Must(SealJwe(encryption_key.public_key(), encryption.fingerprint(), {},
                             PrintSingle("receipt", receipt)));
}

}  // namespace paygate::bench
