// A key's backup and its restoration. The order is what makes an interruption harmless: shares and
// wrapped key are written first, then tried, and only then is the key closed in its token.

#include "base/crypto.h"
#include "base/encoding.h"
#include "tools/ceremony/hall.h"
#include "tools/ceremony/html.h"
#include "tools/ceremony/key_backup.h"
#include "tools/ceremony/share_words.h"
#include "tools/ceremony/signatory.h"

namespace paygate::tools::ceremony {
namespace {

using base::ErrorCode;
using base::Fail;
using base::Result;
using base::SecretBytes;
using base::Status;

constexpr mode_t kPrivate = 0600;
constexpr size_t kMaxShareTextBytes = 64u << 10;
constexpr size_t kMinPassphrase = 8;

std::string ShareText(const KeyBackup& backup, const CommittedShare& share,
                      const std::string& sealed) {
  const bool sign = backup.key.usage == hsm::KeyUsage::kSign;
  return "Share " + std::to_string(share.number) + " of " + std::to_string(backup.shares.size()) +
         "; any " + std::to_string(backup.threshold) + " of them restore the key.\n\n" +
         "Key        " + backup.key.label + " (" + std::string(hsm::Name(backup.key.type)) +
         ", to " + (sign ? "sign" : "decrypt") + ")\nPublic key " +
         base::Sha256Base64Url(backup.key.public_key_der) + "\nBackup     " +
         base::HexEncode(backup.id) + ", file " + BackupFile(backup.key.label) +
         "\nCustodian  " + share.custodian + "\n\n" +
         "The words are encrypted to the custodian's passphrase. Each line's last word checks it.\n"
         "To restore, type them into a file as they stand, with the line above them, or scan the\n"
         "code into one.\n\nWords:\n" + ToWords(sealed);
}

Status WriteShare(const Plan& plan, const KeyBackup& backup, const Share& share,
                  const SecretBytes& passphrase) {
  ASSIGN_OR_RETURN(const std::string sealed, SealShare(backup, share, passphrase));
  const CommittedShare& committed = backup.shares[share.number - 1];
  const std::string text = ShareText(backup, committed, sealed);
  const std::string name = ShareFile(backup.key.label, share.number);
  RETURN_IF_ERROR(base::WriteNewFile(plan.Path(name + ".txt"), text, kPrivate));
  const std::string code = QrSvg(ToQrText(sealed));
  if (code.empty()) return Fail(ErrorCode::kInternal, "a share does not fit a QR code");
  return base::WriteNewFile(
      plan.Path(name + ".html"),
      HtmlPage("Paygate key backup: " + backup.key.label,
               "<pre>" + EscapeHtml(text) + "</pre>\n" + code),
      kPrivate);
}

Result<SecretBytes> PassphraseOf(const Custodian& custodian, const std::string& for_what) {
  ASSIGN_OR_RETURN(SecretBytes passphrase,
                   ReadPassphrase(custodian.passphrase_file,
                                  "Passphrase of " + custodian.name + ", " + for_what));
  if (passphrase.size() >= kMinPassphrase) return passphrase;
  return Fail(ErrorCode::kInvalidArgument,
              "the passphrase of " + custodian.name + " needs at least 8 characters");
}

// Everything that will be needed to restore: written, and nothing else changed.
Status MakeBackup(const Hall& hall, const KeyPlan& plan, hsm::KeyAdmin& token) {
  const std::string first_share = hall.plan.Path(ShareFile(plan.label, 1) + ".txt");
  if (FileExists(first_share)) {
    return Fail(ErrorCode::kAlreadyExists,
                first_share + " is of a backup that was interrupted and never completed: destroy "
                "all shares of it that were made, move them out of the directory, and resume");
  }
  ASSIGN_OR_RETURN(const hsm::KeyDescription key, token.Describe(plan.label));
  std::vector<std::string> names;
  std::vector<SecretBytes> passphrases;
  for (const Custodian& each : hall.plan.backup->custodians) {
    names.push_back(each.name);
    ASSIGN_OR_RETURN(SecretBytes passphrase, PassphraseOf(each, "to encrypt the share"));
    passphrases.push_back(std::move(passphrase));
  }
  ASSIGN_OR_RETURN(SplitBackup split,
                   SplitForBackup(key.info, hall.plan.backup->threshold, names));
  ASSIGN_OR_RETURN(split.backup.wrapped, token.ExportWrapped(plan.label, split.wrapping_key));
  for (size_t i = 0; i < split.shares.size(); ++i) {
    RETURN_IF_ERROR(WriteShare(hall.plan, split.backup, split.shares[i], passphrases[i]));
  }
  return base::WriteNewFile(hall.plan.Path(BackupFile(plan.label)), PrintKeyBackup(split.backup),
                            kPrivate);
}

struct ShareOnPaper {
  std::string path, passphrase_file;
};

Result<KeyBackup> ReadBackup(const std::string& path) {
  ASSIGN_OR_RETURN(const std::string json, base::ReadFile(path, kMaxShareTextBytes));
  auto backup = ParseKeyBackup(json);
  if (!backup) return Fail(backup.error().code, path + ": " + backup.error().message);
  return backup;
}

// The shares as they are written; each error names the file too.
Result<std::vector<Share>> ReadShares(const KeyBackup& backup,
                                      const std::vector<ShareOnPaper>& from) {
  std::vector<Share> shares;
  for (const ShareOnPaper& each : from) {
    auto share = [&]() -> Result<Share> {
      ASSIGN_OR_RETURN(const std::string text, base::ReadFile(each.path, kMaxShareTextBytes));
      ASSIGN_OR_RETURN(const std::string sealed,
                       FromWords(text, kSealedShareOctets / kShareLineOctets));
      ASSIGN_OR_RETURN(const std::string name, NameOfShare(backup, sealed));
      ASSIGN_OR_RETURN(SecretBytes passphrase,
                       ReadPassphrase(each.passphrase_file, "Passphrase of " + name +
                                                                ", to open it"));
      return OpenShare(backup, sealed, passphrase);
    }();
    if (!share) return Fail(share.error().code, each.path + ": " + share.error().message);
    shares.push_back(std::move(*share));
  }
  return shares;
}

// Puts the key into the token unless an interrupted step did. It is proved by use in either case.
Result<hsm::KeyDescription> Restore(hsm::KeyAdmin& token, const KeyBackup& backup,
                                    const std::string& label, const SecretBytes& wrapping_key,
                                    bool may_be_there) {
  auto there = token.Describe(label);
  if (!there && there.error().code != ErrorCode::kNotFound) return there;
  if (there && !may_be_there) {
    return Fail(ErrorCode::kAlreadyExists, "the token has a key '" + label + "'");
  }
  if (!there) {
    hsm::KeyInfo key = backup.key;
    key.label = label;
    auto restored = token.ImportWrapped(key, backup.wrapped, wrapping_key);
    if (!restored) return std::unexpected(restored.error());
    there = token.Describe(label);
  }
  if (there && there->info.public_key_der != backup.key.public_key_der) {
    return Fail(ErrorCode::kAlreadyExists, "the token's key '" + label + "' is another one");
  }
  return there;
}

const char* Proof(const hsm::KeyInfo& key) {
  return key.usage == hsm::KeyUsage::kSign
             ? "a signature by the restored key, verified with the original's public key"
             : "decryption by the restored key of what was encrypted to the original";
}

}  // namespace

std::string BackupFile(const std::string& label) { return "backup-" + label + ".json"; }
std::string ShareFile(const std::string& label, int number) {
  return "backup-" + label + "-" + std::to_string(number);
}

Status DoBackUp(Hall& hall, const Step& step, const std::string& answer) {
  const KeyPlan& plan = hall.plan.keys[step.index];
  const std::string path = hall.plan.Path(BackupFile(plan.label));
  ASSIGN_OR_RETURN(hsm::KeyAdmin * token, hall.Token(plan.token));
  ASSIGN_OR_RETURN(hsm::KeyAdmin * second, hall.Token(hall.plan.backup->restore_token));
  const bool interrupted = hall.Interrupted(step);
  if (!interrupted || !FileExists(path)) {
    RETURN_IF_ERROR(hall.Begin(step, answer));
    RETURN_IF_ERROR(MakeBackup(hall, plan, *token));
  }
  ASSIGN_OR_RETURN(const KeyBackup backup, ReadBackup(path));
  std::vector<ShareOnPaper> paper;
  ordered_json files = ordered_json::array();
  for (const CommittedShare& share : backup.shares) {
    const std::string name = ShareFile(plan.label, share.number) + ".txt";
    paper.push_back({hall.plan.Path(name),
                     hall.plan.backup->custodians[share.number - 1].passphrase_file});
    files.push_back({{"custodian", share.custodian}, {"file", name}});
  }
  // Every share is opened again, so that each custodian is known to have the passphrase.
  ASSIGN_OR_RETURN(const std::vector<Share> shares, ReadShares(backup, paper));
  ASSIGN_OR_RETURN(const SecretBytes wrapping_key, RecoverWrappingKey(backup, shares));
  ASSIGN_OR_RETURN(const hsm::KeyDescription restored,
                   Restore(*second, backup, plan.label, wrapping_key, interrupted));
  RETURN_IF_ERROR(token->CloseExport(plan.label));
  ASSIGN_OR_RETURN(const hsm::KeyDescription closed, token->Describe(plan.label));
  ASSIGN_OR_RETURN(const std::string hash, HashOfFile(path));
  hall.Report("backup of " + plan.label, path, hash);
  return hall.Done(step, {{"file", BackupFile(plan.label)},
                          {"sha256", hash},
                          {"shares", files},
                          {"restored_into", hall.plan.backup->restore_token},
                          {"public_key", base::Base64Encode(restored.info.public_key_der)},
                          {"restored_attributes", AttributesOf(restored)},
                          {"proved_by", Proof(restored.info)},
                          {"attributes", AttributesOf(closed)},
                          {"adopted", interrupted}});
}

Status DoRestore(Hall& hall, const Step& step, const std::string& answer) {
  const RestorePlan& plan = hall.plan.restore[step.index];
  ASSIGN_OR_RETURN(hsm::KeyAdmin * token, hall.Token(plan.token));
  ASSIGN_OR_RETURN(const KeyBackup backup, ReadBackup(plan.wrapped_key));
  const bool interrupted = hall.Interrupted(step);
  RETURN_IF_ERROR(hall.Begin(step, answer, {{"backup", base::HexEncode(backup.id)}}));
  std::vector<ShareOnPaper> paper;
  for (size_t i = 0; i < plan.shares.size(); ++i) {
    paper.push_back({plan.shares[i],
                     plan.passphrase_files.empty() ? "" : plan.passphrase_files[i]});
  }
  ASSIGN_OR_RETURN(const std::vector<Share> shares, ReadShares(backup, paper));
  ASSIGN_OR_RETURN(const SecretBytes wrapping_key, RecoverWrappingKey(backup, shares));
  ASSIGN_OR_RETURN(const hsm::KeyDescription restored,
                   Restore(*token, backup, plan.label, wrapping_key, interrupted));
  const std::string fingerprint = base::Sha256Base64Url(restored.info.public_key_der);
  ordered_json used = ordered_json::array();
  for (const Share& share : shares) used.push_back(backup.shares[share.number - 1].custodian);
  hall.Report("restored key", plan.label + " in token " + plan.token, fingerprint);
  return hall.Done(step, {{"token", plan.token},
                          {"label", plan.label},
                          {"backup", base::HexEncode(backup.id)},
                          {"custodians", used},
                          {"public_key", base::Base64Encode(restored.info.public_key_der)},
                          {"sha256", fingerprint},
                          {"attributes", AttributesOf(restored)},
                          {"proved_by", Proof(restored.info)},
                          {"adopted", interrupted}});
}

}  // namespace paygate::tools::ceremony
