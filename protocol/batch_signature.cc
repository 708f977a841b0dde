// Grammar of the third part, before base64url (u8, u16 big-endian):
//
//   proof     = u8 1, u16 tree size, u16 leaf index, path, root signature
//   path      = k * 32 bytes, k = what RFC 9162 section 2.1.3 needs for that leaf of that tree
//   tree size = 2 to 4096; leaf index below it
//   signature = 64 to 512 bytes: the rest
//
// and of what is signed, RootStatement:
//
//   "p2p-batch-root/jws" LF, tree size in decimal digits LF, base64(root) LF
//
// No JWS signing input has a LF, a checkpoint has four lines and begins otherwise, no DER begins
// with 'p', and a self-test has another length and second word.
#include "protocol/batch_signature.h"

#include <algorithm>
#include <map>

#include "base/encoding.h"

namespace paygate::protocol {
namespace {

using base::ErrorCode;
using base::Fail;
using base::Hash;
using base::Result;

constexpr std::string_view kSingleSuffix = "+jws", kBatchSuffix = "+mjws";
constexpr std::string_view kRootPrefix = "p2p-batch-root/jws\n";
constexpr uint8_t kProofVersion = 1;
constexpr size_t kProofHeadBytes = 5;
constexpr size_t kMinSignatureBytes = 64, kMaxSignatureBytes = 512;

std::unexpected<base::Error> Malformed(const char* why) {
  return Fail(ErrorCode::kMalformed, std::string("not a batch's proof: ") + why);
}

uint16_t U16At(std::string_view bytes, size_t at) {
  return static_cast<uint16_t>(static_cast<uint8_t>(bytes[at]) << 8 |
                               static_cast<uint8_t>(bytes[at + 1]));
}

void PutU16(uint16_t n, std::string& out) {
  out.push_back(static_cast<char>(n >> 8));
  out.push_back(static_cast<char>(n & 0xff));
}

// All of one batch: the leaves are few enough to keep every node.
class Tree {
 public:
  explicit Tree(std::span<const std::string> signing_inputs) {
    for (const std::string& input : signing_inputs) {
      for (base::Node& node : frontier_.Append(base::HashLeaf(input))) {
        nodes_.emplace(std::pair(node.level, node.index), std::move(node.hash));
      }
    }
  }
  size_t size() const { return frontier_.size(); }
  Hash Root() const { return frontier_.Root(); }
  Result<std::vector<Hash>> PathOf(size_t leaf) const {
    return base::InclusionProof(leaf, size(), [this](uint8_t level, uint64_t index) {
      const auto found = nodes_.find({level, index});
      return found != nodes_.end() ? Result<Hash>(found->second)
                                   : Fail(ErrorCode::kInternal, "a node of a batch is not there");
    });
  }

 private:
  base::Frontier frontier_;
  std::map<std::pair<uint8_t, uint64_t>, Hash> nodes_;
};

}  // namespace

std::string BatchTyp(std::string_view typ) {
  if (!typ.ends_with(kSingleSuffix)) return {};
  typ.remove_suffix(kSingleSuffix.size());
  return std::string(typ).append(kBatchSuffix);
}

Result<BatchProof> BatchProof::Parse(std::string_view bytes) {
  if (bytes.size() < kProofHeadBytes || bytes[0] != kProofVersion) {
    return Malformed("of another version");
  }
  BatchProof proof{.tree_size = U16At(bytes, 1), .leaf_index = U16At(bytes, 3), .path = {},
                   .root_signature = {}};
  if (proof.tree_size < kMinBatchLeaves || proof.tree_size > kMaxBatchLeaves ||
      proof.leaf_index >= proof.tree_size) {
    return Malformed("no such leaf, or no such tree");
  }
  bytes.remove_prefix(kProofHeadBytes);
  const size_t hashes = base::InclusionProofHashes(proof.leaf_index, proof.tree_size);
  if (bytes.size() < hashes * base::kHashBytes + kMinSignatureBytes ||
      bytes.size() > hashes * base::kHashBytes + kMaxSignatureBytes) {
    return Malformed("of another length");
  }
  for (size_t i = 0; i < hashes; ++i) {
    proof.path.emplace_back(bytes.substr(0, base::kHashBytes));
    bytes.remove_prefix(base::kHashBytes);
  }
  proof.root_signature = bytes;
  return proof;
}

std::string BatchProof::Print() const {
  std::string out(1, static_cast<char>(kProofVersion));
  PutU16(tree_size, out);
  PutU16(leaf_index, out);
  for (const Hash& hash : path) out += hash;
  return out + root_signature;
}

std::string RootStatement(size_t tree_size, std::string_view root) {
  return std::string(kRootPrefix) + std::to_string(tree_size) + "\n" + base::Base64Encode(root) +
         "\n";
}

base::Status VerifyInBatch(std::string_view signing_input, std::string_view bytes,
                           const PublicKey& key) {
  const auto refused = [] {
    return Fail(ErrorCode::kSignatureInvalid, "the message is in no batch that this key signed");
  };
  const auto proof = BatchProof::Parse(bytes);
  if (!proof) return refused();
  const auto root = base::RootFromInclusion(base::HashLeaf(signing_input), proof->leaf_index,
                                            proof->tree_size, proof->path);
  if (!root || !key.Verify(RootStatement(proof->tree_size, *root), proof->root_signature)) {
    return refused();
  }
  return {};
}

Result<std::vector<std::string>> SignTogether(hsm::Signer& signer, const JwsKeyReference& key,
                                              std::span<const UnsignedJws> messages) {
  if (messages.empty() || messages.size() > kMaxBatchLeaves) {
    return Fail(ErrorCode::kInvalidArgument, "a batch has 1 to 4096 messages");
  }
  std::vector<std::string> compact;
  if (messages.size() < kMinBatchLeaves) {
    ASSIGN_OR_RETURN(compact.emplace_back(), SignJws(signer, messages[0].typ, key,
                                                     messages[0].payload));
    return compact;
  }
  std::vector<std::string> inputs;
  for (const UnsignedJws& message : messages) {
    const std::string typ = BatchTyp(message.typ);
    if (typ.empty()) {
      return Fail(ErrorCode::kInvalidArgument,
                  std::string(message.typ) + " has no form for batches");
    }
    inputs.push_back(JwsSigningInput(signer.algorithm(), typ, key, message.payload));
  }
  const Tree tree(inputs);
  BatchProof proof{.tree_size = static_cast<uint16_t>(tree.size()), .leaf_index = 0, .path = {},
                   .root_signature = {}};
  const std::string statement = RootStatement(tree.size(), tree.Root());
  ASSIGN_OR_RETURN(proof.root_signature,
                   signer.Sign({hsm::StatementKind::kBatchRoot, statement}));
  for (size_t i = 0; i < inputs.size(); ++i) {
    proof.leaf_index = static_cast<uint16_t>(i);
    ASSIGN_OR_RETURN(proof.path, tree.PathOf(i));
    compact.push_back(JoinJws(inputs[i], proof.Print()));
  }
  return compact;
}

}  // namespace paygate::protocol
