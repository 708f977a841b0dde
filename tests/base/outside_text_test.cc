#include "base/outside_text.h"

#include <gtest/gtest.h>

namespace paygate::base {
namespace {

TEST(OutsideText, KeepsTheSentenceAndHidesWhatMayBeACodeOrAnAccount) {
  EXPECT_EQ(OutsideText("account closed (AC04), 3 tries left"),
            "account closed (AC04), 3 tries left");
  EXPECT_EQ(OutsideText("no account GB33BUKB20201555555555 at BUKB"),
            "no account [hidden] at BUKB");
  EXPECT_EQ(OutsideText("code k7qf2m9x is wrong"), "code [hidden] is wrong");
  EXPECT_EQ(OutsideText("account 20-2015-55555555"), "account 20-[hidden]-[hidden]");
  EXPECT_EQ(OutsideText("a\nforged line \x1b[2J\xc3\xa9"), "a?forged line ?[2J??");
  EXPECT_EQ(OutsideText(std::string(5000, 'x')).size(), 200u);
}

}  // namespace
}  // namespace paygate::base
