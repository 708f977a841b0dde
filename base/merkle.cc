#include "base/merkle.h"

#include <algorithm>
#include <bit>

#include "base/crypto.h"

namespace paygate::base {


namespace {

// The largest power of two that is smaller than n, for n > 1: where RFC 9162 splits n leaves.
uint64_t Split(uint64_t n) { return std::bit_floor(n - 1); }

// The hash over leaves [begin, end). Every range that a proof asks for begins at a multiple of the
// largest power of two in it, so that its perfect parts are nodes.
Result<Hash> RangeHash(uint64_t begin, uint64_t end, const NodeReader& read) {
  const uint64_t n = end - begin;
  if (std::has_single_bit(n)) {
    const auto level = static_cast<uint8_t>(std::countr_zero(n));
    return read(level, begin >> level);
  }
  const uint64_t middle = begin + Split(n);
  ASSIGN_OR_RETURN(const Hash left, RangeHash(begin, middle, read));
  ASSIGN_OR_RETURN(const Hash right, RangeHash(middle, end, read));
  return HashNode(left, right);
}

std::unexpected<Error> NotShown(const char* what) {
  return Fail(ErrorCode::kSignatureInvalid, std::string("the proof does not show ") + what);
}

Status CheckSizes(bool fits, uint64_t size) {
  if (fits && size <= kMaxTreeSize) return {};
  return Fail(ErrorCode::kInvalidArgument, "no proof exists for such sizes");
}

bool AreHashes(const std::vector<Hash>& proof) {
  return std::ranges::all_of(proof, [](const Hash& h) { return h.size() == kHashBytes; });
}

}  // namespace

Hash HashLeaf(std::string_view entry) {
  return Sha256(std::string(1, '\0').append(entry));
}

Hash HashNode(std::string_view left, std::string_view right) {
  return Sha256(std::string(1, '\1').append(left).append(right));
}

Hash EmptyRoot() { return Sha256(""); }

Result<Frontier> Frontier::Resume(uint64_t size, const NodeReader& read) {
  RETURN_IF_ERROR(CheckSizes(true, size));
  Frontier frontier;
  frontier.size_ = size;
  uint64_t begin = 0;
  for (uint64_t left = size; left > 0; left -= std::bit_floor(left)) {
    const auto level = static_cast<uint8_t>(std::bit_width(left) - 1);
    ASSIGN_OR_RETURN(Hash subtree, read(level, begin >> level));
    frontier.subtrees_.push_back(std::move(subtree));
    begin += uint64_t{1} << level;
  }
  return frontier;
}

std::vector<Node> Frontier::Append(Hash leaf) {
  std::vector<Node> completed = {{0, size_, leaf}};
  uint8_t level = 0;
  for (uint64_t rest = size_; rest & 1; rest >>= 1) {
    leaf = HashNode(subtrees_.back(), leaf);
    subtrees_.pop_back();
    ++level;
    completed.push_back({level, size_ >> level, leaf});
  }
  subtrees_.push_back(std::move(leaf));
  ++size_;
  return completed;
}

Hash Frontier::Root() const {
  if (subtrees_.empty()) return EmptyRoot();
  Hash root = subtrees_.back();
  for (size_t i = subtrees_.size() - 1; i > 0; --i) root = HashNode(subtrees_[i - 1], root);
  return root;
}

Result<Hash> RootOf(uint64_t size, const NodeReader& read) {
  RETURN_IF_ERROR(CheckSizes(true, size));
  if (size == 0) return EmptyRoot();
  return RangeHash(0, size, read);
}

Result<std::vector<Hash>> InclusionProof(uint64_t index, uint64_t size, const NodeReader& read) {
  RETURN_IF_ERROR(CheckSizes(index < size, size));
  std::vector<Hash> proof;  // from the root downwards; turned round at the end
  uint64_t begin = 0, end = size;
  while (end - begin > 1) {
    const uint64_t middle = begin + Split(end - begin);
    const bool left = index < middle;
    ASSIGN_OR_RETURN(Hash other,
                     left ? RangeHash(middle, end, read) : RangeHash(begin, middle, read));
    proof.push_back(std::move(other));
    (left ? end : begin) = middle;
  }
  std::ranges::reverse(proof);
  return proof;
}

Result<std::vector<Hash>> ConsistencyProof(uint64_t old_size, uint64_t size,
                                           const NodeReader& read) {
  RETURN_IF_ERROR(CheckSizes(old_size <= size, size));
  std::vector<Hash> proof;  // from the root downwards; turned round at the end
  if (old_size == 0 || old_size == size) return proof;
  uint64_t begin = 0, end = size;
  bool whole = true;  // what is left of the old tree is all of it: its hash is known to the reader
  while (end != old_size) {
    const uint64_t middle = begin + Split(end - begin);
    const bool left = old_size <= middle;
    ASSIGN_OR_RETURN(Hash other,
                     left ? RangeHash(middle, end, read) : RangeHash(begin, middle, read));
    proof.push_back(std::move(other));
    (left ? end : begin) = middle;
    whole = whole && left;
  }
  if (!whole) {
    ASSIGN_OR_RETURN(Hash last, RangeHash(begin, end, read));
    proof.push_back(std::move(last));
  }
  std::ranges::reverse(proof);
  return proof;
}

size_t InclusionProofHashes(uint64_t index, uint64_t size) {
  size_t hashes = 0;
  for (uint64_t begin = 0, end = size; end - begin > 1; ++hashes) {
    const uint64_t middle = begin + Split(end - begin);
    (index < middle ? end : begin) = middle;
  }
  return hashes;
}

Result<Hash> RootFromInclusion(std::string_view leaf, uint64_t index, uint64_t size,
                               const std::vector<Hash>& proof) {
  constexpr const char* kWhat = "that the entry is in the tree";
  if (index >= size || size > kMaxTreeSize || !AreHashes(proof)) return NotShown(kWhat);
  uint64_t at = index, last = size - 1;
  Hash hash(leaf);
  for (const Hash& other : proof) {
    if (last == 0) return NotShown(kWhat);
    if ((at & 1) || at == last) {
      hash = HashNode(other, hash);
      while (!(at & 1) && at != 0) at >>= 1, last >>= 1;
    } else {
      hash = HashNode(hash, other);
    }
    at >>= 1, last >>= 1;
  }
  if (last != 0) return NotShown(kWhat);
  return hash;
}

Status VerifyInclusion(std::string_view leaf, uint64_t index, uint64_t size,
                       const std::vector<Hash>& proof, std::string_view root) {
  ASSIGN_OR_RETURN(const Hash shown, RootFromInclusion(leaf, index, size, proof));
  if (shown != root) return NotShown("that the entry is in the tree");
  return {};
}

Status VerifyConsistency(uint64_t old_size, std::string_view old_root, uint64_t size,
                         std::string_view root, const std::vector<Hash>& proof) {
  constexpr const char* kWhat = "that the later log continues the earlier one";
  if (old_size > size || size > kMaxTreeSize || !AreHashes(proof)) return NotShown(kWhat);
  if (old_size == size || old_size == 0) {
    if (!proof.empty()) return NotShown(kWhat);
    if (old_root != (old_size == size ? root : std::string_view(EmptyRoot()))) {
      return NotShown(kWhat);
    }
    return {};
  }
  auto next = proof.begin();
  uint64_t at = old_size - 1, last = size - 1;
  while (at & 1) at >>= 1, last >>= 1;
  // A perfect old tree is its own first hash, and is left out of the proof.
  Hash before(old_root);
  if (!std::has_single_bit(old_size)) {
    if (next == proof.end()) return NotShown(kWhat);
    before = *next++;
  }
  Hash after = before;
  for (; next != proof.end(); ++next) {
    if (last == 0) return NotShown(kWhat);
    if ((at & 1) || at == last) {
      before = HashNode(*next, before);
      after = HashNode(*next, after);
      while (!(at & 1) && at != 0) at >>= 1, last >>= 1;
    } else {
      after = HashNode(after, *next);
    }
    at >>= 1, last >>= 1;
  }
  if (last != 0 || before != old_root || after != root) return NotShown(kWhat);
  return {};
}

}  // namespace paygate::base
