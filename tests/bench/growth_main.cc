// paygate-growth: does anything on the payment path grow with what is stored? Two real gateways are
// measured in turn, one with an empty store and one with what years would bring.
// See tests/bench/growth and docs/performance.md.
#include <arpa/inet.h>
#include <openssl/ssl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <functional>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "base/file.h"
#include "tests/bench/growth_fill.h"
#include "tests/doubles/places.h"
#include "tests/integration/raw_participant.h"

// The store is filled by this process without waiting for the disk. RocksDB's calls are bound to
// these; the gateway's processes have the C library's.
extern "C" int fsync(int) { return 0; }
extern "C" int fdatasync(int) { return 0; }

namespace paygate::bench {
namespace {

namespace fs = std::filesystem;
using integration::Must;
using integration::RawParticipant;
using integration::ScratchGateway;
using std::chrono::steady_clock;

constexpr std::chrono::seconds kRecoveryLimit{3600};
constexpr size_t kOtherDescriptors = 256;  // of this process, beside the idle connections

struct Options {
  Wanted wanted{.payments = 100'000, .participants = 10'000, .open = 1'000, .mail = 10'000};
  size_t idle = 1'000, samples = 300, rounds = 3;
  std::vector<std::string> again;
  rlim_t descriptors = 0;
};

double SecondsSince(steady_clock::time_point begin) {
  return std::chrono::duration<double>(steady_clock::now() - begin).count();
}

// KiB, of a field of /proc/PID/status.
long Memory(pid_t pid) {
  std::ifstream status("/proc/" + std::to_string(pid) + "/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with("VmRSS:")) return std::stol(line.substr(6));
  }
  return 0;
}

double MegabytesIn(const std::string& directory) {
  double sum = 0;
  for (const auto& entry : fs::recursive_directory_iterator(directory)) {
    if (entry.is_regular_file()) sum += static_cast<double>(entry.file_size());
  }
  return sum / 1e6;
}

// Milliseconds, sorted.
using Times = std::vector<double>;
void PrintTimes(const char* what, Times times) {
  std::ranges::sort(times);
  const auto at = [&](double share) {
    return times[std::min(times.size() - 1, static_cast<size_t>(share * times.size()))];
  };
  std::printf("  %-44s p50 %.2f ms, p99 %.2f ms, most %.2f ms\n", what, at(0.5), at(0.99),
              times.back());
}

// A gateway, a seller and a buyer, and how long they took.
struct Subject {
  ScratchGateway gateway{{.engine = {},
                          .token = {},
                          .arguments = {"--customers", "2"},
                          .engine_program = doubles::Program("paygate-engine"),
                          .prepare = {}}};
  std::unique_ptr<RawParticipant> seller, buyer;
  std::string payment_id;  // the first that they made
  Times sales, payments, first_pages, middle_pages;

  void Meet() {
    const auto customers = gateway.Customers();
    seller = std::make_unique<RawParticipant>(gateway, customers[0]);
    buyer = std::make_unique<RawParticipant>(gateway, customers[1]);
    seller->Register();
    buyer->Register();
    payment_id = buyer->ReceiptIn(Pay(seller->Sell("A cup", "0.01"))).payment_id;
  }
  void Restart() {
    gateway.Stop();
    gateway.Start();
    MeetAgain();
  }
  // The gateway came back on another port.
  void MeetAgain() {
    for (auto* who : {seller.get(), buyer.get()}) {
      who->transport = Must(participant::OpenHttpsTransport(
          {.url = gateway.url(), .root_pem = gateway.RootPem()}));
    }
    const auto body =
        Must(protocol::MailboxBody::Parse(seller->SendMailbox(0, 0).payload));
    middle_ = static_cast<int64_t>(body.newest) / 2;
  }
  void Measure(bool counts) {
    std::optional<protocol::SdJwt> csblk;
    const double sale = Milliseconds([&] { csblk = seller->Sell("A cup", "0.01"); });
    const double payment = Milliseconds([&] { Pay(*csblk); });
    const double first = Milliseconds([&] { Page(0); });
    const double middle = Milliseconds([&] { Page(middle_); });
    if (!counts) return;
    sales.push_back(sale);
    payments.push_back(payment);
    first_pages.push_back(first);
    middle_pages.push_back(middle);
  }
  void Print(const char* store) {
    std::printf(" %s\n", store);
    PrintTimes("a sale, one at a time", std::exchange(sales, {}));
    PrintTimes("a payment, one at a time", std::exchange(payments, {}));
    PrintTimes("the first page of the seller's mailbox", std::exchange(first_pages, {}));
    PrintTimes("a page from the middle", std::exchange(middle_pages, {}));
    std::printf("  engine's memory: %ld MiB\n", Memory(gateway.PidOf("paygate-engine")) / 1024);
  }

