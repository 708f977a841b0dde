#include "gateway/engine/envelope.h"

namespace paygate::gateway::engine {

using base::ErrorCode;
using base::Result;

Result<protocol::ParsedJwe> Envelope::Parse(std::string_view compact,
                                            std::string_view extra) const {
  ASSIGN_OR_RETURN(protocol::ParsedJwe jwe, protocol::ParseJwe(compact));
  if (jwe.extra.name != extra) {
    return base::Fail(ErrorCode::kMalformed,
                      "header lacks the member of this step, or has another");
  }
  // An unknown x5t#S256 says no more than any other bad ciphertext: the client refetches the
  // gateway's certificates after decryption-failed (protocol.md rule 7).
  const auto keys = keys_.Get();
  const auto* recipient = keys->FindEncryption(jwe.x5t_s256);
  if (!recipient) {
    return base::Fail(ErrorCode::kDecryptionFailed, "encrypted to another certificate");
  }
  if (jwe.algorithm != recipient->key->algorithm()) {
    return base::Fail(ErrorCode::kUnsupportedAlgorithm, "alg is not that of the certified key");
  }
  return jwe;
}

Result<std::string> Envelope::Open(const protocol::ParsedJwe& jwe) const {
  const auto keys = keys_.Get();
  const auto* recipient = keys->FindEncryption(jwe.x5t_s256);
  if (!recipient) return base::Fail(ErrorCode::kDecryptionFailed, "its key was taken out of use");
  return protocol::OpenJwe(jwe, *recipient->key);
}

Result<std::string> Envelope::Sign(std::string_view typ, std::string_view payload,
                                   protocol::JwsForms forms) const {
  if (InBatch(forms)) {
    const protocol::UnsignedJws message{typ, payload};
    ASSIGN_OR_RETURN(auto compact, batches_.Sign({&message, 1}));
    return std::move(compact.front());
  }
  const auto keys = keys_.Get();
  return protocol::SignJws(*keys->Signature().key, typ, keys->SignatureReference(), payload);
}

Result<std::vector<std::string>> Envelope::SignAll(const std::vector<Unsigned>& messages) const {
  std::vector<Unsigned> alone;
  std::vector<protocol::UnsignedJws> together;
  for (const Unsigned& message : messages) {
    if (InBatch(message.forms)) {
      together.push_back({message.typ, message.payload});
    } else {
      alone.push_back(message);
    }
  }
  if (together.empty()) return SignEach(messages);
  ASSIGN_OR_RETURN(const auto in_batch, batches_.Sign(together));
  std::vector<std::string> each;
  if (!alone.empty()) {
    ASSIGN_OR_RETURN(each, SignEach(alone));
  }
  std::vector<std::string> signed_messages;
  for (size_t i = 0, batched = 0, single = 0; i < messages.size(); ++i) {
    signed_messages.push_back(InBatch(messages[i].forms) ? in_batch[batched++] : each[single++]);
  }
  return signed_messages;
}

Result<std::vector<std::string>> Envelope::SignEach(const std::vector<Unsigned>& messages) const {
  const auto keys = keys_.Get();
  hsm::Signer& signer = *keys->Signature().key;
  std::vector<std::string> inputs;
  std::vector<hsm::Statement> statements;
  inputs.reserve(messages.size());
  for (const Unsigned& message : messages) {
    inputs.push_back(protocol::JwsSigningInput(signer.algorithm(), message.typ,
                                               keys->SignatureReference(), message.payload));
    statements.push_back({hsm::StatementKind::kJws, inputs.back()});
  }
  ASSIGN_OR_RETURN(std::vector<std::string> signatures, signer.SignAll(statements));
  std::vector<std::string> signed_messages;
  for (size_t i = 0; i < inputs.size(); ++i) {
    signed_messages.push_back(protocol::JoinJws(inputs[i], signatures[i]));
  }
  return signed_messages;
}

Result<std::string> Envelope::Seal(const protocol::Certificate& recipient,
                                   std::string_view payload) {
  return protocol::SealJwe(recipient.key(), recipient.fingerprint(), {}, payload);
}

}  // namespace paygate::gateway::engine
