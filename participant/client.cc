#include "participant/client.h"

#include "participant/session.h"

namespace paygate::participant {

using base::ErrorCode;
using base::Fail;

namespace {

// The answer is durable; only the end of the entry was lost.
bool AnsweredAlready(const Session& session, const JournalEntry& entry) {
  if (entry.kind == MessageKind::kRegistration) return session.identity.has_value();
  if (entry.kind == MessageKind::kRevocation) return session.revoked.has_value();
  return entry.kind == MessageKind::kRenewal && session.identity &&
         entry.subject == std::to_string(session.identity->generation);
}

}  // namespace

struct Client::Impl {
  Impl(Parts parts, ClientOptions options, std::unique_ptr<GatewayTrust> trust,
       std::optional<Identity> identity, std::optional<Revoked> revoked)
      : session(parts, std::move(options), std::move(trust), std::move(identity),
                std::move(revoked)) {}
  Session session;
};

Client::Client(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Client::~Client() = default;

base::Result<std::unique_ptr<Client>> Client::Open(Parts parts, ClientOptions options) {
  if (!options.wait || options.max_attempts < 1) {
    return Fail(ErrorCode::kInvalidArgument, "a client must be told how to wait");
  }
  ASSIGN_OR_RETURN(auto identity, LoadIdentity(parts.disk));
  ASSIGN_OR_RETURN(auto revoked, LoadRevoked(parts.disk));
  ASSIGN_OR_RETURN(auto trust,
                   GatewayTrust::Create(parts.root_pem, identity ? identity->gateway_id : "",
                                        parts.transport, parts.clock, &parts.disk));
  ASSIGN_OR_RETURN(const bool asked, AskedForBatches(parts.disk));
  if (options.batch_signatures || asked) trust->Take(protocol::JwsForms::kSingleOrBatch);
  return std::unique_ptr<Client>(new Client(
      std::make_unique<Impl>(parts, std::move(options), std::move(trust), std::move(identity),
                             std::move(revoked))));
}

const std::optional<Identity>& Client::identity() const { return impl_->session.identity; }
GatewayTrust& Client::trust() { return *impl_->session.trust; }
Journal& Client::journal() { return impl_->session.journal; }

base::Status Client::Unlock(const base::SecretBytes& passphrase) {
  return impl_->session.OpenKeys(passphrase);
}

base::Status Client::MakeKeys(const base::SecretBytes& passphrase, KeyTypes types) {
  ASSIGN_OR_RETURN(impl_->session.keys,
                   Keyring::OpenOrCreate(impl_->session.disk, passphrase, types));
  return {};
}

base::Result<Answer<Identity>> Client::Register(std::string_view iban,
                                                const std::string& enrolment_code) {
  return participant::Register(impl_->session, iban, enrolment_code);
}

base::Result<Answer<Identity>> Client::Renew(const base::SecretBytes& passphrase,
                                             KeyTypes types) {
  return participant::Renew(impl_->session, passphrase, types);
}

base::Result<Answer<Revoked>> Client::Revoke(protocol::RevocationReason reason) {
  return participant::Revoke(impl_->session, reason);
}

base::Result<Answer<Sale>> Client::Sell(const std::string& goods, const base::Money& price,
                                        const std::string& buyer,
                                        const std::optional<Undertaking>& undertaking) {
  return participant::Sell(impl_->session, goods, price, buyer, undertaking);
}

base::Result<Answer<std::string>> Client::Cancel(const std::string& csblk_id) {
  return participant::Cancel(impl_->session, csblk_id);
}

base::Result<CsblkView> Client::Inspect(std::string_view csblk) {
  return InspectCsblk(*impl_->session.trust, csblk);
}

base::Result<Answer<PaymentRecord>> Client::Pay(const CsblkView& csblk) {
  return participant::Pay(impl_->session, csblk);
}

base::Result<std::vector<Resumed>> Client::Resume() {
  Session& session = impl_->session;
  ASSIGN_OR_RETURN(auto entries, session.journal.Open());
  if (!entries.empty() && session.keys == nullptr) {
    return Fail(ErrorCode::kPermissionDenied, "the keys are not open");
  }
  std::vector<Resumed> all;
  for (const JournalEntry& entry : entries) {
    if (AnsweredAlready(session, entry)) {
      RETURN_IF_ERROR(session.journal.Close(entry.digest));
      continue;
    }
    auto resumed = session.Resend(entry);
    if (resumed) {
      all.push_back(std::move(*resumed));
    } else {
      all.push_back({.kind = entry.kind, .subject = entry.subject, .error = resumed.error()});
    }
  }
  return all;
}

base::Result<std::vector<InboxMessage>> Client::Inbox(std::chrono::seconds wait) {
  return ReadInbox(impl_->session, wait);
}

base::Result<std::vector<base::Result<PaymentRecord>>> Client::Receipts() {
  Session& session = impl_->session;
  std::vector<base::Result<PaymentRecord>> all;
  if (!session.identity) return all;
  for (auto kind : {EvidenceKind::kReceipt, EvidenceKind::kConfirmation}) {
    ASSIGN_OR_RETURN(auto kept, ListEvidence(session.disk, kind));
    for (const Evidence& evidence : kept) {
      all.push_back(VerifyEvidence(*session.trust, evidence, session.identity->id));
    }
  }
  return all;
}

base::Result<Answer<RefundRecord>> Client::Refund(const std::string& payment_id,
                                                  const base::Money& amount) {
  return participant::Refund(impl_->session, payment_id, amount);
}

base::Result<base::Money> Client::Refundable(const std::string& payment_id) {
  return participant::Refundable(impl_->session, payment_id);
}

base::Result<std::vector<base::Result<RefundRecord>>> Client::Refunds() {
  Session& session = impl_->session;
  std::vector<base::Result<RefundRecord>> all;
  if (!session.identity) return all;
  for (auto kind : {EvidenceKind::kRefund, EvidenceKind::kRefundConfirmation}) {
    ASSIGN_OR_RETURN(auto kept, ListEvidence(session.disk, kind));
    for (const Evidence& evidence : kept) {
      all.push_back(VerifyRefund(*session.trust, evidence, session.identity->id));
    }
  }
  return all;
}

base::Result<Answer<ClaimRecord>> Client::Claim(const std::string& payment_id,
                                                const std::string& statement) {
  return participant::Claim(impl_->session, payment_id, statement);
}

base::Result<Answer<ClaimRecord>> Client::AnswerClaim(const std::string& claim_id,
                                                      const std::string& evidence) {
  return participant::AnswerClaim(impl_->session, claim_id, evidence);
}

base::Result<std::vector<base::Result<ClaimRecord>>> Client::Claims() {
  Session& session = impl_->session;
  std::vector<base::Result<ClaimRecord>> all;
  if (!session.identity) return all;
  for (auto kind : {EvidenceKind::kClaim, EvidenceKind::kClaimReceived,
                    EvidenceKind::kClaimAnswer, EvidenceKind::kClaimDecision}) {
    ASSIGN_OR_RETURN(auto kept, ListEvidence(session.disk, kind));
    for (const Evidence& evidence : kept) {
      all.push_back(VerifyClaim(*session.trust, evidence, session.identity->id));
    }
  }
  return all;
}

base::Result<std::vector<Sale>> Client::Sales() {
  Session& session = impl_->session;
  std::vector<Sale> sales;
  ASSIGN_OR_RETURN(auto names, session.disk.List("sales"));
  for (const std::string& name : names) {
    if (!name.ends_with(".csblk")) continue;
    ASSIGN_OR_RETURN(auto text, session.disk.Read("sales/" + name));
    if (text) sales.push_back({name.substr(0, name.size() - 6), *text});
  }
  return sales;
}

}  // namespace paygate::participant
