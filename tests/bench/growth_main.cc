// paygate-growth: does anything on the payment path grow with what is stored? A real gateway is
// measured with an empty store, then with one that holds what years would bring.
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
#include <memory>
#include <sstream>

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
using integration::RawParticipant;
using integration::ScratchGateway;
using std::chrono::steady_clock;

constexpr std::chrono::seconds kRecoveryLimit{3600};

struct Options {
  Wanted wanted{.payments = 100'000, .participants = 10'000, .open = 1'000, .mail = 10'000};
  size_t idle = 1'000, samples = 300;
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

struct Couple {
  std::unique_ptr<RawParticipant> seller, buyer;
  std::string payment_id;  // the first that they made
};

Couple Meet(const ScratchGateway& gateway) {
  const auto customers = gateway.Customers();
  Couple couple{std::make_unique<RawParticipant>(gateway, customers[0]),
                std::make_unique<RawParticipant>(gateway, customers[1]), {}};
  couple.seller->Register();
  couple.buyer->Register();
  const auto said = couple.buyer->Pay(couple.seller->Sell("A cup", "0.01"));
  if (said.status != 201) throw std::runtime_error("payment: " + said.code);
  couple.payment_id = couple.buyer->ReceiptIn(said).payment_id;
  return couple;
}

// The gateway came back on another port.
void MeetAgain(Couple& couple, const ScratchGateway& gateway) {
  for (auto* who : {couple.seller.get(), couple.buyer.get()}) {
    who->transport = integration::Must(participant::OpenHttpsTransport(
        {.url = gateway.url(), .root_pem = gateway.RootPem()}));
  }
}

void MeasurePayments(Couple& couple, size_t samples) {
  Times sales, payments;
  const auto milliseconds = [](steady_clock::time_point begin) {
    return SecondsSince(begin) * 1e3;
  };
  for (size_t i = 0; i < samples; ++i) {
    const auto begin = steady_clock::now();
    const auto csblk = couple.seller->Sell("A cup", "0.01");
    sales.push_back(milliseconds(begin));
    const auto middle = steady_clock::now();
    const auto said = couple.buyer->Pay(csblk);
    payments.push_back(milliseconds(middle));
    if (said.status != 201) throw std::runtime_error("payment: " + said.code);
  }
  PrintTimes("a sale, one at a time", sales);
  PrintTimes("a payment, one at a time", payments);
}

void MeasureMailbox(Couple& couple) {
  for (const auto& [what, after] : {std::pair{"the first page of the seller's mailbox", int64_t{0}},
                                    {"a page from the middle", int64_t{-1}}}) {
    Times times;
    int64_t from = after;
    if (from < 0) {
      const auto body = integration::Must(
          protocol::MailboxBody::Parse(couple.seller->SendMailbox(0, 0).payload));
      from = static_cast<int64_t>(body.newest) / 2;
    }
    for (int i = 0; i < 20; ++i) {
      const auto begin = steady_clock::now();
      if (couple.seller->SendMailbox(from, 0).status != 200) throw std::runtime_error("mailbox");
      times.push_back(SecondsSince(begin) * 1e3);
    }
    PrintTimes(what, times);
  }
}

// Memory of the front for each connection that does nothing, TLS done.
class IdleConnections {
 public:
  explicit IdleConnections(const ScratchGateway& gateway)
      : gateway_(gateway), context_(SSL_CTX_new(TLS_client_method()), SSL_CTX_free) {
    port_ = static_cast<uint16_t>(std::stoi(gateway.url().substr(gateway.url().rfind(':') + 1)));
  }
  void Measure(size_t count) {
    rlimit files{};
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
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

void PrintEngine(const ScratchGateway& gateway) {
  std::printf("  engine's memory: %ld MiB\n", Memory(gateway.PidOf("paygate-engine")) / 1024);
}

void FillIt(const ScratchGateway& gateway, const Couple& couple, const Options& options) {
  const std::string store = gateway.directory() + "/state/store";
  const Model model{couple.payment_id, couple.seller->id};
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

int Run(const Options& options) {
  ScratchGateway gateway({.engine = {},
                          .token = {},
                          .arguments = {"--customers", "2"},
                          .engine_program = doubles::Program("paygate-engine"),
                          .prepare = {}});
  Couple couple = Meet(gateway);
  std::printf("an empty store\n");
  MeasurePayments(couple, options.samples);
  MeasureMailbox(couple);
  PrintEngine(gateway);
  gateway.Stop();

  std::printf("what it is filled with\n");
  FillIt(gateway, couple, options);

  std::printf("the full store\n");
  const auto begin = steady_clock::now();
  gateway.Start();
  std::printf("  ready %.2f s after the start, %zu open intents\n", SecondsSince(begin),
              options.wanted.open);
  if (!integration::Eventually([&] { return OpenIntents(gateway) == 0; }, kRecoveryLimit)) {
    throw std::runtime_error("open intents were not settled");
  }
  std::printf("  all of them settled %.2f s after the start\n", SecondsSince(begin));
  PrintEngine(gateway);
  MeetAgain(couple, gateway);
  MeasurePayments(couple, options.samples);
  MeasureMailbox(couple);
  PrintEngine(gateway);
  if (options.idle > 0) IdleConnections(gateway).Measure(options.idle);
  return 0;
}

}  // namespace
}  // namespace paygate::bench

int main(int argc, char** argv) {
  using namespace paygate::bench;  // NOLINT: main
  Options options;
  CLI::App app("Measures a gateway with an empty store, fills the store, and measures it again: "
               "latency, memory, restart, disk. What is stored is made up, of real sizes.");
  app.option_defaults()->always_capture_default();
  app.add_option("--payments", options.wanted.payments, "settled payments");
  app.add_option("--participants", options.wanted.participants, "registered participants");
  app.add_option("--open", options.wanted.open, "open intents whose results are to be signed");
  app.add_option("--mail", options.wanted.mail, "messages in one mailbox");
  app.add_option("--idle", options.idle, "connections that do nothing");
  app.add_option("--samples", options.samples, "sales and payments that are timed")
      ->check(CLI::Range(1, 1000000));
  CLI11_PARSE(app, argc, argv);
  setlinebuf(stdout);  // it takes an hour: each line when it is known
  try {
    return Run(options);
  } catch (const std::exception& e) {
    std::fprintf(stderr, "paygate-growth: %s\n", e.what());
    return 1;
  }
}
