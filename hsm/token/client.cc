#include "hsm/token/client.h"

#include <algorithm>
#include <atomic>

#include "base/log.h"
#include "base/meter.h"
#include "base/mutex.h"
#include "hsm/token/link.h"
#include "hsm/token/wire.h"

namespace paygate::hsm::token {
namespace {

using base::ErrorCode;
using base::Fail;
using base::SecretBytes;

constexpr std::chrono::milliseconds kGlance{50};

const KeyInfo* FindLabel(const std::vector<KeyInfo>& keys, const std::string& label) {
  const auto found = std::ranges::find(keys, label, &KeyInfo::label);
  return found == keys.end() ? nullptr : &*found;
}

bool SameKey(const KeyInfo& x, const KeyInfo& y) {
  return x.usage == y.usage && x.public_key_der == y.public_key_der;
}

class ClientImpl final : public TokenClient {
 public:
  explicit ClientImpl(TokenClientOptions options) : options_(std::move(options)) {}
  ~ClientImpl() override {
    for (auto& link : links_) link->Stop();
    for (auto& link : links_) link->Join();  // before any is freed: their threads see all links
  }

  base::Status Start();
  std::vector<KeyInfo> Keys() const override;
  base::Status Require(const std::vector<std::string>& labels) override;
  base::Result<std::unique_ptr<Signer>> SignerFor(const std::string& label) override;
  base::Result<std::unique_ptr<Decrypter>> DecrypterFor(const std::string& label) override;
  // Whoever asks while the only process is being replaced waits for its successor.
  bool Healthy() const override { return ServingProcesses() > 0 || replacing_; }
  size_t ServingProcesses() const override;

  // At most kMaxOperationsPerFrame. One outcome for each, or kOverloaded or kTokenUnavailable.
  base::Result<std::vector<Outcome>> Call(const std::vector<Operation>& operations);

 private:
  Link* LeastBusy(const Link* other_than) const;
  bool AcceptKeys(const std::vector<KeyInfo>& keys) EXCLUDES(mutex_);
  bool MayRetire(const Link& link) const;
  base::Status Replace(Link& link, const std::vector<std::string>& labels) EXCLUDES(mutex_);
  bool Await(const std::function<bool()>& condition, base::MonotonicTime deadline)
      EXCLUDES(mutex_);
  base::Result<KeyInfo> FindKey(const std::string& label, KeyUsage usage) const;

  const TokenClientOptions options_;
  std::atomic<size_t> in_flight_ = 0;
  std::atomic<bool> replacing_ = false;  // a process is being replaced by Require()
  mutable base::Mutex mutex_;
  base::CondVar changed_;
  std::vector<KeyInfo> keys_ GUARDED_BY(mutex_);  // every key that was ever offered and accepted
  std::vector<std::string> required_ GUARDED_BY(mutex_);
  std::atomic<bool> links_made_ = false;  // links_ is read by their threads only after
  std::vector<std::unique_ptr<Link>> links_;
};

class ClientSigner final : public Signer {
 public:
  ClientSigner(ClientImpl& client, KeyInfo key) : client_(client), key_(std::move(key)) {}
  SignatureAlgorithm algorithm() const override { return SignatureAlgorithmOf(key_.type); }

  base::Result<std::string> Sign(Statement statement) override {
    ASSIGN_OR_RETURN(auto signatures, SignAll({&statement, 1}));
    return std::move(signatures.front());
  }

  base::Result<std::vector<std::string>> SignAll(std::span<const Statement> statements) override {
    std::vector<std::string> signatures;
    while (!statements.empty()) {
      auto now = statements.first(std::min(statements.size(), kMaxOperationsPerFrame));
      statements = statements.subspan(now.size());
      std::vector<Operation> operations;
      for (const Statement& statement : now) {
        operations.push_back({RequestKind::kSign, key_.label,
                              static_cast<uint8_t>(statement.kind), statement.bytes});
      }
      ASSIGN_OR_RETURN(std::vector<Outcome> outcomes, client_.Call(operations));
      for (Outcome& outcome : outcomes) {
        if (!outcome) return std::unexpected(std::move(outcome).error());
        signatures.push_back(std::move(*outcome));
      }
    }
    return signatures;
  }

