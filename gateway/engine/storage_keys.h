// The day's storage key: what seals the bytes for the bank while an intent is open (they hold
// account numbers). Each key exists in clear only in this process's locked memory; on disk it is
// wrapped by the storage-wrapping key in the token, in a file of its own, which is deleted when the
// day is over and no open intent needs it: what an old SST file still holds is then unreadable.
// Thread-safe.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/mutex.h"
#include "base/result.h"
#include "base/secret_bytes.h"
#include "hsm/decrypter.h"
#include "protocol/public_key.h"

namespace paygate::gateway::engine {

struct Sealed {
  std::string key_name;  // "2026-11-22"
  std::string bytes;
};

class StorageKeys {
 public:
  // `directory` is made if missing. The wrapping key's two halves outlive this object.
  static base::Result<std::unique_ptr<StorageKeys>> Open(std::string directory,
                                                         const base::Clock& clock,
                                                         const protocol::PublicKey& wrapping_key,
                                                         hsm::Decrypter& unwrapping_key);

  // Bound to `payment_id`: the bytes of one payment cannot be moved to another.
  base::Result<Sealed> Seal(std::string_view payment_id, std::string_view plaintext);
  base::Result<std::string> Unseal(std::string_view payment_id, const std::string& key_name,
                                   std::string_view sealed);
  // Destroys every key but today's, yesterday's and those named.
  base::Status DestroyAllBut(const std::vector<std::string>& in_use);

 private:
  using Key = std::shared_ptr<const base::SecretBytes>;

  StorageKeys(std::string directory, const base::Clock& clock,
              const protocol::PublicKey& wrapping_key, hsm::Decrypter& unwrapping_key)
      : directory_(std::move(directory)),
        clock_(clock),
        wrapping_key_(wrapping_key),
        unwrapping_key_(unwrapping_key) {}
  static std::string DayName(base::UnixTime time);
  std::string PathOf(const std::string& name) const { return directory_ + "/" + name + ".key"; }
  base::Result<Key> Find(const std::string& name, bool create);
  base::Result<base::SecretBytes> Load(const std::string& name);
  base::Result<base::SecretBytes> Create(const std::string& name);

  const std::string directory_;
  const base::Clock& clock_;
  const protocol::PublicKey& wrapping_key_;
  hsm::Decrypter& unwrapping_key_;
  base::Mutex mutex_;
  std::map<std::string, Key> keys_ GUARDED_BY(mutex_);
};

}  // namespace paygate::gateway::engine
