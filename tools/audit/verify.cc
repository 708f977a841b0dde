#include "tools/audit/verify.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>

#include "audit/entry.h"
#include "base/encoding.h"
#include "base/file.h"
#include "protocol/certificate.h"
#include "tools/audit/trust.h"

namespace paygate::tools::audit {

namespace fs = std::filesystem;
using base::ErrorCode;
using base::Fail;
using base::Result;
using base::Status;
using paygate::audit::Checkpoint;
using paygate::audit::Frontier;

namespace {

constexpr size_t kMaxCertificatesBytes = 1u << 20;

// A checkpoint and where it was read.
struct Seen {
  Checkpoint checkpoint;
  std::string file;
  bool kept = false;
};

class Verifier {
 public:
  Verifier(const LogToVerify& what, GatewayTrust trust) : what_(what), trust_(std::move(trust)) {}

  Result<LogReport> Run() {
    RETURN_IF_ERROR(ReadCheckpoints());
    if (report_.findings.empty()) RETURN_IF_ERROR(ReadEntries());
    return std::move(report_);
  }

 private:
  void Find(std::string what) { report_.findings.push_back(std::move(what)); }

  Status ReadCheckpoints() {
    std::vector<std::string> files;
    std::error_code error;
    const std::string directory = what_.directory + "/checkpoints";
    for (fs::directory_iterator it(directory, error), end; !error && it != end;
         it.increment(error)) {
      files.push_back(it->path().string());
    }
    if (error) return Fail(ErrorCode::kIo, directory + " cannot be read: " + error.message());
    std::ranges::sort(files);
    for (const std::string& file : files) RETURN_IF_ERROR(ReadCheckpoint(file, false));
    for (const std::string& file : what_.kept) RETURN_IF_ERROR(ReadCheckpoint(file, true));
    if (files.empty()) Find("there is no checkpoint: nothing in this directory is signed");
    return {};
  }

  Status ReadCheckpoint(const std::string& file, bool kept) {
    ASSIGN_OR_RETURN(const std::string note,
                     base::ReadFile(file, paygate::audit::kMaxNoteBytes + 1));
    auto checkpoint = trust_.Verify(note);
    if (!checkpoint) {
      Find(file + ": " + checkpoint.error().message);
      return {};
    }
    if (report_.origin.empty()) report_.origin = checkpoint->origin;
    if (checkpoint->origin != report_.origin) {
      Find(file + ": it is of another log (" + checkpoint->origin + ")");
      return {};
    }
    if (!kept) {
      ++report_.checkpoints;
      if (checkpoint->size >= report_.newest.size) report_.newest = *checkpoint;
    }
    seen_.emplace(checkpoint->size, Seen{*checkpoint, file, kept});
    return {};
  }

  // Of the checkpoints over exactly what was read so far. False: the log is not what was signed.
  bool Compare(const Frontier& frontier) {
    const auto [first, last] = seen_.equal_range(frontier.size());
    bool all = true;
    for (auto it = first; it != last; ++it) {
      const Seen& seen = it->second;
      if (seen.checkpoint.root == frontier.Root()) {
        if (seen.kept) report_.kept.push_back(seen.file + ": this log continues it");
        continue;
      }
      all = false;
      Find(seen.file + ": the root over the first " + std::to_string(frontier.size()) +
           " entries is another than was signed: something among entries " +
           std::to_string(agreed_) + " to " + std::to_string(frontier.size() - 1) +
           " was changed, put in or taken out" +
           (seen.kept ? ", or the gateway showed two histories" : ""));
    }
    if (first != last && all) agreed_ = frontier.size();
    return all;
  }

  Status ReadEntries() {
    const std::string path = what_.directory + "/entries.jsonl";
    std::ifstream in(path, std::ios::binary);
    if (!in) return Fail(ErrorCode::kIo, path + " cannot be read");
    Frontier frontier;
    // Room for the longest entry and its end; of a longer line no more is read.
    std::string buffer(paygate::audit::kMaxEntryBytes + 2, '\0');
    if (!Compare(frontier)) return {};
    for (;;) {
      const std::string number = std::to_string(frontier.size());
      if (!in.getline(buffer.data(), static_cast<std::streamsize>(buffer.size()))) {
        if (in.eof() || in.bad()) break;
        Find("entry " + number + " is none: a line of more than " +
             std::to_string(paygate::audit::kMaxEntryBytes) + " bytes");
        return {};
      }
      if (in.eof()) {
        Find("entry " + number + " does not end: the file is cut off");
        return {};
      }
      const std::string_view line(buffer.data(), static_cast<size_t>(in.gcount()) - 1);
      if (auto entry = paygate::audit::ParseEntry(line); !entry) {
        Find("entry " + number + " is none: " + entry.error().message);
        return {};
      }
      (void)frontier.Append(paygate::audit::HashLeaf(line));
      report_.entries = frontier.size();
      if (!Compare(frontier)) return {};
    }
    if (in.bad()) return Fail(ErrorCode::kIo, path + " cannot be read to its end");
    for (auto it = seen_.upper_bound(frontier.size()); it != seen_.end(); ++it) {
      Find(it->second.file + ": it is over " + std::to_string(it->first) +
           " entries, but only " + std::to_string(frontier.size()) + " are here");
    }
    if (report_.findings.empty() && frontier.size() > report_.newest.size) {
      Find("entries from " + std::to_string(report_.newest.size) +
           " on are under no checkpoint: nobody signed them");
    }
    return {};
  }

  const LogToVerify& what_;
  const GatewayTrust trust_;
  std::multimap<uint64_t, Seen> seen_;
  uint64_t agreed_ = 0;  // entries that a checkpoint has confirmed
  LogReport report_;
};

}  // namespace

Result<LogReport> VerifyLog(const LogToVerify& what) {
  ASSIGN_OR_RETURN(const std::string root, base::ReadFile(what.root, kMaxCertificatesBytes));
  ASSIGN_OR_RETURN(
      const std::string certificates,
      base::ReadFile(what.directory + "/certificates.pem", kMaxCertificatesBytes));
  ASSIGN_OR_RETURN(const auto parsed, ParsePemCertificates(certificates));
  auto trust = GatewayTrust::Create(root, parsed);
  if (!trust) {
    LogReport report;
    report.findings.push_back("certificates.pem: " + trust.error().message);
    return report;
  }
  return Verifier(what, std::move(*trust)).Run();
}

}  // namespace paygate::tools::audit