 private:
  static double Milliseconds(const std::function<void()>& what) {
    const auto begin = steady_clock::now();
    what();
    return SecondsSince(begin) * 1e3;
  }
  integration::Said Pay(const protocol::SdJwt& csblk) {
    auto said = buyer->Pay(csblk);
    if (said.status != 201) throw std::runtime_error("payment: " + said.code);
    return said;
  }
  void Page(int64_t after) {
    if (seller->SendMailbox(after, 0).status != 200) throw std::runtime_error("mailbox");
  }
  int64_t middle_ = 0;
};

// Both in turn, so that neither has the machine's better hour; and each started anew several times,
// since one start of the same program may be half as fast again as another.
void MeasureInTurn(Subject& empty, Subject& full, const Options& options) {
  constexpr size_t kTurn = 10, kWarm = 20;
  for (size_t round = 0; round < options.rounds; ++round) {
    empty.Restart();
    full.Restart();
    for (size_t i = 0; i < kWarm; ++i) {
      empty.Measure(false);
      full.Measure(false);
    }
    for (size_t done = 0; done * options.rounds < options.samples; done += kTurn) {
      for (size_t i = 0; i < kTurn; ++i) empty.Measure(true);
      for (size_t i = 0; i < kTurn; ++i) full.Measure(true);
    }
  }
  empty.Print("a store with these payments only");
  full.Print("the full store");
}

// Memory of the front for each connection that does nothing, TLS done.
class IdleConnections {
 public:
  explicit IdleConnections(const ScratchGateway& gateway)
      : gateway_(gateway), context_(SSL_CTX_new(TLS_client_method()), SSL_CTX_free) {
    port_ = static_cast<uint16_t>(std::stoi(gateway.url().substr(gateway.url().rfind(':') + 1)));
  }
  void Measure(size_t count) {
    base::RaiseDescriptorLimit(count + kOtherDescriptors);
    const pid_t front = gateway_.PidOf("paygate-front");
    const long before = Memory(front);
    for (size_t i = 0; i < count; ++i) Open(static_cast<int>(i / 500));
    std::printf("  %zu idle connections: %.1f KiB of the front's memory each\n", count,
                static_cast<double>(Memory(front) - before) / static_cast<double>(count));
    for (auto& ssl : open_) {
      const int fd = SSL_get_fd(ssl.get());
      ssl.reset();
      close(fd);
    }
    open_.clear();
  }

 private:
  // From 127.0.0.(2 + source): the front bounds the connections of one address.
  void Open(int source) {
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in from{.sin_family = AF_INET, .sin_port = 0, .sin_addr = {}, .sin_zero = {}};
    from.sin_addr.s_addr = htonl(INADDR_LOOPBACK + 1 + source);
    sockaddr_in to = from;
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    to.sin_port = htons(port_);
    if (fd < 0 || bind(fd, reinterpret_cast<sockaddr*>(&from), sizeof from) != 0 ||
        connect(fd, reinterpret_cast<sockaddr*>(&to), sizeof to) != 0) {
      throw std::runtime_error("an idle connection was not made; is the limit of open files low?");
    }
    std::unique_ptr<SSL, decltype(&SSL_free)> ssl(SSL_new(context_.get()), SSL_free);
    SSL_set_fd(ssl.get(), fd);
    if (SSL_connect(ssl.get()) != 1) throw std::runtime_error("TLS with the front failed");
    open_.push_back(std::move(ssl));
  }

