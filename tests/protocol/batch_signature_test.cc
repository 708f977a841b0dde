#include "protocol/batch_signature.h"

#include <gtest/gtest.h>

#include "base/encoding.h"
#include "hsm/statement.h"
#include "protocol/messages.h"
#include "tests/protocol/property.h"
#include "tests/protocol/test_pki.h"

namespace paygate::protocol {
namespace {

using base::Base64UrlDecode;
using base::Base64UrlEncode;
using base::ErrorCode;
using hsm::KeyType;

constexpr char kPayload[] = R"({"a":1})";

// Signs as a key does, remembers what, and checks each statement as the token process would.
class WatchedSigner final : public hsm::Signer {
 public:
  explicit WatchedSigner(const SoftwareKey& key) : signer_(key.AsSigner().value()) {}
  hsm::SignatureAlgorithm algorithm() const override { return signer_->algorithm(); }
  base::Result<std::string> Sign(hsm::Statement statement) override {
    EXPECT_TRUE(hsm::CheckStatement(statement));
    kinds.push_back(statement.kind);
    return signer_->Sign(statement);
  }
  std::vector<hsm::StatementKind> kinds;

 private:
  const std::unique_ptr<hsm::Signer> signer_;
};

struct Batch {
  explicit Batch(size_t size, KeyType type = KeyType::kP256) : key(NewKey(type)), signer(key) {
    std::vector<std::string> payloads;
    for (size_t i = 0; i < size; ++i) {
      payloads.push_back(R"({"n":)" + std::to_string(i) + "}");
    }
    std::vector<UnsignedJws> messages;
    for (const std::string& payload : payloads) messages.push_back({kTypReceipt, payload});
    compact = SignTogether(signer, reference, messages).value();
  }
  const JwsKeyReference reference{.name = KeyName::kX5t,
                                  .x5t_s256 = base::Sha256Base64Url("certificate")};
  const SoftwareKey key;
  WatchedSigner signer;
  std::vector<std::string> compact;
};

base::Result<VerifiedJws> Verify(std::string_view compact, const PublicKey& key,
                                 std::string_view typ = kTypReceipt) {
  ASSIGN_OR_RETURN(auto jws, ParseJws(compact, typ, KeyName::kX5t, JwsForms::kSingleOrBatch));
  return VerifyJws(std::move(jws), key);
}

struct Parts {
  explicit Parts(const std::string& compact) {
    const size_t stop = compact.rfind('.');
    input = compact.substr(0, stop);
    third = Base64UrlDecode(compact.substr(stop + 1)).value();
    proof = BatchProof::Parse(third).value();
  }
  std::string With(const BatchProof& other) const {
    return input + "." + Base64UrlEncode(other.Print());
  }
  std::string input, third;
  BatchProof proof;
};

// Made by other programs (Python's hashlib, openssl pkeyutl) with the key of RFC 8037 appendix A:
// a tree of three leaves, as docs/protocol/batch-signatures.md shows it.
TEST(BatchSignature, OfAnotherImplementationIsReadAndOursIsTheSameToTheByte) {
  const std::string_view typs[] = {kTypReceipt, kTypPaymentConfirmation, kTypBuyerChallenge};
  const std::string_view payloads[] = {R"({"a":1})", R"({"b":2})", R"({"c":3})"};
  const std::string compact[] = {
      "eyJhbGciOiJFZERTQSIsInR5cCI6InAycC1yZWNlaXB0K21qd3MiLCJ4NXQjUzI1NiI6IkE5WnQwSWcxd2NvX0Vv"
      "ek9yTkh6R3NsQll3bHJJUFJGcm9Rb1c4Q0RMWEkifQ.eyJhIjoxfQ.AQADAACBZjf9EPFyKREM089D-ABjJQzckE"
      "KaeXtyzpZpZqN2OUco_lJ-LI5GBdF0M4vcGs-cBfXrRdeGBWriArwXH-pPC3Rhry5Cfh_eKMeCHnCq3MRa_1bf1h"
      "Q7EYaCUg0cfFlnf_FrOe-5pNwVBK44wloDQWzM_TDFYKRcbrB6DPhgBw",
      "eyJhbGciOiJFZERTQSIsInR5cCI6InAycC1wYXltZW50LWNvbmZpcm1hdGlvbittandzIiwieDV0I1MyNTYiOiJB"
      "OVp0MElnMXdjb19Fb3pPck5IekdzbEJZd2xySVBSRnJvUW9XOENETFhJIn0.eyJiIjoyfQ.AQADAAHzBUqWEjNyA"
      "bvZd7AofUQR3pux01QdgWfzZ_pA1FyF2kco_lJ-LI5GBdF0M4vcGs-cBfXrRdeGBWriArwXH-pPC3Rhry5Cfh_eK"
      "MeCHnCq3MRa_1bf1hQ7EYaCUg0cfFlnf_FrOe-5pNwVBK44wloDQWzM_TDFYKRcbrB6DPhgBw",
      "eyJhbGciOiJFZERTQSIsInR5cCI6InAycC1idXllci1jaGFsbGVuZ2UrbWp3cyIsIng1dCNTMjU2IjoiQTladDBJ"
      "ZzF3Y29fRW96T3JOSHpHc2xCWXdscklQUkZyb1FvVzhDRExYSSJ9.eyJjIjozfQ.AQADAAJytXw_kPDQUJRQ5qw1"
      "Oc8LG46I-V19q6phxbcZZyUZ5Qt0Ya8uQn4f3ijHgh5wqtzEWv9W39YUOxGGglINHHxZZ3_xaznvuaTcFQSuOMJa"
      "A0FszP0wxWCkXG6wegz4YAc"};
  const PublicKey key =
      PublicKey::FromJwk(
          R"({"crv":"Ed25519","kty":"OKP","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"})")
          .value();
  // Answers with the signature that the other implementation made, if asked for the same.
  struct Recorded final : hsm::Signer {
    hsm::SignatureAlgorithm algorithm() const override { return hsm::SignatureAlgorithm::kEdDSA; }
    base::Result<std::string> Sign(hsm::Statement statement) override {
      EXPECT_EQ(statement.bytes,
                "p2p-batch-root/jws\n3\nzbX+QkwDYLst60yxep1PxBA7h8cms/kIQcBhZ2rZLOs=\n");
      return signature;
    }
    std::string signature;
  } recorded;
  std::vector<UnsignedJws> messages;
  for (size_t i = 0; i < 3; ++i) {
    const auto verified = Verify(compact[i], key, typs[i]);
    ASSERT_TRUE(verified) << i << ": " << verified.error().ToString();
    EXPECT_EQ(verified->payload(), payloads[i]);
    messages.push_back({typs[i], payloads[i]});
    recorded.signature = Parts(compact[i]).proof.root_signature;
  }
  const JwsKeyReference reference{.name = KeyName::kX5t,
                                  .x5t_s256 = "A9Zt0Ig1wco_EozOrNHzGslBYwlrIPRFroQoW8CDLXI"};
  const auto ours = SignTogether(recorded, reference, messages).value();
  for (size_t i = 0; i < 3; ++i) EXPECT_EQ(ours[i], compact[i]);
  EXPECT_EQ(recorded.signature.size(), 64u);
}

TEST(BatchSignature, OneOperationOfTheKeySignsEveryMessageOfABatch) {
  for (size_t size : {2, 3, 4, 5, 7, 8, 33, 100}) {
    const Batch batch(size);
    EXPECT_EQ(batch.signer.kinds, std::vector{hsm::StatementKind::kBatchRoot});
    ASSERT_EQ(batch.compact.size(), size);
    for (size_t i = 0; i < size; ++i) {
      const auto verified = Verify(batch.compact[i], batch.key.public_key());
      ASSERT_TRUE(verified) << i << " of " << size;
      EXPECT_EQ(verified->payload(), R"({"n":)" + std::to_string(i) + "}");
      EXPECT_EQ(verified->typ(), "p2p-receipt+mjws");
      EXPECT_EQ(verified->Compact(), batch.compact[i]);
      EXPECT_EQ(verified->Digest(), DigestOfCompact(batch.compact[i]).value());
    }
  }
  for (KeyType type : {KeyType::kRsa2048, KeyType::kEd25519}) {
    const Batch batch(3, type);
    for (const std::string& compact : batch.compact) {
      EXPECT_TRUE(Verify(compact, batch.key.public_key()));
      EXPECT_FALSE(Verify(compact, NewKey(type).public_key()));
    }
  }
}

TEST(BatchSignature, OneMessageAloneIsAnOrdinaryJws) {
  const Batch batch(1);
  EXPECT_EQ(batch.signer.kinds, std::vector{hsm::StatementKind::kJws});
  const auto jws = ParseJws(batch.compact[0], kTypReceipt, KeyName::kX5t);
  ASSERT_TRUE(jws);
  EXPECT_TRUE(VerifyJws(*jws, batch.key.public_key()));
  EXPECT_TRUE(Verify(batch.compact[0], batch.key.public_key())) << "whoever asked takes both";
}

TEST(BatchSignature, AReaderThatDidNotAskForItRefusesIt) {
  const Batch batch(2);
  const auto jws = ParseJws(batch.compact[0], kTypReceipt, KeyName::kX5t);
  ASSERT_FALSE(jws);
  EXPECT_EQ(jws.error().code, ErrorCode::kMalformed);
  // Not even one that expects the very typ: without having asked it is an ordinary signature.
  const auto named = ParseJws(batch.compact[0], "p2p-receipt+mjws", KeyName::kX5t);
  ASSERT_TRUE(named);
  EXPECT_EQ(VerifyJws(*named, batch.key.public_key()).error().code, ErrorCode::kSignatureInvalid);
}

TEST(BatchSignature, AMessageIsOfItsOwnTypInABatchToo) {
  const Batch batch(2);
  for (std::string_view typ : {kTypPaymentConfirmation, kTypCsblk, std::string_view()}) {
    EXPECT_FALSE(Verify(batch.compact[0], batch.key.public_key(), typ)) << typ;
  }
  EXPECT_EQ(BatchTyp(kTypReceipt), "p2p-receipt+mjws");
  EXPECT_EQ(BatchTyp(kTypCsblk), "") << "a CSBLK is read by people who asked for nothing";
  WatchedSigner signer(batch.key);
  const UnsignedJws csblks[] = {{kTypCsblk, kPayload}, {kTypCsblk, kPayload}};
  EXPECT_EQ(SignTogether(signer, {}, csblks).error().code, ErrorCode::kInvalidArgument);
  EXPECT_TRUE(signer.kinds.empty());
}

TEST(BatchSignature, AFlippedBitAnywhereIsNoMessageOfTheBatch) {
  const Batch batch(11, KeyType::kEd25519);
  const std::string good = batch.compact[4];
  for (size_t i = 0; i < good.size(); ++i) {
    std::string bad = good;
    bad[i] = bad[i] == 'A' ? '-' : 'A';
    EXPECT_FALSE(Verify(bad, batch.key.public_key())) << "character " << i;
  }
  const Parts parts(good);
  for (size_t i = 0; i < parts.third.size(); ++i) {
    for (int bit = 0; bit < 8; ++bit) {
      std::string third = parts.third;
      third[i] = static_cast<char>(third[i] ^ 1 << bit);
      EXPECT_FALSE(Verify(parts.input + "." + Base64UrlEncode(third), batch.key.public_key()))
          << "byte " << i << " bit " << bit;
    }
  }
}

TEST(BatchSignature, AWrongPlaceSizeOrPathShowsNothing) {
  const Batch batch(6);
  const PublicKey& key = batch.key.public_key();
  for (const std::string& compact : batch.compact) {
    const Parts parts(compact);
    for (uint16_t size = 2; size < 12; ++size) {
      for (uint16_t index = 0; index < size; ++index) {
        if (size == 6 && index == parts.proof.leaf_index) continue;
        BatchProof moved = parts.proof;
        moved.tree_size = size, moved.leaf_index = index;
        EXPECT_FALSE(Verify(parts.With(moved), key)) << index << " of " << size;
        // And with a path of the length that this place needs.
        moved.path.resize(base::InclusionProofHashes(index, size), moved.path[0]);
        EXPECT_FALSE(Verify(parts.With(moved), key)) << index << " of " << size;
      }
    }
    BatchProof turned = parts.proof;
    std::swap(turned.path.front(), turned.path.back());
    EXPECT_FALSE(Verify(parts.With(turned), key));
    BatchProof shorter = parts.proof;
    shorter.path.pop_back();
    EXPECT_FALSE(Verify(parts.With(shorter), key));
  }
}

TEST(BatchSignature, TheRootOfAnotherTreeIsNotThisOnes) {
  const Batch batch(4);
  const Parts parts(batch.compact[1]);
  const auto signer = batch.key.AsSigner().value();
  const auto with_signature_over = [&](const std::string& bytes) {
    BatchProof other = parts.proof;
    other.root_signature = signer->Sign({hsm::StatementKind::kBatchRoot, bytes}).value();
    return parts.With(other);
  };
  const base::Hash root = base::RootFromInclusion(base::HashLeaf(parts.input), 1, 4,
                                                  parts.proof.path).value();
  EXPECT_TRUE(Verify(with_signature_over(RootStatement(4, root)), batch.key.public_key()));
  EXPECT_FALSE(Verify(with_signature_over(RootStatement(5, root)), batch.key.public_key()));
  EXPECT_FALSE(Verify(with_signature_over(RootStatement(4, base::Sha256("another"))),
                      batch.key.public_key()));
  EXPECT_FALSE(Verify(with_signature_over(root), batch.key.public_key()));
  EXPECT_FALSE(Verify(with_signature_over(parts.input), batch.key.public_key()))
      << "the signature of a single message is none of a batch";
}

TEST(BatchSignature, ANodeIsNeverALeaf) {
  const Batch batch(4);
  const Parts parts(batch.compact[0]);
  const auto& path = parts.proof.path;  // leaf 1, node over 2 and 3
  // What the node over 0 and 1 is the hash of, put forward as a message of a smaller tree whose
  // root the same key signed.
  const std::string inside = base::HashLeaf(parts.input) + path[0];
  const base::Hash root = base::HashNode(base::HashNode(base::HashLeaf(parts.input), path[0]),
                                         path[1]);
  BatchProof forged{.tree_size = 2, .leaf_index = 0, .path = {path[1]}, .root_signature = {}};
  forged.root_signature = batch.key.AsSigner().value()
                              ->Sign({hsm::StatementKind::kBatchRoot, RootStatement(2, root)})
                              .value();
  for (const std::string& text : {inside, "\1" + inside, std::string("\0", 1) + inside}) {
    EXPECT_FALSE(VerifyInBatch(text, forged.Print(), batch.key.public_key()));
  }
}

TEST(BatchSignature, WhatTheKeySignsForABatchIsNothingElse) {
  const std::string root = RootStatement(2, base::Sha256("root"));
  using enum hsm::StatementKind;
  for (auto kind : {kJws, kCertificate, kCrl, kOcsp, kCheckpoint, kSelfTest}) {
    EXPECT_FALSE(hsm::CheckStatement({kind, root})) << hsm::Name(kind);
  }
  EXPECT_TRUE(hsm::CheckStatement({kBatchRoot, root}));
  EXPECT_TRUE(hsm::CheckStatement({kBatchRoot, RootStatement(4096, base::Sha256("root"))}));
  for (const std::string& bytes :
       {RootStatement(1, base::Sha256("root")), RootStatement(0, base::Sha256("root")),
        RootStatement(2, "short"), root + "\n", root + "x", root.substr(1),
        root.substr(0, root.size() - 1), std::string("p2p-batch-root/jws\n02\n") + root.substr(21),
        std::string("p2p-batch-root/jws\n+2\n") + root.substr(21), std::string()}) {
    EXPECT_FALSE(hsm::CheckStatement({kBatchRoot, bytes})) << bytes;
  }
  const Batch batch(2);
  EXPECT_FALSE(hsm::CheckStatement({kBatchRoot, Parts(batch.compact[0]).input}));
}

TEST(BatchSignature, AProofHasOneSpellingAndBounds) {
  const auto proof = [](uint16_t size, uint16_t index, size_t hashes, size_t signature) {
    return BatchProof{.tree_size = size, .leaf_index = index,
                      .path = std::vector<base::Hash>(hashes, base::Sha256("x")),
                      .root_signature = std::string(signature, 's')}
        .Print();
  };
  EXPECT_TRUE(BatchProof::Parse(proof(2, 1, 1, 64)));
  EXPECT_TRUE(BatchProof::Parse(proof(4096, 4095, 12, 512)));
  EXPECT_FALSE(BatchProof::Parse(proof(0, 0, 0, 64)));
  EXPECT_FALSE(BatchProof::Parse(proof(1, 0, 0, 64)));
  EXPECT_FALSE(BatchProof::Parse(proof(2, 2, 1, 64)));
  EXPECT_FALSE(BatchProof::Parse(proof(4097, 0, 13, 64)));
  EXPECT_FALSE(BatchProof::Parse(proof(2, 1, 1, 63)));
  EXPECT_FALSE(BatchProof::Parse(proof(2, 1, 1, 513)));
  EXPECT_FALSE(BatchProof::Parse(""));
  EXPECT_FALSE(BatchProof::Parse("\2" + proof(2, 1, 1, 64).substr(1)));
  CheckProperty([&] {
    const auto size = *rc::gen::inRange<uint16_t>(2, 4097);
    const auto index = *rc::gen::inRange<uint16_t>(0, size);
    const std::string bytes = proof(size, index, base::InclusionProofHashes(index, size), 64);
    RC_ASSERT(BatchProof::Parse(bytes).value().Print() == bytes);
    const auto cut = *rc::gen::inRange<size_t>(0, bytes.size());
    RC_ASSERT(!BatchProof::Parse(bytes.substr(0, cut)));
  });
  const std::vector<UnsignedJws> many(kMaxBatchLeaves + 1, {kTypReceipt, kPayload});
  WatchedSigner signer(NewKey());
  EXPECT_FALSE(SignTogether(signer, {}, many));
  EXPECT_FALSE(SignTogether(signer, {}, {}));
  EXPECT_TRUE(signer.kinds.empty());
}

TEST(BatchSignature, AnErrorOfTheKeyIsTheErrorOfTheBatch) {
  struct Away final : hsm::Signer {
    hsm::SignatureAlgorithm algorithm() const override { return hsm::SignatureAlgorithm::kES256; }
    base::Result<std::string> Sign(hsm::Statement) override {
      return base::Fail(ErrorCode::kTokenUnavailable, "away");
    }
  } away;
  const std::vector<UnsignedJws> messages(3, {kTypReceipt, kPayload});
  EXPECT_EQ(SignTogether(away, {}, messages).error().code, ErrorCode::kTokenUnavailable);
}

}  // namespace
}  // namespace paygate::protocol
