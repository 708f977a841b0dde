// RawParticipant: a participant that a test takes apart. Each step of the protocol is a function of
// its own, written from protocol.md, so that an attack can change one value and play the rest
// honestly. Throws std::runtime_error where an honest step fails.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "participant/transport.h"
#include "protocol/certificate.h"
#include "protocol/jwe.h"
#include "protocol/messages.h"
#include "protocol/software_key.h"
#include "tests/integration/scratch_gateway.h"

namespace paygate::integration {

template <typename T>
T Must(base::Result<T> result) {
  if (!result) throw std::runtime_error(result.error().ToString());
  return std::move(*result);
}
inline void Must(const base::Status& status) {
  if (!status) throw std::runtime_error(status.error().ToString());
}

// What the gateway said, as a test compares it.
struct Said {
  int status = 0;
  std::string code;        // of a refusal or problem; empty for a result
  bool is_signed = false;  // a refusal by the gateway, verified
  std::string payload;     // the JSON inside the JWE
  std::string payment_id;  // in an already-paid refusal
  int retry_after_s = 0;
};

class RawParticipant {
 public:
  RawParticipant(const ScratchGateway& gateway, Customer customer,
                 hsm::KeyType type = hsm::KeyType::kP256);
  RawParticipant(std::unique_ptr<participant::Transport> transport, const std::string& root_pem,
                 Customer customer, hsm::KeyType type = hsm::KeyType::kP256);

  // ---- Section 4 ----
  protocol::RegistrationPayload NewRegistration() const;
  Said SendRegistration(const protocol::RegistrationPayload& payload);
  RawParticipant& Register();  // and keeps the certificates
  struct NewKeys {
    NewKeys();
    protocol::SoftwareKey signature, encryption;
    std::unique_ptr<hsm::Signer> signer;
    std::unique_ptr<hsm::Decrypter> decrypter;
  };
  std::string RenewalProof(const NewKeys& keys, const protocol::RenewalProofPayload& proof) const;
  protocol::RenewalPayload NewRenewal(const NewKeys& keys) const;  // honest, with its proof
  std::string RenewalJws(const protocol::RenewalPayload& payload) const;
  // What comes back may be for the new key.
  Said SendRenewal(const std::string& jws, const NewKeys& keys);
  void Adopt(NewKeys keys, const Said& renewed);
  std::string RevocationJws(protocol::RevocationReason reason) const;
  Said SendRevocation(const std::string& jws);

  // ---- Sections 5 and 6 ----
  struct Challenge {
    std::string nonce, gateway_nonce, handshake;
    std::string jws;  // the gateway's, whole
  };
  protocol::Sblk NewSblk(std::string_view goods, std::string_view amount);
  Challenge AskSeller(const protocol::Sblk& sblk);
  std::string Confirmation(const protocol::Sblk& sblk, const Challenge& challenge);  // JWS
  Said SendConfirmation(const std::string& confirmation, const std::string& handshake);
  protocol::SdJwt Sell(std::string_view goods, std::string_view amount);

  protocol::Bblk NewBblk(const protocol::SdJwt& csblk);
  Challenge AskBuyer(const protocol::Bblk& bblk);
  std::string Authorisation(const protocol::Bblk& bblk, const Challenge& challenge,
                            const std::string& csblk_jws,
                            std::optional<int64_t> iat = std::nullopt);  // JWS
  Said SendAuthorisation(const std::string& authorisation, const std::string& handshake,
                         const std::string& seller_disclosure);
  // All of section 6, honestly.
  Said Pay(const protocol::SdJwt& csblk);
  protocol::PaymentResultPayload ReceiptIn(const Said& said);

  // ---- Section 7 ----
  protocol::RefundBlock NewRefund(const std::string& payment_id, std::string_view amount,
                                  std::string_view currency = "GBP") const;
  Challenge AskRefund(const protocol::RefundBlock& refund);
  std::string RefundAuthorisation(const protocol::RefundBlock& refund,
                                  const Challenge& challenge) const;  // JWS
  Said SendRefund(const std::string& authorisation, const std::string& handshake);
  Said Refund(const std::string& payment_id, std::string_view amount);  // honestly
  protocol::RefundResultPayload RefundReceiptIn(const Said& said);

  // ---- Section 8 ----
  Said SendMailbox(int64_t after, int64_t wait, std::optional<int64_t> ack = std::nullopt);
  std::vector<protocol::Single> Mailbox(int64_t after = 0, int64_t wait = 0);

  // ---- Parts ----
  std::string Sign(std::string_view typ, std::string_view payload) const;  // with x5c
  std::string Seal(std::string_view payload, const protocol::JweExtra& extra = {}) const;
  Said Post(const std::string& path, const std::string& jwe);
  std::string Open(std::string_view jwe) const;  // by `decrypter` or one before it
  // The gateway's JWS of this typ, verified; its payload. An unknown certificate is looked up.
  std::string Verified(std::string_view jws, std::string_view typ);
  // GET /v1/certificates/{x5t}, checked against the root.
  protocol::Certificate LookUp(const std::string& x5t);
  int64_t Now() const;

  std::string id;
  Customer customer;
  std::string signature_certificate, encryption_certificate;  // DER
  std::string gateway_id;
  std::string binding;         // disclosure that opens accountBinding
  std::string seller_disclosure, buyer_disclosure;  // of the last block made
  protocol::SoftwareKey signature_key, encryption_key;
  std::unique_ptr<hsm::Signer> signer;
  std::unique_ptr<hsm::Decrypter> decrypter;
  std::unique_ptr<participant::Transport> transport;
  protocol::JwsForms forms = protocol::JwsForms::kSingle;  // asked for, and taken
  std::chrono::seconds clock_offset{0};  // by how much the gateway's clock was turned
  std::vector<std::unique_ptr<hsm::Decrypter>> old_decrypters;
  std::optional<protocol::Certificate> gateway_signature, gateway_encryption;
  std::string root_pem;

 private:
  Challenge Ask(const std::string& path, const char* nonce_name, const std::string& body,
                std::string_view typ);
};

}  // namespace paygate::integration
