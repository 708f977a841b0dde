#include "tools/ceremony/minute.h"

#include <nlohmann/json.hpp>

#include "base/crypto.h"
#include "base/encoding.h"
#include "tools/ceremony/html.h"

namespace paygate::tools::ceremony {
namespace {

using nlohmann::ordered_json;

std::string Code(const std::string& text) { return "<code>" + EscapeHtml(text) + "</code>"; }

std::string Row(const std::vector<std::string>& cells, const char* kind = "td") {
  std::string row = "<tr>";
  for (const std::string& cell : cells) {
    row += "<" + std::string(kind) + ">" + cell + "</" + kind + ">";
  }
  return row + "</tr>\n";
}

// A heading and a table; nothing where there are no rows.
std::string Section(const std::string& heading, const std::vector<std::string>& columns,
                    const std::string& rows) {
  if (rows.empty()) return {};
  return "<h2>" + heading + "</h2>\n<table>\n" + Row(columns, "th") + rows + "</table>\n";
}

// The objects of a member that is a list of them.
std::vector<ordered_json> Objects(const Record& record, std::string_view member) {
  const ordered_json list = ordered_json::parse(record.Json(member), nullptr, false);
  std::vector<ordered_json> objects;
  if (!list.is_array()) return objects;
  for (const ordered_json& each : list) {
    if (each.is_object()) objects.push_back(each);
  }
  return objects;
}

std::string TextOf(const ordered_json& object, const char* name) {
  const auto at = object.find(name);
  return at != object.end() && at->is_string() ? at->get<std::string>() : std::string();
}

std::string Summary(const Record& opened, const Record* closed) {
  std::string rows = Row({"Kind", EscapeHtml(opened.Text("ceremony"))});
  rows += Row({"Opened", EscapeHtml(opened.Text("clock")) + " by this computer's clock"});
  if (closed != nullptr) rows += Row({"Closed", EscapeHtml(closed->time)});
  if (const std::string id = opened.Text("gateway_id"); !id.empty()) {
    rows += Row({"Gateway ID", Code(id)});
  }
  rows += Row({"Ceremony's file", Code(opened.Text("file_sha256"))});
  rows += Row({"Program", Code(opened.Text("tool_sha256"))});
  rows += Row({"Transcript", closed != nullptr ? Code(closed->hash) : "not closed"});
  return "<table>\n" + rows + "</table>\n<p>Hashes are SHA-256 in base64url. The transcript's is "
         "that of its line that closes it, which is what is signed.</p>\n";
}

std::string Tokens(const std::vector<Record>& records) {
  std::string rows;
  for (const Record& record : records) {
    if (record.event != "token") continue;
    rows += Row({EscapeHtml(record.Text("token")),
                 EscapeHtml(record.Text("label")) + ", " + EscapeHtml(record.Text("manufacturer")) +
                     " " + EscapeHtml(record.Text("model")),
                 Code(record.Text("serial")), EscapeHtml(record.Text("firmware_version")),
                 EscapeHtml(record.Text("module")) + "<br>" +
                     Code(record.Text("module_sha256"))});
  }
  return Section("Tokens", {"Name", "Token", "Serial", "Firmware", "Module"}, rows);
}

// What came of a step: the fingerprints that one compares aloud.
std::string Result(const Record& done) {
  std::string text;
  for (const char* name : {"sha256", "serial", "not_after", "restored_into", "proved_by"}) {
    const std::string value = done.Text(name);
    if (!value.empty()) text += EscapeHtml(name) + " " + Code(value) + "<br>";
  }
  return text;
}

std::string Steps(const std::vector<Record>& records) {
  std::string rows;
  const std::vector<std::string> steps = records.front().Texts("steps");
  for (size_t i = 0; i < steps.size(); ++i) {
    const Record* begun = FindLast(records, "begun", steps[i]);
    if (begun == nullptr) continue;
    const Record* done = FindLast(records, "done", steps[i]);
    rows += Row({std::to_string(i + 1), EscapeHtml(begun->time),
                 EscapeHtml(begun->Text("words")), EscapeHtml(begun->Text("answer")),
                 done != nullptr ? Result(*done) : ""});
  }
  return Section("Steps", {"No.", "Begun", "What was done", "Answer", "Result"}, rows);
}

std::string Interruptions(const std::vector<Record>& records) {
  std::string rows;
  for (const Record& record : records) {
    if (record.event == "failed") {
      rows += Row({EscapeHtml(record.time), "failed: " + EscapeHtml(record.step) + ": " +
                                                EscapeHtml(record.Text("why"))});
    }
    if (record.event == "resumed") rows += Row({EscapeHtml(record.time), "resumed"});
  }
  return Section("Interruptions", {"Time", "What"}, rows);
}

std::string Files(const Record* closed) {
  std::string rows;
  if (closed == nullptr) return rows;
  for (const ordered_json& each : Objects(*closed, "files")) {
    rows += Row({EscapeHtml(TextOf(each, "file")), Code(TextOf(each, "sha256"))});
  }
  return Section("Files", {"File", "SHA-256"}, rows);
}

std::string Signatures(const std::vector<Record>& records) {
  std::string rows;
  for (const ordered_json& each : Objects(records.front(), "signatories")) {
    const std::string name = TextOf(each, "name");
    const auto key = base::Base64Decode(TextOf(each, "public_key"));
    const bool signed_it = FindLast(records, "signed", "sign " + name) != nullptr;
    rows += Row({EscapeHtml(TextOf(each, "role")), EscapeHtml(name),
                 (key ? Code(base::Sha256Base64Url(*key)) : std::string()) + "<br>" +
                     (signed_it ? "signed the transcript" : "has not signed the transcript"),
                 "<div class=\"line\"></div>"});
  }
  return Section("Those present", {"Role", "Name", "Key", "Date and signature by hand"}, rows);
}

}  // namespace

std::string PrintMinute(const std::vector<Record>& records) {
  const Record& opened = records.front();
  const Record* closed = FindLast(records, "closed", {});
  const std::string title = opened.Text("title");
  return HtmlPage("Minute of a key ceremony" + (title.empty() ? "" : ": " + title),
                  Summary(opened, closed) + Signatures(records) + Tokens(records) +
                      Steps(records) + Interruptions(records) + Files(closed) +
                      "<p>This page was printed from <code>transcript.jsonl</code>, which is what "
                      "counts: <code>paygate-ceremony verify</code> holds one against the "
                      "other.</p>\n");
}

}  // namespace paygate::tools::ceremony
