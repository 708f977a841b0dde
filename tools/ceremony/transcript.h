// Transcript: the hash-chained record of a ceremony (JSON lines). docs/formats/ceremony.md.
//
// Guarantee: a line that announces something is durable before that is done; one that reports it
// may be lost in a crash, and the step then counts as interrupted. Lines are only ever added; each
// holds the hash of the line before it, so that any change, deletion or reordering is found, and
// the hash of the line `closed` is what operator and witnesses sign. Not thread-safe; one writer at
// a time (the file is locked).
#pragma once

#include <functional>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"

namespace paygate::tools::ceremony {

struct Record {
  int64_t number = 0;  // 1, 2, …
  std::string event;   // "opened" "token" "begun" "linted" "done" "resumed" "closed" "signed"
  std::string time;    // RFC 3339, UTC
  std::string step;    // of "begun", "linted", "done"
  std::string line;    // the whole, without line feed
  std::string hash;    // base64url(SHA-256(line))

  // A member by its name: "" or {} if it is missing or of another type.
  std::string Text(std::string_view name) const;
  std::vector<std::string> Texts(std::string_view name) const;
  // The member, as JSON; "null" if it is missing.
  std::string Json(std::string_view name) const;
};

// Parses and checks numbers and chain: kMalformed says which line. Bytes from outside.
base::Result<std::vector<Record>> ParseTranscript(std::string_view text);

class Transcript {
 public:
  // O_EXCL: kAlreadyExists when a ceremony was begun here.
  static base::Result<std::unique_ptr<Transcript>> Create(const std::string& path,
                                                          const base::Clock& clock);
  // An unfinished one: its last line, if half written, is cut off. kInFlight while another program
  // has it open.
  static base::Result<std::unique_ptr<Transcript>> Resume(const std::string& path,
                                                          const base::Clock& clock);
  ~Transcript();
  Transcript(const Transcript&) = delete;

  // Adds n, time and prev to `members`, an object with `event`. Durable on return where said, with
  // all lines before it.
  enum class Durability : uint8_t { kNow, kWithTheNext };
  base::Status Append(const nlohmann::ordered_json& members,
                      Durability durability = Durability::kNow);
  std::string NextTime() const;  // what Append will write, unless `members` has a time
  const std::vector<Record>& records() const { return records_; }
  // The last record of this event, and of this step if one is given.
  const Record* Last(std::string_view event, std::string_view step = {}) const;

 private:
  Transcript(int fd, const base::Clock& clock) : fd_(fd), clock_(clock) {}
  const int fd_;
  const base::Clock& clock_;
  std::vector<Record> records_;
};

const Record* FindLast(const std::vector<Record>& records, std::string_view event,
                       std::string_view step);
std::string PrintTime(base::UnixTime t);  // "2026-11-25T02:47:13Z"
base::Result<base::UnixTime> ParseTime(std::string_view text);

}  // namespace paygate::tools::ceremony
