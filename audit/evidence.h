// The evidence file of one payment (protocol.md section 10, docs/formats/evidence.md): everything
// from which a stranger with the operator's root certificate judges it offline.
//
// One JSON object, in one spelling: what PrintEvidence prints is all that ParseEvidence accepts.
// The last member is the gateway's seal, a JWS over the hash of everything before it: it says that
// these documents, in this order, are all there were. What each document proves it proves without
// the seal. Pure; thread-safe.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "audit/merkle.h"
#include "base/clock.h"
#include "base/result.h"
#include "hsm/signer.h"
#include "protocol/certificate.h"

namespace paygate::audit {

// With its reply it fits a frame between engine and paygatectl (base/ipc.h).
constexpr size_t kMaxEvidenceFileBytes = 7u << 19;  // 3.5 MiB
constexpr size_t kMaxEvidenceRefunds = 96;          // as the store has it
constexpr size_t kMaxEvidenceCertificates = 256;
constexpr size_t kMaxEvidenceStatuses = 32;         // OCSP answers, each of up to 16 certificates
constexpr size_t kMaxEvidenceEntries = 512;         // of the audit log

constexpr std::string_view kTypEvidence = "p2p-evidence+jws";

// A payment or a refund. Receipt, confirmation and answer are "" while there are none.
struct EvidenceAct {
  std::string authorisation;          // compact JWS of who authorised
  std::string receipt, confirmation;  // compact JWS of the gateway
  std::string bank_answer;            // the bank's, as its adapter handed it over
};

// A claim on the seller's undertaking (protocol.md section 7), as far as it went; all "": none.
struct EvidenceClaim {
  std::string filed;                // compact JWS of the buyer
  std::string answer;               // of the seller
  std::string to_buyer, to_seller;  // the gateway's last decision
};

struct EvidenceEntry {
  uint64_t number = 0;
  std::string line;
  std::vector<Hash> proof;  // that the checkpoint is over it
};

struct EvidenceFile {
  std::string gateway_id, payment_id;
  std::string csblk;     // compact JWS, without disclosure
  EvidenceAct payment;
  std::string accounts;  // both disclosures, a JWE to the buyer's bank; "" if it had no certificate
  EvidenceClaim claim;
  // Of a refund on the strength of the claim `authorisation` is claim.filed.
  std::vector<EvidenceAct> refunds;       // in the order of their authorisation
  std::vector<std::string> certificates;  // DER, fingerprints rising, each used by something here
  std::vector<std::string> statuses;      // OCSP answers of the issuing CAs, DER
  std::string root_crl;                   // of the root, DER; "": the gateway has none
  std::string checkpoint;                 // signed note
  std::vector<EvidenceEntry> entries;     // numbers rising
  std::string seal;                       // compact JWS
};

std::string PrintEvidence(const EvidenceFile& file);
// kMalformed for all that PrintEvidence does not print, and beyond the bounds above.
base::Result<EvidenceFile> ParseEvidence(std::string_view bytes);

// What the seal says.
struct EvidenceSeal {
  std::string iss;
  int64_t iat = 0;
  std::string payment_id, content;  // SHA-256, base64url, of the file without its seal

  static base::Result<EvidenceSeal> Parse(std::string_view json);
  std::string Print() const;
};
std::string ContentDigest(const EvidenceFile& file);

// Seals by the key of this certificate; the signer's errors are passed on.
base::Status SealEvidence(EvidenceFile& file, base::UnixTime at,
                          const protocol::Certificate& certificate, hsm::Signer& signer);
// An ECDSA signature has a twin, (r, n - s), that verifies as well: nothing signs the seal, so the
// one with the smaller s is demanded of it. True for every other algorithm.
bool IsTheSmallerTwin(hsm::SignatureAlgorithm algorithm, std::string_view signature);

}  // namespace paygate::audit
