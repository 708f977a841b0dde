#include "base/merkle.h"

#include <gtest/gtest.h>

#include <map>

#include "base/crypto.h"
#include "base/encoding.h"
#include "tests/base/property.h"

namespace paygate::base {
namespace {

std::string Hex(std::string_view text) { return HexDecode(text).value(); }

// The log that the first implementations of RFC 6962 were tested with, and its roots.
const std::vector<std::string> kEntries = {
    "", Hex("00"), Hex("10"), Hex("2021"), Hex("3031"), Hex("40414243"), Hex("5051525354555657"),
    Hex("606162636465666768696a6b6c6d6e6f")};
const std::vector<std::string> kRoots = {
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"};

// A tree and the hashes that a store would keep of it.
struct Tree {
  void Append(std::string_view entry) {
    leaves.push_back(HashLeaf(entry));
    for (const Node& node : frontier.Append(leaves.back())) {
      EXPECT_TRUE(nodes.emplace(std::pair(node.level, node.index), node.hash).second);
    }
  }
  NodeReader Reader() const {
    return [this](uint8_t level, uint64_t index) -> Result<Hash> {
      const auto it = nodes.find({level, index});
      if (it != nodes.end()) return it->second;
      return Fail(ErrorCode::kNotFound, "no such node");
    };
  }
  Frontier frontier;
  std::vector<Hash> leaves;
  std::map<std::pair<uint8_t, uint64_t>, Hash> nodes;
};

Tree TreeOf(size_t size) {
  Tree tree;
  for (size_t i = 0; i < size; ++i) tree.Append("entry " + std::to_string(i));
  return tree;
}

// MTH as RFC 9162 section 2.1.1 writes it.
Hash Definition(const std::vector<Hash>& leaves, size_t begin, size_t end) {
  if (begin == end) return Sha256("");
  if (end - begin == 1) return leaves[begin];
  size_t split = 1;
  while (split * 2 < end - begin) split *= 2;
  return Sha256("\1" + Definition(leaves, begin, begin + split) +
                Definition(leaves, begin + split, end));
}

TEST(Merkle, ARootIsTheKnownOneAtEverySize) {
  Tree tree;
  EXPECT_EQ(HexEncode(tree.frontier.Root()), kRoots[0]);
  for (size_t i = 0; i < kEntries.size(); ++i) {
    tree.Append(kEntries[i]);
    EXPECT_EQ(HexEncode(tree.frontier.Root()), kRoots[i + 1]) << i;
    EXPECT_EQ(HexEncode(RootOf(i + 1, tree.Reader()).value()), kRoots[i + 1]) << i;
  }
  const auto proof = ConsistencyProof(1, 8, tree.Reader()).value();
  std::vector<std::string> hex;
  for (const Hash& hash : proof) hex.push_back(HexEncode(hash));
  EXPECT_EQ(hex, (std::vector<std::string>{
                     "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
                     "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
                     "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4"}));
}

TEST(Merkle, ALeafIsNoNode) {
  EXPECT_NE(HashLeaf(std::string(64, 'a')), HashNode(std::string(32, 'a'), std::string(32, 'a')));
}

TEST(Merkle, EveryProofOfEverySmallTreeHolds) {
  const Tree tree = TreeOf(40);
  for (uint64_t size = 0; size <= 40; ++size) {
    const Hash root = Definition(tree.leaves, 0, size);
    EXPECT_EQ(RootOf(size, tree.Reader()).value(), root);
    const Frontier resumed = Frontier::Resume(size, tree.Reader()).value();
    EXPECT_EQ(resumed.Root(), root);
    EXPECT_EQ(resumed.size(), size);
    for (uint64_t i = 0; i < size; ++i) {
      const auto proof = InclusionProof(i, size, tree.Reader()).value();
      EXPECT_TRUE(VerifyInclusion(tree.leaves[i], i, size, proof, root)) << i << " in " << size;
      EXPECT_EQ(RootFromInclusion(tree.leaves[i], i, size, proof).value(), root);
      EXPECT_EQ(InclusionProofHashes(i, size), proof.size());
    }
    for (uint64_t old = 0; old <= size; ++old) {
      const auto proof = ConsistencyProof(old, size, tree.Reader()).value();
      EXPECT_TRUE(VerifyConsistency(old, Definition(tree.leaves, 0, old), size, root, proof))
          << old << " to " << size;
    }
  }
}

TEST(Merkle, NoProofExistsForWhatIsNotInTheTree) {
  const Tree tree = TreeOf(5);
  EXPECT_FALSE(InclusionProof(5, 5, tree.Reader()));
  EXPECT_FALSE(InclusionProof(0, 0, tree.Reader()));
  EXPECT_FALSE(ConsistencyProof(6, 5, tree.Reader()));
  EXPECT_FALSE(RootOf(kMaxTreeSize + 1, tree.Reader()));
  EXPECT_FALSE(VerifyInclusion("", 0, 0, {}, EmptyRoot()));
}

TEST(Merkle, AChangedInclusionProofShowsNothing) {
  ExpectHolds("one flipped bit anywhere", [] {
    const auto size = *rc::gen::inRange<uint64_t>(2, 200);
    const auto index = *rc::gen::inRange<uint64_t>(0, size);
    const Tree tree = TreeOf(size);
    auto proof = InclusionProof(index, size, tree.Reader()).value();
    const Hash root = tree.frontier.Root();
    RC_ASSERT(VerifyInclusion(tree.leaves[index], index, size, proof, root));
    RC_ASSERT(!VerifyInclusion(HashLeaf("another"), index, size, proof, root));
    const auto wrong = *rc::gen::inRange<uint64_t>(0, size);
    if (wrong != index) RC_ASSERT(!VerifyInclusion(tree.leaves[index], wrong, size, proof, root));
    auto longer = proof;
    longer.push_back(root);
    RC_ASSERT(!VerifyInclusion(tree.leaves[index], index, size, longer, root));
    auto shorter = proof;
    shorter.pop_back();
    RC_ASSERT(!VerifyInclusion(tree.leaves[index], index, size, shorter, root));
    Hash& flipped = proof[*rc::gen::inRange<size_t>(0, proof.size())];
    flipped[*rc::gen::inRange<size_t>(0, kHashBytes)] ^= 1 << *rc::gen::inRange(0, 8);
    RC_ASSERT(!VerifyInclusion(tree.leaves[index], index, size, proof, root));
  });
}

TEST(Merkle, AnotherHistoryHasNoConsistencyProof) {
  ExpectHolds("one entry of the past differs", [] {
    const auto old_size = *rc::gen::inRange<uint64_t>(1, 100);
    const auto size = *rc::gen::inRange<uint64_t>(old_size, 150);
    const auto changed = *rc::gen::inRange<uint64_t>(0, old_size);
    const Tree past = TreeOf(old_size);
    Tree other;
    for (uint64_t i = 0; i < size; ++i) {
      other.Append((i == changed ? "forged " : "entry ") + std::to_string(i));
    }
    const auto proof = ConsistencyProof(old_size, size, other.Reader()).value();
    RC_ASSERT(!VerifyConsistency(old_size, past.frontier.Root(), size, other.frontier.Root(),
                                 proof));
    const Hash its_own = RootOf(old_size, other.Reader()).value();
    RC_ASSERT(VerifyConsistency(old_size, its_own, size, other.frontier.Root(), proof));
    if (proof.empty()) return;
    auto flipped = proof;
    flipped[*rc::gen::inRange<size_t>(0, proof.size())][0] ^= 1;
    RC_ASSERT(!VerifyConsistency(old_size, its_own, size, other.frontier.Root(), flipped));
  });
}

TEST(Merkle, APerfectOrHugeTreeIsHandledInFewSteps) {
  // Every node of this tree has the same hash at its level: 2^40 leaves without storing them.
  std::vector<Hash> levels = {HashLeaf("x")};
  while (levels.size() < 41) levels.push_back(HashNode(levels.back(), levels.back()));
  size_t reads = 0;
  const NodeReader read = [&](uint8_t level, uint64_t) -> Result<Hash> {
    ++reads;
    return levels[level];
  };
  const uint64_t size = (uint64_t{1} << 40) - 3, old = (uint64_t{1} << 33) + 5;
  const Hash root = RootOf(size, read).value();
  const auto included = InclusionProof(old, size, read).value();
  EXPECT_TRUE(VerifyInclusion(levels[0], old, size, included, root));
  const auto consistent = ConsistencyProof(old, size, read).value();
  EXPECT_TRUE(VerifyConsistency(old, RootOf(old, read).value(), size, root, consistent));
  EXPECT_LE(included.size(), kMaxProofHashes);
  EXPECT_LT(reads, 400u);
}

}  // namespace
}  // namespace paygate::base
