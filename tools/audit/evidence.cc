#include "tools/audit/evidence.h"

#include <memory>
#include <optional>

#include "audit/evidence.h"
#include "bank/adapters/iso20022/messages.h"
#include "bank/adapters/iso20022/rules.h"
#include "bank/adapters/iso20022/signature.h"
#include "base/file.h"
#include "protocol/software_key.h"

namespace paygate::tools::audit {

namespace iso20022 = bank::iso20022;
using base::ErrorCode;
using base::Fail;
using base::Result;
using base::Status;
using paygate::audit::BankAnswer;
using paygate::audit::EvidenceMeans;
using paygate::audit::EvidenceReport;

namespace {

constexpr size_t kMaxRootBytes = 64u << 10;
constexpr size_t kMaxKeyBytes = 64u << 10;

Result<std::unique_ptr<hsm::Decrypter>> LoadBankKey(const EvidenceToVerify& what) {
  ASSIGN_OR_RETURN(const base::SecretBytes pem, base::ReadSecretFile(what.bank_key, kMaxKeyBytes));
  const auto load = [&]() -> Result<protocol::SoftwareKey> {
    if (what.passphrase_file.empty()) {
      return protocol::SoftwareKey::FromPlainPkcs8(pem, hsm::KeyUsage::kDecrypt);
    }
    ASSIGN_OR_RETURN(const base::SecretBytes passphrase,
                     base::ReadSecretFile(what.passphrase_file));
    return protocol::SoftwareKey::FromPkcs8(pem.view(), passphrase, hsm::KeyUsage::kDecrypt);
  };
  const auto key = load();
  if (!key) return Fail(ErrorCode::kInvalidArgument, what.bank_key + ": " + key.error().message);
  return key->AsDecrypter();
}

// As the adapter iso20022 keeps it: the header with the signature, an empty line, what was signed.
Status CheckBankAnswer(const iso20022::VerifyingKey& key, const BankAnswer& answer) {
  const auto bad = [](const char* why) { return Fail(ErrorCode::kSignatureInvalid, why); };
  constexpr std::string_view kGap = "\r\n\r\n";
  const std::string name = std::string(iso20022::kSignatureHeader) + ": ";
  const size_t gap = answer.bytes.find(kGap);
  if (!answer.bytes.starts_with(name) || gap == answer.bytes.npos) {
    return bad("it is not kept as the adapter iso20022 keeps answers");
  }
  const std::string_view header = answer.bytes.substr(name.size(), gap - name.size());
  const std::string_view body = answer.bytes.substr(gap + kGap.size());
  if (!key.Verify(header, body)) return bad("the signature is not by this key");
  ASSIGN_OR_RETURN(const iso20022::Message message, iso20022::Parse(body));
  const std::string id = answer.is_refund
                             ? iso20022::TransactionIdOf("refund " + std::string(answer.id))
                             : iso20022::TransactionIdOf(answer.id);
  const auto* report = std::get_if<iso20022::StatusReport>(&message.body);
  if (!report) return bad("it is no report on payments");
  for (const iso20022::TransactionStatus& each : report->transactions) {
    if (each.original.transaction_id != id) continue;
    const bool completed = each.status == "ACSC" || each.status == "ACCC";
    if (completed == answer.completed) return {};
    return bad("it says another outcome of it");
  }
  return bad("it is about other payments");
}

}  // namespace

Result<EvidenceReport> VerifyEvidence(const EvidenceToVerify& what) {
  ASSIGN_OR_RETURN(const std::string pem, base::ReadFile(what.root, kMaxRootBytes));
  const auto root = protocol::Certificate::ParsePem(pem);
  if (!root) {
    return Fail(ErrorCode::kInvalidArgument, what.root + ": " + root.error().message);
  }
  EvidenceMeans means;
  std::unique_ptr<hsm::Decrypter> bank_key;
  if (!what.bank_key.empty()) {
    ASSIGN_OR_RETURN(bank_key, LoadBankKey(what));
    means.bank_key = bank_key.get();
  }
  std::optional<iso20022::VerifyingKey> signer;
  if (!what.bank_signer.empty()) {
    ASSIGN_OR_RETURN(signer, iso20022::VerifyingKey::Load(what.bank_signer));
    means.bank_signature = [&signer](const BankAnswer& answer) {
      return CheckBankAnswer(*signer, answer);
    };
  }
  const auto bytes = base::ReadFile(what.file, paygate::audit::kMaxEvidenceFileBytes);
  if (!bytes && bytes.error().code == ErrorCode::kPayloadTooLarge) {
    // No gateway makes one so large.
    EvidenceReport report;
    report.checks.push_back({.words = bytes.error().message});
    return report;
  }
  if (!bytes) return std::unexpected(bytes.error());
  return paygate::audit::JudgeEvidence(*bytes, *root, means);
}

}  // namespace paygate::tools::audit
