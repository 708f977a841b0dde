// Each message has one golden text (messages_cases.h); from it are made, mechanically, the texts
// that must be refused: each member missing, twice, of each other type, and one that does not
// belong.
#include "protocol/messages.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "base/encoding.h"
#include "messages_cases.h"
#include "property.h"

namespace paygate::protocol {
namespace {

using Json = nlohmann::ordered_json;

std::string GatewayGolden() {
  return Fill(R"({"id":$I,"version":1,"iat":1,"exp":2,"signature":[[$C,$C],[$C]],)"
              R"("encryption":[[$C]],"signature_algorithms":["ES256"],"limits":)"
              R"({"request_bytes":65536,"clock_skew_s":120,"handshake_s":60,)"
              R"("csblk_lifetime_s":86400,"currencies":["GBP","JPY"]}})");
}

// Every member of every object in `value`, by JSON pointer.
void Members(const Json& value, const std::string& path, std::vector<std::string>& out) {
  if (value.is_object()) {
    for (const auto& [name, child] : value.items()) {
      const std::string member = path + "/" + name;
      out.push_back(member);
      Members(child, member, out);
    }
  } else if (value.is_array()) {
    for (size_t i = 0; i < value.size(); i++)
      Members(value[i], path + "/" + std::to_string(i), out);
  }
}

std::vector<std::string> Members(const Json& value) {
  std::vector<std::string> out;
  Members(value, "", out);
  return out;
}

bool BelongsToAJwk(const std::string& path) {
  return path.starts_with("/keys/signature/") || path.starts_with("/keys/encryption/");
}

class Messages : public testing::TestWithParam<Case> {};

TEST_P(Messages, AreReadAndPrintedAsTheyCame) {
  Outcome printed = GetParam().reprint(GetParam().golden);
  ASSERT_TRUE(printed) << printed.error().message;
  EXPECT_EQ(*printed, GetParam().golden);
}

TEST_P(Messages, AreRefusedWithoutAnyOneMember) {
  const Json golden = Json::parse(GetParam().golden);
  for (const std::string& path : Members(golden)) {
    Json mutant = golden;
    const Json::json_pointer pointer(path);
    mutant[pointer.parent_pointer()].erase(pointer.back());
    const auto& optional = GetParam().optional;
    const bool may = std::find(optional.begin(), optional.end(), path) != optional.end();
    EXPECT_EQ(GetParam().reprint(mutant.dump()).has_value(), may) << path;
  }
}

TEST_P(Messages, AreRefusedWithAMemberTwice) {
  const Json golden = Json::parse(GetParam().golden);
  for (const std::string& path : Members(golden)) {
    Json mutant = golden;
    const Json::json_pointer pointer(path);
    // nlohmann cannot hold a duplicate: mark the copy, then rename it in the text.
    mutant[pointer.parent_pointer()]["@copy@"] = golden[pointer];
    std::string text = mutant.dump();
    text.replace(text.find("@copy@"), 6, pointer.back());
    EXPECT_FALSE(GetParam().reprint(text)) << text;
  }
}

TEST_P(Messages, AreRefusedWithAMemberOfAnotherType) {
  const Json golden = Json::parse(GetParam().golden);
  const Json others[] = {nullptr,
                         true,
                         -1,
                         1.5,
                         "",
                         "\x01",
                         Json::array(),
                         Json::array({1}),
                         Json::object(),
                         Json::object({{"a", 1}}),
                         Json::array({Json::array()})};
  for (const std::string& path : Members(golden)) {
    if (BelongsToAJwk(path)) continue;
    for (const Json& other : others) {
      Json mutant = golden;
      mutant[Json::json_pointer(path)] = other;
      const bool same = path == "/messages" && other == Json::array();  // an empty page is a page
      const bool jwk =
          (path == "/keys/signature" || path == "/keys/encryption") && other.is_object();
      EXPECT_EQ(GetParam().reprint(mutant.dump()).has_value(), same || jwk) << mutant.dump();
    }
  }
}

TEST_P(Messages, AreRefusedWithAMemberThatDoesNotBelong) {
  const Json golden = Json::parse(GetParam().golden);
  std::vector<std::string> objects = {""};
  for (const std::string& path : Members(golden)) {
    if (golden[Json::json_pointer(path)].is_object()) objects.push_back(path);
  }
  for (const std::string& path : objects) {
    if (path == "/keys/signature" || path == "/keys/encryption") continue;
    for (const char* name : {"more", "undertaken", "", "ISS"}) {
      Json mutant = golden;
      mutant[Json::json_pointer(path)][name] = 1;
      EXPECT_FALSE(GetParam().reprint(mutant.dump())) << mutant.dump();
    }
  }
}

TEST_P(Messages, AreRefusedWithBytesAroundThem) {
  for (const std::string& text : {GetParam().golden + "x", GetParam().golden + GetParam().golden,
                                  "[" + GetParam().golden + "]", GetParam().golden.substr(1)}) {
    EXPECT_FALSE(GetParam().reprint(text));
  }
}

TEST_P(Messages, DamagedAnywhereAreRefusedOrReadBackTheSame) {
  CheckProperty([&] {
    std::string text = GetParam().golden;
    const auto at = *rc::gen::inRange<size_t>(0, text.size());
    text[at] = *rc::gen::arbitrary<char>();
    Outcome printed = GetParam().reprint(text);
    if (!printed) return;
    Outcome again = GetParam().reprint(*printed);
    RC_ASSERT(again.has_value());
    RC_ASSERT(*again == *printed);
  });
}

INSTANTIATE_TEST_SUITE_P(Each, Messages, testing::ValuesIn(Cases()),
                         [](const auto& info) { return info.param.name; });

// Changes one member of a golden text.
Outcome With(const char* name, const std::string& path, const Json& value) {
  for (const Case& c : Cases()) {
    if (std::string(name) != c.name) continue;
    Json json = Json::parse(c.golden);
    json[Json::json_pointer(path)] = value;
    return c.reprint(json.dump());
  }
  return base::Fail(base::ErrorCode::kInternal, "no such case");
}

TEST(GatewayDocument, ReadsBackAndIgnoresWhatLaterVersionsAdd) {
  auto m = GatewayPayload::Parse(GatewayGolden());
  ASSERT_TRUE(m) << m.error().message;
  EXPECT_EQ(m->Print(), GatewayGolden());
  EXPECT_EQ(m->signature[0][1], base::HexDecode("3003020101").value());
  Json more = Json::parse(GatewayGolden());
  more["new"] = {{"a", {1, 2}}};
  more["limits"]["new"] = nullptr;
  EXPECT_TRUE(GatewayPayload::Parse(more.dump()));
}

TEST(GatewayDocument, IsRefusedWithoutAnyMemberOrWithAnEmptyChain) {
  const Json golden = Json::parse(GatewayGolden());
  for (const std::string& path : Members(golden)) {
    Json mutant = golden;
    const Json::json_pointer pointer(path);
    mutant[pointer.parent_pointer()].erase(pointer.back());
    EXPECT_FALSE(GatewayPayload::Parse(mutant.dump())) << path;
  }
  for (const char* chains : {"[]", "[[]]", "[\"MAMCAQE=\"]", "[[\"!\"]]", "[[\"\"]]"}) {
    Json mutant = golden;
    mutant["encryption"] = Json::parse(chains);
    EXPECT_FALSE(GatewayPayload::Parse(mutant.dump())) << chains;
  }
  Json mutant = golden;
  mutant["version"] = 2;
  EXPECT_FALSE(GatewayPayload::Parse(mutant.dump()));
}

TEST(Message, ValuesOutOfTheirRangeAreRefused) {
  EXPECT_FALSE(With("MailboxPayload", "/wait", 31));
  EXPECT_FALSE(With("MailboxPayload", "/after", -1));
  EXPECT_FALSE(With("MailboxPayload", "/ack", -1));
  EXPECT_TRUE(With("MailboxPayload", "/wait", 0));
  EXPECT_TRUE(With("DonePayload", "/iat", kMaxNumericDate));
  EXPECT_FALSE(With("DonePayload", "/iat", kMaxNumericDate + 1));
  EXPECT_FALSE(With("Problem", "/status", 399));
  EXPECT_FALSE(With("Problem", "/type", "about:blank"));
  EXPECT_FALSE(With("CsblkPayload", "/_sd_alg", "sha-512"));
  EXPECT_FALSE(With("PaymentResultPayload", "/result", "done"));
  EXPECT_TRUE(With("PaymentResultPayload", "/result", "pending"));
}

TEST(Message, AnX5cHasExactlyOneCertificateInPaddedBase64) {
  for (const char* body : {"SellerChallengeRequestBody", "BuyerChallengeRequestBody"}) {
    EXPECT_FALSE(With(body, "/x5c", {"MAMCAQE=", "MAMCAQE="}));
    EXPECT_FALSE(With(body, "/x5c", {"MAMCAQE"}));
    EXPECT_FALSE(With(body, "/x5c", {"MAMCAQF="}));  // non-canonical trailing bits
    EXPECT_FALSE(With(body, "/x5c", "MAMCAQE="));
  }
}

TEST(Message, ABlockHasExactlyOneDigest) {
  const std::string digest = Json::parse(Fill("$D"));
  for (const char* body : {"SellerChallengeRequestBody", "BuyerChallengeRequestBody"}) {
    const std::string path = body[0] == 'S' ? "/sblk/_sd" : "/bblk/_sd";
    EXPECT_TRUE(With(body, path, {digest}));
    EXPECT_FALSE(With(body, path, {digest, digest}));
    EXPECT_FALSE(With(body, path, {"short"}));
  }
}

TEST(Message, AMailboxPageGoesForwardAndEndsAtTheNewest) {
  EXPECT_FALSE(With("MailboxBody", "/messages/1/cursor", 3));
  EXPECT_FALSE(With("MailboxBody", "/messages/1/cursor", 2));
  EXPECT_FALSE(With("MailboxBody", "/messages/0/cursor", 0));
  EXPECT_FALSE(With("MailboxBody", "/newest", 8));
  Json messages = Json::array();
  for (size_t i = 0; i <= kMaxMailboxMessages; i++) {
    messages.push_back({{"cursor", i + 1}, {"message", Json::parse(Fill("$E"))}});
  }
  Json page = {{"newest", 60}, {"messages", messages}};
  EXPECT_FALSE(MailboxBody::Parse(page.dump()));
  page["messages"].erase(0);
  EXPECT_TRUE(MailboxBody::Parse(page.dump()));
}

TEST(Message, OnlyAlreadyPaidNamesAPayment) {
  EXPECT_TRUE(With("RefusalPayload", "/code", "already-paid"));
  EXPECT_FALSE(With("RefusalPayload", "/code", "csblk-expired"));
  EXPECT_FALSE(With("RefusalPayload", "/code", "Already paid"));
}

TEST(Message, APaymentConfirmationIsFinalAndSaysNoReason) {
  std::string golden;
  for (const Case& c : Cases()) {
    if (std::string("PaymentResultPayload") == c.name) golden = c.golden;
  }
  Json json = Json::parse(golden);
  EXPECT_TRUE(PaymentResultPayload::Parse(json.dump()));
  EXPECT_FALSE(PaymentResultPayload::ParseConfirmation(json.dump()));
  json.erase("reason");
  EXPECT_TRUE(PaymentResultPayload::ParseConfirmation(json.dump()));
  json["result"] = "pending";
  EXPECT_FALSE(PaymentResultPayload::ParseConfirmation(json.dump()));
}

TEST(Message, ARefundsTotalIncludesIt) {
  const auto result = [](const char* result, const char* total) {
    return RefundResultPayload::Parse(
        Fill(R"({"iss":$I,"sub":$I,"iat":1,"result":")" + std::string(result) +
             R"(","refund_id":$D,"payment_id":$D,"amount":$M)" +
             (*total ? R"(,"refunded_total":{"amount":)" + std::string(total) + "}" : "") + "}"));
  };
  EXPECT_TRUE(result("completed", R"("12.50","currency":"GBP")"));
  EXPECT_TRUE(result("failed", R"("1.00","currency":"GBP")"));
  EXPECT_TRUE(result("pending", ""));
  EXPECT_FALSE(result("completed", ""));
  EXPECT_FALSE(result("completed", R"("12.49","currency":"GBP")"));
  EXPECT_FALSE(result("completed", R"("12.50","currency":"EUR")"));
}

