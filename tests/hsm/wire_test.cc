#include "hsm/token/wire.h"

#include <gtest/gtest.h>

namespace paygate::hsm::token {
namespace {

using base::ErrorCode;

TEST(TokenFrames, CarrySeveralOperationsAndTheirOutcomes) {
  std::string frame = EncodeRequest(7, {{RequestKind::kSign, "a", 1, "bytes"},
                                        {RequestKind::kUnwrap, "b", 2, "wrapped"}});
  auto request = DecodeRequest(frame);
  ASSERT_TRUE(request);
  EXPECT_EQ(request->id, 7u);
  ASSERT_EQ(request->operations.size(), 2u);
  EXPECT_EQ(request->operations[1].label, "b");
  EXPECT_EQ(request->operations[1].bytes, "wrapped");

  auto reply = DecodeReply(EncodeReply({7, 4096, {Outcome("signature"),
                                                 base::Fail(ErrorCode::kDecryptionFailed, "no")}}));
  ASSERT_TRUE(reply);
  EXPECT_EQ(reply->resident_bytes, 4096u);
  EXPECT_EQ(*reply->outcomes[0], "signature");
  EXPECT_EQ(reply->outcomes[1].error().code, ErrorCode::kDecryptionFailed);
}

TEST(TokenFrames, CutAnywhereAreMalformed) {
  std::string request = EncodeRequest(7, {{RequestKind::kSign, "a", 1, "bytes"}});
  std::string reply = EncodeReply({7, 1, {Outcome("x")}});
  std::string keys = EncodeKeys({{"a", KeyType::kP256, KeyUsage::kSign, "der"}});
  ASSERT_TRUE(DecodeKeys(keys));
  for (size_t n = 0; n < request.size(); ++n) EXPECT_FALSE(DecodeRequest(request.substr(0, n)));
  for (size_t n = 0; n < reply.size(); ++n) EXPECT_FALSE(DecodeReply(reply.substr(0, n)));
  for (size_t n = 0; n < keys.size(); ++n) EXPECT_FALSE(DecodeKeys(keys.substr(0, n)));
  EXPECT_FALSE(DecodeRequest(request + "x"));
  EXPECT_FALSE(DecodeRequest(EncodeRequest(7, {})));
  EXPECT_FALSE(DecodeRequest(
      EncodeRequest(7, std::vector<Operation>(kMaxOperationsPerFrame + 1))));
}

}  // namespace
}  // namespace paygate::hsm::token
