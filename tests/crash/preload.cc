// Loaded before a program of the gateway (LD_PRELOAD): counts its steps (points.h) and kills it at
// the chosen one. PAYGATE_CRASH_FILE names the shared file, PAYGATE_CRASH_ROLE the place in it.
// Standard streams are not counted: a log line promises nothing.
#include <dlfcn.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <climits>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "tests/crash/points.h"

namespace {

using paygate::crash::Points;

Points* points = nullptr;
int role = 0;

__attribute__((constructor)) void Load() {
  const char* file = getenv("PAYGATE_CRASH_FILE");
  const char* name = getenv("PAYGATE_CRASH_ROLE");
  if (file == nullptr || name == nullptr) return;
  while (role < paygate::crash::kRoleCount && strcmp(paygate::crash::kRoles[role], name) != 0) {
    ++role;
  }
  const int fd = open(file, O_RDWR | O_CLOEXEC);
  void* page = mmap(nullptr, sizeof(Points), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  close(fd);
  if (page == MAP_FAILED || role == paygate::crash::kRoleCount) {
    std::fputs("crash points: no such file or role\n", stderr);
    std::abort();
  }
  points = static_cast<Points*>(page);
}

void Step(int fd) {
  if (points == nullptr || fd <= STDERR_FILENO) return;
  auto& left = points->left[role];
  if (left.load(std::memory_order_relaxed) < 0) return;
  if (left.fetch_sub(1) == 0) {
    ++points->deaths;
    kill(getpid(), SIGKILL);
    for (;;) pause();
  }
  ++points->passed[role];
}

template <typename Function>
Function* Real(const char* name) {
  return reinterpret_cast<Function*>(dlsym(RTLD_NEXT, name));
}

}  // namespace

// What is called NAME here is a step and then the C library's own.
#define PAYGATE_STEP(result, name, parameters, arguments, fd)          \
  extern "C" result name parameters;                                   \
  extern "C" result name parameters {                                  \
    static const auto real = Real<result parameters>(#name);           \
    Step(fd);                                                          \
    return real arguments;                                             \
  }

PAYGATE_STEP(ssize_t, write, (int fd, const void* b, size_t n), (fd, b, n), fd)
PAYGATE_STEP(ssize_t, writev, (int fd, const iovec* v, int n), (fd, v, n), fd)
PAYGATE_STEP(ssize_t, pwrite, (int fd, const void* b, size_t n, off_t o), (fd, b, n, o), fd)
PAYGATE_STEP(ssize_t, pwrite64, (int fd, const void* b, size_t n, off64_t o), (fd, b, n, o), fd)
PAYGATE_STEP(ssize_t, send, (int fd, const void* b, size_t n, int f), (fd, b, n, f), fd)
PAYGATE_STEP(ssize_t, sendmsg, (int fd, const msghdr* m, int f), (fd, m, f), fd)
PAYGATE_STEP(ssize_t, recv, (int fd, void* b, size_t n, int f), (fd, b, n, f), fd)
PAYGATE_STEP(ssize_t, recvmsg, (int fd, msghdr* m, int f), (fd, m, f), fd)
PAYGATE_STEP(ssize_t, read, (int fd, void* b, size_t n), (fd, b, n), fd)
PAYGATE_STEP(ssize_t, readv, (int fd, const iovec* v, int n), (fd, v, n), fd)
PAYGATE_STEP(int, fsync, (int fd), (fd), fd)
PAYGATE_STEP(int, fdatasync, (int fd), (fd), fd)
PAYGATE_STEP(int, accept4, (int fd, sockaddr* a, socklen_t* n, int f), (fd, a, n, f), fd)

extern "C" int rename(const char* from, const char* to) noexcept {
  static const auto real = Real<int(const char*, const char*)>("rename");
  Step(INT_MAX);
  return real(from, to);
}
