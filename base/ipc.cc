// frame = length (u32, little-endian, 0 < length <= kMaxFrameBytes), payload
#include "base/ipc.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "base/clock.h"
#include "base/codec.h"
#include "base/secret_bytes.h"

namespace paygate::base {
namespace {

constexpr size_t kHeaderBytes = 4;
// Many small frames for one system call; grown to that by the channels that get many.
constexpr size_t kReceiveBufferBytes = 64u << 10;
constexpr size_t kFirstReceiveBufferBytes = 8u << 10;
constexpr int kBacklog = 128;
constexpr int kAcceptPauseMs = 100;
constexpr int64_t kLongestReceiveMs = 24 * 3600 * 1000;

std::unexpected<Error> FailErrno(ErrorCode code, const std::string& what) {
  const int error = errno;
  return Fail(code, what + ": " + std::strerror(error));
}

std::unexpected<Error> FailClosed() {
  return Fail(ErrorCode::kClosed, "the other end of the channel is gone");
}

Result<sockaddr_un> Address(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.empty() || path.size() >= sizeof(address.sun_path)) {
    return Fail(ErrorCode::kInvalidArgument,
                "a socket's path has 1 to " + std::to_string(sizeof(address.sun_path) - 1) +
                    " bytes; choose a shorter directory than that of " + path);
  }
  std::memcpy(address.sun_path, path.data(), path.size());
  return address;
}

// A connected descriptor, or -1 with errno. Does not wait for room in the listener's backlog.
int TryConnect(const sockaddr_un& address) {
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return -1;
  if (connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) {
    const int error = errno;
    close(fd);
    errno = error;
    return -1;
  }
  fcntl(fd, F_SETFL, 0);  // from here on blocking
  return fd;
}

// Removes the socket file of a process that is gone; refuses everything else.
Status RemoveStale(const std::string& path, const sockaddr_un& address) {
  struct stat st;
  if (lstat(path.c_str(), &st) != 0) return {};  // gone in the meantime
  if (!S_ISSOCK(st.st_mode)) {
    return Fail(ErrorCode::kAlreadyExists, path + " is there and is no socket; move it away");
  }
  const int fd = TryConnect(address);
  if (fd >= 0) close(fd);
  if (fd >= 0 || errno != ECONNREFUSED) {
    return Fail(ErrorCode::kAlreadyExists,
                path + " is in use by another process; stop that one or choose another path");
  }
  unlink(path.c_str());
  return {};
}

}  // namespace

Channel::Channel(int fd, std::chrono::milliseconds send_timeout)
    : fd_(fd), send_timeout_(send_timeout) {}

Channel::~Channel() {
  Close();
  close(fd_);
  Cleanse(receive_buffer_.data(), receive_buffer_.size());
}

Result<std::unique_ptr<Channel>> Channel::Connect(const std::string& path) {
  ASSIGN_OR_RETURN(const sockaddr_un address, Address(path));
  const int fd = TryConnect(address);
  if (fd >= 0) return std::make_unique<Channel>(fd);
  ErrorCode code = ErrorCode::kIo;
  if (errno == ENOENT || errno == ECONNREFUSED) code = ErrorCode::kClosed;
  if (errno == EAGAIN) code = ErrorCode::kOverloaded;
  if (errno == EACCES || errno == EPERM) code = ErrorCode::kPermissionDenied;
  return FailErrno(code, "cannot connect to " + path);
}

void Channel::SetWriter(Writer writer) {
  MutexLock lock(send_mutex_);
  writer_ = writer;
  writer_changed_.NotifyAll();
}

Status Channel::Write(std::string_view frame, bool wait_to_start) {
  if (frame.empty()) return Fail(ErrorCode::kInvalidArgument, "a frame cannot be empty");
  if (frame.size() > kMaxFrameBytes) {
    return Fail(ErrorCode::kPayloadTooLarge, "a frame has at most 4 MiB");
  }
  {
    MutexLock lock(send_mutex_);
    while (writer_ == Writer::kWriting || (writer_ != Writer::kNone && wait_to_start)) {
      writer_changed_.Wait(send_mutex_);
    }
    if (closed_) return FailClosed();
    if (writer_ != Writer::kNone) return Fail(ErrorCode::kOverloaded, "the peer does not read");
    writer_ = Writer::kWriting;
  }
  Status status = WriteInTurn(frame, wait_to_start);
  // Before the turn is given up, so that nobody writes behind half a frame.
  if (!status && status.error().code != ErrorCode::kOverloaded) Close();
  SetWriter(Writer::kNone);
  return status;
}

