// SecretBytes: the only type that holds a key, PIN, passphrase or shared secret.
//
// Guarantees: the memory is locked (mlock; where the limit forbids it, MlockRefused() says so) and
// kept out of core dumps, cleansed before it is freed, moved but never copied silently, and has
// no printer. Equality takes the same time whatever the contents. Different objects may be used
// from different threads. Source: OpenSSH's sshkey shielding and libsodium's guarded memory,
// reduced to what PKCS#11 and JOSE need.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace paygate::base {

class SecretBytes {
 public:
  SecretBytes() = default;
  explicit SecretBytes(size_t size);                // zeroed
  static SecretBytes CopyOf(std::string_view bytes);
  ~SecretBytes();
  SecretBytes(SecretBytes&& other) noexcept;
  SecretBytes& operator=(SecretBytes&& other) noexcept;
  SecretBytes(const SecretBytes&) = delete;
  SecretBytes& operator=(const SecretBytes&) = delete;

  SecretBytes Clone() const;  // a copy that is visible in the code

  uint8_t* data() { return data_; }
  const uint8_t* data() const { return data_; }
  size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  std::span<const uint8_t> span() const { return {data_, size_}; }
  // For C interfaces that want characters; the view dies with this object.
  std::string_view view() const { return {reinterpret_cast<const char*>(data_), size_}; }
  // Shortens (the tail is cleansed); never grows.
  void Truncate(size_t size);

  friend bool operator==(const SecretBytes& a, const SecretBytes& b);  // constant time in contents

 private:
  uint8_t* data_ = nullptr;
  size_t size_ = 0;
  size_t capacity_ = 0;
};

// Overwrites memory in a way that the compiler cannot remove (OPENSSL_cleanse).
void Cleanse(void* data, size_t size);

// True if the kernel has refused to lock a secret's memory so far: it may then reach swap. A main()
// warns of it at start-up; `ulimit -l` or LimitMEMLOCK= mends it.
bool MlockRefused();

// No core dumps, no ptrace by others (PR_SET_DUMPABLE 0, RLIMIT_CORE 0). Called first in main() of
// every process that holds secrets.
void MakeProcessUndumpable();

}  // namespace paygate::base
