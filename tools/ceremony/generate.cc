// Making keys.

#include "base/crypto.h"
#include "base/encoding.h"
#include "tools/ceremony/hall.h"
#include "tools/ceremony/tls_key.h"

namespace paygate::tools::ceremony {
namespace {

using base::ErrorCode;
using base::Fail;
using base::Result;
using base::Status;

constexpr size_t kIdBytes = 16;
constexpr mode_t kPrivate = 0600;

bool Attribute(const hsm::KeyDescription& key, std::string_view wanted) {
  for (const auto& [name, value] : key.attributes) {
    if (name == wanted) return value;
  }
  return false;
}

// An exportable key is asked for less by the token's own checks; it still must be born there.
Status CheckBirth(const KeyPlan& plan, const hsm::KeyDescription& key) {
  if (key.info.type == plan.type && key.info.usage == plan.usage &&
      Attribute(key, "CKA_LOCAL") && Attribute(key, "CKA_ALWAYS_SENSITIVE") &&
      Attribute(key, "CKA_EXTRACTABLE") == plan.backup &&
      Attribute(key, "CKA_NEVER_EXTRACTABLE") != plan.backup) {
    return {};
  }
  return Fail(ErrorCode::kInvalidArgument, "the token made key '" + plan.label +
                                               "' otherwise than the file says; destroy it");
}

Status GenerateFile(Hall& hall, const Step& step, const std::string& answer, const KeyPlan& key) {
  const std::string path = hall.plan.Path(key.label);
  const bool there = hall.Interrupted(step) && FileExists(path);
  if (!there) {
    RETURN_IF_ERROR(hall.Begin(step, answer));
    ASSIGN_OR_RETURN(TlsKey made, MakeTlsKey());
    RETURN_IF_ERROR(base::WriteNewFile(path, made.pkcs8_pem.view(), kPrivate));
  }
  ASSIGN_OR_RETURN(protocol::PublicKey public_key, ReadTlsKey(path));
  const std::string spki = public_key.ToSpki();
  hall.Report("P-256 key", path, base::Sha256Base64Url(spki));
  return hall.Done(step, {{"file", key.label},
                          {"type", "P-256"},
                          {"public_key", base::Base64Encode(spki)},
                          {"sha256", base::Sha256Base64Url(spki)},
                          {"adopted", there}});
}

// True if an interrupted step made the key before it could say so: by the CKA_ID that was drawn
// and recorded before.
Result<bool> IsOurs(Hall& hall, const Step& step, const KeyPlan& key) {
  if (!hall.Interrupted(step)) return false;
  ASSIGN_OR_RETURN(hsm::KeyAdmin * token, hall.Token(key.token));
  auto there = token->Describe(key.label);
  if (!there && there.error().code == ErrorCode::kNotFound) return false;
  if (!there) return std::unexpected(there.error());
  for (const Record& record : hall.transcript->records()) {
    if (record.event == "begun" && record.step == step.id &&
        record.Text("key_id") == base::HexEncode(there->id)) {
      return true;
    }
  }
  return Fail(ErrorCode::kAlreadyExists, "token '" + key.token + "' has a key labelled '" +
                                             key.label + "' that this ceremony did not make");
}

}  // namespace

Status DoGenerate(Hall& hall, const Step& step, const std::string& answer) {
  const KeyPlan& key = hall.plan.keys[step.index];
  if (key.token.empty()) return GenerateFile(hall, step, answer, key);
  ASSIGN_OR_RETURN(hsm::KeyAdmin * token, hall.Token(key.token));
  ASSIGN_OR_RETURN(const bool ours, IsOurs(hall, step, key));
  if (!ours) {
    const std::string id = base::RandomBytes(kIdBytes);
    RETURN_IF_ERROR(hall.Begin(step, answer, {{"key_id", base::HexEncode(id)}}));
    auto made = token->Generate(key.label, key.type, key.usage,
                                {.id = id, .exportable = key.backup});
    if (!made) return std::unexpected(made.error());
  }
  ASSIGN_OR_RETURN(hsm::KeyDescription made, token->Describe(key.label));
  RETURN_IF_ERROR(CheckBirth(key, made));
  const std::string fingerprint = base::Sha256Base64Url(made.info.public_key_der);
  hall.Report(std::string(hsm::Name(key.type)) + " key",
              key.label + " in token " + key.token, fingerprint);
  return hall.Done(step, {{"token", key.token},
                          {"label", key.label},
                          {"type", hsm::Name(key.type)},
                          {"usage", key.usage == hsm::KeyUsage::kSign ? "sign" : "decrypt"},
                          {"key_id", base::HexEncode(made.id)},
                          {"public_key", base::Base64Encode(made.info.public_key_der)},
                          {"sha256", fingerprint},
                          {"attributes", AttributesOf(made)},
                          {"proved_by", key.usage == hsm::KeyUsage::kSign
                                            ? "a signature over random bytes, verified"
                                            : "decryption of a random key, compared"},
                          {"adopted", ours}});
}

}  // namespace paygate::tools::ceremony
