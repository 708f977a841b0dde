#include "bank/adapters/iso20022/messages.h"
#include "gtest/gtest.h"
#include "tests/iso20022/samples.h"

namespace paygate::bank::iso20022 {
namespace {

using namespace testing;

std::string WithRemittance(const std::string& raw) {
  std::string text = Print({HeaderOf(), TransferOf()});
  const std::string line = "goods &lt;7&gt; &amp; \"more\"";
  const size_t at = text.find(line);
  EXPECT_NE(at, text.npos) << text;
  return text.replace(at, line.size(), raw);
}

TEST(Iso20022Xml, RefusesEverythingThatMakesAParserDoMoreThanRead) {
  const std::string good = Print({HeaderOf(), TransferOf()});
  ASSERT_TRUE(Parse(good));
  const std::string after = good.substr(good.find('\n') + 1);
  for (const std::string& bad : {
           std::string("<!DOCTYPE BizMsg>") + after,
           std::string("<!DOCTYPE BizMsg [<!ENTITY a SYSTEM \"file:///etc/passwd\">]>") + after,
           WithRemittance("&a;"),
           WithRemittance("&#0;"),
           WithRemittance("&#x1F;"),
           WithRemittance("&#xD800;"),
           WithRemittance("&unterminated"),
           WithRemittance("<![CDATA[x]]>"),
           WithRemittance("<!-- x -->"),
           WithRemittance("<?php x ?>"),
           WithRemittance("\x01"),
           WithRemittance("\xff\xfe"),
           std::string("<?xml version=\"1.0\" encoding=\"UTF-16\"?>") + after,
           after + after,
           after + "<x/>",
           std::string("text") + after,
           after + "text",
           after + "text>",
           good.substr(0, good.size() / 2),
           std::string(),
       }) {
    EXPECT_FALSE(Parse(bad)) << bad;
  }
  EXPECT_TRUE(Parse(WithRemittance("&amp;&#65;&#x20AC;")));
  EXPECT_TRUE(Parse(after)) << "the declaration may be left out";
}

TEST(Iso20022Xml, RefusesWhatIsTooLargeOrTooDeep) {
  EXPECT_EQ(Parse(WithRemittance(std::string(kMaxMessageBytes, 'x'))).error().code,
            base::ErrorCode::kPayloadTooLarge);
  std::string deep, closing;
  for (int i = 0; i < 5000; ++i) {
    deep += "<a>";
    closing += "</a>";
  }
  const auto refused = Parse(WithRemittance(deep + closing));
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().message.find("deeply"), std::string::npos);
}

TEST(Iso20022Xml, KeepsMarkupInATextAText) {
  CreditTransfer transfer = TransferOf();
  transfer.remittance = {"</Ustrd><UETR>x</UETR> ]]> &amp; 'q' \"q\" \xe2\x82\xac"};
  auto read = Parse(Print({HeaderOf(), transfer}));
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(std::get<CreditTransfer>(read->body).remittance, transfer.remittance);
}

}  // namespace
}  // namespace paygate::bank::iso20022