  const ScratchGateway& gateway_;
  std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)> context_;
  uint16_t port_;
  std::vector<std::unique_ptr<SSL, decltype(&SSL_free)>> open_;
};

size_t OpenIntents(const ScratchGateway& gateway) {
  const std::string answer =
      integration::RunProgram({doubles::Program("paygatectl"), "--config",
                               gateway.directory() + "/gateway.toml", "--json", "status"});
  const size_t at = answer.find("\"open_intents\":");
  if (at == answer.npos) throw std::runtime_error("paygatectl status: " + answer);
  return std::stoul(answer.substr(at + 15));
}

void FillIt(const Subject& full, const Options& options) {
  const std::string store = full.gateway.directory() + "/state/store";
  const Model model{full.payment_id, full.seller->id};
  Fill(store, model, {});
  double before = MegabytesIn(store);
  const auto grown = [&](const char* what, size_t count, const Wanted& wanted) {
    if (count == 0) return;
    const auto begin = steady_clock::now();
    Fill(store, model, wanted);
    const double now = MegabytesIn(store);
    std::printf("  %zu %s: %.0f MB, %.0f bytes each (filled in %.0f s)\n", count, what,
                now - before, (now - before) * 1e6 / static_cast<double>(count),
                SecondsSince(begin));
    before = now;
  };
  const Wanted& w = options.wanted;
  grown("settled payments with their sales", w.payments, {.payments = w.payments});
  grown("participants", w.participants, {.participants = w.participants});
  grown("messages in one mailbox", w.mail, {.mail = w.mail});
  grown("open intents", w.open, {.open = w.open});
}

// As before, with a line more in both configurations; then with few descriptors for a process.
void MeasureAgain(Subject& empty, Subject& full, const Options& options) {
  for (const std::string& line : options.again) {
    std::printf("in turn, with %s\n", line.c_str());
    std::vector<std::pair<std::string, std::string>> written;
    for (auto* each : {&empty, &full}) {
      const std::string path = each->gateway.directory() + "/gateway.toml";
      std::string changed = written.emplace_back(path, Must(base::ReadFile(path))).second;
      const std::string section = "[engine]\n";
      changed.insert(changed.find(section) + section.size(), line + "\n");
      Must(base::ReplaceFile(path, changed));
    }
    MeasureInTurn(empty, full, options);
    for (const auto& [path, text] : written) Must(base::ReplaceFile(path, text));
  }
  if (options.descriptors == 0) return;
  std::printf("in turn, %zu descriptors for each process\n",
              static_cast<size_t>(options.descriptors));
  const rlimit few{.rlim_cur = options.descriptors, .rlim_max = options.descriptors};
  if (setrlimit(RLIMIT_NOFILE, &few) != 0) throw std::runtime_error("setrlimit");
  MeasureInTurn(empty, full, options);
}

int Run(const Options& options) {
  Subject empty, full;
  empty.Meet();
  full.Meet();
  full.gateway.Stop();
  std::printf("what it is filled with\n");
  FillIt(full, options);

  std::printf("the start\n");
  const auto begin = steady_clock::now();
  full.gateway.Start();
  std::printf("  ready %.2f s after it, %zu open intents\n", SecondsSince(begin),
              options.wanted.open);
  if (!integration::Eventually([&] { return OpenIntents(full.gateway) == 0; }, kRecoveryLimit)) {
    throw std::runtime_error("open intents were not settled");
  }
  std::printf("  all of them settled %.2f s after it\n", SecondsSince(begin));
  std::printf("in turn\n");
  MeasureInTurn(empty, full, options);
  if (options.idle > 0) IdleConnections(full.gateway).Measure(options.idle);
  MeasureAgain(empty, full, options);
  return 0;
}

}  // namespace
}  // namespace paygate::bench

int main(int argc, char** argv) {
  using namespace paygate::bench;  // NOLINT: main
  Options options;
  CLI::App app("Fills the store of a gateway and measures it beside one with an empty store, in "
               "turn: latency, memory, restart, disk. What is stored is made up, of real sizes.");
  app.option_defaults()->always_capture_default();
  app.add_option("--payments", options.wanted.payments, "settled payments");
  app.add_option("--participants", options.wanted.participants, "registered participants");
  app.add_option("--open", options.wanted.open, "open intents whose results are to be signed");
  app.add_option("--mail", options.wanted.mail, "messages in one mailbox");
  app.add_option("--idle", options.idle, "connections that do nothing");
  app.add_option("--samples", options.samples, "sales and payments that are timed, for each store")
      ->check(CLI::Range(1, 1000000));
  app.add_option("--rounds", options.rounds, "starts of the gateways that they are spread over")
      ->check(CLI::Range(1, 1000));
  app.add_option("--again", options.again,
                 "measure both again with this line in [engine] (\"store_cache_mib = 512\")");
  app.add_option("--descriptors", options.descriptors,
                 "measure both a last time where a process may hold so many descriptors; 0: no");
  CLI11_PARSE(app, argc, argv);
  setlinebuf(stdout);  // it takes an hour: each line when it is known
  try {
    return Run(options);
  } catch (const std::exception& e) {
    std::fprintf(stderr, "paygate-growth: %s\n", e.what());
    return 1;
  }
}
