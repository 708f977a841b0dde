// Framed messages between Paygate's processes over Unix stream sockets.
//
//   frame = length (u32, little-endian, 0 < length <= kMaxFrameBytes), payload
//
// Channel: one connected socket. Send is thread-safe and writes whole frames; Receive is for one
// reader thread at a time. Back-pressure: when the peer does not read, Send waits up to
// `send_timeout`, then fails (kTimeout) and the channel is closed, because half a frame may be out;
// TrySend refuses at once (kOverloaded, channel intact) when the kernel's buffer has no room to
// start. A received frame of no bytes or over the bound closes the channel (kMalformed), as does
// an end of stream inside a frame (kClosed). A frame that may not be sent is refused (empty:
// kInvalidArgument, over the bound: kPayloadTooLarge) and the channel stays good. After
// LimitReceive a Receive to which nothing comes for that long closes the channel (kTimeout).
// Close() may be called from any thread and wakes Send and Receive. Received bytes may be content
// keys: the channel cleanses its own buffer, the caller the frames that it is given.
#pragma once

#include <sys/types.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/mutex.h"
#include "base/result.h"

namespace paygate::base {

constexpr uint32_t kMaxFrameBytes = 4u << 20;

struct PeerCredentials {
  pid_t pid;
  uid_t uid;
  gid_t gid;
};

class Channel {
 public:
  // Takes over a connected stream socket.
  explicit Channel(int fd, std::chrono::milliseconds send_timeout = std::chrono::seconds(5));
  ~Channel();
  Channel(const Channel&) = delete;

  static Result<std::unique_ptr<Channel>> Connect(const std::string& path);

  Status Send(std::string_view frame) EXCLUDES(send_mutex_) { return Write(frame, true); }
  Status TrySend(std::string_view frame) EXCLUDES(send_mutex_) { return Write(frame, false); }
  // Blocks until a whole frame is there. kClosed at end of stream.
  Result<std::string> Receive();
  // Before the first Receive.
  void LimitReceive(std::chrono::milliseconds timeout);
  // Bytes beyond the frames given out are here already: the next Receive may not wait for any.
  bool HasBuffered() const { return begin_ < end_; }
  void Close();
  bool closed() const { return closed_; }
  // Who connected, as the kernel says (SO_PEERCRED).
  Result<PeerCredentials> Peer() const;
  int fd() const { return fd_; }

 private:
  // Whose turn it is to write. A writer that waits for room says so, so that TrySend need not
  // wait behind it.
  enum class Writer : uint8_t { kNone, kWriting, kWaitingForRoom };

  Status Write(std::string_view frame, bool wait_to_start) EXCLUDES(send_mutex_);
  Status WriteInTurn(std::string_view frame, bool wait_to_start) EXCLUDES(send_mutex_);
  Status WaitForRoom(std::chrono::steady_clock::time_point deadline) EXCLUDES(send_mutex_);
  void SetWriter(Writer writer) EXCLUDES(send_mutex_);
  Result<size_t> ReadSome(char* out, size_t size);
  Status FillBuffer(size_t at_least);
  void GrowBuffer();

  const int fd_;
  const std::chrono::milliseconds send_timeout_;
  int receive_limit_ms_ = -1;  // without end
  std::atomic<bool> closed_ = false;

  Mutex send_mutex_;
  CondVar writer_changed_;
  Writer writer_ GUARDED_BY(send_mutex_) = Writer::kNone;

  // Of the one reader thread: what was read beyond the frames given out, in [begin_, end_).
  std::string receive_buffer_;
  size_t begin_ = 0;
  size_t end_ = 0;
};

// A listening Unix socket, made with mode 0600 (or as given) in a directory of ours; a stale socket
// file of a dead process is replaced, a live one or another kind of file refused (kAlreadyExists).
// The destructor removes the file unless another process has put its own there.
class Listener {
 public:
  static Result<std::unique_ptr<Listener>> Open(const std::string& path, mode_t mode = 0600);
  ~Listener();
  // Blocks; kClosed after Close(), which any thread may call. kOverloaded when the process has no
  // descriptor left, after a pause of 100 ms: a loop around it does not spin.
  Result<std::unique_ptr<Channel>> Accept();
  void Close();

 private:
  Listener(int fd, int wake_fd, std::string path, ino_t inode)
      : fd_(fd), wake_fd_(wake_fd), path_(std::move(path)), inode_(inode) {}
  const int fd_;
  const int wake_fd_;  // readable for ever once closed
  const std::string path_;
  const ino_t inode_;
};

}  // namespace paygate::base
