// line = [time " "] level " " program " " event *(" " key "=" value)
// value = bare / DQUOTE escaped DQUOTE; under the journal "<N>" stands instead of the time.
#include "base/log.h"

#include <spdlog/logger.h>
#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <memory>

#include "base/encoding.h"
#include "base/mutex.h"

namespace paygate::base {
namespace {

constexpr size_t kMaxValueBytes = 2048;
constexpr size_t kMinIbanLength = 15;  // Norway
constexpr size_t kMaxIbanLength = 34;  // ISO 13616

struct LevelName {
  const char* name;
  const char* journal_prefix;  // sd-daemon(3)
};
constexpr LevelName kLevels[] = {
    {"debug", "<7>"}, {"info", "<6>"}, {"warning", "<4>"}, {"error", "<3>"}, {"alarm", "<1>"}};

struct State {
  Mutex mutex;
  std::string program GUARDED_BY(mutex) = "paygate";
  LogLevel least GUARDED_BY(mutex) = LogLevel::kInfo;
  bool journal GUARDED_BY(mutex) = false;
  std::unique_ptr<spdlog::logger> logger GUARDED_BY(mutex);
};

// Never destroyed: threads may log while the process exits.
State& TheState() {
  static State* state = new State;
  return *state;
}

// systemd names in JOURNAL_STREAM the device and inode of the stream that it reads; a redirected
// standard error is another one.
bool StandardErrorIsTheJournal() {
  const char* stream = std::getenv("JOURNAL_STREAM");
  struct stat st;
  if (stream == nullptr || fstat(STDERR_FILENO, &st) != 0) return false;
  return std::to_string(st.st_dev) + ":" + std::to_string(st.st_ino) == stream;
}

void Configure(State& state) REQUIRES(state.mutex) {
  state.journal = StandardErrorIsTheJournal();
  // Single-threaded sink: our mutex is held around every line.
  state.logger = std::make_unique<spdlog::logger>(
      "paygate", std::make_shared<spdlog::sinks::stderr_sink_st>());
  state.logger->set_level(spdlog::level::trace);
  state.logger->set_formatter(std::make_unique<spdlog::pattern_formatter>(
      state.journal ? "%v" : "%Y-%m-%dT%H:%M:%S.%eZ %v", spdlog::pattern_time_type::utc));
}

bool IsUpper(char c) { return c >= 'A' && c <= 'Z'; }
bool IsDigit(char c) { return c >= '0' && c <= '9'; }
char ToUpper(char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c; }
bool IsAlnum(char c) { return IsUpper(ToUpper(c)) || IsDigit(c); }

// ISO 7064 MOD 97-10, over the upper-case electronic form.
bool CheckDigitsHold(std::string_view iban) {
  unsigned remainder = 0;
  for (size_t i = 0; i < iban.size(); i++) {
    const char c = iban[(i + 4) % iban.size()];
    remainder = IsDigit(c) ? (remainder * 10 + unsigned(c - '0')) % 97
                           : (remainder * 100 + unsigned(c - 'A' + 10)) % 97;
  }
  return remainder == 1;
}

// The length of what looks like an IBAN at the beginning of `text`, with or without a space or
// hyphen after every fourth character; 0 if nothing does. Lower case counts only with good check
// digits, because hexadecimal identifiers have the same form.
size_t IbanLength(std::string_view text) {
  std::string compact;
  bool all_upper = true;
  size_t i = 0;
  while (i < text.size() && compact.size() <= kMaxIbanLength) {
    if (IsAlnum(text[i])) {
      all_upper = all_upper && ToUpper(text[i]) == text[i];
      compact.push_back(ToUpper(text[i++]));
    } else if ((text[i] == ' ' || text[i] == '-') && !compact.empty() && compact.size() % 4 == 0 &&
               i + 1 < text.size() && (IsUpper(text[i + 1]) || IsDigit(text[i + 1]))) {
      i++;
    } else {
      break;
    }
  }
  const bool fits = compact.size() >= kMinIbanLength && compact.size() <= kMaxIbanLength &&
                    IsUpper(compact[0]) && IsUpper(compact[1]) && IsDigit(compact[2]) &&
                    IsDigit(compact[3]);
  return fits && (all_upper || CheckDigitsHold(compact)) ? i : 0;
}

std::string MaskAccounts(std::string_view value) {
  std::string masked;
  for (size_t i = 0; i < value.size();) {
    const bool word_begins = i == 0 || !IsAlnum(value[i - 1]);
    if (const size_t length = word_begins ? IbanLength(value.substr(i)) : 0; length > 0) {
      masked += "[account]";
      i += length;
    } else {
      masked += value[i++];
    }
  }
  return masked;
}

void AppendEscaped(std::string& line, std::string_view value) {
  const bool utf8 = IsUtf8(value);
  for (size_t i = 0; i < value.size(); i++) {
    const auto c = static_cast<uint8_t>(value[i]);
    // U+0080 to U+009F are control characters too, for terminals.
    const bool c1 = c == 0xc2 && i + 1 < value.size() && static_cast<uint8_t>(value[i + 1]) < 0xa0;
    if (c == '"' || c == '\\') {
      line.append({'\\', value[i]});
    } else if (c == '\n') {
      line.append("\\n");
    } else if (c < 0x20 || c == 0x7f || (c >= 0x80 && !utf8)) {
      line.append("\\x").append(HexEncode(value.substr(i, 1)));
    } else if (c1) {
      line.append("\\x").append(HexEncode(value.substr(++i, 1)));
    } else {
      line.push_back(value[i]);
    }
  }
}

bool CanStandBare(std::string_view value) {
  constexpr std::string_view kPlain = "._:/@+-[]";
  for (char c : value) {
    if (!IsAlnum(c) && !kPlain.contains(c)) return false;
  }
  return !value.empty();
}

void AppendValue(std::string& line, std::string_view value) {
  const bool cut = value.size() > kMaxValueBytes;
  std::string shown = MaskAccounts(value.substr(0, kMaxValueBytes));
  if (cut) shown += "[cut]";
  if (CanStandBare(shown)) {
    line.append(shown);
    return;
  }
  line.push_back('"');
  AppendEscaped(line, shown);
  line.push_back('"');
}

}  // namespace

void InitLog(std::string_view program, LogLevel least) {
  State& state = TheState();
  MutexLock lock(state.mutex);
  state.program = program;
  state.least = least;
  Configure(state);
}

Result<LogLevel> ParseLogLevel(std::string_view name) {
  for (size_t i = 0; i < std::size(kLevels); i++) {
    if (name == kLevels[i].name) return static_cast<LogLevel>(i);
  }
  return Fail(ErrorCode::kInvalidArgument, "unknown log level \"" + std::string(name) +
                                               "\": choose debug, info, warning, error or alarm");
}

void Log(LogLevel level, std::string_view event, std::initializer_list<Field> fields) {
  std::string body;
  AppendEscaped(body, MaskAccounts(event));
  for (const Field& field : fields) {
    body.push_back(' ');
    AppendEscaped(body, field.key);
    body.push_back('=');
    AppendValue(body, field.value);
  }
  const LevelName& name = kLevels[static_cast<size_t>(level)];
  State& state = TheState();
  MutexLock lock(state.mutex);
  if (level < state.least) return;
  if (state.logger == nullptr) Configure(state);
  const std::string line = (state.journal ? name.journal_prefix : "") + std::string(name.name) +
                           " " + state.program + " " + body;
  state.logger->log(spdlog::level::info, spdlog::string_view_t(line.data(), line.size()));
}

}  // namespace paygate::base
