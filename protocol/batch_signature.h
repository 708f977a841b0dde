// One signature over the root of a Merkle tree whose leaves are JWS signing inputs: the form
// `+mjws` of docs/protocol/batch-signatures.md, for gateways whose token is slow.
//
// A JWS of this form is a JWS in all but its third part, which holds the root's signature, the
// leaf's place and the path to the root. What the key signs is the root's statement
// (RootStatement), which is no JWS signing input, no checkpoint and nothing else that any key here
// signs. Written through SignTogether and read through protocol/jws.h, by readers that ask for it.
// Pure; thread-safe.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/merkle.h"
#include "base/result.h"
#include "hsm/signer.h"
#include "protocol/jws.h"
#include "protocol/public_key.h"

namespace paygate::protocol {

constexpr size_t kMinBatchLeaves = 2;  // one message alone has a signature of its own
constexpr size_t kMaxBatchLeaves = 4096;

// "p2p-receipt+mjws" of "p2p-receipt+jws"; empty for a typ that has no such form.
std::string BatchTyp(std::string_view typ);

// The third part of the compact serialisation, decoded.
struct BatchProof {
  uint16_t tree_size = 0, leaf_index = 0;
  std::vector<base::Hash> path;  // from the leaf to the root
  std::string root_signature;

  // kMalformed for whatever Print does not print.
  static base::Result<BatchProof> Parse(std::string_view bytes);
  std::string Print() const;
};

// What the key signs, as hsm::StatementKind::kBatchRoot.
std::string RootStatement(size_t tree_size, std::string_view root);

// kSignatureInvalid unless `proof` (a third part, decoded) shows `signing_input` under `key`.
base::Status VerifyInBatch(std::string_view signing_input, std::string_view proof,
                           const PublicKey& key);

// Compact messages, in their order, by one operation of `signer`: a JWS if it is one message, the
// form +mjws otherwise. Each typ must have that form. 1 to kMaxBatchLeaves; kInvalidArgument
// beyond; the signer's errors are passed on.
struct UnsignedJws {
  std::string_view typ;
  std::string_view payload;
};
base::Result<std::vector<std::string>> SignTogether(hsm::Signer& signer,
                                                    const JwsKeyReference& key,
                                                    std::span<const UnsignedJws> messages);

}  // namespace paygate::protocol
