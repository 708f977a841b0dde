#include "tools/load/report.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace paygate::load {
namespace {

constexpr char kEvil[] = "<script>alert('x')</script>\"&";

// A run of ten seconds as it might have been.
Findings Sample() {
  Findings f;
  f.options.title = "Before";
  f.options.target.url = "https://127.0.0.1:8443";
  f.options.plan.phases = {.warm_up_s = 1, .ramp_s = 1, .steady_s = 8};
  f.options.plan.concurrency = 4;
  f.options.command_line = "paygate-load run";
  f.gateway_id = "gateway";
  f.signature_algorithm = "ES256";
  f.encryption_algorithm = "ECDH-ES";
  f.started_at = "2026-11-27T10:00:00Z";
  f.participants = 8;
  f.ended_at = 10;
  f.settled = true;
  for (uint32_t i = 1; i <= 1000; ++i) f.stats.Of(Kind::kPurchase).latency.Record(i * 100);
  f.stats.Of(Kind::kPurchase).ended[0] = 1000;
  f.stats.good_within = f.stats.payments_within = 1000;
  for (auto& step : f.stats.steps) step.Record(9000);
  for (int t = 0; t < 10; ++t) {
    f.stats.At(t).payments = 100;
    f.stats.At(t).micros = {1000, 2000, 90000};
  }
  f.from = {.at = 2,
            .own_cpu_s = 1,
            .processes = {{.pid = 7, .name = "engine", .cpu_s = 3}},
            .engine = R"({"meters":{"sign":{"count":10,"operations":15,"micros":1000}}})"};
  f.to = {.at = 10,
          .own_cpu_s = 2,
          .processes = {{.pid = 7, .name = "engine", .cpu_s = 9}},
          .engine = R"({"meters":{"sign":{"count":3010,"operations":4015,"micros":2001000}}})"};
  return f;
}

Json Result(const Findings& f) {
  Json json = ToJson(f);
  json["verdict"] = {{"good", true}, {"reasons", Json::array()}};
  return json;
}

// What a browser would fetch or run.
void ExpectSelfContained(const std::string& page) {
  for (const char* foreign : {"<script", "<link", "<img", "<iframe", "url(", "@import",
                              " src=", " href=", "javascript:", "onload=", "onclick="}) {
    EXPECT_EQ(page.find(foreign), std::string::npos) << foreign;
  }
}

TEST(Report, NeedsNothingBesideItself) {
  const auto page = HtmlReport(Result(Sample()));
  ASSERT_TRUE(page) << page.error().message;
  ExpectSelfContained(*page);
  EXPECT_NE(page->find("Before"), std::string::npos);
  EXPECT_NE(page->find("<svg"), std::string::npos);
  EXPECT_NE(page->find("prefers-color-scheme:dark"), std::string::npos);
  EXPECT_NE(page->find("@media print"), std::string::npos);
}

TEST(Report, EscapesEverythingThatComesFromOutside) {
  Findings f = Sample();
  f.options.title = f.options.command_line = f.gateway_id = f.options.target.url = kEvil;
  f.options.amount = f.options.algorithms = f.signature_algorithm = f.bank = kEvil;
  f.started_at = f.books_problem = kEvil;
  f.stats.codes[kEvil] = 1;
  f.stats.broken[kEvil] = 1;
  f.stats.hostile[kEvil] = 1;
  f.truth.findings = {kEvil};
  f.truth_checked = true;
  f.from.processes[0].name = f.to.processes[0].name = kEvil;
  f.knee = {{.rate = 5, .achieved = 5, .held = true, .why = kEvil},
            {.rate = 9, .achieved = 5, .held = false, .why = kEvil}};
  Json json = Result(f);
  json["verdict"] = {{"good", false}, {"reasons", {kEvil}}};
  const auto page = HtmlReport(json), both = HtmlComparison(json, Result(Sample()));
  ASSERT_TRUE(page) << page.error().message;
  ASSERT_TRUE(both) << both.error().message;
  ExpectSelfContained(*page);
  ExpectSelfContained(*both);
  EXPECT_EQ(page->find("alert('x')"), std::string::npos);
  EXPECT_EQ(both->find("alert('x')"), std::string::npos);
}

TEST(Report, SaysWhyARunFailed) {
  Json json = Result(Sample());
  json["verdict"] = {{"good", false}, {"reasons", {"p99>50ms: it is 60.000 ms"}}};
  const auto page = HtmlReport(json);
  ASSERT_TRUE(page);
  EXPECT_NE(page->find("p99&gt;50ms: it is 60.000 ms"), std::string::npos);
  EXPECT_NE(page->find("This run failed"), std::string::npos);
}

TEST(Report, OfWhatIsNoResultIsRefused) {
  EXPECT_FALSE(HtmlReport(Json::object()));
  EXPECT_FALSE(HtmlReport(Json::array({1})));
  EXPECT_FALSE(HtmlComparison(Result(Sample()), Json{{"version", 1}}));
}

TEST(Report, OfAForeignResultWithNumbersBeyondAllMeasureEnds) {
  Json json = Result(Sample());
  json["seconds"][0]["t"] = 9007199254740993.0;
  json["seconds"][1]["t"] = 9007199254740995.0;
  json["seconds"][2]["payments"] = 1.7e308;
  json["seconds"][3]["p50_ms"] = 1e-300;
  json["seconds"][4]["max_ms"] = 1.7e308;
  EXPECT_TRUE(HtmlReport(json));
  for (auto& second : json["seconds"]) second["t"] = 9007199254740993.0;
  EXPECT_TRUE(HtmlReport(json));
  EXPECT_TRUE(HtmlComparison(json, json));
}

TEST(Report, OfARunInWhichNothingEndedIsStillAPage) {
  Findings f = Sample();
  f.stats = {};
  f.from = f.to = {};
  EXPECT_TRUE(HtmlReport(Result(f)));
}

TEST(Comparison, SaysWhatDiffersAndWhichIsBetter) {
  Findings slower = Sample();
  slower.options.plan.concurrency = 9;
  slower.stats.payments_within = 500;
  const auto page = HtmlComparison(Result(Sample()), Result(slower));
  ASSERT_TRUE(page) << page.error().message;
  EXPECT_NE(page->find("load · concurrency"), std::string::npos);
  EXPECT_NE(page->find("-50.0 %"), std::string::npos);
  EXPECT_NE(page->find("worse"), std::string::npos);
}

TEST(Result, CountsTokenOperationsOfEachPayment) {
  const Json json = Result(Sample());
  EXPECT_DOUBLE_EQ(json["where"]["token_operations"]["signatures"].get<double>(), 4.0);
  EXPECT_DOUBLE_EQ(json["where"]["token_operations"]["trips"].get<double>(), 3.0);
  EXPECT_DOUBLE_EQ(json["where"]["per_payment_ms"]["token"].get<double>(), 2.0);
  EXPECT_DOUBLE_EQ(json["processes"][0]["cores"].get<double>(), 0.75);
}

TEST(Result, CountsNotStartedAsErrors) {
  Findings f = Sample();
  f.stats.not_started = 1000;
  EXPECT_DOUBLE_EQ(Result(f)["summary"]["error_rate"].get<double>(), 0.5);
}

TEST(CountWord, LetsNoGatewayWriteToATerminalAndKeepsTheirNumberSmall) {
  std::map<std::string, uint64_t> words;
  CountWord(words, "\x1b[2Jgone\xff");
  EXPECT_EQ(words.begin()->first, "?[2Jgone?");
  for (int i = 0; i < 1000; ++i) CountWord(words, std::to_string(i));
  EXPECT_LE(words.size(), kMaxDifferentWords + 1);
  EXPECT_GT(words["others"], 900u);
}

TEST(EscapeHtml, LeavesNoCharacterThatMeansSomething) {
  EXPECT_EQ(EscapeHtml("<a b=\"c\" d='e'>&\x01"), "&lt;a b=&quot;c&quot; d=&#39;e&#39;&gt;&amp;?");
}

TEST(Short, HasAsManyDigitsAsAReaderWants) {
  EXPECT_EQ(Short(0), "0");
  EXPECT_EQ(Short(0.0451), "0.045");
  EXPECT_EQ(Short(1.5), "1.5");
  EXPECT_EQ(Short(12.34), "12.3");
  EXPECT_EQ(Short(120), "120");
  EXPECT_EQ(Short(1234567), "1,234,567");
  EXPECT_EQ(Short(-1234), "-1,234");
}

}  // namespace
}  // namespace paygate::load
