// Signs what waits together, one operation of the token for all of it
// (docs/protocol/batch-signatures.md).
//
// Nobody is made to wait for company: while the token signs nothing here, a message is signed at
// once, by the thread that brought it; what comes meanwhile is the next batch, and one of those who
// wait signs it for all. So a batch is as large as the token is slow, and there is no timer and no
// thread to stop. An error of the token is the error of everyone in the batch; the next batch is
// tried on its own. Bounded by the threads that call, and by kMaxBatchLeaves. Thread-safe; it
// blocks.
#pragma once

#include <deque>
#include <span>
#include <string>
#include <vector>

#include "base/mutex.h"
#include "base/result.h"
#include "gateway/engine/keys.h"
#include "protocol/batch_signature.h"

namespace paygate::gateway::engine {

class BatchSigner {
 public:
  explicit BatchSigner(const KeysInForce& keys) : keys_(keys) {}

  // Compact messages in their order, under the signature key in force when their batch is signed.
  // At most kMaxBatchLeaves; their bytes are borrowed until it returns.
  base::Result<std::vector<std::string>> Sign(std::span<const protocol::UnsignedJws> messages)
      EXCLUDES(mutex_);
  // Messages for the next batch.
  size_t waiting() const EXCLUDES(mutex_);

 private:
  struct Waiting {
    std::span<const protocol::UnsignedJws> messages;
    bool done = false;
    base::Result<std::vector<std::string>> compact;
  };
  using Batch = std::vector<Waiting*>;
  Batch TakeBatch() REQUIRES(mutex_);
  void SignBatch(const Batch& batch) const;

  const KeysInForce& keys_;
  mutable base::Mutex mutex_;
  base::CondVar changed_;
  std::deque<Waiting*> waiting_ GUARDED_BY(mutex_);
  bool signing_ GUARDED_BY(mutex_) = false;
};

}  // namespace paygate::gateway::engine
