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
  // It was crowded, for longer than a burst and not on the average.
  void Crowd() {
    (void)Begin(64);
    (void)GoOn(64);
    Pass(Intake::kBurst, 0);
  }
  // Looked at all the time, so many were in progress.
  void Pass(std::chrono::milliseconds time, size_t in_progress) {
    for (const auto end = now + time; now < end;) {
      now += std::chrono::milliseconds(1);
      (void)GoOn(in_progress);
    }
  }

  Intake intake{64};
  base::MonotonicTime now = base::SystemClock().Monotonic();
};

TEST_F(IntakeTest, WhatBeginsIsRefusedAtHalfOfWhatGoesOn) {
  Crowd();
  EXPECT_TRUE(Begin(31));
  ASSERT_FALSE(Begin(32));
  EXPECT_EQ(Begin(32).error().code, ErrorCode::kOverloaded);
  EXPECT_TRUE(GoOn(63));
  EXPECT_FALSE(GoOn(64));
}

TEST_F(IntakeTest, ABurstIsTakenUpAndAnOverloadIsNot) {
  EXPECT_TRUE(GoOn(255));
  EXPECT_FALSE(GoOn(256)) << "four times as much, and no more";
  Pass(Intake::kBurst, 0);
  EXPECT_FALSE(GoOn(64));
  Pass(Intake::kCalm - std::chrono::milliseconds(1), 0);
  EXPECT_FALSE(GoOn(64)) << "it was full less than a calm ago";
  EXPECT_TRUE(GoOn(31));
  Pass(Intake::kCalm, 0);
  EXPECT_TRUE(GoOn(64));
}

TEST_F(IntakeTest, AClientHasAQuarterWhereItIsCrowdedAndAllWhereItIsNot) {
  EXPECT_EQ(*GoOn(31), 64u);
  EXPECT_EQ(*GoOn(64), 256u) << "of a burst";
  Pass(Intake::kBurst, 0);
  EXPECT_EQ(*GoOn(31), 64u);
  EXPECT_EQ(*GoOn(32), 16u);
  EXPECT_EQ(*Begin(15), 32u);
}

TEST_F(IntakeTest, AQueueThatStandsIsCutToAQuarterUntilItHasGone) {
  Pass(3 * Intake::kStanding, 17);
  EXPECT_TRUE(GoOn(15));
  EXPECT_FALSE(GoOn(16));
  EXPECT_TRUE(Begin(7));
  EXPECT_FALSE(Begin(8));
  EXPECT_EQ(*GoOn(8), 4u) << "of one client";
  EXPECT_EQ(*GoOn(7), 4u) << "though it is not crowded: no one shuts out the others";
  EXPECT_EQ(intake.Share(), 4u) << "of answers, too";
  Pass(4 * Intake::kStanding, 6);
  EXPECT_FALSE(GoOn(16)) << "less than was let stand, but not gone";
  Pass(2 * Intake::kStanding, 3);
  EXPECT_TRUE(GoOn(63));
  EXPECT_FALSE(GoOn(64)) << "no burst: there was no calm";
}

TEST_F(IntakeTest, ALongQueueThatSoonGoesIsNotCut) {
  Pass(Intake::kStanding / 5, 63);
  Pass(Intake::kStanding, 10);
  EXPECT_TRUE(GoOn(63));
}

TEST_F(IntakeTest, AMomentAfterALongPauseIsNoAverage) {
  (void)GoOn(0);
  for (int i = 0; i < 12; ++i) intake.Look(0, now += std::chrono::milliseconds(50));
  now += std::chrono::milliseconds(50);
  EXPECT_TRUE(GoOn(63));
  EXPECT_EQ(intake.Share(), 16u);
}

TEST_F(IntakeTest, WhoWasOvertakenOnTheWayToTheMutexTakesNothingBack) {
  Pass(3 * Intake::kStanding, 17);
  for (int i = 0; i < 10; ++i) {
    intake.Look(60, now - std::chrono::milliseconds(400));
    intake.Look(17, now);
  }
  EXPECT_FALSE(GoOn(16));
}

TEST_F(IntakeTest, AQueueIsSeenToStandHoweverOftenOneLooks) {
  const auto end = now + 3 * Intake::kStanding;
  for (; now < end; now += std::chrono::microseconds(5)) (void)GoOn(17);
  EXPECT_FALSE(GoOn(16));
}

TEST_F(IntakeTest, WhereOneMayBeInProgressOneIsTakenUp) {
  Intake narrow(1);
  (void)narrow.Admit(Precedence::kGoesOn, 9, now);
  (void)narrow.Admit(Precedence::kBegins, 9, now);
  now += Intake::kBurst;
  EXPECT_EQ(*narrow.Admit(Precedence::kBegins, 0, now), 1u);
  EXPECT_EQ(*narrow.Admit(Precedence::kGoesOn, 0, now), 1u);
  EXPECT_FALSE(narrow.Admit(Precedence::kGoesOn, 1, now));
  EXPECT_EQ(narrow.Share(), 1u);
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
