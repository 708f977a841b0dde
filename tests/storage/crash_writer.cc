// Killed by durability_test: several threads issue sales, record intents and settle every second
// one, and print each promise on standard output only after the store has made it:
//   "i" payment_id   the intent is recorded        "s" payment_id   it is settled
// Usage: storage_crash_writer DIRECTORY PREFIX
#include <unistd.h>

#include <thread>

#include "tests/storage/fixture.h"

namespace {

constexpr int kThreads = 8;

void Print(const std::string& line) {
  // Less than PIPE_BUF: whole or not at all.
  if (write(STDOUT_FILENO, line.data(), line.size()) < 0) _exit(3);
}

void Work(paygate::storage::Store& store, const std::string& prefix) {
  using namespace paygate::storage;
  for (int i = 0;; ++i) {
    const std::string id = prefix + "-" + std::to_string(i);
    if (!store.csblks().Issue(MakeCsblk("sale " + id))) _exit(4);
    const auto recorded = store.authorisations().RecordIntent(MakeIntent(id, "sale " + id));
    if (!recorded || recorded->verdict != RecordVerdict::kRecorded) _exit(5);
    Print("i" + id + "\n");
    if (i % 2) continue;
    if (!store.authorisations().Settle(Completed(*recorded->intent), MakeResults(id),
                                       {{"seller", "jwe " + id}})) {
      _exit(6);
    }
    Print("s" + id + "\n");
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  auto store = paygate::storage::rocksdb::OpenRocksStore(argv[1]);
  if (!store) {
    std::fprintf(stderr, "%s\n", store.error().ToString().c_str());
    return 1;
  }
  std::vector<std::jthread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] { Work(**store, argv[2] + ("." + std::to_string(t))); });
  }
  while ((*store)->audit().Number(50)) {  // of the audit log, beside them
  }
  _exit(7);
}
