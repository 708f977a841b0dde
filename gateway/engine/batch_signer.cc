#include "gateway/engine/batch_signer.h"

#include "base/log.h"

namespace paygate::gateway::engine {

using base::Result;
using protocol::UnsignedJws;

Result<std::vector<std::string>> BatchSigner::Sign(std::span<const UnsignedJws> messages) {
  if (messages.empty() || messages.size() > protocol::kMaxBatchLeaves) {
    return base::Fail(base::ErrorCode::kInvalidArgument, "a batch has 1 to 4096 messages");
  }
  Waiting own{.messages = messages, .compact = {}};
  base::MutexLock lock(mutex_);
  waiting_.push_back(&own);
  while (!own.done) {
    if (signing_) {
      changed_.Wait(mutex_);
      continue;
    }
    signing_ = true;
    const Batch batch = TakeBatch();
    mutex_.unlock();
    SignBatch(batch);
    mutex_.lock();
    for (Waiting* each : batch) each->done = true;
    signing_ = false;
    changed_.NotifyAll();  // those of this batch return; one of the others signs the next
  }
  return std::move(own.compact);
}

size_t BatchSigner::waiting() const {
  base::MutexLock lock(mutex_);
  size_t messages = 0;
  for (const Waiting* each : waiting_) messages += each->messages.size();
  return messages;
}

BatchSigner::Batch BatchSigner::TakeBatch() {
  Batch batch;
  for (size_t leaves = 0; !waiting_.empty(); waiting_.pop_front()) {
    leaves += waiting_.front()->messages.size();
    if (leaves > protocol::kMaxBatchLeaves) break;
    batch.push_back(waiting_.front());
  }
  return batch;
}

void BatchSigner::SignBatch(const Batch& batch) const {
  std::vector<UnsignedJws> messages;
  for (const Waiting* each : batch) {
    messages.insert(messages.end(), each->messages.begin(), each->messages.end());
  }
  const auto keys = keys_.Get();
  const auto compact = protocol::SignTogether(*keys->Signature().key, keys->SignatureReference(),
                                              messages);
  size_t next = 0;
  for (Waiting* each : batch) {
    if (!compact) {
      each->compact = std::unexpected(compact.error());
      continue;
    }
    const auto begin = compact->begin() + static_cast<std::ptrdiff_t>(next);
    next += each->messages.size();
    each->compact =
        std::vector<std::string>(begin, begin + static_cast<std::ptrdiff_t>(each->messages.size()));
  }
  base::Log(base::LogLevel::kDebug, "batch.signed", {{"messages", messages.size()}});
}

}  // namespace paygate::gateway::engine
