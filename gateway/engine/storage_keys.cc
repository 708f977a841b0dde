// <directory>/<YYYY-MM-DD>.key = the wrapped key as hsm::WrappedKey::bytes: with an EC wrapping key
// the ephemeral point from which the token derives the day's key (ECDH-ES, Concat KDF), with an RSA
// one the key under RSA-OAEP-256.
#include "gateway/engine/storage_keys.h"

#include <algorithm>
#include <cstdio>
#include <filesystem>

#include "base/crypto.h"
#include "base/file.h"
#include "base/log.h"
#include "protocol/jwe.h"

namespace paygate::gateway::engine {

using base::ErrorCode;
using base::Result;
using base::SecretBytes;

Result<std::unique_ptr<StorageKeys>> StorageKeys::Open(std::string directory,
                                                       const base::Clock& clock,
                                                       const protocol::PublicKey& wrapping_key,
                                                       hsm::Decrypter& unwrapping_key) {
  RETURN_IF_ERROR(base::MakePrivateDirectory(directory));
  return std::unique_ptr<StorageKeys>(
      new StorageKeys(std::move(directory), clock, wrapping_key, unwrapping_key));
}

std::string StorageKeys::DayName(base::UnixTime time) {
  const std::chrono::year_month_day day{std::chrono::floor<std::chrono::days>(time)};
  char text[16];
  std::snprintf(text, sizeof text, "%04d-%02u-%02u", static_cast<int>(day.year()),
                static_cast<unsigned>(day.month()), static_cast<unsigned>(day.day()));
  return text;
}

Result<SecretBytes> StorageKeys::Load(const std::string& name) {
  ASSIGN_OR_RETURN(std::string wrapped, base::ReadFile(PathOf(name), 4096));
  return unwrapping_key_.Unwrap({unwrapping_key_.algorithm(), wrapped});
}

Result<SecretBytes> StorageKeys::Create(const std::string& name) {
  ASSIGN_OR_RETURN(protocol::ContentKey made, protocol::NewContentKey(wrapping_key_));
  RETURN_IF_ERROR(base::WriteNewFile(PathOf(name), made.wrapped));
  // Proved before anything is sealed under it: a key that cannot be unwrapped loses payments.
  ASSIGN_OR_RETURN(SecretBytes unwrapped, Load(name));
  if (!(unwrapped == made.key)) {
    return base::Fail(ErrorCode::kInternal, "the token does not unwrap a storage key just made");
  }
  base::LogInfo("storage_key.made", {{"name", name}});
  return std::move(made.key);
}

// Under the mutex for its whole length: once a day, and at start-up.
Result<StorageKeys::Key> StorageKeys::Find(const std::string& name, bool create) {
  base::MutexLock lock(mutex_);
  if (auto found = keys_.find(name); found != keys_.end()) return found->second;
  std::error_code ignored;
  const bool exists = std::filesystem::exists(PathOf(name), ignored);
  if (!exists && !create) {
    return base::Fail(ErrorCode::kInternal, "storage key " + name + " is gone");
  }
  ASSIGN_OR_RETURN(SecretBytes key, exists ? Load(name) : Create(name));
  auto shared = std::make_shared<const SecretBytes>(std::move(key));
  keys_.emplace(name, shared);
  return shared;
}

Result<Sealed> StorageKeys::Seal(std::string_view payment_id, std::string_view plaintext) {
  const std::string name = DayName(clock_.Now());
  ASSIGN_OR_RETURN(Key key, Find(name, true));
  return Sealed{.key_name = name, .bytes = base::AeadSeal(*key, plaintext, payment_id)};
}

Result<std::string> StorageKeys::Unseal(std::string_view payment_id, const std::string& key_name,
                                        std::string_view sealed) {
  ASSIGN_OR_RETURN(Key key, Find(key_name, false));
  return base::AeadOpen(*key, sealed, payment_id);
}

base::Status StorageKeys::DestroyAllBut(const std::vector<std::string>& in_use) {
  // Yesterday's stays: an authorisation sealed at midnight may not be recorded yet. So does a later
  // day's, of a clock that was set back.
  const std::string oldest_kept = DayName(clock_.Now() - std::chrono::days(1));
  std::error_code error;
  for (const auto& file : std::filesystem::directory_iterator(directory_, error)) {
    const std::string name = file.path().stem();
    if (name >= oldest_kept || std::ranges::find(in_use, name) != in_use.end()) continue;
    RETURN_IF_ERROR(base::RemoveFileDurably(file.path()));
    base::MutexLock lock(mutex_);
    keys_.erase(name);
    base::LogInfo("storage_key.destroyed", {{"name", name}});
  }
  if (error) return base::Fail(ErrorCode::kIo, directory_ + ": " + error.message());
  return {};
}

}  // namespace paygate::gateway::engine
