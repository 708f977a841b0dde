// The first byte chooses: an evidence file as it comes; OCSP answers and revocation lists inside
// it; or an honest file of ours with edits (two bytes of place, one that is flipped into it), which
// the gateway seals anew: whatever was changed, the verdict is not valid.
#include "protocol/crl.h"
#include "protocol/ocsp.h"
#include "tests/audit/evidence_case.h"
#include "tests/fuzz/fuzz.h"

using namespace paygate;

namespace {

audit::EvidenceCase& Honest() {
  static audit::EvidenceCase& honest = []() -> audit::EvidenceCase& {
    auto* made = new audit::EvidenceCase;  // for the life of the process
    made->Refund("2.50", audit::EvidenceCase::End::kCompleted);
    return *made;
  }();
  return honest;
}

void Edit(std::string_view input) {
  static const std::string good = audit::PrintEvidence(Honest().File());
  std::string changed = good;
  for (; input.size() >= 3; input.remove_prefix(3)) {
    const size_t place = static_cast<unsigned char>(input[0]) * 256u +
                         static_cast<unsigned char>(input[1]);
    changed[place % changed.size()] ^= input[2];
  }
  auto file = audit::ParseEvidence(changed);
  if (!file) return;
  const bool same = audit::ContentDigest(*file) ==
                    audit::ContentDigest(audit::ParseEvidence(good).value());
  Honest().Seal(*file);
  Require(Honest().Judge(*file).valid() == same, "the verdict is valid of what is honest alone");
}

}  // namespace

void Fuzz(std::string_view input) {
  switch (Choose(input, 3)) {
    case 0: {
      const auto file = audit::ParseEvidence(input);
      if (file) Require(audit::PrintEvidence(*file) == input, "one spelling of evidence");
      Require(!audit::JudgeEvidence(input, Honest().pki.root, {}).valid(), "nobody signed it");
      return;
    }
    case 1:
      Require(!protocol::VerifyOcspResponse(input, Honest().pki.issuing), "nobody signed it");
      Require(!protocol::VerifyCrl(input, Honest().pki.root), "nobody signed it");
      return;
    default:
      Edit(input);
  }
}