TEST(Message, ABodyOfOneJwsIsReadByItsMember) {
  const std::string jws = Json::parse(Fill("$J"));
  EXPECT_EQ(*ParseSingle(PrintSingle("registered", jws), "registered"), jws);
  EXPECT_FALSE(ParseSingle(PrintSingle("registered", jws), "registration"));
  EXPECT_FALSE(ParseSingle(PrintSingle("other", jws)));
  EXPECT_FALSE(ParseSingle(Fill(R"({"receipt":$J,"refusal":$J})")));
  for (const char* bad : {"", ".", "..", "a.b", "a.b.c.d", ".b.c", "a.b.c ", "a.b+.c", "a.b.c="}) {
    EXPECT_FALSE(ParseSingle(PrintSingle("receipt", bad))) << bad;
  }
}

TEST(SdJwt, HasOneDisclosureBetweenTildes) {
  const std::string text = Json::parse(SdJwtText());
  auto parsed = SdJwt::Parse(text);
  ASSERT_TRUE(parsed);
  EXPECT_EQ(parsed->Print(), text);
  const std::string disclosure = parsed->disclosure;
  for (const std::string& bad :
       {parsed->jws, parsed->jws + "~", parsed->jws + "~~", parsed->jws + "~" + disclosure,
        text + "~", "~" + text, text + disclosure + "~", text + "e.e.e", disclosure + "~"}) {
    EXPECT_FALSE(SdJwt::Parse(bad)) << bad;
  }
}

}  // namespace
}  // namespace paygate::protocol
