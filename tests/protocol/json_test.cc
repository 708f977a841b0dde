#include "protocol/json.h"

#include <gtest/gtest.h>

#include <limits>

namespace paygate::protocol {
namespace {

std::string Nested(int depth) {  // {"a":{"a":…1…}}
  std::string open, close;
  for (int i = 0; i < depth; i++) {
    open += "{\"a\":";
    close += "}";
  }
  return open + "1" + close;
}

TEST(Json, ReadsEachKindOfMember) {
  auto o = JsonObject::Parse(
      R"( { "s":"a\n\u00e9\ud83d\ude00", "i":-7, "list":["x","y"], "lists":[["p"],[]],)"
      R"( "o":{"k":"v"}, "os":[{"n":1},{"n":2}], "raw": {"b": [1, true, null, "\""] } } )");
  ASSERT_TRUE(o) << o.error().message;
  EXPECT_EQ(o->TakeString("s"), "a\n\xc3\xa9\xf0\x9f\x98\x80");
  EXPECT_EQ(o->TakeInteger("i"), -7);
  EXPECT_EQ(o->TakeStrings("list"), (std::vector<std::string>{"x", "y"}));
  EXPECT_EQ(o->TakeStringLists("lists"), (std::vector<std::vector<std::string>>{{"p"}, {}}));
  JsonObject inner = o->TakeObject("o");
  EXPECT_EQ(inner.TakeString("k"), "v");
  EXPECT_TRUE(inner.Finish());
  std::vector<JsonObject> many = o->TakeObjects("os");
  ASSERT_EQ(many.size(), 2u);
  EXPECT_EQ(many[1].TakeInteger("n"), 2);
  EXPECT_EQ(o->TakeRaw("raw"), R"({"b":[1,true,null,"\""]})");
  EXPECT_EQ(o->TakeOptionalString("none"), std::nullopt);
  EXPECT_EQ(o->TakeOptionalInteger("none"), std::nullopt);
  EXPECT_TRUE(o->Finish());
}

TEST(Json, AnObjectTakenFromAnotherOutlivesIt) {
  std::optional<JsonObject> inner;
  {
    auto outer = JsonObject::Parse(R"({"o":{"k":"a value too long for the small string"}})");
    ASSERT_TRUE(outer);
    inner = outer->TakeObject("o");
  }
  (void)JsonObject::Parse(R"({"other":"text"})");
  EXPECT_EQ(inner->TakeString("k"), "a value too long for the small string");
}

TEST(Json, RefusesWhatIsNotStrictJson) {
  const std::string bad[] = {
      "",
      " ",
      "null",
      "1",
      "\"a\"",
      "[]",
      "{",
      "}",
      "{\"a\":1",
      "{\"a\":1}}",
      "{\"a\":1}{}",
      "{\"a\":1} x",
      "{\"a\":1}\xef\xbb\xbf",
      "\xef\xbb\xbf{\"a\":1}",
      std::string("{\"a\":1}\0", 8),
      std::string("{\"a\":\"\0\"}", 9),
      R"({"a":"\u0000"})",
      "{\"a\":1,}",
      "{'a':1}",
      "{a:1}",
      "{\"a\":01}",
      "{\"a\":+1}",
      "{\"a\":--1}",
      "{\"a\":1.0}",
      "{\"a\":1e2}",
      "{\"a\":1E2}",
      "{\"a\":.5}",
      "{\"a\":0x1}",
      "{\"a\":NaN}",
      "{\"a\":Infinity}",
      "{\"a\":tru}",
      "{\"a\":9223372036854775808}",
      "{\"a\":-9223372036854775809}",
      "{\"a\":18446744073709551616}",
      "{\"a\":\"\n\"}",
      "{\"a\":\"\t\"}",
      R"({"a":"\x"})",
      R"({"a":"\u00g0"})",
      R"({"a":"\ud800"})",
      R"({"a":"\udc00"})",
      R"({"a":"\ud800\u0041"})",
      R"({"a":"\ud800\ud800"})",
      R"({"a":"\ud800\ue000"})",
      "{\"a\":\"\xed\xa0\x80\"}",
      "{\"a\":\"\xc0\xaf\"}",
      "{\"a\":\"\xff\"}",
      "{\"a\" 1}",
      "{\"a\":1 \"b\":2}",
      "{\"a\":[1,]}",
      "{\"a\":1}//",
      "{/**/\"a\":1}",
      "{\"a\":[1.5]}",
      "{\"a\":{\"b\":[{\"c\":1e0}]}}",
  };
  for (const std::string& text : bad) {
    auto o = JsonObject::Parse(text);
    EXPECT_FALSE(o) << text;
    if (!o) {
      EXPECT_EQ(o.error().code, base::ErrorCode::kMalformed);
    }
  }
}

