// An example of a bank adapter, to be copied; docs/adapters.md goes through it piece by piece. Its
// bank is a directory: every decision is a file that is made once and never changed. Put your own
// bank's calls into class Bank; what stands around it is what every adapter needs.
#include <fcntl.h>
#include <unistd.h>

#include <cctype>
#include <cerrno>
#include <condition_variable>
#include <deque>
#include <fstream>
#include <functional>
#include <memory>
#include <mutex>
#include <set>
#include <sstream>
#include <thread>

#include "bank/include/bank_adapter.h"

static std::string Text(const char* text) { return text ? text : ""; }
static bool IsWord(const std::string& text) {
  for (char c : text)
    if (!std::isalnum(static_cast<unsigned char>(c)) && c != '-' && c != '_') return false;
  return !text.empty() && text.size() <= 64;
}

struct Order {
  std::string id, debtor, creditor, currency;
  int64_t amount = 0, deadline = 0;
  std::string Bytes() const {
    return "example/1 " + id + " " + debtor + " " + creditor + " " + currency + " " +
           std::to_string(amount) + " " + std::to_string(deadline);
  }
  bool Parse(const std::string& bytes) {
    std::istringstream in(bytes);
    std::string kind;
    in >> kind >> id >> debtor >> creditor >> currency >> amount >> deadline;
    return in && Good() && Bytes() == bytes;
  }
  bool Good() const {
    return IsWord(id) && IsWord(debtor) && IsWord(creditor) && IsWord(currency) && amount > 0;
  }
};

// The bank: called by one thread, and as slow as it likes. It decides "completed", or gives an ISO
// 20022 reason why not; "" is no decision yet, and "?" is that nobody knows.
class Bank {
 public:
  // Lines "directory PATH" and "account NUMBER". Returns what is wrong, or nothing.
  std::string Configure(const std::string& config) {
    std::istringstream words(config);
    for (std::string key, value; words >> key;) {
      if ((key != "directory" && key != "account") || !(words >> value))
        return "not understood: '" + key + "'; write 'directory PATH' or 'account NUMBER'";
      key == "account" ? void(accounts_.insert(value)) : void(directory_ = value);
    }
    return access(directory_.c_str(), W_OK) == 0 ? "" : "give a 'directory' that can be written";
  }
  bool Has(const std::string& account) const { return accounts_.count(account) > 0; }

