#include "participant/disk.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "base/file.h"

namespace paygate::participant {
namespace {

using base::ErrorCode;
using base::Fail;

constexpr size_t kMaxFileBytes = 256u << 10;  // what protocol::JsonObject reads
constexpr size_t kMaxFiles = 100'000;         // in one folder
constexpr std::string_view kLockName = "lock";

bool IsPart(std::string_view part) {
  if (part.empty() || part.front() == '.') return false;
  return std::all_of(part.begin(), part.end(), [](unsigned char c) {
    return std::isalnum(c) != 0 || c == '.' || c == '_' || c == '-';
  });
}

class DirectoryDisk final : public Disk {
 public:
  DirectoryDisk(std::string path, int lock) : path_(std::move(path)), lock_(lock) {}
  ~DirectoryDisk() override { close(lock_); }

  base::Result<std::optional<std::string>> Read(const std::string& name) override {
    ASSIGN_OR_RETURN(std::string path, PathOf(name, false));
    if (access(path.c_str(), F_OK) != 0 && errno == ENOENT) return std::optional<std::string>();
    ASSIGN_OR_RETURN(std::string bytes, base::ReadFile(path, kMaxFileBytes));
    return std::optional<std::string>(std::move(bytes));
  }

  base::Status Create(const std::string& name, std::string_view bytes) override {
    ASSIGN_OR_RETURN(std::string path, PathOf(name, true));
    // A link from a whole temporary file: a crash leaves no half-written file under this name,
    // which O_EXCL alone would, and which nothing could then replace.
    const std::string temporary = path + ".new";
    RETURN_IF_ERROR(base::ReplaceFile(temporary, bytes));
    const bool linked = link(temporary.c_str(), path.c_str()) == 0;
    const int error = errno;
    RETURN_IF_ERROR(base::RemoveFileDurably(temporary));  // its fsync covers the link as well
    if (linked) return {};
    if (error == EEXIST) return Fail(ErrorCode::kAlreadyExists, path + " exists already");
    return Fail(ErrorCode::kIo, path + ": " + std::strerror(error));
  }

  base::Status Replace(const std::string& name, std::string_view bytes) override {
    ASSIGN_OR_RETURN(std::string path, PathOf(name, true));
    return base::ReplaceFile(path, bytes);
  }

  base::Status Remove(const std::string& name) override {
    ASSIGN_OR_RETURN(std::string path, PathOf(name, false));
    if (access(path.c_str(), F_OK) != 0 && errno == ENOENT) return {};
    return base::RemoveFileDurably(path);
  }

  base::Result<std::vector<std::string>> List(const std::string& folder) override {
    if (!IsPart(folder)) return Fail(ErrorCode::kInvalidArgument, "no folder name: " + folder);
    std::vector<std::string> names;
    const std::string path = path_ + "/" + folder;
    DIR* dir = opendir(path.c_str());
    if (dir == nullptr) {
      if (errno == ENOENT) return names;
      return Fail(ErrorCode::kIo, path + ": " + std::strerror(errno));
    }
    while (const dirent* entry = readdir(dir)) {
      const std::string_view name = entry->d_name;
      if (!IsPart(name) || name.ends_with(".new") || name.find(".tmp") != name.npos) continue;
      if (names.size() == kMaxFiles) break;
      names.emplace_back(name);
    }
    closedir(dir);
    std::sort(names.begin(), names.end());
    return names;
  }

 private:
  base::Result<std::string> PathOf(const std::string& name, bool make_folder) {
    const size_t slash = name.find('/');
    const bool good = slash == name.npos
                          ? IsPart(name)
                          : IsPart(name.substr(0, slash)) && IsPart(name.substr(slash + 1));
    if (!good) return Fail(ErrorCode::kInvalidArgument, "no file name: " + name);
    if (make_folder && slash != name.npos) {
      RETURN_IF_ERROR(base::MakePrivateDirectory(path_ + "/" + name.substr(0, slash)));
    }
    return path_ + "/" + name;
  }

  const std::string path_;
  const int lock_;
};

}  // namespace

base::Result<std::unique_ptr<Disk>> OpenDisk(const std::string& path) {
  RETURN_IF_ERROR(base::MakePrivateDirectory(path));
  const std::string lock_path = path + "/" + std::string(kLockName);
  const int lock = open(lock_path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (lock < 0) return Fail(ErrorCode::kIo, lock_path + ": " + std::strerror(errno));
  if (flock(lock, LOCK_EX | LOCK_NB) != 0) {
    close(lock);
    return Fail(ErrorCode::kInFlight,
                "another program is using " + path + "; wait until it has ended and try again");
  }
  return std::unique_ptr<Disk>(std::make_unique<DirectoryDisk>(path, lock));
}

}  // namespace paygate::participant