TEST(Json, RefusesADuplicateMemberAtEveryLevelAndInEverySpelling) {
  for (const char* text :
       {R"({"a":1,"a":1})", R"({"a":1,"b":2,"\u0061":3})", R"({"o":{"x":{"a":1,"a":2}}})",
        R"({"l":[{"a":1,"\u0061":2}]})", R"({"":1,"":2})"}) {
    EXPECT_FALSE(JsonObject::Parse(text)) << text;
  }
  EXPECT_TRUE(JsonObject::Parse(R"({"a":1,"A":1,"b":{"a":1}})"));
}

TEST(Json, NestsToEightAndNoDeeper) {
  EXPECT_TRUE(JsonObject::Parse(Nested(8)));
  EXPECT_FALSE(JsonObject::Parse(Nested(9)));
  EXPECT_FALSE(JsonObject::Parse(Nested(20'000)));
  EXPECT_TRUE(JsonObject::Parse("{\"a\":[[[[[[[]]]]]]]}"));
  EXPECT_FALSE(JsonObject::Parse("{\"a\":[[[[[[[[]]]]]]]]}"));
}

TEST(Json, RefusesATextOverTheBound) {
  const std::string at_bound = "{\"a\":\"" + std::string(kMaxJsonBytes - 8, 'x') + "\"}";
  EXPECT_TRUE(JsonObject::Parse(at_bound));
  EXPECT_FALSE(JsonObject::Parse(at_bound + " "));
}

TEST(Json, ManyMembersAreComparedInReasonableTime) {
  std::string text = "{";
  for (int i = 0; i < 20'000; i++) text += "\"" + std::to_string(i) + "\":1,";
  EXPECT_TRUE(JsonObject::Parse(text + "\"last\":1}"));
  EXPECT_FALSE(JsonObject::Parse(text + "\"7\":1}"));
}

TEST(Json, FinishReportsAMissingAMistypedAndAnUnknownMember) {
  auto finish = [](std::string_view text) {
    auto o = JsonObject::Parse(text);
    (void)o->TakeString("s");
    (void)o->TakeInteger("i");
    (void)o->TakeOptionalString("opt");
    return o->Finish();
  };
  EXPECT_TRUE(finish(R"({"s":"","i":0})"));
  EXPECT_TRUE(finish(R"({"s":"","i":0,"opt":"x"})"));
  for (const char* text :
       {R"({"i":0})", R"({"s":1,"i":0})", R"({"s":"","i":"0"})", R"({"s":null,"i":0})",
        R"({"s":"","i":0,"opt":null})", R"({"s":"","i":0,"more":1})", R"({"s":["a"],"i":0})"}) {
    base::Status status = finish(text);
    ASSERT_FALSE(status) << text;
    EXPECT_EQ(status.error().code, base::ErrorCode::kMalformed);
  }
}

TEST(Json, AnObjectThatIsMissingFailsForParentAndChild) {
  auto o = JsonObject::Parse("{\"a\":1}");
  JsonObject child = o->TakeObject("child");
  EXPECT_EQ(child.TakeString("x"), "");
  EXPECT_FALSE(child.Has("x"));
  EXPECT_FALSE(child.Finish());
  EXPECT_FALSE(o->Finish());
}

TEST(Json, MixedArraysAreRefused) {
  auto o = JsonObject::Parse(R"({"s":["a",1],"l":[["a"],"b"],"o":[{},1]})");
  for (auto take : {0, 1, 2}) {
    auto copy = JsonObject::Parse(R"({"s":["a",1],"l":[["a"],"b"],"o":[{},1]})");
    if (take == 0) (void)copy->TakeStrings("s");
    if (take == 1) (void)copy->TakeStringLists("l");
    if (take == 2) (void)copy->TakeObjects("o");
    copy->IgnoreOthers();
    EXPECT_FALSE(copy->Finish());
  }
}

TEST(Json, OthersAreIgnoredOnlyWhereAsked) {
  auto o = JsonObject::Parse(R"({"a":1,"new":{"x":[true,null]}})");
  (void)o->TakeInteger("a");
  o->IgnoreOthers();
  EXPECT_TRUE(o->Finish());
}

TEST(Json, AnErrorRepeatsNothingThatTheSenderChose) {
  auto o = JsonObject::Parse(R"({"GB82WEST12345698765432":"GB82WEST12345698765432"})");
  EXPECT_EQ(o->Finish().error().message.find("GB82"), std::string::npos);
}

TEST(Json, TheWriterPrintsCompactJsonThatTheParserReadsBack) {
  std::string all;
  for (int c = 1; c < 0x80; c++) all += static_cast<char>(c);
  all += "\xc3\xa9\xf0\x9f\x98\x80";
  const std::string text = JsonWriter()
                               .String("s", all)
                               .Integer("min", std::numeric_limits<int64_t>::min())
                               .Strings("list", {"a", "\"b\\"})
                               .Raw("raw", "{\"k\":1}")
                               .RawArray("array", {"{}", "[]"})
                               .Take();
  auto o = JsonObject::Parse(text);
  ASSERT_TRUE(o) << text;
  EXPECT_EQ(o->TakeString("s"), all);
  EXPECT_EQ(o->TakeInteger("min"), std::numeric_limits<int64_t>::min());
  EXPECT_EQ(o->TakeStrings("list"), (std::vector<std::string>{"a", "\"b\\"}));
  EXPECT_EQ(o->TakeRaw("raw"), "{\"k\":1}");
  EXPECT_EQ(o->TakeRaw("array"), "[{},[]]");
  EXPECT_EQ(JsonWriter().Take(), "{}");
  EXPECT_EQ(JsonWriter().String("a", "b\"\n\x01\x1f/").Integer("n", 0).Take(),
            "{\"a\":\"b\\\"\\n\\u0001\\u001f/\",\"n\":0}");
}

TEST(Json, IsLongerThanAMessageOnlyWhereTheReaderSaysSo) {
  const std::string text = "{\"long\":\"" + std::string(kMaxJsonBytes, 'x') + "\"}";
  EXPECT_FALSE(JsonObject::Parse(text));
  EXPECT_FALSE(JsonObject::Parse(text, text.size() - 1));
  auto o = JsonObject::Parse(text, text.size());
  ASSERT_TRUE(o) << o.error().message;
  EXPECT_EQ(o->TakeString("long").size(), kMaxJsonBytes);
  EXPECT_TRUE(o->Finish());
  EXPECT_FALSE(JsonObject::Parse("{\"a\":1,\"a\":1}", text.size())) << "as strict as ever";
}

TEST(Json, AnArrayOfStringsMayBeTheWholeText) {
  EXPECT_EQ(*ParseJsonStrings(" [\"a\", \"b\"] "), (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(PrintJsonStrings({"a", "b\""}), "[\"a\",\"b\\\"\"]");
  EXPECT_EQ(PrintJsonStrings({}), "[]");
  for (const char* text : {"", "{}", "\"a\"", "[1]", "[[\"a\"]]", "[\"a\"] x", "[\"a\"]}",
                           "[\"a\"],\"array\":[\"b\"]", "[\"a\"],\"x\":1", "[\"a\"]}{\"b\":[]"}) {
    EXPECT_FALSE(ParseJsonStrings(text)) << text;
  }
}

}  // namespace
}  // namespace paygate::protocol