  std::string Find(const Order& order) const {
    const std::string name = directory_ + "/" + order.id;
    if (access(name.c_str(), F_OK) != 0) return errno == ENOENT ? "" : "?";
    std::string decision;
    return std::ifstream(name) >> decision ? decision : "?";
  }
  std::string Execute(const Order& order, int64_t now) {
    const std::string made = directory_ + "/+new", name = directory_ + "/" + order.id;
    std::string decision = Has(order.debtor) && Has(order.creditor) ? "completed" : "AC03";
    if (now > order.deadline) decision = "TM01";
    // Whole, on disk, and only the first: link() never replaces what is there.
    const int file = open(made.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    const int folder = open(directory_.c_str(), O_RDONLY | O_CLOEXEC);
    const bool kept = write(file, decision.data(), decision.size()) > 0 && fsync(file) == 0 &&
                      (link(made.c_str(), name.c_str()) == 0 || errno == EEXIST) &&
                      fsync(folder) == 0;
    close(file), close(folder);
    return kept ? Find(order) : "?";
  }
 private:
  std::string directory_;
  std::set<std::string> accounts_;
};

// Runs tasks one after another on a thread of its own.
class Worker {
 public:
  ~Worker() {
    Drain();
    Add([this] { stopping_ = true; });
    thread_.join();
  }
  int Add(std::function<void()> task) {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (tasks_.size() >= kMaxWaiting) return PAYGATE_BANK_E_BUSY;
    tasks_.push_back(std::move(task));
    changed_.notify_all();
    return PAYGATE_BANK_TAKEN;
  }
  void Drain() {
    std::unique_lock<std::mutex> lock(mutex_);
    changed_.wait(lock, [this] { return tasks_.empty(); });
  }
 private:
  static constexpr size_t kMaxWaiting = 1024;
  void Run() {
    std::unique_lock<std::mutex> lock(mutex_);
    while (!stopping_) {
      changed_.wait(lock, [this] { return !tasks_.empty(); });
      const auto& task = tasks_.front();  // stays there until it is done: Drain waits for it
      lock.unlock();
      task();
      lock.lock();
      tasks_.pop_front();
      changed_.notify_all();
    }
  }
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::function<void()>> tasks_;
  bool stopping_ = false;
  std::thread thread_{[this] { Run(); }};
};

struct paygate_bank {
  const paygate_bank_host* host;
  Bank bank;
  Worker worker;  // last: its thread uses the rest
};

static void Say(paygate_bank_bytes callback, void* ctx, const std::string& text) {
  callback(ctx, reinterpret_cast<const uint8_t*>(text.data()), text.size());
}

static paygate_bank* Open(const char* config, const paygate_bank_host* host,
                          paygate_bank_bytes error, void* ctx) {
  auto opened = std::make_unique<paygate_bank>();
  opened->host = host;
  const std::string wrong = opened->bank.Configure(Text(config));
  if (wrong.empty()) return opened.release();
  Say(error, ctx, wrong);
  return nullptr;
}

static int Prepare(paygate_bank*, const paygate_bank_transfer* t, paygate_bank_bytes out,
                   paygate_bank_bytes error, void* ctx) {
  if (t->size < sizeof *t) return Say(error, ctx, "not of version 1"), PAYGATE_BANK_E_INPUT;
  const Order order{Text(t->payment_id), Text(t->debtor_account), Text(t->creditor_account),
                    Text(t->currency),   t->amount_minor_units,   t->deadline};
  if (!order.Good()) return Say(error, ctx, "a wrong transfer"), PAYGATE_BANK_E_INPUT;
  return Say(out, ctx, order.Bytes()), PAYGATE_BANK_TAKEN;
}

template <bool kExecute>
int Start(paygate_bank* b, const uint8_t* bytes, size_t size, paygate_bank_done done, void* ctx) {
  Order order;
  if (!order.Parse({reinterpret_cast<const char*>(bytes), size})) return PAYGATE_BANK_E_INPUT;
  return b->worker.Add([b, order, done, ctx] {
    const std::string word =
        kExecute ? b->bank.Execute(order, b->host->now(b->host->host)) : b->bank.Find(order);
    const std::string reference = "EX-" + order.id.substr(0, 32);
    paygate_bank_result result{.size = sizeof result, .outcome = PAYGATE_BANK_REJECTED};
    if (word == "completed") result.outcome = PAYGATE_BANK_COMPLETED;
    if (word == "") result.outcome = PAYGATE_BANK_NOT_FOUND;
    if (word == "?") result.outcome = PAYGATE_BANK_UNKNOWN;
    if (result.outcome == PAYGATE_BANK_REJECTED) result.reason = word.c_str();
    if (result.outcome == PAYGATE_BANK_COMPLETED) result.bank_reference = reference.c_str();
    done(ctx, &result);
  });
}

static int VerifyAccount(paygate_bank* b, const char* account, const char*,
                         paygate_bank_verified done, void* ctx) {
  return b->worker.Add([b, account = Text(account), done, ctx] {
    const uint32_t verdict = b->bank.Has(account) ? PAYGATE_BANK_VERIFIED : PAYGATE_BANK_REFUSED;
    const paygate_bank_verification answer{.size = sizeof answer, .verdict = verdict};
    done(ctx, &answer);
  });
}

constexpr paygate_bank_adapter_v1 kTable = {
    .size = sizeof(paygate_bank_adapter_v1),
    .version = 1,
    .name = "example",
    .capabilities = PAYGATE_BANK_CAP_NOTFOUND_IS_FINAL,  // Execute keeps the deadline
    .open = Open,
    .health = [](paygate_bank* /*b*/) { return 0; },
    .prepare = Prepare,
    .submit = Start<true>,
    .status = Start<false>,
    .verify_account = VerifyAccount,
    .drain = [](paygate_bank* b) { b->worker.Drain(); },
    .close = [](paygate_bank* b) { delete b; }};

extern "C" const paygate_bank_adapter_v1* paygate_bank_adapter(uint32_t host_version) {
  return host_version >= 1 ? &kTable : nullptr;
}
