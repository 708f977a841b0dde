// Examiner: one evidence file on its way to a verdict. Its parts: verdict.cc (the order, the seal,
// certificates), examine_log.cc, examine_payment.cc, examine_claim.cc, examine_refunds.cc,
// examine_status.cc and examine_bank.cc. A part that finds its ground missing says nothing: that it
// is missing was said.
#pragma once

#include <expected>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "audit/checkpoint.h"
#include "audit/entry.h"
#include "audit/evidence.h"
#include "audit/verdict.h"
#include "protocol/jws.h"
#include "protocol/messages.h"

namespace paygate::audit {

class Examiner {
 public:
  Examiner(const EvidenceFile& file, const protocol::Certificate& root, const EvidenceMeans& means)
      : file_(file), root_(root), means_(means) {}
  EvidenceReport Run();

 private:
  struct Logged {
    uint64_t number = 0;
    Entry entry;
    bool used = false;
  };
  // Both certificates of one registration, and the entry of their certification.
  struct Pair {
    protocol::Certificate signature, encryption;
    Logged* certified;
  };
  // A participant's pair was relied on: at this time, for what stands at this number of the log.
  struct Reliance {
    std::string who;  // "the buyer's"
    const Pair* pair;
    base::UnixTime at;
    uint64_t number;
    base::UnixTime if_superseded;  // superseded after this it was still good enough
  };
  // What the log has of a payment or refund, in this order; null where there is none.
  struct Steps {
    Logged *authorised = nullptr, *outcome = nullptr, *results = nullptr;
    bool completed() const { return outcome && outcome->entry.Value("result") == "completed"; }
    std::string result() const;  // "completed", "failed", "open"
  };

  // What an issuing CA says of one certificate, as of a time.
  struct Statement {
    std::string ca, serial_hex;  // fingerprint; hexadecimal
    bool revoked = false, superseded = false;
    base::UnixTime revoked_at{}, as_of{};
  };

  // One line of the report: `claim`, or that it was not shown and why. True if it was.
  bool Say(const std::string& claim, const base::Status& shown);
  void SayNotChecked(std::string words);

  base::Status ReadCertificates();
  base::Status CheckSeal();
  base::Status CheckUsed() const;
  const protocol::Certificate* Find(std::string_view fingerprint);
  // A document by the gateway's key, certified when it says that it was signed.
  template <typename Payload>
  base::Result<Payload> ByGateway(std::string_view compact, std::string_view typ);
  base::Status RelyOnGateway(const protocol::Certificate& certificate, base::UnixTime at);

  base::Status ReadLog();
  base::Status ReadPairs();
  base::Result<Steps> StepsOf(const std::string& id);
  base::Result<Logged*> TakeEntry(EntryKind kind, std::string_view subject);
  base::Status RelyOnPair(const char* who, const Pair& pair, const Logged& at,
                          base::UnixTime if_superseded);
  // A JWS with x5c, of a participant: verified under a pair, which is then the last reliance.
  base::Result<protocol::VerifiedJws> ByParticipant(const char* who, std::string_view compact,
                                                    std::string_view typ, const Logged& at);

  base::Status CheckSale();
  base::Status CheckUndertaking(const Logged& issued);
  base::Status CheckClaim();
  base::Status CheckDecisions(const Logged& claimed, const Logged* answered);
  base::Status CheckAuthorisation();
  base::Status CheckOutcome(const Steps& steps, const EvidenceAct& act);
  base::Status CheckPaymentResults();
  void JudgePayment();
  base::Result<base::Money> AmountAuthorised(const EvidenceAct& act, const Steps& steps);
  base::Result<base::Money> AmountClaimed(const Steps& steps) const;
  base::Status CheckRefund(const EvidenceAct& act, Steps& steps, std::string& id);
  base::Status CheckRefundResults(const EvidenceAct& act, const Steps& steps,
                                  const std::string& id, const base::Money& amount);
  base::Status CheckRefundSums() const;
  void JudgeRefunds();

  void JudgeStatuses();
  base::Status ReadStatuses();
  const Statement* StatementOn(const protocol::Certificate& certificate) const;
  void JudgeStatusOf(const std::string& who, const protocol::Certificate& certificate,
                     base::UnixTime at, base::UnixTime if_superseded);
  base::Status CheckRevokedEntries();
  void JudgeIssuingCas();
  void JudgeBankAnswers();
  base::Status CheckAccounts();
  void JudgeAccounts();

  const EvidenceFile& file_;
  const protocol::Certificate& root_;
  const EvidenceMeans& means_;
  EvidenceReport report_;

  std::map<std::string, protocol::Certificate, std::less<>> certificates_;  // by fingerprint
  std::map<std::string, bool, std::less<>> used_;                           // the same
  std::map<std::string, std::string, std::less<>> issuers_;  // of a leaf; fingerprints
  std::optional<protocol::CertificateChecker> checker_;
  std::optional<Checkpoint> checkpoint_;
  std::vector<Logged> log_;  // its addresses stay
  std::vector<Pair> pairs_;
  std::vector<Reliance> reliances_;
  // Certificates of the gateway, with the latest time at which one was relied on.
  std::map<std::string, base::UnixTime, std::less<>> gateway_reliances_;

  std::optional<protocol::CsblkPayload> csblk_;
  std::string csblk_id_;
  Steps payment_;
  std::optional<protocol::PaymentAuthorisationPayload> authorisation_;
  std::optional<protocol::UndertakingPayload> undertaking_;
  std::vector<const Logged*> decisions_;  // on the claim, once it is judged good
  uint32_t claim_refunds_ = 0;            // seen so far
  struct Refunded {
    Steps steps;
    bool by_claim = false;
    int64_t amount = 0;
    std::optional<base::Money> total;  // as its receipt says
    bool has_results = false;
  };
  std::vector<Refunded> refunded_;
  std::vector<Statement> statements_;
};

std::unexpected<base::Error> NotShown(std::string why);  // kSignatureInvalid

template <typename Payload>
base::Result<Payload> Examiner::ByGateway(std::string_view compact, std::string_view typ) {
  ASSIGN_OR_RETURN(auto jws, protocol::ParseJws(compact, typ, protocol::KeyName::kX5t,
                                                protocol::JwsForms::kSingleOrBatch));
  const protocol::Certificate* certificate = Find(jws.x5t_s256);
  if (!certificate) {
    return base::Fail(base::ErrorCode::kCertificateInvalid,
                      "the certificate whose key it names is not in the file");
  }
  ASSIGN_OR_RETURN(const auto verified, protocol::VerifyJws(std::move(jws), certificate->key()));
  ASSIGN_OR_RETURN(Payload payload, Payload::Parse(verified.payload()));
  if (payload.iss != file_.gateway_id) {
    return base::Fail(base::ErrorCode::kSignatureInvalid, "it names another gateway");
  }
  RETURN_IF_ERROR(RelyOnGateway(*certificate, base::FromNumericDate(payload.iat)));
  return payload;
}

}  // namespace paygate::audit
