#include "base/file.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "base/crypto.h"
#include "base/encoding.h"
#include "base/log.h"

namespace paygate::base {
namespace {

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() {
    if (fd_ >= 0) close(fd_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return fd_; }
  bool ok() const { return fd_ >= 0; }

 private:
  const int fd_;
};

// Of errno, which nothing may have touched since the call that failed.
std::unexpected<Error> FailErrno(const char* doing, const std::string& path) {
  const int error = errno;
  ErrorCode code = ErrorCode::kIo;
  if (error == ENOENT) code = ErrorCode::kNotFound;
  if (error == EEXIST) code = ErrorCode::kAlreadyExists;
  if (error == EACCES || error == EPERM || error == EROFS) code = ErrorCode::kPermissionDenied;
  return Fail(code, std::string("cannot ") + doing + " " + path + ": " + std::strerror(error));
}

int OpenRetrying(const std::string& path, int flags, mode_t mode = 0) {
  int fd;
  do {
    fd = open(path.c_str(), flags | O_CLOEXEC, mode);
  } while (fd < 0 && errno == EINTR);
  return fd;
}

// Up to `size` bytes, fewer only at the end of the file; -1 with errno.
ssize_t ReadFully(int fd, void* data, size_t size) {
  size_t done = 0;
  while (done < size) {
    const ssize_t n = read(fd, static_cast<char*>(data) + done, size - done);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return -1;
    if (n == 0) break;
    done += static_cast<size_t>(n);
  }
  return static_cast<ssize_t>(done);
}

bool WriteFully(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t n = write(fd, bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return false;
    bytes.remove_prefix(static_cast<size_t>(n));
  }
  return true;
}

std::string DirectoryOf(const std::string& path) {
  const size_t slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

// A file's name lives in its directory: without this a crash may forget a rename.
Status SyncDirectory(const std::string& path) {
  Descriptor fd(OpenRetrying(path, O_RDONLY | O_DIRECTORY));
  if (!fd.ok() || fsync(fd.get()) != 0) return FailErrno("make durable the directory", path);
  return {};
}

// Writes a durable file beside `path` and returns its name; nothing is left after a failure.
Result<std::string> WriteBeside(const std::string& path, std::string_view bytes, mode_t mode) {
  const std::string temporary = path + "." + HexEncode(RandomBytes(8)) + ".tmp";
  Descriptor fd(OpenRetrying(temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0600));
  if (!fd.ok()) return FailErrno("make", temporary);
  // fchmod, because the umask takes bits off what open() is given.
  if (!WriteFully(fd.get(), bytes) || fchmod(fd.get(), mode) != 0 || fsync(fd.get()) != 0) {
    auto failure = FailErrno("write", temporary);
    unlink(temporary.c_str());
    return failure;
  }
  return temporary;
}

std::unexpected<Error> FailTooLarge(const std::string& path, size_t limit) {
  return Fail(ErrorCode::kPayloadTooLarge,
              path + " is larger than the limit of " + std::to_string(limit) + " bytes");
}

// systemd hands a credential to a service's user by an ACL, whose mask stat() shows as the group's
// bits; the directory lets nobody else in.
bool IsSystemdCredential(const std::string& path) {
  const char* directory = std::getenv("CREDENTIALS_DIRECTORY");
  return directory != nullptr && *directory != '\0' && DirectoryOf(path) == directory;
}

Status CheckDirectoryIsPrivate(const std::string& path) {
  struct stat st;
  if (stat(path.c_str(), &st) != 0) return FailErrno("look at", path);
  if (!S_ISDIR(st.st_mode)) {
    return Fail(ErrorCode::kAlreadyExists, path + " is there and is not a directory");
  }
  const uid_t me = geteuid();
  if (me != 0 && st.st_uid != me && st.st_uid != 0) {
    return Fail(ErrorCode::kPermissionDenied,
                path + " belongs to another user, who could change what is in it; choose another");
  }
  if ((st.st_mode & 022) != 0) {
    return Fail(ErrorCode::kPermissionDenied,
                "others can write in " + path + "; run: chmod go-w " + path);
  }
  return {};
}

}  // namespace

Result<std::string> ReadFile(const std::string& path, size_t limit) {
  Descriptor fd(OpenRetrying(path, O_RDONLY));
  struct stat st;
  if (!fd.ok() || fstat(fd.get(), &st) != 0) return FailErrno("read", path);
  if (st.st_size > 0 && static_cast<size_t>(st.st_size) > limit) return FailTooLarge(path, limit);
  std::string bytes;
  // One byte more than is expected, so that a file that grows, or a pipe, meets the limit too.
  for (size_t want = static_cast<size_t>(st.st_size) + 1;; want = 64u << 10) {
    const size_t before = bytes.size();
    bytes.resize(before + want);
    const ssize_t n = ReadFully(fd.get(), bytes.data() + before, want);
    if (n < 0) return FailErrno("read", path);
    bytes.resize(before + static_cast<size_t>(n));
    if (bytes.size() > limit) return FailTooLarge(path, limit);
    if (static_cast<size_t>(n) < want) return bytes;
  }
}

Result<SecretBytes> ReadSecretFile(const std::string& path, size_t limit) {
  Descriptor fd(OpenRetrying(path, O_RDONLY));
  struct stat st;
  if (!fd.ok() || fstat(fd.get(), &st) != 0) return FailErrno("read", path);
  const mode_t forbidden = IsSystemdCredential(path) ? 007 : 077;
  if ((st.st_mode & forbidden) != 0) {
    return Fail(ErrorCode::kPermissionDenied,
                "others can read the secret in " + path + "; run: chmod 600 " + path);
  }
  SecretBytes secret(limit + 1);
  const ssize_t n = ReadFully(fd.get(), secret.data(), limit + 1);
  if (n < 0) return FailErrno("read", path);
  if (static_cast<size_t>(n) > limit) return FailTooLarge(path, limit);
  secret.Truncate(static_cast<size_t>(n));
  if (secret.view().ends_with('\n')) secret.Truncate(secret.size() - 1);
  return secret.Clone();  // gives back the room that the limit reserved
}

Status WriteNewFile(const std::string& path, std::string_view bytes, mode_t mode) {
  ASSIGN_OR_RETURN(const std::string temporary, WriteBeside(path, bytes, mode));
  // link() refuses a name that is taken, as O_EXCL does, and shows the file only when it is whole.
  if (link(temporary.c_str(), path.c_str()) != 0) {
    auto failure = FailErrno("make", path);
    unlink(temporary.c_str());
    return failure;
  }
  unlink(temporary.c_str());
  return SyncDirectory(DirectoryOf(path));
}

Status ReplaceFile(const std::string& path, std::string_view bytes, mode_t mode) {
  ASSIGN_OR_RETURN(const std::string temporary, WriteBeside(path, bytes, mode));
  if (rename(temporary.c_str(), path.c_str()) != 0) {
    auto failure = FailErrno("replace", path);
    unlink(temporary.c_str());
    return failure;
  }
  return SyncDirectory(DirectoryOf(path));
}

Status MakePrivateDirectory(const std::string& path) {
  for (size_t slash = path.find('/', 1);; slash = path.find('/', slash + 1)) {
    const std::string part = path.substr(0, slash);
    if (mkdir(part.c_str(), 0700) == 0) {
      RETURN_IF_ERROR(SyncDirectory(DirectoryOf(part)));
    } else if (errno != EEXIST) {
      return FailErrno("make the directory", part);
    }
    if (slash == std::string::npos) break;
  }
  return CheckDirectoryIsPrivate(path);
}

Status RemoveFileDurably(const std::string& path) {
  if (unlink(path.c_str()) != 0) {
    if (errno == ENOENT) return {};
    return FailErrno("remove", path);
  }
  return SyncDirectory(DirectoryOf(path));
}

uint64_t RaiseDescriptorLimit(uint64_t wanted) {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return 0;
  if (limit.rlim_cur >= wanted) return limit.rlim_cur;
  const rlim_t before = limit.rlim_cur;
  limit.rlim_cur = std::min<rlim_t>(wanted, limit.rlim_max);
  if (setrlimit(RLIMIT_NOFILE, &limit) != 0) limit.rlim_cur = before;
  if (limit.rlim_cur < wanted)
    LogWarning("descriptors.few", {{"wanted", wanted}, {"have", limit.rlim_cur}});
  return limit.rlim_cur;
}

}  // namespace paygate::base
