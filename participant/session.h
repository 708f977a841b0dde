// Session: what every step of a participant needs, and the one way in which messages are exchanged.
// For participant's own .cc files.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "participant/client.h"
#include "participant/gateway_trust.h"
#include "protocol/jwe.h"

namespace paygate::participant {

// An answer that was read whole: the JSON inside its JWE, or a refusal.
struct Reply {
  std::optional<Refusal> refusal;
  std::string payload;
};

struct Request {
  std::string path;
  std::string body;          // JSON inside the JWE
  protocol::JweExtra extra;  // r1, r3, r5, handshake
  std::string digest;        // of the JWS inside, which a signed refusal must name; may be empty
  std::string jwe;           // sealed already, to be sent unchanged; empty: sealed on first use
};

class Session {
 public:
  Session(Client::Parts parts, ClientOptions options, std::unique_ptr<GatewayTrust> trust,
          std::optional<Identity> identity, std::optional<Revoked> revoked)
      : disk(parts.disk),
        transport(parts.transport),
        clock(parts.clock),
        journal(parts.disk),
        options(std::move(options)),
        trust(std::move(trust)),
        identity(std::move(identity)),
        revoked(std::move(revoked)) {}

  // Sends `request` until there is an answer that says something, at most max_attempts times. After
  // decryption-failed the body is sealed anew, once, to the gateway's newest certificate
  // (`resealed` is told first, so that the journal has it).
  base::Result<Reply> Exchange(Request& request,
                               const std::function<base::Status(const std::string&)>& resealed);
  // JWE to the gateway's preferred certificate, with the signature forms that are taken.
  base::Result<std::string> Seal(const Request& request);
  // A JWS by this participant with x5c (protocol.md rule 7).
  base::Result<std::string> Sign(std::string_view typ, std::string_view payload);
  // {member: JWS} by the gateway, of `typ`.
  base::Result<Statement> OpenSingle(std::string_view payload, std::string_view member,
                                     std::string_view typ);
  base::Result<std::string> OpenJweForUs(std::string_view compact);
  // {member: JWS} that needs no challenge, signed and sealed.
  base::Result<JournalEntry> MakeEntry(MessageKind kind, std::string_view typ,
                                       std::string_view member, std::string_view payload);
  // {"done": JWS} by the gateway for the message `entry`.
  struct Done {
    int64_t at = 0;
    std::string jws;
    std::vector<std::string> chain;
  };
  base::Result<Done> OpenDone(const JournalEntry& entry, std::string_view payload);
  // Message 3: durable, then sent, then Resend's rules.
  base::Result<Resumed> RecordAndSend(JournalEntry entry);
  base::Result<Resumed> Resend(JournalEntry entry);
  // kNotFound with what to do, unless keys are open and the participant is registered;
  // kPermissionDenied for one who has revoked itself.
  base::Status NeedIdentity() const;
  // Opens the keys of every generation, and those of a renewal that is out.
  base::Status OpenKeys(const base::SecretBytes& passphrase);

  Disk& disk;
  Transport& transport;
  const base::Clock& clock;
  Journal journal;
  const ClientOptions options;
  const std::unique_ptr<GatewayTrust> trust;
  std::optional<Identity> identity;
  std::optional<Revoked> revoked;
  std::unique_ptr<Keyring> keys;  // of `identity`
  std::unique_ptr<Keyring> next;  // of the renewal that is out or was given up
  std::vector<std::unique_ptr<hsm::Decrypter>> earlier;  // of the generations before, in order

 private:
  base::Result<protocol::JwsForms> Forms();
  base::Result<hsm::Decrypter*> DecrypterFor(const std::string& x5t) const;
  base::Result<std::optional<Reply>> Read(const Request& request, const HttpAnswer& answer);
  void WaitFor(int attempt, int retry_after_s, std::string_view why);
};

// Whether batch signatures were ever asked for from this directory.
base::Result<bool> AskedForBatches(Disk& disk);

// What a first message came back with: message 2 of sections 5 and 6.
struct OpenedChallenge {
  std::string payload;  // the challenge's, verified as the gateway's
  std::string handshake;
};
base::Result<Answer<OpenedChallenge>> AskChallenge(Session& session, Request request,
                                                   std::string_view typ);

// The answers to each message 3: checked, then durable, then returned.
base::Result<Identity> FinishRegistration(Session& session, const JournalEntry& entry,
                                          std::string_view payload);
base::Result<Identity> FinishRenewal(Session& session, const JournalEntry& entry,
                                     std::string_view payload);
base::Result<Revoked> FinishRevocation(Session& session, const JournalEntry& entry,
                                       std::string_view payload);
// The certificates of a `registered` answer to the message `entry`: path, role, ID, key, account.
base::Result<Identity> CheckRegistered(Session& session, const JournalEntry& entry,
                                       std::string_view payload, const Keyring& keys,
                                       const std::string& nonce,
                                       const protocol::Disclosure& binding);
base::Status FinishCancellation(Session& session, const JournalEntry& entry,
                                std::string_view payload);
base::Result<Sale> FinishSale(Session& session, const JournalEntry& entry,
                              std::string_view payload);
base::Result<PaymentRecord> FinishPayment(Session& session, const JournalEntry& entry,
                                          std::string_view payload);

base::Result<RefundRecord> FinishRefund(Session& session, const JournalEntry& entry,
                                        std::string_view payload);
// A refund's result from the mailbox, verified and durable.
base::Result<RefundRecord> TakeRefundResult(Session& session, EvidenceKind kind,
                                            const std::string& jws);

// A claim or an answer.
base::Result<ClaimRecord> FinishClaim(Session& session, const JournalEntry& entry,
                                      std::string_view payload);
// From the mailbox, verified and durable.
base::Result<ClaimRecord> TakeClaim(Session& session, const std::string& jws);
base::Result<ClaimRecord> TakeDecision(Session& session, const std::string& jws);
// {"refund_decision": JWS} for the claim that this refund was made for, if one is held.
base::Result<std::optional<std::string>> DecisionOn(Session& session,
                                                    const std::string& refund_id);

base::Result<Answer<Identity>> Register(Session& session, std::string_view iban,
                                        const std::string& code);
base::Result<Answer<Identity>> Renew(Session& session, const base::SecretBytes& passphrase,
                                     KeyTypes types);
base::Result<Answer<Revoked>> Revoke(Session& session, protocol::RevocationReason reason);
base::Result<Answer<Sale>> Sell(Session& session, const std::string& goods,
                                const base::Money& price, const std::string& buyer,
                                const std::optional<Undertaking>& undertaking);
base::Result<Answer<std::string>> Cancel(Session& session, const std::string& csblk_id);
base::Result<Answer<PaymentRecord>> Pay(Session& session, const CsblkView& csblk);
base::Result<Answer<RefundRecord>> Refund(Session& session, const std::string& payment_id,
                                          const base::Money& amount);
base::Result<base::Money> Refundable(Session& session, const std::string& payment_id);
base::Result<Answer<ClaimRecord>> Claim(Session& session, const std::string& payment_id,
                                        const std::string& statement);
base::Result<Answer<ClaimRecord>> AnswerClaim(Session& session, const std::string& claim_id,
                                              const std::string& evidence);
base::Result<std::vector<InboxMessage>> ReadInbox(Session& session, std::chrono::seconds wait);

}  // namespace paygate::participant
