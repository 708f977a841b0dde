// Secrets live in OpenSSL's secure heap: one locked arena between guard pages that core dumps leave
// out, cut up by a buddy allocator. A secret then costs no system call, which matters because each
// payment makes a handful of 32-byte keys. When the arena is full, a secret gets pages of its own.
#include "base/secret_bytes.h"

#include <openssl/crypto.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <utility>

namespace paygate::base {
namespace {

constexpr size_t kArenaBytes = size_t{1} << 20;  // below the usual RLIMIT_MEMLOCK of 8 MiB
constexpr size_t kSmallestBlockBytes = 32;

std::atomic<bool> mlock_refused = false;

bool ArenaReady() {
  static const bool ready = [] {
    if (CRYPTO_secure_malloc_initialized() == 1) return true;
    const int result = CRYPTO_secure_malloc_init(kArenaBytes, kSmallestBlockBytes);
    if (result == 2) mlock_refused = true;  // made, but not locked
    return result != 0;
  }();
  return ready;
}

[[noreturn]] void OutOfMemory() {
  std::fputs("paygate: no memory for a secret\n", stderr);
  std::abort();
}

size_t WholePages(size_t size) {
  static const size_t page = static_cast<size_t>(sysconf(_SC_PAGESIZE));
  return (size + page - 1) / page * page;
}

uint8_t* MapPages(size_t size) {
  void* p = mmap(nullptr, WholePages(size), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
                 -1, 0);
  if (p == MAP_FAILED) OutOfMemory();
  if (mlock(p, WholePages(size)) != 0) mlock_refused = true;
  madvise(p, WholePages(size), MADV_DONTDUMP);
  return static_cast<uint8_t*>(p);
}

uint8_t* Allocate(size_t size) {
  // Without an arena OpenSSL would quietly use the common heap.
  if (ArenaReady()) {
    if (void* p = OPENSSL_secure_zalloc(size)) return static_cast<uint8_t*>(p);
  }
  return MapPages(size);
}

void Free(uint8_t* data, size_t capacity) {
  if (data == nullptr) return;
  if (CRYPTO_secure_allocated(data)) {
    OPENSSL_secure_clear_free(data, capacity);
  } else {
    OPENSSL_cleanse(data, capacity);
    munmap(data, WholePages(capacity));
  }
}

}  // namespace

SecretBytes::SecretBytes(size_t size)
    : data_(size == 0 ? nullptr : Allocate(size)), size_(size), capacity_(size) {}

SecretBytes SecretBytes::CopyOf(std::string_view bytes) {
  SecretBytes copy(bytes.size());
  if (!bytes.empty()) std::memcpy(copy.data_, bytes.data(), bytes.size());
  return copy;
}

SecretBytes::~SecretBytes() { Free(data_, capacity_); }

SecretBytes::SecretBytes(SecretBytes&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)),
      size_(std::exchange(other.size_, 0)),
      capacity_(std::exchange(other.capacity_, 0)) {}

SecretBytes& SecretBytes::operator=(SecretBytes&& other) noexcept {
  if (this != &other) {
    Free(data_, capacity_);
    data_ = std::exchange(other.data_, nullptr);
    size_ = std::exchange(other.size_, 0);
    capacity_ = std::exchange(other.capacity_, 0);
  }
  return *this;
}

SecretBytes SecretBytes::Clone() const { return CopyOf(view()); }

void SecretBytes::Truncate(size_t size) {
  if (size >= size_) return;
  OPENSSL_cleanse(data_ + size, size_ - size);
  size_ = size;
}

bool operator==(const SecretBytes& a, const SecretBytes& b) {
  return a.size_ == b.size_ && CRYPTO_memcmp(a.data_, b.data_, a.size_) == 0;
}

void Cleanse(void* data, size_t size) { OPENSSL_cleanse(data, size); }

bool MlockRefused() { return mlock_refused; }

void MakeProcessUndumpable() {
  const rlimit none{0, 0};
  // Each alone keeps secrets out of core files; a kernel that knows neither is not ours to mend.
  (void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
  (void)setrlimit(RLIMIT_CORE, &none);
}

}  // namespace paygate::base
