#include "audit/checkpoint.h"

#include <gtest/gtest.h>

#include "base/crypto.h"
#include "base/encoding.h"
#include "tests/protocol/test_pki.h"

namespace paygate::audit {
namespace {

Checkpoint Sample() {
  return {.origin = OriginOf("AAECAwQFBgcICQoLDA0ODw"),
          .size = 1234,
          .root = base::Sha256("root"),
          .at = base::FromNumericDate(1'800'000'000)};
}

std::string Signed(const protocol::SoftwareKey& key, const Checkpoint& checkpoint = Sample()) {
  return SignCheckpoint(checkpoint, key.public_key(), *key.AsSigner().value()).value();
}

TEST(Note, ANoteThatAnotherProgramSignedVerifies) {
  // The example in the documentation of golang.org/x/mod/sumdb/note, from which C2SP's form comes.
  const std::string text =
      "If you think cryptography is the answer to your problem,\n"
      "then you don't know what your problem is.\n";
  const std::string note = text +
      "\n\xe2\x80\x94 PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXg"
      "KvqfqdngotpRZb6KE6RyyBwJnAM=\n";
  const std::string raw =
      base::Base64Decode("ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW").value().substr(1);
  const auto key = protocol::PublicKey::FromSpki(
                       base::HexDecode("302a300506032b6570032100").value() + raw)
                       .value();
  EXPECT_EQ(base::HexEncode(NoteKeyId("PeterNeumann", key)), "c74f20a3");
  const Note parsed = ParseNote(note).value();
  EXPECT_EQ(parsed.text, text);
  EXPECT_TRUE(VerifyNote(parsed, "PeterNeumann", key));
  EXPECT_FALSE(VerifyNote(parsed, "Peter", key));
  EXPECT_EQ(PrintNote(parsed), note);
}

TEST(Note, WhatIsNoSignedNoteIsRefused) {
  const std::string good = Signed(protocol::NewKey());
  ASSERT_TRUE(ParseNote(good));
  const std::string line = good.substr(good.find("\n\n") + 2);
  EXPECT_FALSE(ParseNote(""));
  EXPECT_FALSE(ParseNote("text\n"));
  EXPECT_FALSE(ParseNote("text\n\n"));
  EXPECT_FALSE(ParseNote("text" + line));
  EXPECT_FALSE(ParseNote(good.substr(0, good.size() - 1)));
  EXPECT_FALSE(ParseNote(good + "more\n"));
  EXPECT_FALSE(ParseNote("te\rxt\n\n" + line));
  EXPECT_FALSE(ParseNote("te\xff\n\n" + line));
  EXPECT_FALSE(ParseNote("text\n\n\xe2\x80\x94 a+b AAAAAAA=\n"));
  EXPECT_FALSE(ParseNote("text\n\n\xe2\x80\x94 name AAAAAA==\n"));  // a key ID and nothing else
  std::string many = "text\n\n";
  for (size_t i = 0; i <= kMaxNoteSignatures; ++i) many += line;
  EXPECT_FALSE(ParseNote(many));
  EXPECT_FALSE(ParseNote(std::string(kMaxNoteBytes, 'x') + "\n\n" + line));
}

TEST(Checkpoint, EveryKindOfKeySignsOneThatVerifies) {
  for (auto type : {hsm::KeyType::kP256, hsm::KeyType::kRsa2048, hsm::KeyType::kEd25519}) {
    const auto key = protocol::NewKey(type);
    const std::string note = Signed(key);
    const auto checkpoint = VerifyCheckpoint(note, key.public_key());
    ASSERT_TRUE(checkpoint) << checkpoint.error().ToString();
    EXPECT_EQ(checkpoint->origin, Sample().origin);
    EXPECT_EQ(checkpoint->size, 1234u);
    EXPECT_EQ(checkpoint->root, Sample().root);
    EXPECT_EQ(checkpoint->at, Sample().at);
    EXPECT_FALSE(VerifyCheckpoint(note, protocol::NewKey(type).public_key()));
  }
}

TEST(Checkpoint, EveryByteCounts) {
  const auto key = protocol::NewKey();
  const std::string note = Signed(key);
  for (size_t i = 0; i < note.size(); ++i) {
    std::string changed = note;
    changed[i] ^= 1;
    EXPECT_FALSE(VerifyCheckpoint(changed, key.public_key())) << i;
  }
}

TEST(Checkpoint, HasOneSpelling) {
  const std::string good = PrintCheckpoint(Sample());
  ASSERT_TRUE(ParseCheckpoint(good));
  const auto with = [&](const std::string& was, const std::string& is) {
    std::string text = good;
    return text.replace(text.find(was), was.size(), is);
  };
  EXPECT_FALSE(ParseCheckpoint(with("1234\n", "01234\n")));
  EXPECT_FALSE(ParseCheckpoint(with("1234\n", "+1234\n")));
  EXPECT_FALSE(ParseCheckpoint(with("1234\n", "99999999999999999999\n")));
  EXPECT_FALSE(ParseCheckpoint(with("at=", "at=0")));
  EXPECT_FALSE(ParseCheckpoint(with("at=1800000000", "at=-1")));
  EXPECT_FALSE(ParseCheckpoint(with("p2p-gateway/", "other/")));
  EXPECT_FALSE(ParseCheckpoint(good + "x\n"));
  EXPECT_FALSE(ParseCheckpoint(good.substr(0, good.size() - 1)));
  EXPECT_FALSE(ParseCheckpoint(""));
}

}  // namespace
}  // namespace paygate::audit
