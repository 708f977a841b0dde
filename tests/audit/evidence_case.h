// A payment that never was, with everything that a gateway keeps of it, from which tests make the
// evidence file that the gateway would: honest, or by a gateway that lies.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "audit/entry.h"
#include "audit/evidence.h"
#include "audit/verdict.h"
#include "protocol/messages.h"
#include "protocol/ocsp.h"
#include "tests/protocol/test_pki.h"

namespace paygate::audit {

struct EvidenceParty {
  EvidenceParty(const protocol::TestPki& pki, const std::string& iban);
  Entry Certified(base::UnixTime at) const;

  std::string id = protocol::NewId();
  protocol::SoftwareKey key = protocol::NewKey();
  protocol::Certificate signature, encryption;
  protocol::Disclosure account;
  protocol::OcspStatus status;
};

class EvidenceCase {
 public:
  enum class End { kCompleted, kFailed, kOpen };
  // `promises`: the seller gives an undertaking.
  explicit EvidenceCase(End end = End::kCompleted, bool promises = false);

  // A refund that ended as said, its steps at the end of the log.
  void Refund(const std::string& amount, End end);
  // On the undertaking, in this order; unanswered, it is decided after 73 hours.
  void FileClaim();
  void AnswerClaim();
  void DecideClaim(bool refund);
  void RefundClaimed(End end);  // what is left of the price
  // Into the log now; the issuing CA says so too.
  void Revoke(EvidenceParty& party, const std::string& reason, base::UnixTime at);
  void Log(const Entry& entry) { lines.push_back(PrintEntry(entry)); }

  EvidenceFile File();                  // honest and sealed
  void Seal(EvidenceFile& file) const;  // anew
  // Its entries, proofs and checkpoint anew, from `lines`.
  void FillLog(EvidenceFile& file) const;
  void FillStatuses(EvidenceFile& file) const;
  EvidenceReport Judge(const EvidenceFile& file, const EvidenceMeans& means = {}) const {
    return JudgeEvidence(PrintEvidence(file), pki.root, means);
  }
  // By a participant with x5c, by the gateway with x5t#S256.
  std::string By(const EvidenceParty& party, std::string_view typ, std::string_view payload) const;
  std::string ByGateway(std::string_view typ, std::string_view payload) const;

  base::UnixTime now = protocol::kTestNow;
  protocol::TestPki pki;
  protocol::SoftwareKey gateway_key = protocol::NewKey();
  protocol::Certificate gateway =
      pki.Leaf(protocol::Role::kGatewaySignature, gateway_key.public_key());
  protocol::SoftwareKey bank_key =
      protocol::NewKey(hsm::KeyType::kP256, hsm::KeyUsage::kDecrypt);
  EvidenceParty seller{pki, "GB33BUKB20201555555555"}, buyer{pki, "GB94BARC10201530093459"};
  std::vector<std::string> lines;  // the whole audit log
  EvidenceFile draft;              // documents without log, certificates, statuses and seal
  std::optional<protocol::PaymentAuthorisationPayload> authorisation;
  int64_t refunded = 0;
  uint32_t claim_refunds = 0;

 private:
  void Sell(bool promises);
  void GiveBack(EvidenceAct act, const std::string& id, const base::Money& money, End end);
  void Pay(End end);
};

// The words of the first check that is bad; "" if the verdict is valid.
std::string WhatIsBad(const EvidenceReport& report);
bool Says(const EvidenceReport& report, const std::string& words);

}  // namespace paygate::audit
