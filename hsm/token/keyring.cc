#include "hsm/token/keyring.h"

#include <algorithm>

#include "base/crypto.h"
#include "base/encoding.h"
#include "base/log.h"
#include "hsm/statement.h"

namespace paygate::hsm::token {

using base::ErrorCode;
using base::Fail;

struct Keyring::Handler {
  RequestKind request;
  KeyUsage allowed;
  Outcome (*handle)(const Entry& entry, const Operation& operation);
};

base::Result<KeyGrant> KeyGrant::Parse(const std::string& text) {
  size_t colon = text.rfind(':');
  if (colon == std::string::npos || colon == 0 || colon + 1 == text.size()) {
    return Fail(ErrorCode::kInvalidArgument,
                "key '" + text +
                    "': write LABEL:decrypt, or LABEL: and what it may sign (jws, certificate, "
                    "crl, ocsp, checkpoint, batch-root, separated by commas)");
  }
  KeyGrant grant{text.substr(0, colon), KeyUsage::kSign, {}};
  std::string_view rest = std::string_view(text).substr(colon + 1);
  if (rest == "decrypt") {
    grant.usage = KeyUsage::kDecrypt;
    return grant;
  }
  for (;;) {
    size_t comma = rest.find(',');
    ASSIGN_OR_RETURN(StatementKind kind, ParseStatementKind(rest.substr(0, comma)));
    grant.statements.push_back(kind);
    if (comma == std::string_view::npos) return grant;
    rest.remove_prefix(comma + 1);
  }
}

base::Result<std::unique_ptr<Keyring>> Keyring::Open(pkcs11::Token& token,
                                                     const std::vector<KeyGrant>& grants,
                                                     Health& health,
                                                     std::chrono::milliseconds deadline) {
  if (grants.empty()) return Fail(ErrorCode::kInvalidArgument, "no key is named: give --key");
  if (grants.size() > kMaxKeys) return Fail(ErrorCode::kInvalidArgument, "more than 256 keys");
  std::unique_ptr<Keyring> keyring(new Keyring(health));
  for (const KeyGrant& grant : grants) {
    ModuleDeadline within(deadline);
    ASSIGN_OR_RETURN(KeyInfo info, token.ProvenKey(grant.label));
    if (info.usage != grant.usage) {
      return Fail(ErrorCode::kInvalidArgument,
                  "key '" + grant.label + "' in the token is made to " +
                      (info.usage == KeyUsage::kSign ? "sign" : "decrypt") +
                      ", the configuration wants the other: mend --key, or name another key");
    }
    Entry entry{grant, nullptr, nullptr};
    if (grant.usage == KeyUsage::kSign) {
      ASSIGN_OR_RETURN(entry.signer, token.SignerFor(grant.label));
    } else {
      ASSIGN_OR_RETURN(entry.decrypter, token.DecrypterFor(grant.label));
    }
    if (!keyring->entries_.emplace(grant.label, std::move(entry)).second) {
      return Fail(ErrorCode::kInvalidArgument, "key '" + grant.label + "' is named twice");
    }
    base::LogInfo("key.proved", {{"label", grant.label},
                                 {"type", Name(info.type)},
                                 {"public_key_sha256", base::HexEncode(base::Sha256(
                                                           info.public_key_der))}});
    keyring->keys_.push_back(std::move(info));
  }
  std::ranges::sort(keyring->keys_, {}, &KeyInfo::label);
  return keyring;
}

Outcome Keyring::Handle(const Operation& operation) const {
  RETURN_IF_ERROR(health_.Check());
  Outcome outcome = Do(operation);
  if (!outcome && outcome.error().code == ErrorCode::kTokenUnavailable) health_.Suspect();
  return outcome;
}

Outcome Keyring::Do(const Operation& operation) const {
  static constexpr Handler kHandlers[] = {
      {RequestKind::kSign, KeyUsage::kSign, &Keyring::Sign},
      {RequestKind::kUnwrap, KeyUsage::kDecrypt, &Keyring::Unwrap},
  };
  if (operation.kind == RequestKind::kKeys) return EncodeKeys(keys_);
  auto entry = entries_.find(operation.label);
  if (entry == entries_.end()) {
    return Fail(ErrorCode::kNotFound,
                "this token process was given no key '" + std::string(operation.label) + "'");
  }
  for (const Handler& handler : kHandlers) {
    if (handler.request == operation.kind && handler.allowed == entry->second.grant.usage) {
      return handler.handle(entry->second, operation);
    }
  }
  base::LogAlarm("key.refused", {{"label", operation.label},
                                 {"request", static_cast<int>(operation.kind)}});
  return Fail(ErrorCode::kInvalidArgument,
              "key '" + std::string(operation.label) + "' is not for this request");
}

Outcome Keyring::Sign(const Entry& entry, const Operation& operation) {
  auto kind = static_cast<StatementKind>(operation.what);
  // The self-test is what proves keys at start-up, here: nobody else needs it signed.
  if (std::ranges::find(entry.grant.statements, kind) == entry.grant.statements.end()) {
    base::LogAlarm("key.refused", {{"label", entry.grant.label}, {"statement", Name(kind)}});
    return Fail(ErrorCode::kInvalidArgument, "key '" + entry.grant.label +
                                                 "' may not sign statements of the kind " +
                                                 std::string(Name(kind)));
  }
  Outcome signature = entry.signer->Sign({kind, operation.bytes});
  if (signature) {
    const bool routine = kind == StatementKind::kJws || kind == StatementKind::kBatchRoot;
    auto level = routine ? base::LogLevel::kDebug : base::LogLevel::kInfo;
    base::Log(level, "signed", {{"label", entry.grant.label},
                                {"kind", Name(kind)},
                                {"sha256", base::HexEncode(base::Sha256(operation.bytes))}});
  }
  return signature;
}

Outcome Keyring::Unwrap(const Entry& entry, const Operation& operation) {
  if (operation.bytes.size() > kMaxWrappedBytes) {
    return Fail(ErrorCode::kDecryptionFailed, "not decrypted");
  }
  auto key = entry.decrypter->Unwrap({static_cast<KeyManagement>(operation.what), operation.bytes});
  if (!key) return std::unexpected(std::move(key).error());
  // Into the reply's frame; the server cleanses both.
  return std::string(key->view());
}

}  // namespace paygate::hsm::token
