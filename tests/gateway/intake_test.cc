#include "gateway/engine/intake.h"

#include <gtest/gtest.h>

namespace paygate::gateway::engine {
namespace {

using base::ErrorCode;

struct IntakeTest : testing::Test {
  base::Result<size_t> Begin(size_t in_progress) {
    return intake.Admit(Precedence::kBegins, in_progress, now);
  }
  base::Result<size_t> GoOn(size_t in_progress) {
    return intake.Admit(Precedence::kGoesOn, in_progress, now);
  }
  // It is crowded, and has been so for longer than a burst.
  void Crowd() {
    (void)Begin(16);
    (void)GoOn(16);
    now += Intake::kBurst;
  }

  Intake intake{16};
  base::MonotonicTime now = base::SystemClock().Monotonic();
};

TEST_F(IntakeTest, WhatBeginsIsRefusedAtHalfOfWhatGoesOn) {
  Crowd();
  EXPECT_TRUE(Begin(7));
  ASSERT_FALSE(Begin(8));
  EXPECT_EQ(Begin(8).error().code, ErrorCode::kOverloaded);
  EXPECT_TRUE(GoOn(15));
  EXPECT_FALSE(GoOn(16));
}

TEST_F(IntakeTest, ABurstIsTakenUpAndAnOverloadIsNot) {
  EXPECT_TRUE(GoOn(63));
  EXPECT_FALSE(GoOn(64)) << "four times as much, and no more";
  now += Intake::kBurst;
  EXPECT_FALSE(GoOn(16));
  now += Intake::kCalm - std::chrono::milliseconds(1);
  EXPECT_FALSE(GoOn(16)) << "it was full less than a calm ago";
  EXPECT_TRUE(GoOn(7));
  now += Intake::kCalm;
  EXPECT_TRUE(GoOn(16));
}

TEST_F(IntakeTest, AClientHasAQuarterWhereItIsCrowdedAndAllWhereItIsNot) {
  EXPECT_EQ(*GoOn(7), 16u);
  EXPECT_EQ(*GoOn(16), 64u) << "of a burst";
  now += Intake::kBurst;
  EXPECT_EQ(*GoOn(7), 16u);
  EXPECT_EQ(*GoOn(8), 4u);
  EXPECT_EQ(*Begin(3), 8u);
}

TEST_F(IntakeTest, WhereOneMayBeInProgressOneIsTakenUp) {
  Intake narrow(1);
  (void)narrow.Admit(Precedence::kGoesOn, 9, now);
  (void)narrow.Admit(Precedence::kBegins, 9, now);
  now += Intake::kBurst;
  EXPECT_EQ(*narrow.Admit(Precedence::kBegins, 0, now), 1u);
  EXPECT_EQ(*narrow.Admit(Precedence::kGoesOn, 0, now), 1u);
  EXPECT_FALSE(narrow.Admit(Precedence::kGoesOn, 1, now));
  EXPECT_EQ(narrow.share(), 1u);
}

TEST(Intake, NewSalesAndParticipantsBeginAndAllElseGoesOn) {
  EXPECT_EQ(PrecedenceOf("/v1/seller-blocks/challenge"), Precedence::kBegins);
  EXPECT_EQ(PrecedenceOf("/v1/registrations"), Precedence::kBegins);
  for (const char* path : {"/v1/payments/challenge", "/v1/refunds/challenge", "/v1/revocations",
                           "/v1/mailbox", "/v1/seller-blocks/cancel"}) {
    EXPECT_EQ(PrecedenceOf(path), Precedence::kGoesOn) << path;
  }
}

}  // namespace
}  // namespace paygate::gateway::engine
