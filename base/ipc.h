// Framed messages between Paygate's processes over Unix stream sockets.
//
//   frame = length (u32, little-endian, 0 < length <= max_frame_bytes), payload
//
// Channel: one connected socket. Send is thread-safe and writes whole frames; Receive is for one
// reader thread at a time. Back-pressure: when the peer does not read, Send waits up to
// `send_timeout`, then fails (kTimeout) and the channel is closed, because half a frame may be out;
// TrySend refuses at once (kOverloaded, channel intact) when the kernel's buffer has no room to
// start. A frame over the bound or a short read closes the channel (kClosed/kMalformed).
// Close() may be called from any thread and wakes Send and Receive.
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

  Status Send(std::string_view frame) EXCLUDES(send_mutex_);
  Status TrySend(std::string_view frame) EXCLUDES(send_mutex_);
  // Blocks until a whole frame is there. kClosed at end of stream.
  Result<std::string> Receive();
  void Close();
  bool closed() const { return closed_; }
  // Who connected, as the kernel says (SO_PEERCRED).
  Result<PeerCredentials> Peer() const;
  int fd() const { return fd_; }

 private:
  Status SendLocked(std::string_view frame, bool wait_to_start) REQUIRES(send_mutex_);

  const int fd_;
  const std::chrono::milliseconds send_timeout_;
  std::atomic<bool> closed_ = false;
  Mutex send_mutex_;
  std::string receive_buffer_;  // of the one reader thread
};

// A listening Unix socket, made with mode 0600 (or as given) in a directory of ours; a stale socket
// file of a dead process is replaced, a live one refused (kAlreadyExists).
class Listener {
 public:
  static Result<std::unique_ptr<Listener>> Open(const std::string& path, mode_t mode = 0600);
  ~Listener();
  // Blocks; kClosed after Close().
  Result<std::unique_ptr<Channel>> Accept();
  void Close();

 private:
  Listener(int fd, int wake_fd, std::string path) : fd_(fd), wake_fd_(wake_fd), path_(path) {}
  const int fd_;
  const int wake_fd_;
  const std::string path_;
};

}  // namespace paygate::base
