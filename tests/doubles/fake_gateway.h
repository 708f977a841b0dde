// FakeGateway: a Transport that plays the whole gateway in memory, with real keys and certificates,
// honest until a test makes it otherwise. It keeps every request it got, so that a test can see
// that the identical message came again, and what was signed after an attack (nothing).
#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/clock.h"
#include "participant/transport.h"
#include "protocol/certificate.h"
#include "protocol/messages.h"
#include "protocol/software_key.h"

namespace paygate::doubles {

// A private key with the certificate for it and the CAs above it.
struct Credential {
  protocol::SoftwareKey key;
  protocol::Certificate certificate;
  std::vector<std::string> chain;  // DER, leaf first
};

class FakeGateway final : public participant::Transport {
 public:
  explicit FakeGateway(const base::Clock& clock);

  base::Result<participant::HttpAnswer> Post(const std::string& path,
                                             const std::string& body) override;
  base::Result<participant::HttpAnswer> Get(const std::string& path) override;

  const std::string& id() const { return id_; }
  std::string root_pem() const { return root_->certificate.ToPem(); }
  const Credential& root() const { return *root_; }
  const Credential& issuing() const { return *issuing_; }
  // A credential under the issuing CA (or `issuer`), for attacks and rotations.
  Credential Issue(protocol::Role role, const std::string& cn, const std::string& binding = "",
                   const Credential* issuer = nullptr) const;
  // New keys in the document; the old signature certificate is still found by its x5t#S256.
  void Rotate();

  // What a test may change. Each is called just before the gateway signs.
  std::function<void(protocol::GatewayPayload&)> on_document;
  std::function<void(protocol::RegisteredPayload&)> on_registered;
  std::function<void(protocol::SellerChallengePayload&)> on_seller_challenge;
  std::function<void(protocol::CsblkPayload&)> on_csblk;
  std::function<void(protocol::SdJwt&)> on_sd_jwt;
  std::function<void(protocol::BuyerChallengePayload&)> on_buyer_challenge;
  std::function<void(protocol::PaymentResultPayload&)> on_receipt;
  std::function<void(protocol::PaymentResultPayload&)> on_confirmation;
  std::function<void(protocol::RefusalPayload&)> on_refusal;
  std::function<void(std::string& typ)> on_typ;
  std::optional<Credential> signs_as;           // statements are signed with this
  std::optional<Credential> signs_document_as;  // and the document with this
  bool hides_signer = false;                    // /v1/certificates knows nothing
  // Before a request is looked at, or after it was carried out: an answer here replaces the real
  // one.
  using Intercept =
      std::function<std::optional<base::Result<participant::HttpAnswer>>(const std::string& path)>;
  Intercept before, after;
  protocol::PaymentResult bank_says = protocol::PaymentResult::kCompleted;
  std::string refuse_with;  // the next message 3 is refused with this code, signed

  struct Request {
    std::string path, body;
  };
  std::vector<Request> posts;
  std::vector<Request> PostsTo(const std::string& path) const;
  int documents_given = 0;
  int payments_made() const { return payments_made_; }  // money has moved
  int renewals_made() const { return renewals_made_; }
  size_t revocations_seen() const { return revocations_seen_; }  // different ones
  size_t authorisations_seen() const { return authorisations_seen_; }
  void SettlePending(protocol::PaymentResult result);
  void PutInMailbox(const std::string& id, const std::string& payload);
  std::string SignAsGateway(std::string_view typ, std::string_view payload) const;

 private:
  using HttpAnswer = participant::HttpAnswer;
  struct Participant {
    std::string signature_der, encryption_der;
  };
  struct Payment {
    protocol::PaymentAuthorisationPayload authorisation;
    protocol::PaymentResult result;
  };

  HttpAnswer Handle(const std::string& path, const std::string& body);
  HttpAnswer Certify(const std::string& id, const std::string& digest, const std::string& nonce,
                     const std::string& binding, const protocol::PublicKey& signature_key,
                     const protocol::PublicKey& encryption_key);
  HttpAnswer Register(const std::string& payload);
  HttpAnswer Renew(const std::string& payload);
  HttpAnswer Revoke(const std::string& payload);
  HttpAnswer TakeClaim(const std::string& payload);  // or an answer: acknowledges any
  HttpAnswer SellerChallenge(const std::string& payload, const std::string& r1);
  HttpAnswer SellerConfirmation(const std::string& payload, const std::string& handshake);
  HttpAnswer BuyerChallenge(const std::string& payload, const std::string& r3);
  HttpAnswer Authorisation(const std::string& payload, const std::string& handshake);
  HttpAnswer Mailbox(const std::string& payload);
  HttpAnswer ReceiptFor(const std::string& payment_id);
  HttpAnswer Refuse(const std::string& id, const std::string& digest, const std::string& code);
  HttpAnswer Problem(int status, const std::string& code) const;
  HttpAnswer Sealed(int status, const std::string& certificate_der, bool named,
                    const std::string& payload) const;
  std::string NewHandshake();
  bool HandshakeGood(const std::string& handshake) const;
  void Confirm(const std::string& payment_id);
  int64_t Now() const { return base::ToNumericDate(clock_.Now()); }

  const base::Clock& clock_;
  const std::string id_;
  std::unique_ptr<Credential> root_, issuing_, signature_, encryption_;
  std::map<std::string, std::vector<std::string>> known_chains_;  // by x5t#S256
  std::map<std::string, Participant> participants_;               // by ID
  std::map<std::string, HttpAnswer> registrations_, sales_;       // by digest
  std::map<std::string, Payment> authorisations_;                 // by payment_id
  std::map<std::string, std::string> refusals_;                   // code by digest
  std::map<std::string, int64_t> handshakes_;                     // expiry
  std::map<std::string, std::vector<std::string>> mailboxes_;     // JWEs by ID
  // A test may ask for these while another thread serves.
  std::atomic<int> payments_made_ = 0, renewals_made_ = 0;
  std::atomic<size_t> authorisations_seen_ = 0, revocations_seen_ = 0;
  std::set<std::string> revocations_, claims_;
};

}  // namespace paygate::doubles
