// Structured logging: one event name and its fields, one line each.
//
//   2026-11-22T21:53:56.123Z info engine intent.recorded payment_id=… amount="12.50 GBP"
//
// Goes to standard error; under systemd (JOURNAL_STREAM) without time and with the journal's
// priority prefix. No line holds an account number, PIN, enrolment code or key material: Field
// takes no SecretBytes, and values that look like an IBAN are replaced by [account] as a second
// line of defence. Control characters are escaped. Thread-safe.
#pragma once

#include <concepts>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>

#include "base/result.h"

namespace paygate::base {

enum class LogLevel { kDebug, kInfo, kWarning, kError, kAlarm };  // alarm: a human must look now

struct Field {
  Field(std::string_view k, std::string_view v) : key(k), value(v) {}
  Field(std::string_view k, const char* v) : key(k), value(v) {}
  Field(std::string_view k, const std::string& v) : key(k), value(v) {}
  Field(std::string_view k, std::integral auto v) : key(k), value(std::to_string(v)) {}
  std::string_view key;
  std::string value;
};

// Once, at the start of main(): the program's name in every line, and the least level shown.
void InitLog(std::string_view program, LogLevel least = LogLevel::kInfo);
Result<LogLevel> ParseLogLevel(std::string_view name);
void Log(LogLevel level, std::string_view event, std::initializer_list<Field> fields = {});

inline void LogInfo(std::string_view e, std::initializer_list<Field> f = {}) {
  Log(LogLevel::kInfo, e, f);
}
inline void LogWarning(std::string_view e, std::initializer_list<Field> f = {}) {
  Log(LogLevel::kWarning, e, f);
}
inline void LogError(std::string_view e, std::initializer_list<Field> f = {}) {
  Log(LogLevel::kError, e, f);
}
inline void LogAlarm(std::string_view e, std::initializer_list<Field> f = {}) {
  Log(LogLevel::kAlarm, e, f);
}

}  // namespace paygate::base
