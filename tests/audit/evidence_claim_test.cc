// Evidence of a payment whose seller promised to repay, and of what came of the promise.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>

#include "tests/audit/evidence_case.h"

namespace paygate::audit {
namespace {

using testing::HasSubstr;
using End = EvidenceCase::End;

TEST(EvidenceOfAClaim, UnansweredHasTheRefundThatFollowed) {
  EvidenceCase c(End::kCompleted, true);
  EXPECT_EQ(WhatIsBad(c.Judge(c.File())), "") << "promised, and nothing claimed";
  c.FileClaim();
  EXPECT_EQ(WhatIsBad(c.Judge(c.File())), "");
  c.DecideClaim(true);
  EXPECT_EQ(WhatIsBad(c.Judge(c.File())), "");
  c.RefundClaimed(End::kFailed);
  c.RefundClaimed(End::kCompleted);
  const EvidenceReport report = c.Judge(c.File());
  EXPECT_EQ(WhatIsBad(report), "");
  ASSERT_EQ(report.summary.refunds.size(), 2u);
  EXPECT_EQ(report.summary.refunds[1].amount, "12.50 GBP");
  EXPECT_TRUE(Says(report, "the decision on the claim ordered the refund"));
}

TEST(EvidenceOfAClaim, AnsweredAndDecidedHasBoth) {
  EvidenceCase rejected(End::kCompleted, true);
  rejected.FileClaim();
  rejected.AnswerClaim();
  EXPECT_EQ(WhatIsBad(rejected.Judge(rejected.File())), "");
  rejected.DecideClaim(false);
  EXPECT_EQ(WhatIsBad(rejected.Judge(rejected.File())), "");

  EvidenceCase partly(End::kCompleted, true);
  partly.Refund("2.50", End::kCompleted);
  partly.FileClaim();
  partly.AnswerClaim();
  partly.DecideClaim(true);
  partly.RefundClaimed(End::kCompleted);
  const EvidenceReport report = partly.Judge(partly.File());
  EXPECT_EQ(WhatIsBad(report), "");
  EXPECT_EQ(report.summary.refunds.at(1).amount, "10.00 GBP") << "what was left";
}

TEST(EvidenceOfAClaim, ThatNobodyCouldMakeOrDecideIsRefused) {
  EvidenceCase unpromised;
  unpromised.FileClaim();
  EXPECT_THAT(WhatIsBad(unpromised.Judge(unpromised.File())), HasSubstr("nothing was promised"));
  EvidenceCase rejected(End::kCompleted, true);
  rejected.FileClaim();
  rejected.AnswerClaim();
  rejected.DecideClaim(false);
  rejected.RefundClaimed(End::kCompleted);
  EXPECT_THAT(WhatIsBad(rejected.Judge(rejected.File())),
              HasSubstr("no decision on the claim had ordered it"));
  EvidenceCase early(End::kCompleted, true);
  early.FileClaim();
  early.now -= std::chrono::hours(5);  // 68 hours after it
  early.DecideClaim(true);
  EXPECT_THAT(WhatIsBad(early.Judge(early.File())), HasSubstr("decided before it could be"));
}

TEST(EvidenceOfAClaim, TakenApartIsRefused) {
  EvidenceCase c(End::kCompleted, true), other(End::kCompleted, true);
  for (EvidenceCase* each : {&c, &other}) {
    each->FileClaim();
    each->AnswerClaim();
    each->DecideClaim(true);
    each->RefundClaimed(End::kCompleted);
  }
  const EvidenceFile good = c.File(), foreign = other.File();
  ASSERT_EQ(WhatIsBad(c.Judge(good)), "");
  const auto bad = [&](const std::function<void(EvidenceFile&)>& change) {
    EvidenceFile file = good;
    change(file);
    c.Seal(file);
    return WhatIsBad(c.Judge(file));
  };
  EXPECT_NE(bad([&](auto& f) { f.claim = {}; }), "");
  EXPECT_NE(bad([&](auto& f) { f.claim.filed = foreign.claim.filed; }), "");
  EXPECT_NE(bad([&](auto& f) { f.claim.answer = foreign.claim.answer; }), "");
  EXPECT_NE(bad([&](auto& f) { f.claim.answer.clear(); }), "");
  EXPECT_NE(bad([&](auto& f) { std::swap(f.claim.to_buyer, f.claim.to_seller); }), "");
  EXPECT_NE(bad([&](auto& f) { f.claim.to_buyer.clear(); }), "");
  EXPECT_NE(bad([&](auto& f) { f.refunds.clear(); }), "");
  for (size_t i = 0; i < good.entries.size(); ++i) {
    EXPECT_NE(bad([&](auto& f) { f.entries.erase(f.entries.begin() + static_cast<long>(i)); }), "")
        << good.entries[i].line;
  }
}

}  // namespace
}  // namespace paygate::audit
