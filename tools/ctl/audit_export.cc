#include "tools/ctl/audit_export.h"

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "base/file.h"

namespace paygate::tools::ctl {

namespace fs = std::filesystem;
using base::ErrorCode;
using base::Fail;
using base::Result;
using base::Status;
using Json = nlohmann::json;

namespace {

Result<Json> AskJson(const Asker& ask, const std::string& command,
                     const std::map<std::string, std::string>& arguments, const char* member) {
  ASSIGN_OR_RETURN(const std::string text, ask(command, arguments));
  Json answer = Json::parse(text, nullptr, false);
  if (answer.is_object() && answer.contains(member)) return answer;
  return Fail(ErrorCode::kMalformed, "the engine's answer has no " + std::string(member) +
                                         ": run one release of both");
}

// So that the names sort as the numbers do.
std::string CheckpointName(uint64_t size) {
  char name[32];
  std::snprintf(name, sizeof name, "%020llu.txt", static_cast<unsigned long long>(size));
  return name;
}

Status WriteEntries(const Asker& ask, const std::string& path, uint64_t size) {
  std::ofstream out(path, std::ios::binary);
  for (uint64_t next = 0; next < size;) {
    ASSIGN_OR_RETURN(const Json page, AskJson(ask, "audit.entries",
                                              {{"first", std::to_string(next)}}, "entries"));
    const auto& lines = page["entries"];
    if (lines.empty()) {
      return Fail(ErrorCode::kIo, "the engine has fewer entries than its checkpoint says");
    }
    for (const Json& line : lines) {
      if (next == size) break;
      out << line.get_ref<const std::string&>() << '\n';
      ++next;
    }
  }
  out.close();
  return out ? Status() : Fail(ErrorCode::kIo, path + " could not be written");
}

Result<size_t> WriteCheckpoints(const Asker& ask, const std::string& directory, uint64_t size) {
  size_t written = 0;
  for (uint64_t after = 0; after < size;) {
    ASSIGN_OR_RETURN(const Json page, AskJson(ask, "audit.checkpoints",
                                              {{"after", std::to_string(after)}}, "checkpoints"));
    if (page["checkpoints"].empty()) break;
    for (const Json& row : page["checkpoints"]) {
      after = row["entries"].get<uint64_t>();
      if (after > size) break;  // signed since
      RETURN_IF_ERROR(base::WriteNewFile(directory + "/" + CheckpointName(after),
                                         row["checkpoint"].get_ref<const std::string&>(), 0644));
      ++written;
    }
  }
  return written;
}

Result<Exported> Export(const Asker& ask, const std::string& directory) {
  std::error_code error;
  if (!fs::create_directory(directory, error)) {
    return Fail(error ? ErrorCode::kIo : ErrorCode::kAlreadyExists,
                directory + (error ? " cannot be made: " + error.message()
                                   : " is there already: name a new directory"));
  }
  fs::create_directory(directory + "/checkpoints", error);
  if (error) return Fail(ErrorCode::kIo, directory + " cannot be written: " + error.message());
  ASSIGN_OR_RETURN(const Json newest, AskJson(ask, "audit.checkpoint", {}, "entries"));
  Exported exported{.entries = newest["entries"].get<uint64_t>()};
  RETURN_IF_ERROR(WriteEntries(ask, directory + "/entries.jsonl", exported.entries));
  ASSIGN_OR_RETURN(exported.checkpoints,
                   WriteCheckpoints(ask, directory + "/checkpoints", exported.entries));
  ASSIGN_OR_RETURN(const Json signers,
                   AskJson(ask, "audit.certificates", {}, "certificates"));
  std::string pems;
  for (const Json& pem : signers["certificates"]) pems += pem.get_ref<const std::string&>();
  RETURN_IF_ERROR(base::WriteNewFile(directory + "/certificates.pem", pems, 0644));
  return exported;
}

}  // namespace

Result<Exported> ExportAuditLog(const Asker& ask, const std::string& directory) {
  try {
    return Export(ask, directory);
  } catch (const Json::exception& e) {
    return Fail(ErrorCode::kMalformed, std::string("the engine's answer is another: ") + e.what());
  }
}

}  // namespace paygate::tools::ctl
