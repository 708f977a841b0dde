#include "tools/load/customers.h"

#include <nlohmann/json.hpp>

#include "base/encoding.h"
#include "base/file.h"
#include "base/money.h"
#include "protocol/values.h"

namespace paygate::load {
namespace {

using base::ErrorCode;
using base::Fail;

std::vector<std::string> Split(std::string_view line) {
  std::vector<std::string> fields;
  for (size_t at = 0;;) {
    const size_t end = std::min(line.find(',', at), line.size());
    fields.emplace_back(line.substr(at, end - at));
    if (end == line.size()) return fields;
    at = end + 1;
  }
}

base::Status Check(const CustomerRow& row, const std::string& where) {
  if (!protocol::CheckIban(row.iban)) {
    return Fail(ErrorCode::kMalformed, where + ": the iban is not one");
  }
  if (!base::Currency::Parse(row.currency)) {
    return Fail(ErrorCode::kMalformed, where + ": the currency is not one");
  }
  if (row.enrolment_code.empty() || !base::IsUtf8(row.enrolment_code)) {
    return Fail(ErrorCode::kMalformed, where + ": the enrolment_code is empty or no text");
  }
  return {};
}

base::Result<std::vector<CustomerRow>> ParseCsv(std::string_view text) {
  constexpr std::string_view kNames[] = {"iban", "currency", "enrolment_code"};
  size_t columns[3] = {}, line_number = 0;
  std::vector<CustomerRow> rows;
  for (size_t at = 0; at < text.size(); ++line_number) {
    const size_t end = std::min(text.find('\n', at), text.size());
    std::string_view line = text.substr(at, end - at);
    at = end + 1;
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (line.empty()) continue;
    const auto fields = Split(line);
    if (line_number == 0) {
      for (size_t i = 0; i < 3; ++i) {
        const auto found = std::ranges::find(fields, kNames[i]);
        if (found == fields.end()) {
          return Fail(ErrorCode::kMalformed, "the first line names the columns, and " +
                                                 std::string(kNames[i]) + " is not among them");
        }
        columns[i] = static_cast<size_t>(found - fields.begin());
      }
      continue;
    }
    const std::string where = "line " + std::to_string(line_number + 1);
    if (fields.size() <= std::max({columns[0], columns[1], columns[2]})) {
      return Fail(ErrorCode::kMalformed, where + " has too few fields");
    }
    rows.push_back({fields[columns[0]], fields[columns[1]], fields[columns[2]]});
    RETURN_IF_ERROR(Check(rows.back(), where));
  }
  return rows;
}

base::Result<std::vector<CustomerRow>> ParseJson(std::string_view text) {
  const auto json = nlohmann::json::parse(text, nullptr, false);
  const bool within = json.is_object() && json.contains("customers");
  const auto& list = within ? json["customers"] : json;
  if (json.is_discarded() || !list.is_array()) {
    return Fail(ErrorCode::kMalformed, "no JSON array of customers");
  }
  std::vector<CustomerRow> rows;
  for (size_t i = 0; i < list.size(); ++i) {
    const auto& object = list[i];
    const std::string where = "customer " + std::to_string(i + 1);
    if (!object.is_object()) return Fail(ErrorCode::kMalformed, where + " is no object");
    const auto member = [&](const char* name) {
      const auto found = object.find(name);
      return found != object.end() && found->is_string() ? found->get<std::string>() : "";
    };
    const auto enrolled = object.find("enrolled");
    if (enrolled != object.end() && *enrolled == true) continue;
    rows.push_back({member("iban"), member("currency"), member("enrolment_code")});
    RETURN_IF_ERROR(Check(rows.back(), where));
  }
  return rows;
}

}  // namespace

base::Result<std::vector<CustomerRow>> ParseCustomers(std::string_view text) {
  const size_t first = text.find_first_not_of(" \t\r\n");
  if (first == text.npos) return Fail(ErrorCode::kMalformed, "the file is empty");
  return text[first] == '[' || text[first] == '{' ? ParseJson(text) : ParseCsv(text);
}

base::Result<std::vector<CustomerRow>> ReadCustomers(const std::string& path) {
  ASSIGN_OR_RETURN(const std::string text, base::ReadFile(path, kMaxCustomersBytes));
  auto rows = ParseCustomers(text);
  if (!rows) return Fail(rows.error().code, path + ": " + rows.error().message);
  return rows;
}

}  // namespace paygate::load
