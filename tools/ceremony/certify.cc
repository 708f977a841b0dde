// Certificates and revocation lists.

#include "base/crypto.h"
#include "base/encoding.h"
#include "protocol/crl.h"
#include "tools/ceremony/hall.h"
#include "tools/ceremony/lint.h"

namespace paygate::tools::ceremony {
namespace {

using base::ErrorCode;
using base::Fail;
using base::Result;
using base::Status;
using protocol::Certificate;
using protocol::CertificateTemplate;
using protocol::Role;

constexpr mode_t kPublic = 0644;
constexpr size_t kSerialBytes = 16;

// 126 random bits, positive and of one length.
std::string DrawSerial() {
  std::string serial = base::RandomBytes(kSerialBytes);
  serial[0] = static_cast<char>((serial[0] & 0x3f) | 0x40);
  return serial;
}

std::string SubjectOf(const Hall& hall, const CertificatePlan& plan) {
  if (!plan.subject.empty()) return plan.subject;
  switch (plan.role) {
    case Role::kRoot:
      return "Paygate root " + hall.gateway_id;
    case Role::kIssuingCa:
      return "Paygate issuing CA " + hall.gateway_id;
    case Role::kTlsServer:
      return "Paygate front";
    default:
      return hall.gateway_id;
  }
}

// The addresses that the gateway serves: its lists stand under the identifier of the CA's key.
Result<CertificateTemplate> TemplateOf(const Hall& hall, const CertificatePlan& plan,
                                       const Certificate* issuer) {
  ASSIGN_OR_RETURN(protocol::PublicKey key, hall.PublicKeyOf(plan.key));
  CertificateTemplate what{.role = plan.role,
                           .subject_cn = SubjectOf(hall, plan),
                           .subject_key = key,
                           .not_before = hall.opened_at,
                           .not_after = hall.opened_at + std::chrono::days(plan.days),
                           .serial = DrawSerial(),
                           .account_binding = {},
                           .crl_url = {},
                           .ocsp_url = {},
                           .dns_names = plan.dns_names,
                           .ip_addresses = plan.ip_addresses};
  const std::string& url = hall.plan.public_url;
  if (url.empty() || plan.role == Role::kRoot || plan.role == Role::kTlsServer) return what;
  if (plan.role == Role::kIssuingCa) {
    what.crl_url = url + "/v1/crl/root";
  } else {
    what.crl_url = url + "/v1/crl/" + base::HexEncode(issuer->subject_key_id());
    what.ocsp_url = url + "/v1/ocsp";
  }
  return what;
}

hsm::KeyType TypeOf(const protocol::PublicKey& key) {
  switch (*key.signature_algorithm()) {
    case hsm::SignatureAlgorithm::kES256:
      return hsm::KeyType::kP256;
    case hsm::SignatureAlgorithm::kEdDSA:
      return hsm::KeyType::kEd25519;
    case hsm::SignatureAlgorithm::kPS256:
      break;
  }
  // The lint's signature may be of any RSA length; the shortest is the quickest.
  return hsm::KeyType::kRsa2048;
}

// All that is checked of a certificate with its real signature, before it is written.
Status CheckFinal(const Hall& hall, const CertificatePlan& plan, const Certificate& made,
                  const Certificate* issuer) {
  auto linted = LintCertificate(made, issuer, plan.role);
  if (!linted) return std::unexpected(linted.error());
  ASSIGN_OR_RETURN(Hall::Path path, hall.PathOf(plan));
  const Certificate& anchor = path.anchor ? *path.anchor : made;
  RETURN_IF_ERROR(VerifyStrictly(made, path.between, anchor, hall.opened_at));
  if (plan.role == Role::kRoot || plan.role == Role::kIssuingCa) {
    auto checked = protocol::CertificateChecker::Create(
        anchor, plan.role == Role::kRoot ? std::vector<Certificate>{}
                                         : std::vector<Certificate>{made});
    return checked ? Status{} : std::unexpected(checked.error());
  }
  ASSIGN_OR_RETURN(auto checker, protocol::CertificateChecker::Create(anchor, path.between));
  return checker.Check(made, plan.role, hall.opened_at);
}

// Lint, sign, compare.
Result<Certificate> Sign(Hall& hall, const Step& step, const CertificatePlan& plan,
                         const Certificate* issuer) {
  ASSIGN_OR_RETURN(CertificateTemplate what, TemplateOf(hall, plan, issuer));
  const protocol::PublicKey& signing_key = issuer ? issuer->key() : what.subject_key;
  ASSIGN_OR_RETURN(LintedTbs lint, LintBeforeSigning(what, issuer, TypeOf(signing_key)));
  RETURN_IF_ERROR(
      hall.transcript->Append({{"event", "linted"},
                               {"step", step.id},
                               {"tbs", base::Base64Encode(lint.tbs)},
                               {"tbs_sha256", base::Sha256Base64Url(lint.tbs)},
                               {"throw_away_key", base::Base64Encode(lint.throw_away_key)},
                               {"issuer_sha256", issuer ? issuer->fingerprint() : "itself"},
                               {"rules", lint.checks}}));
  ASSIGN_OR_RETURN(auto signer, [&]() -> Result<std::unique_ptr<hsm::Signer>> {
    if (issuer) return hall.SignerOf(plan.issuer);
    const KeyPlan* key = hall.plan.FindKey(plan.key);
    ASSIGN_OR_RETURN(hsm::KeyAdmin * token, hall.Token(key->token));
    return token->SignerFor(key->label);
  }());
  ASSIGN_OR_RETURN(Certificate made, protocol::SignTbs(lint.tbs, signing_key, *signer));
  if (TbsOf(made) != lint.tbs) {
    return Fail(ErrorCode::kInternal,
                "certificate " + plan.file + ": what was signed is not what was linted");
  }
  return made;
}

// A TLS server sends its chain; all others are alone.
std::string FileOf(const CertificatePlan& plan, const Certificate& made,
                   const Certificate* issuer) {
  return made.ToPem() + (plan.role == Role::kTlsServer && issuer ? issuer->ToPem() : "");
}

// What an interrupted step wrote, if it is what was linted.
Result<std::optional<Certificate>> Written(const Hall& hall, const Step& step,
                                           const CertificatePlan& plan) {
  const std::string path = hall.plan.Path(plan.file);
  if (!hall.Interrupted(step) || !FileExists(path)) return std::optional<Certificate>();
  ASSIGN_OR_RETURN(std::string pem, base::ReadFile(path, 1u << 20));
  auto there = Certificate::ParsePem(pem);
  const Record* linted = hall.transcript->Last("linted", step.id);
  if (there && linted && base::Base64Encode(TbsOf(*there)) == linted->Text("tbs")) {
    return std::optional<Certificate>(std::move(*there));
  }
  return Fail(ErrorCode::kAlreadyExists,
              path + " is not what this ceremony was about to write, or half of it: move it away, "
              "and resume");
}

}  // namespace

Status DoCertify(Hall& hall, const Step& step, const std::string& answer) {
  const CertificatePlan& plan = hall.plan.certificates[step.index];
  std::optional<Certificate> issuer;
  if (plan.role != Role::kRoot) {
    ASSIGN_OR_RETURN(issuer, hall.CertificateOf(plan.issuer));
  }
  const Certificate* by = issuer ? &*issuer : nullptr;
  ASSIGN_OR_RETURN(std::optional<Certificate> made, Written(hall, step, plan));
  const bool there = made.has_value();
  if (!there) {
    RETURN_IF_ERROR(hall.Begin(step, answer));
    ASSIGN_OR_RETURN(made, Sign(hall, step, plan, by));
  }
  RETURN_IF_ERROR(CheckFinal(hall, plan, *made, by));
  const std::string path = hall.plan.Path(plan.file);
  if (!there) {
    RETURN_IF_ERROR(base::WriteNewFile(path, FileOf(plan, *made, by), kPublic));
  }
  hall.Report(plan.file + ", certificate of " + plan.key, path, made->fingerprint());
  return hall.Done(step, {{"file", plan.file},
                          {"key", plan.key},
                          {"subject", made->subject_id()},
                          {"serial", made->serial_hex()},
                          {"not_before", PrintTime(made->not_before())},
                          {"not_after", PrintTime(made->not_after())},
                          {"certificate", base::Base64Encode(made->der())},
                          {"sha256", made->fingerprint()},
                          {"equals_lint", true},
                          {"adopted", there}});
}

Status DoListRevoked(Hall& hall, const Step& step, const std::string& answer) {
  const CrlPlan& plan = hall.plan.crls[step.index];
  const std::string path = hall.plan.Path(plan.file);
  ASSIGN_OR_RETURN(Certificate issuer, hall.CertificateOf(plan.issuer));
  const bool there = hall.Interrupted(step) && FileExists(path);
  if (!there) {
    std::string entries;
    ordered_json listed = ordered_json::array();
    for (const RevokedPlan& each : plan.revoked) {
      ASSIGN_OR_RETURN(std::string pem, base::ReadFile(each.certificate, 1u << 20));
      ASSIGN_OR_RETURN(Certificate certificate, Certificate::ParsePem(pem));
      RETURN_IF_ERROR(VerifyStrictly(certificate, {}, issuer, certificate.not_before()));
      ASSIGN_OR_RETURN(std::string serial, base::HexDecode(certificate.serial_hex()));
      protocol::AppendCrlEntry(entries, serial, hall.opened_at,
                               static_cast<protocol::CrlReason>(each.reason));
      listed.push_back({{"serial", certificate.serial_hex()},
                        {"sha256", certificate.fingerprint()},
                        {"reason", each.reason}});
    }
    RETURN_IF_ERROR(hall.Begin(step, answer, {{"revoked", listed}}));
    ASSIGN_OR_RETURN(auto signer, hall.SignerOf(plan.issuer));
    // The time as its number, so that a later list has the greater one.
    const protocol::CrlTemplate what{
        .number = static_cast<uint64_t>(base::ToNumericDate(hall.opened_at)),
        .base_number = {},
        .this_update = hall.opened_at,
        .next_update = hall.opened_at + std::chrono::days(plan.days),
        .entries = entries,
        .delta_url = {}};
    ASSIGN_OR_RETURN(std::string der, protocol::BuildCrl(what, issuer, *signer));
    RETURN_IF_ERROR(base::WriteNewFile(path, der, kPublic));
  }
  ASSIGN_OR_RETURN(std::string der, base::ReadFile(path, 1u << 20));
  if (auto list = protocol::ReadCrl(der, issuer); !list) return std::unexpected(list.error());
  const std::string hash = base::Sha256Base64Url(der);
  hall.Report(plan.file + ", revocation list", path, hash);
  return hall.Done(step, {{"file", plan.file},
                          {"issuer_sha256", issuer.fingerprint()},
                          {"next_update",
                           PrintTime(hall.opened_at + std::chrono::days(plan.days))},
                          {"sha256", hash},
                          {"adopted", there}});
}

}  // namespace paygate::tools::ceremony
