// Grammar: lines of one JSON object each, ended by LF:
//   {"n":1,"time":"2026-…Z","event":"opened","prev":"AAA…", …}
// n counts from 1; prev = base64url(SHA-256(the line before, without LF)), of the first line 32
// zero octets. Times do not go back. docs/formats/ceremony.md has the members of each event.
#include "tools/ceremony/transcript.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <nlohmann/json.hpp>

#include "base/crypto.h"
#include "base/encoding.h"
#include "base/file.h"

namespace paygate::tools::ceremony {
namespace {

using base::ErrorCode;
using base::Fail;
using base::Result;
using base::Status;
using nlohmann::ordered_json;

constexpr size_t kMaxTranscriptBytes = 16u << 20;
constexpr size_t kMaxLineBytes = 256u << 10;
constexpr size_t kMaxLines = 10'000;
constexpr int kMaxDepth = 8;

std::string Genesis() { return base::Base64UrlEncode(std::string(32, '\0')); }

auto Wrong(size_t line, const std::string& what) {
  return Fail(ErrorCode::kMalformed, "transcript, line " + std::to_string(line) + ": " + what);
}

// Nothing else in a line is believed deeper than this.
ordered_json ParseLine(std::string_view line) {
  int depth = 0;
  return ordered_json::parse(
      line,
      [&](int at, ordered_json::parse_event_t, ordered_json&) {
        depth = std::max(depth, at);
        return at < kMaxDepth;
      },
      /*allow_exceptions=*/false);
}

Result<Record> ReadLine(std::string_view line, size_t number, const std::string& prev,
                        const std::string& last_time) {
  if (line.size() > kMaxLineBytes) return Wrong(number, "is too long");
  const ordered_json json = ParseLine(line);
  if (!json.is_object()) return Wrong(number, "is no JSON object");
  Record record;
  record.line = line;
  record.event = record.Text("event");
  record.time = record.Text("time");
  record.step = record.Text("step");
  record.hash = base::Sha256Base64Url(line);
  const auto n = json.find("n");
  if (n == json.end() || !n->is_number_integer() ||
      n->get<int64_t>() != static_cast<int64_t>(number)) {
    return Wrong(number, "its number is not " + std::to_string(number) +
                             ": lines are missing, added or in another order");
  }
  record.number = static_cast<int64_t>(number);
  if (record.Text("prev") != prev) {
    return Wrong(number, "does not follow from the line before: one of the two was changed");
  }
  if (record.event.empty() || !ParseTime(record.time)) return Wrong(number, "lacks event or time");
  if (record.time < last_time) return Wrong(number, "its time is before that of the line before");
  return record;
}

Result<std::string> ReadAll(int fd) {
  std::string text;
  char some[65536];
  for (;;) {
    const ssize_t got = ::pread(fd, some, sizeof some, static_cast<off_t>(text.size()));
    if (got < 0) return Fail(ErrorCode::kIo, std::string("transcript: ") + std::strerror(errno));
    if (got == 0) return text;
    text.append(some, static_cast<size_t>(got));
    if (text.size() > kMaxTranscriptBytes) return Fail(ErrorCode::kMalformed, "too long");
  }
}

}  // namespace

std::string Record::Text(std::string_view name) const {
  const ordered_json json = ParseLine(line);
  const auto at = json.is_object() ? json.find(name) : json.end();
  return at != json.end() && at->is_string() ? at->get<std::string>() : std::string();
}

std::vector<std::string> Record::Texts(std::string_view name) const {
  const ordered_json json = ParseLine(line);
  std::vector<std::string> texts;
  const auto at = json.is_object() ? json.find(name) : json.end();
  if (at == json.end() || !at->is_array()) return texts;
  for (const auto& each : *at) {
    if (each.is_string()) texts.push_back(each.get<std::string>());
  }
  return texts;
}

std::string Record::Json(std::string_view name) const {
  const ordered_json json = ParseLine(line);
  const auto at = json.is_object() ? json.find(name) : json.end();
  return at == json.end() ? "null"
                          : at->dump(-1, ' ', false, ordered_json::error_handler_t::replace);
}

Result<std::vector<Record>> ParseTranscript(std::string_view text) {
  if (text.size() > kMaxTranscriptBytes) return Fail(ErrorCode::kMalformed, "too long");
  if (text.empty() || !text.ends_with('\n')) {
    return Fail(ErrorCode::kMalformed, "the transcript does not end with a whole line");
  }
  std::vector<Record> records;
  std::string prev = Genesis(), time;
  while (!text.empty()) {
    const size_t end = text.find('\n');
    if (records.size() >= kMaxLines) return Fail(ErrorCode::kMalformed, "too many lines");
    ASSIGN_OR_RETURN(Record record,
                     ReadLine(text.substr(0, end), records.size() + 1, prev, time));
    text.remove_prefix(end + 1);
    prev = record.hash;
    time = record.time;
    records.push_back(std::move(record));
  }
  return records;
}

Result<std::unique_ptr<Transcript>> Transcript::Create(const std::string& path,
                                                       const base::Clock& clock) {
  const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC, 0644);
  if (fd < 0 && errno == EEXIST) {
    return Fail(ErrorCode::kAlreadyExists,
                path + " exists: a ceremony was begun here. `paygate-ceremony resume` goes on with "
                "it; nothing is ever overwritten: for another choose another output_directory");
  }
  if (fd < 0) return Fail(ErrorCode::kIo, path + ": " + std::strerror(errno));
  std::unique_ptr<Transcript> made(new Transcript(fd, clock));
  if (::flock(fd, LOCK_EX | LOCK_NB) != 0) return Fail(ErrorCode::kInFlight, path + " is in use");
  return made;
}

