// The one try with a PIN. Tokens lock themselves for ever after a few wrong ones, and a supervisor
// starts a process that failed again and again; so a refused PIN is remembered beside its file:
//
//   record = "" | "refused " device " " inode " " size " " mtime-ns " " ctime-ns LF
//
// It names the PIN file as the file system saw it when the token refused it, and nothing of the
// PIN. A file that was written to since is another. The record is locked while a PIN is tried, so
// that several token processes that start together try a wrong one once.

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "base/file.h"
#include "base/log.h"
#include "hsm/pkcs11/internal/connection.h"

namespace paygate::hsm::pkcs11 {
namespace {

using base::ErrorCode;
using base::Fail;

constexpr size_t kMaxRecordBytes = 256;

std::string NameOf(const struct stat& file) {
  const auto ns = [](const timespec& t) {
    return std::to_string(static_cast<int64_t>(t.tv_sec) * 1'000'000'000 + t.tv_nsec);
  };
  return "refused " + std::to_string(file.st_dev) + " " + std::to_string(file.st_ino) + " " +
         std::to_string(file.st_size) + " " + ns(file.st_mtim) + " " + ns(file.st_ctim) + "\n";
}

class PinRecord {
 public:
  explicit PinRecord(const TokenLocation& location)
      : pin_file_(location.pin_file),
        path_(location.pin_record.empty() ? location.pin_file + ".refused" : location.pin_record) {
  }
  ~PinRecord() {
    if (fd_ >= 0) close(fd_);  // and unlocks
  }
  PinRecord(const PinRecord&) = delete;

  // Before the PIN is read: what is tried is then the file that is named.
  base::Status Open() {
    fd_ = open(path_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd_ < 0 || flock(fd_, LOCK_EX) != 0) {
      return Fail(ErrorCode::kPermissionDenied,
                  "cannot write " + path_ + " (" + strerror(errno) +
                      "), where it is remembered that the token refused a PIN, so none is tried: "
                      "let this user write there, or name another file (paygate-token "
                      "--pin-record)");
    }
    struct stat file {};
    if (stat(pin_file_.c_str(), &file) == 0) name_ = NameOf(file);
    std::string known(kMaxRecordBytes, '\0');
    const ssize_t size = pread(fd_, known.data(), known.size(), 0);
    known.resize(size > 0 ? size : 0);
    if (known == name_ && !name_.empty()) return Refusal();
    return {};
  }

  // Durable before anybody else is let in.
  base::Status Refused() {
    base::LogAlarm("token.pin_refused", {{"pin_file", pin_file_}});
    const bool kept = ftruncate(fd_, 0) == 0 &&
                      pwrite(fd_, name_.data(), name_.size(), 0) ==
                          static_cast<ssize_t>(name_.size()) &&
                      fsync(fd_) == 0;
    if (!kept) {
      // Whoever starts us again would try the PIN again. Better a process that stands still.
      base::LogAlarm("token.pin_record_lost", {{"file", path_}, {"why", strerror(errno)}});
      for (;;) pause();
    }
    return Refusal();
  }

 private:
  base::Status Refusal() const {
    return Fail(ErrorCode::kPermissionDenied,
                "the token refused the PIN in " + pin_file_ +
                    ". It was tried once and is not tried again, so that the token does not lock "
                    "itself: write the right PIN into the file; or, if the token's PIN was set to "
                    "what the file says, remove " + path_);
  }

  const std::string pin_file_, path_;
  std::string name_;
  int fd_ = -1;
};

base::Status CheckTriesLeft(const Module& module, CK_SLOT_ID slot) {
  CK_TOKEN_INFO info{};
  RETURN_IF_CK("C_GetTokenInfo", module.functions()->C_GetTokenInfo(slot, &info));
  if ((info.flags & CKF_USER_PIN_LOCKED) != 0) {
    return Fail(ErrorCode::kPermissionDenied,
                "the token's user PIN is locked: the security officer has to set it anew");
  }
  if ((info.flags & CKF_USER_PIN_FINAL_TRY) != 0) {
    return Fail(ErrorCode::kPermissionDenied,
                "the token allows one more try of the user PIN before it locks itself, so none is "
                "made: log in by hand with the right PIN, which gives all tries back (pkcs11-tool "
                "--login --list-objects)");
  }
  return {};
}

}  // namespace

base::Status LogIn(const Module& module, CK_SLOT_ID slot, CK_SESSION_HANDLE session,
                   const TokenLocation& location) {
  RETURN_IF_ERROR(CheckTriesLeft(module, slot));
  PinRecord record(location);
  RETURN_IF_ERROR(record.Open());
  // Read anew each time, so that it is in memory no longer than the login.
  ASSIGN_OR_RETURN(base::SecretBytes pin, base::ReadSecretFile(location.pin_file));
  CK_RV rv = module.functions()->C_Login(session, CKU_USER, pin.data(), pin.size());
  if (rv == CKR_OK) return {};
  // The login is the process', and one that stands is all that is wanted; but a token may say so
  // and hide its private keys all the same.
  if (rv == CKR_USER_ALREADY_LOGGED_IN) {
    CK_SESSION_INFO info{};
    RETURN_IF_CK("C_GetSessionInfo", module.functions()->C_GetSessionInfo(session, &info));
    if (info.state == CKS_RO_USER_FUNCTIONS || info.state == CKS_RW_USER_FUNCTIONS) return {};
  }
  base::Error error = CkError("C_Login", rv);
  if (error.code != ErrorCode::kPermissionDenied) return std::unexpected(std::move(error));
  base::LogError("token.login", {{"why", error.message}});
  return record.Refused();
}

}  // namespace paygate::hsm::pkcs11
