#include "base/result.h"

#include <gtest/gtest.h>

#include <memory>
#include <set>

namespace paygate::base {
namespace {

Result<int> Half(int v) {
  if (v % 2 != 0) return Fail(ErrorCode::kInvalidArgument, "odd");
  return v / 2;
}

Result<int> Quarter(int v) {
  ASSIGN_OR_RETURN(const int half, Half(v));
  return Half(half);
}

Status CheckQuarter(int v) {
  RETURN_IF_ERROR(Quarter(v));
  return {};
}

TEST(Result, CarriesAValueOrAnErrorThroughFunctions) {
  EXPECT_EQ(*Quarter(8), 2);
  EXPECT_TRUE(CheckQuarter(8));
  ASSERT_FALSE(CheckQuarter(6));
  EXPECT_EQ(CheckQuarter(6).error().code, ErrorCode::kInvalidArgument);
}

TEST(Result, ACopiedResultOfAFalsehoodStaysFalse) {
  // bool is constructible from a Result<bool>: the copy must not become "has a value".
  Result<bool> no = false;
  Result<bool> copy = no;
  ASSERT_TRUE(copy);
  EXPECT_FALSE(*copy);
}

TEST(Result, HoldsWhatCanOnlyBeMoved) {
  Result<std::unique_ptr<int>> r = std::make_unique<int>(7);
  Result<std::unique_ptr<int>> moved = std::move(r);
  EXPECT_EQ(**moved, 7);
}

TEST(Error, EveryCodeHasANameOfItsOwnAsTheWireSpellsIt) {
  std::set<std::string_view> names;
  const int count = static_cast<int>(ErrorCode::kInternal) + 1;
  for (int i = 0; i < count; i++) {
    const std::string_view name = Name(static_cast<ErrorCode>(i));
    EXPECT_NE(name, "unknown") << i;
    EXPECT_EQ(name.find_first_not_of("abcdefghijklmnopqrstuvwxyz-"), std::string_view::npos);
    names.insert(name);
  }
  EXPECT_EQ(names.size(), static_cast<size_t>(count));
  EXPECT_EQ(Name(ErrorCode::kCertificateInvalid), "certificate-invalid");
  EXPECT_EQ(Name(static_cast<ErrorCode>(255)), "unknown");
}

TEST(Error, PrintsItsCodeAndItsSentence) {
  EXPECT_EQ((Error{ErrorCode::kNotFound, "no such payment"}).ToString(),
            "not-found: no such payment");
  EXPECT_EQ((Error{ErrorCode::kTimeout, ""}).ToString(), "timeout");
}

}  // namespace
}  // namespace paygate::base
