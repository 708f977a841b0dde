#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "base/crypto.h"
#include "base/encoding.h"
#include "tools/ceremony/hall.h"
#include "tools/ceremony/signatory.h"
#include "tools/ceremony/verify.h"

namespace paygate::tools::ceremony {
namespace {

using base::ErrorCode;
using base::Fail;
using base::Status;

bool Ends(const Record& record) {
  return record.event == "done" || record.event == "closed" || record.event == "signed";
}

// Every step that was announced was begun, then ended, once, and in the order announced.
void CheckSteps(const std::vector<Record>& records, Verdict& verdict) {
  const std::vector<std::string> announced = records.front().Texts("steps");
  std::set<std::string> begun;
  size_t next = 0;
  bool closed = false;
  for (const Record& record : records) {
    const std::string where = "line " + std::to_string(record.number) + ": ";
    if (record.event == "opened" && record.number != 1) verdict.Bad(where + "opened a second time");
    if (record.event == "begun") begun.insert(record.step);
    if (closed && (record.event == "done" || record.event == "linted")) {
      verdict.Bad(where + "something was done after the transcript was closed");
    }
    if (!Ends(record)) continue;
    if (!begun.contains(record.step)) verdict.Bad(where + record.step + " ended but never began");
    if (next >= announced.size() || announced[next] != record.step) {
      verdict.Bad(where + record.step + " is not the step whose turn it was");
      return;
    }
    ++next;
    closed |= record.event == "closed";
  }
  if (!closed) verdict.Bad("the transcript was not closed: the ceremony is unfinished");
  if (next == announced.size()) {
    verdict.Good("all " + std::to_string(next) + " steps were done in their order");
  } else {
    verdict.Bad("step " + announced[next] + " and those after it were not done");
  }
}

struct Signatory {
  std::string role, name, public_key;
};

std::vector<Signatory> SignatoriesOf(const Record& opened, const Plan* reviewed) {
  std::vector<Signatory> all;
  if (reviewed != nullptr) {
    for (const SignatoryPlan& who : reviewed->signatories) {
      all.push_back({who.role, who.name, who.public_key});
    }
    return all;
  }
  const ordered_json json = ordered_json::parse(opened.Json("signatories"), nullptr, false);
  if (!json.is_array()) return all;
  const auto text = [](const ordered_json& object, const char* name) {
    const auto at = object.find(name);
    return at != object.end() && at->is_string() ? at->get<std::string>() : std::string();
  };
  for (const ordered_json& each : json) {
    if (!each.is_object()) continue;
    auto der = base::Base64Decode(text(each, "public_key"));
    all.push_back({text(each, "role"), text(each, "name"), der ? *der : std::string()});
  }
  return all;
}

Status CheckSignature(const std::vector<Record>& records, const Record& closed,
                      const Signatory& who) {
  for (const Record& record : records) {
    if (record.event != "signed" || record.Text("name") != who.name) continue;
    if (record.number < closed.number) break;
    const Attestation what{.role = who.role,
                           .name = who.name,
                           .closed = closed.hash,
                           .prev = record.Text("prev"),
                           .time = record.time};
    const std::string jws = record.Text("jws");
    RETURN_IF_ERROR(VerifyTranscriptSignature(what, who.public_key, jws));
    // Nothing but what is signed, or follows from it, is in the line.
    ordered_json whole = {{"n", record.number}, {"time", what.time}, {"prev", what.prev}};
    whole.update(SignedMembers(what, jws));
    if (record.line == whole.dump()) return {};
    return Fail(ErrorCode::kSignatureInvalid, "there is more in the line than is signed");
  }
  return Fail(ErrorCode::kSignatureInvalid, "has not signed");
}

void CheckSignatures(const std::vector<Record>& records, const Plan* reviewed, Verdict& verdict) {
  const Record* closed = FindLast(records, "closed", {});
  if (closed == nullptr) return;
  const std::vector<Signatory> all = SignatoriesOf(records.front(), reviewed);
  if (all.empty()) verdict.Bad("nobody was to sign");
  for (const Signatory& who : all) {
    const std::string name = who.role + " '" + who.name + "'";
    auto good = CheckSignature(records, *closed, who);
    if (good) {
      verdict.Good(name + " signed (key " + base::Sha256Base64Url(who.public_key) + ")");
    } else {
      verdict.Bad(name + ": " + good.error().message);
    }
  }
}

}  // namespace

bool Verdict::good() const {
  return std::ranges::none_of(findings,
                              [](const Finding& f) { return f.grade == Finding::Grade::kBad; });
}
void Verdict::Good(std::string sentence) {
  findings.push_back({Finding::Grade::kGood, std::move(sentence)});
}
void Verdict::Note(std::string sentence) {
  findings.push_back({Finding::Grade::kNote, std::move(sentence)});
}
void Verdict::Bad(std::string sentence) {
  findings.push_back({Finding::Grade::kBad, std::move(sentence)});
}

Verdict VerifyTranscript(std::string_view text, const Plan* reviewed) {
  Verdict verdict;
  auto records = ParseTranscript(text);
  if (!records) {
    verdict.Bad(records.error().message);
    return verdict;
  }
  verdict.Good(std::to_string(records->size()) + " lines, each following from the one before");
  const Record& opened = records->front();
  if (opened.event != "opened") {
    verdict.Bad("line 1 does not open a ceremony");
    return verdict;
  }
  if (reviewed == nullptr) {
    verdict.Note("who was to sign is taken from the transcript itself: compare the keys below with "
                 "those that you know, or give the reviewed file by --ceremony");
  } else if (opened.Text("file_sha256") == base::Sha256Base64Url(reviewed->text)) {
    verdict.Good("the ceremony's file is the reviewed one");
  } else {
    verdict.Bad("the ceremony was held by another file than the one reviewed");
  }
  CheckSteps(*records, verdict);
  CheckSignatures(*records, reviewed, verdict);
  return verdict;
}

}  // namespace paygate::tools::ceremony