Status Channel::WriteInTurn(std::string_view frame, bool wait_to_start) {
  std::string header = Encoder().U32(static_cast<uint32_t>(frame.size())).Take();
  const size_t total = kHeaderBytes + frame.size();
  const auto deadline = SystemClock().Monotonic() + send_timeout_;
  for (size_t done = 0; done < total;) {
    const size_t skip = done < kHeaderBytes ? 0 : done - kHeaderBytes;
    iovec parts[2] = {{header.data() + done, kHeaderBytes - std::min(done, kHeaderBytes)},
                      {const_cast<char*>(frame.data()) + skip, frame.size() - skip}};
    const size_t first = done < kHeaderBytes ? 0 : 1;
    msghdr message{};
    message.msg_iov = parts + first;
    message.msg_iovlen = 2 - first;
    const ssize_t n = sendmsg(fd_, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n >= 0) {
      done += static_cast<size_t>(n);
    } else if (errno == EAGAIN) {
      if (done == 0 && !wait_to_start) {
        return Fail(ErrorCode::kOverloaded, "the peer does not read");
      }
      SetWriter(Writer::kWaitingForRoom);
      RETURN_IF_ERROR(WaitForRoom(deadline));
      SetWriter(Writer::kWriting);
    } else if (errno != EINTR) {
      return FailClosed();
    }
  }
  return {};
}

Status Channel::WaitForRoom(std::chrono::steady_clock::time_point deadline) {
  while (true) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(
        deadline - SystemClock().Monotonic());
    if (left.count() <= 0) {
      return Fail(ErrorCode::kTimeout, "the peer did not read for " +
                                           std::to_string(send_timeout_.count()) + " ms");
    }
    pollfd p{fd_, POLLOUT, 0};
    const int n = poll(&p, 1, static_cast<int>(left.count()));
    if (closed_) return FailClosed();
    if (n > 0) return {};
    if (n < 0 && errno != EINTR) return FailErrno(ErrorCode::kIo, "cannot wait for a channel");
  }
}

// At least one byte. Waits in poll: a thread that waits in recv is also woken whenever the peer has
// read what was sent to it, which for a question and its answer is a second wake-up each time.
Result<size_t> Channel::ReadSome(char* out, size_t size) {
  while (true) {
    pollfd readable{fd_, POLLIN, 0};
    const int ready = poll(&readable, 1, receive_limit_ms_);
    if (closed_) return FailClosed();
    if (ready == 0) {
      Close();
      return Fail(ErrorCode::kTimeout, "nothing came in time");
    }
    const ssize_t n = ready < 0 ? -1 : recv(fd_, out, size, MSG_DONTWAIT);
    if (n > 0) return static_cast<size_t>(n);
    if (n < 0 && (errno == EINTR || errno == EAGAIN)) continue;
    Close();
    return FailClosed();
  }
}

Status Channel::FillBuffer(size_t at_least) {
  if (receive_buffer_.empty()) receive_buffer_.resize(kFirstReceiveBufferBytes);
  if (begin_ == end_) begin_ = end_ = 0;
  if (begin_ + at_least > receive_buffer_.size()) {
    std::memmove(receive_buffer_.data(), receive_buffer_.data() + begin_, end_ - begin_);
    end_ -= begin_;
    begin_ = 0;
  }
  while (end_ - begin_ < at_least) {
    ASSIGN_OR_RETURN(const size_t n, ReadSome(receive_buffer_.data() + end_,
                                              receive_buffer_.size() - end_));
    end_ += n;
    if (end_ == receive_buffer_.size()) GrowBuffer();
  }
  return {};
}

// What it was until now may hold content keys.
void Channel::GrowBuffer() {
  if (receive_buffer_.size() >= kReceiveBufferBytes) return;
  std::string larger(2 * receive_buffer_.size(), '\0');
  std::memcpy(larger.data(), receive_buffer_.data() + begin_, end_ - begin_);
  Cleanse(receive_buffer_.data(), receive_buffer_.size());
  receive_buffer_ = std::move(larger);
  end_ -= begin_;
  begin_ = 0;
}

void Channel::LimitReceive(std::chrono::milliseconds timeout) {
  receive_limit_ms_ = static_cast<int>(std::min<int64_t>(timeout.count(), kLongestReceiveMs));
}

