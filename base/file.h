// Files that must not be half-written, overwritten or readable by others; and how many a process
// may hold open.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/secret_bytes.h"

namespace paygate::base {

// Whole file, at most `limit` bytes (kPayloadTooLarge beyond).
Result<std::string> ReadFile(const std::string& path, size_t limit = 64u << 20);
// For PINs and passphrases: refuses a file that group or others can read (kPermissionDenied, with
// the chmod that mends it); one trailing line feed is dropped.
Result<SecretBytes> ReadSecretFile(const std::string& path, size_t limit = 4096);
// O_EXCL: never overwrites (kAlreadyExists). Durable (file and directory fsynced) on return.
Status WriteNewFile(const std::string& path, std::string_view bytes, mode_t mode = 0600);
// Old contents or new, never a mixture, whatever crashes: temporary file, fsync, rename, fsync.
Status ReplaceFile(const std::string& path, std::string_view bytes, mode_t mode = 0600);
// mkdir -p with mode 0700; refuses a directory that others can write.
Status MakePrivateDirectory(const std::string& path);
Status RemoveFileDurably(const std::string& path);  // missing is fine

// Lets this process hold `wanted` descriptors, or as many as its hard limit allows. Returns how
// many it may hold now, which may be less or more than wanted; less is logged as a warning.
uint64_t RaiseDescriptorLimit(uint64_t wanted);

}  // namespace paygate::base
