#include <nlohmann/json.hpp>

#include "base/crypto.h"
#include "base/encoding.h"
#include "tests/fuzz/fuzz.h"
#include "tools/ceremony/minute.h"
#include "tools/ceremony/transcript.h"
#include "tools/ceremony/verify.h"

using namespace paygate;
using namespace paygate::tools::ceremony;

namespace {

// Lines of members, numbered and chained, so that what is behind the chain is reached.
std::string Chained(std::string_view members) {
  std::string text, prev = base::Base64UrlEncode(std::string(32, '\0'));
  for (int n = 1; !members.empty() && n < 100; ++n) {
    const size_t end = members.find('\n');
    auto json = nlohmann::ordered_json::parse(members.substr(0, end), nullptr, false);
    members.remove_prefix(end == std::string_view::npos ? members.size() : end + 1);
    if (!json.is_object()) continue;
    json["n"] = n;
    json["prev"] = prev;
    if (!json.contains("time")) json["time"] = "2026-11-25T02:47:13Z";
    const std::string line =
        json.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
    prev = base::Sha256Base64Url(line);
    text += line + "\n";
  }
  return text;
}

}  // namespace

void Fuzz(std::string_view input) {
  const bool chain = Choose(input, 2) == 1;
  const std::string text = chain ? Chained(input) : std::string(input);
  const auto records = ParseTranscript(text);
  const Verdict verdict = VerifyTranscript(text, nullptr);
  Require(!verdict.findings.empty(), "a finding");
  if (!records) {
    Require(!verdict.good(), "what does not parse is not good");
    return;
  }
  Require(!records->empty(), "a line");
  std::string again;
  for (const Record& record : *records) again += record.line + "\n";
  Require(again == text, "every octet is in a line");
  (void)PrintMinute(*records);
  if (records->size() < 2) return;
  std::string changed = text;
  changed[records->front().line.size() / 2] ^= 1;
  Require(!ParseTranscript(changed), "a change in the first line is found");
}