Result<std::string> Channel::Receive() {
  if (closed_) return FailClosed();
  RETURN_IF_ERROR(FillBuffer(kHeaderBytes));
  const uint32_t length = Decoder({receive_buffer_.data() + begin_, kHeaderBytes}).U32();
  begin_ += kHeaderBytes;
  if (length == 0 || length > kMaxFrameBytes) {
    Close();
    return Fail(ErrorCode::kMalformed,
                "a frame of " + std::to_string(length) + " bytes is out of bounds");
  }
  std::string frame(length, '\0');
  size_t done = std::min<size_t>(length, end_ - begin_);
  std::memcpy(frame.data(), receive_buffer_.data() + begin_, done);
  Cleanse(receive_buffer_.data() + begin_, done);
  begin_ += done;
  // The tail of the last frame read, or a large frame: read no further than its end.
  while (done < length) {
    if (length - done < kFirstReceiveBufferBytes / 2) {
      RETURN_IF_ERROR(FillBuffer(1));
      const size_t part = std::min<size_t>(length - done, end_ - begin_);
      std::memcpy(frame.data() + done, receive_buffer_.data() + begin_, part);
      Cleanse(receive_buffer_.data() + begin_, part);
      begin_ += part;
      done += part;
    } else {
      ASSIGN_OR_RETURN(const size_t n, ReadSome(frame.data() + done, length - done));
      done += n;
    }
  }
  return frame;
}

void Channel::Close() {
  // The descriptor itself lives until the destructor: a thread may still be waiting on it.
  if (!closed_.exchange(true)) shutdown(fd_, SHUT_RDWR);
}

Result<PeerCredentials> Channel::Peer() const {
  ucred credentials{};
  socklen_t size = sizeof(credentials);
  if (getsockopt(fd_, SOL_SOCKET, SO_PEERCRED, &credentials, &size) != 0) {
    return FailErrno(ErrorCode::kIo, "cannot tell who the peer is");
  }
  return PeerCredentials{credentials.pid, credentials.uid, credentials.gid};
}

Result<std::unique_ptr<Listener>> Listener::Open(const std::string& path, mode_t mode) {
  ASSIGN_OR_RETURN(const sockaddr_un address, Address(path));
  RETURN_IF_ERROR(RemoveStale(path, address));
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return FailErrno(ErrorCode::kIo, "cannot make a socket");
  if (bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) {
    const ErrorCode code = errno == EADDRINUSE ? ErrorCode::kAlreadyExists
                           : errno == EACCES   ? ErrorCode::kPermissionDenied
                                               : ErrorCode::kIo;
    auto failure = FailErrno(code, "cannot make the socket " + path);
    close(fd);
    return failure;
  }
  // Between bind and listen nobody can connect, so that the mode holds from the first moment.
  struct stat st;
  const int wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (wake_fd < 0 || chmod(path.c_str(), mode) != 0 || lstat(path.c_str(), &st) != 0 ||
      listen(fd, kBacklog) != 0) {
    auto failure = FailErrno(ErrorCode::kIo, "cannot listen on " + path);
    unlink(path.c_str());
    close(fd);
    if (wake_fd >= 0) close(wake_fd);
    return failure;
  }
  return std::unique_ptr<Listener>(new Listener(fd, wake_fd, path, st.st_ino));
}

Listener::~Listener() {
  struct stat st;
  if (lstat(path_.c_str(), &st) == 0 && st.st_ino == inode_) unlink(path_.c_str());
  close(fd_);
  close(wake_fd_);
}

Result<std::unique_ptr<Channel>> Listener::Accept() {
  while (true) {
    pollfd p[2] = {{wake_fd_, POLLIN, 0}, {fd_, POLLIN, 0}};
    if (poll(p, 2, -1) < 0) {
      if (errno == EINTR) continue;
      return FailErrno(ErrorCode::kIo, "cannot wait on " + path_);
    }
    if (p[0].revents != 0) return Fail(ErrorCode::kClosed, path_ + " is closed");
    const int fd = accept4(fd_, nullptr, nullptr, SOCK_CLOEXEC);
    if (fd >= 0) return std::make_unique<Channel>(fd);
    if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
      // Who waits to be accepted stays readable: without a pause the caller's loop would spin.
      const int why = errno;
      poll(p, 1, kAcceptPauseMs);
      errno = why;
      return FailErrno(ErrorCode::kOverloaded, "cannot accept on " + path_);
    }
    if (errno != EINTR && errno != EAGAIN && errno != ECONNABORTED) {
      return FailErrno(ErrorCode::kIo, "cannot accept on " + path_);
    }
  }
}

void Listener::Close() {
  const uint64_t one = 1;
  (void)!write(wake_fd_, &one, sizeof(one));  // it can only fail when it is readable already
}

}  // namespace paygate::base
