// The Merkle tree of RFC 9162, section 2.1: SHA-256, leaves behind 0x00, nodes behind 0x01.
//
// A Frontier takes leaves one by one and gives the root at any time in O(log n) work and memory.
// Proofs are made from the hashes of perfect subtrees, which a NodeReader fetches: O(log n) reads.
// The Verify functions need nothing but their arguments. A Hash is 32 raw bytes. Pure; thread-safe
// (a Frontier as any value is).
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace paygate::base {

using Hash = std::string;
constexpr size_t kHashBytes = 32;
constexpr uint64_t kMaxTreeSize = uint64_t{1} << 62;  // leaves
constexpr size_t kMaxProofHashes = 64;                // no proof below kMaxTreeSize has more

Hash HashLeaf(std::string_view entry);
Hash HashNode(std::string_view left, std::string_view right);
Hash EmptyRoot();  // of the tree without leaves

// The perfect subtree over the leaves [index << level, (index + 1) << level).
struct Node {
  uint8_t level = 0;
  uint64_t index = 0;
  Hash hash;
};
// Its hash, for whatever is complete. Errors are passed on.
using NodeReader = std::function<Result<Hash>(uint8_t level, uint64_t index)>;

class Frontier {
 public:
  // The tree's first `size` leaves, from the hashes that were kept.
  static Result<Frontier> Resume(uint64_t size, const NodeReader& read);

  // The subtrees that this leaf completes, the leaf itself first.
  std::vector<Node> Append(Hash leaf);
  uint64_t size() const { return size_; }
  Hash Root() const;

 private:
  uint64_t size_ = 0;
  std::vector<Hash> subtrees_;  // one for each bit of size_, the largest first
};

// kInvalidArgument unless size is at most kMaxTreeSize, and index < size, and old_size <= size.
Result<Hash> RootOf(uint64_t size, const NodeReader& read);
Result<std::vector<Hash>> InclusionProof(uint64_t index, uint64_t size, const NodeReader& read);
Result<std::vector<Hash>> ConsistencyProof(uint64_t old_size, uint64_t size,
                                           const NodeReader& read);

// How many hashes the proof of that leaf has; index < size.
size_t InclusionProofHashes(uint64_t index, uint64_t size);
// The root that a proof leads to from a leaf. kSignatureInvalid: it has no such form.
Result<Hash> RootFromInclusion(std::string_view leaf, uint64_t index, uint64_t size,
                               const std::vector<Hash>& proof);
// kSignatureInvalid: the proof does not show it (RFC 9162, 2.1.3.2 and 2.1.4.2).
Status VerifyInclusion(std::string_view leaf, uint64_t index, uint64_t size,
                       const std::vector<Hash>& proof, std::string_view root);
// Any tree continues the empty one, with an empty proof.
Status VerifyConsistency(uint64_t old_size, std::string_view old_root, uint64_t size,
                         std::string_view root, const std::vector<Hash>& proof);

}  // namespace paygate::base