 private:
  ClientImpl& client_;
  const KeyInfo key_;
};

class ClientDecrypter final : public Decrypter {
 public:
  ClientDecrypter(ClientImpl& client, std::string label, KeyManagement algorithm)
      : client_(client), label_(std::move(label)), algorithm_(algorithm) {}
  KeyManagement algorithm() const override { return algorithm_; }

  base::Result<SecretBytes> Unwrap(WrappedKey wrapped) override {
    if (wrapped.algorithm != algorithm_ || wrapped.bytes.size() > kMaxWrappedBytes) {
      return Fail(ErrorCode::kDecryptionFailed, "not decrypted");
    }
    ASSIGN_OR_RETURN(std::vector<Outcome> outcomes,
                     client_.Call({{RequestKind::kUnwrap, label_, static_cast<uint8_t>(algorithm_),
                                    wrapped.bytes}}));
    Outcome& outcome = outcomes.front();
    if (!outcome) return std::unexpected(std::move(outcome).error());
    SecretBytes key = SecretBytes::CopyOf(*outcome);
    base::Cleanse(outcome->data(), outcome->size());
    if (key.size() != 32) return Fail(ErrorCode::kTokenUnavailable, "a key of another length");
    return key;
  }

 private:
  ClientImpl& client_;
  const std::string label_;
  const KeyManagement algorithm_;
};

base::Status ClientImpl::Start() {
  for (const std::string& socket : options_.sockets) {
    links_.push_back(std::make_unique<Link>(
        socket, options_.operation_deadline, options_.memory_limit_bytes,
        Link::Hooks{[this](const auto& keys) { return AcceptKeys(keys); },
                    [this] {
                      base::MutexLock lock(mutex_);
                      changed_.NotifyAll();
                    },
                    [this](const Link& link) { return MayRetire(link); }}));
  }
  links_made_ = true;
  const auto deadline = base::SystemClock().Monotonic() + options_.connect_deadline;
  base::MutexLock lock(mutex_);
  while (!Healthy()) {
    if (!changed_.WaitUntil(mutex_, deadline) && !Healthy()) {
      return Fail(ErrorCode::kTokenUnavailable,
                  "no token process answers at " + options_.sockets.front() +
                      (options_.sockets.size() > 1 ? " and the others" : "") +
                      ": is paygate-token running? Its log says what it waits for");
    }
  }
  return {};
}

std::vector<KeyInfo> ClientImpl::Keys() const {
  base::MutexLock lock(mutex_);
  return keys_;
}

size_t ClientImpl::ServingProcesses() const {
  return std::ranges::count_if(links_, [](const auto& link) { return link->serving(); });
}

bool ClientImpl::AcceptKeys(const std::vector<KeyInfo>& keys) {
  base::MutexLock lock(mutex_);
  if (keys.empty()) return false;
  for (const KeyInfo& key : keys) {
    if (const KeyInfo* known = FindLabel(keys_, key.label); known && !SameKey(*known, key)) {
      return false;
    }
  }
  const auto offered = [&](const std::string& label) { return FindLabel(keys, label) != nullptr; };
  if (!std::ranges::all_of(required_, offered)) return false;
  const bool first = required_.empty();
  for (const KeyInfo& key : keys) {
    if (first) required_.push_back(key.label);
    if (!FindLabel(keys_, key.label)) keys_.push_back(key);
  }
  return true;
}

bool ClientImpl::Await(const std::function<bool()>& condition, base::MonotonicTime deadline) {
  while (!condition()) {
    base::MutexLock lock(mutex_);
    // A link may have changed before the lock: looked at again at the latest after kGlance.
    if (base::SystemClock().Monotonic() >= deadline) return false;
    changed_.WaitUntil(mutex_, base::SystemClock().Monotonic() + kGlance);
  }
  return true;
}

base::Status ClientImpl::Require(const std::vector<std::string>& labels) {
  for (auto& link : links_) {
    if (!link->Offers(labels)) RETURN_IF_ERROR(Replace(*link, labels));
  }
  base::MutexLock lock(mutex_);
  required_ = labels;
  return {};
}

base::Status ClientImpl::Replace(Link& link, const std::vector<std::string>& labels) {
  const auto deadline = base::SystemClock().Monotonic() + options_.replace_deadline;
  const auto another = [&] {
    return links_.size() == 1 || LeastBusy(&link) != nullptr || link.Offers(labels);
  };
  if (Await(another, deadline)) {
    if (link.Offers(labels)) return {};
    replacing_ = true;
    link.AskToRetire();
    const bool back = Await([&] { return link.Offers(labels); }, deadline);
    replacing_ = false;
    if (back) return {};
  }
  return Fail(ErrorCode::kTokenUnavailable,
              "the token process at " + link.socket() +
                  " did not come back with the new keys; its log says why");
}

// One at a time: another must serve meanwhile. Where there is only one process, a short pause is
// better than memory without end.
bool ClientImpl::MayRetire(const Link& link) const {
  if (!links_made_) return false;
  return links_.size() == 1 || LeastBusy(&link) != nullptr;
}

Link* ClientImpl::LeastBusy(const Link* other_than) const {
  Link* best = nullptr;
  size_t least = 0;
  for (const auto& link : links_) {
    if (link.get() == other_than || !link->serving()) continue;
    size_t in_flight = link->in_flight();
    if (best == nullptr || in_flight < least) {
      best = link.get();
      least = in_flight;
    }
  }
  return best;
}

base::Result<std::vector<Outcome>> ClientImpl::Call(const std::vector<Operation>& operations) {
  const bool unwraps = !operations.empty() && operations.front().kind == RequestKind::kUnwrap;
  const base::MeterTimer timer(unwraps ? base::Meter::kUnwrap : base::Meter::kSign,
                               operations.size());
  struct Count {
    std::atomic<size_t>& of;
    size_t n, before;
    ~Count() { of -= n; }
  } count{in_flight_, operations.size(), in_flight_.fetch_add(operations.size())};
  if (count.before + count.n > options_.max_in_flight) {
    return Fail(ErrorCode::kOverloaded, "too many operations wait for the token");
  }
  const Link* tried = nullptr;
  for (int attempt = 0; attempt < 2; ++attempt) {
    Link* link = LeastBusy(tried);
    if (link == nullptr && replacing_) {  // the only one: it is back in a moment
      const auto there = [&] { return (link = LeastBusy(nullptr)) != nullptr; };
      (void)Await(there, base::SystemClock().Monotonic() + options_.operation_deadline);
    }
    if (link == nullptr) break;
    auto outcomes = link->Call(operations);
    if (outcomes) return outcomes;
    tried = link;
  }
  return Fail(ErrorCode::kTokenUnavailable, "no token process serves");
}

base::Result<KeyInfo> ClientImpl::FindKey(const std::string& label, KeyUsage usage) const {
  for (KeyInfo& key : Keys()) {
    if (key.label != label) continue;
    if (key.usage == usage) return std::move(key);
    return Fail(ErrorCode::kInvalidArgument, "key '" + label + "' is made for the other usage");
  }
  return Fail(ErrorCode::kNotFound,
              "the token processes offer no key '" + label + "': name it in their configuration");
}

base::Result<std::unique_ptr<Signer>> ClientImpl::SignerFor(const std::string& label) {
  ASSIGN_OR_RETURN(KeyInfo key, FindKey(label, KeyUsage::kSign));
  return std::make_unique<ClientSigner>(*this, std::move(key));
}

base::Result<std::unique_ptr<Decrypter>> ClientImpl::DecrypterFor(const std::string& label) {
  ASSIGN_OR_RETURN(KeyInfo key, FindKey(label, KeyUsage::kDecrypt));
  ASSIGN_OR_RETURN(KeyManagement algorithm, KeyManagementOf(key.type));
  return std::make_unique<ClientDecrypter>(*this, label, algorithm);
}

}  // namespace

base::Result<std::unique_ptr<TokenClient>> TokenClient::Open(TokenClientOptions options) {
  if (options.sockets.empty()) {
    return Fail(ErrorCode::kInvalidArgument, "no token process is configured");
  }
  auto client = std::make_unique<ClientImpl>(std::move(options));
  RETURN_IF_ERROR(client->Start());
  return client;
}

}  // namespace paygate::hsm::token