Result<std::unique_ptr<Transcript>> Transcript::Resume(const std::string& path,
                                                       const base::Clock& clock) {
  const int fd = ::open(path.c_str(), O_RDWR | O_APPEND | O_CLOEXEC);
  if (fd < 0 && errno == ENOENT) {
    return Fail(ErrorCode::kNotFound, path + " is not there: no ceremony was begun here; use run");
  }
  if (fd < 0) return Fail(ErrorCode::kIo, path + ": " + std::strerror(errno));
  std::unique_ptr<Transcript> found(new Transcript(fd, clock));
  if (::flock(fd, LOCK_EX | LOCK_NB) != 0) {
    return Fail(ErrorCode::kInFlight, path + " is in use by another paygate-ceremony");
  }
  ASSIGN_OR_RETURN(std::string text, ReadAll(fd));
  // A crash in the middle of a write leaves part of a line, of which nothing was done yet.
  const size_t whole = text.rfind('\n') == std::string::npos ? 0 : text.rfind('\n') + 1;
  if (whole == 0) return Fail(ErrorCode::kMalformed, path + " has no whole line: begin anew");
  if (whole != text.size() && ::ftruncate(fd, static_cast<off_t>(whole)) != 0) {
    return Fail(ErrorCode::kIo, path + ": " + std::strerror(errno));
  }
  ASSIGN_OR_RETURN(found->records_, ParseTranscript(std::string_view(text).substr(0, whole)));
  return found;
}

Transcript::~Transcript() { ::close(fd_); }

std::string Transcript::NextTime() const {
  // A clock that was set back between two lines must not look like a reordering.
  const std::string time = PrintTime(clock_.Now());
  return !records_.empty() && time < records_.back().time ? records_.back().time : time;
}

Status Transcript::Append(const ordered_json& members, Durability durability) {
  ordered_json whole = {{"n", records_.size() + 1},
                        {"time", NextTime()},
                        {"prev", records_.empty() ? Genesis() : records_.back().hash}};
  whole.update(members);
  const std::string line = whole.dump(-1, ' ', false, ordered_json::error_handler_t::replace);
  ASSIGN_OR_RETURN(Record record,
                   ReadLine(line, records_.size() + 1,
                            records_.empty() ? Genesis() : records_.back().hash, ""));
  const std::string bytes = line + "\n";
  if (::write(fd_, bytes.data(), bytes.size()) != static_cast<ssize_t>(bytes.size()) ||
      (durability == Durability::kNow && ::fsync(fd_) != 0)) {
    return Fail(ErrorCode::kIo, std::string("transcript: ") + std::strerror(errno));
  }
  records_.push_back(std::move(record));
  return {};
}

const Record* FindLast(const std::vector<Record>& records, std::string_view event,
                       std::string_view step) {
  for (auto at = records.rbegin(); at != records.rend(); ++at) {
    if (at->event == event && (step.empty() || at->step == step)) return &*at;
  }
  return nullptr;
}

const Record* Transcript::Last(std::string_view event, std::string_view step) const {
  return FindLast(records_, event, step);
}

std::string PrintTime(base::UnixTime t) {
  const auto day = std::chrono::floor<std::chrono::days>(t);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss clock(t - day);
  char text[32];
  std::snprintf(text, sizeof text, "%04d-%02u-%02uT%02d:%02d:%02dZ", static_cast<int>(date.year()),
                static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                static_cast<int>(clock.hours().count()), static_cast<int>(clock.minutes().count()),
                static_cast<int>(clock.seconds().count()));
  return text;
}

Result<base::UnixTime> ParseTime(std::string_view text) {
  int year, month, day, hour, minute, second, read = 0;
  const std::string copy(text);
  if (copy.size() != 20 ||
      std::sscanf(copy.c_str(), "%4d-%2d-%2dT%2d:%2d:%2dZ%n", &year, &month, &day, &hour, &minute,
                  &second, &read) != 6 ||
      read != 20) {
    return Fail(ErrorCode::kMalformed, "no time");
  }
  using namespace std::chrono;
  const year_month_day date = std::chrono::year(year) / month / day;
  const base::UnixTime time = sys_days(date) + hours(hour) + minutes(minute) + seconds(second);
  if (!date.ok() || PrintTime(time) != text) return Fail(ErrorCode::kMalformed, "no time");
  return time;
}

}  // namespace paygate::tools::ceremony
