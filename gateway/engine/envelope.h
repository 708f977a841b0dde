// e_X(M) and s_PG(M) as the engine uses them: opening what participants encrypted to the gateway,
// signing as the gateway, and sealing answers to a participant. Two private-key operations live
// here, one each in Open and Sign; where batch signatures are on, messages for readers that take
// them share the one of Sign (batch_signer.h). Thread-safe.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "gateway/engine/batch_signer.h"
#include "gateway/engine/keys.h"
#include "protocol/jwe.h"
#include "protocol/jws.h"

namespace paygate::gateway::engine {

class Envelope {
 public:
  // `batch`: sign batches for readers that take them; otherwise each message alone.
  explicit Envelope(const KeysInForce& keys, bool batch = false)
      : keys_(keys), batch_(batch), batches_(keys) {}

  // Form and header: encrypted to a certificate of the gateway that is in use, with exactly the
  // extra member named
  // ("" for none). No private-key operation.
  base::Result<protocol::ParsedJwe> Parse(std::string_view compact, std::string_view extra) const;
  // The payload. One private-key operation; kDecryptionFailed for every cause.
  base::Result<std::string> Open(const protocol::ParsedJwe& jwe) const;

  // A JWS by the gateway, named by x5t#S256, for a reader that takes `forms`.
  base::Result<std::string> Sign(
      std::string_view typ, std::string_view payload,
      protocol::JwsForms forms = protocol::JwsForms::kSingle) const;
  // Several in one trip to the token, or in two if their readers differ in what they take.
  struct Unsigned {
    std::string_view typ;
    std::string payload;
    protocol::JwsForms forms = protocol::JwsForms::kSingle;
  };
  base::Result<std::vector<std::string>> SignAll(const std::vector<Unsigned>& messages) const;

  // A JWE to a participant.
  static base::Result<std::string> Seal(const protocol::Certificate& recipient,
                                        std::string_view payload);

  // Those in force now. Whoever needs several parts of them that fit together takes them once.
  std::shared_ptr<const GatewayKeys> keys() const { return keys_.Get(); }
  bool batch() const { return batch_; }

 private:
  bool InBatch(protocol::JwsForms forms) const {
    return batch_ && forms == protocol::JwsForms::kSingleOrBatch;
  }
  base::Result<std::vector<std::string>> SignEach(const std::vector<Unsigned>& messages) const;

  const KeysInForce& keys_;
  const bool batch_;
  mutable BatchSigner batches_;
};

}  // namespace paygate::gateway::engine
