#include "gateway/engine/app.h"

#include <csignal>
#include <sys/signalfd.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <list>
#include <memory>
#include <thread>

#include "base/file.h"
#include "base/ipc.h"
#include "base/log.h"
#include "base/meter.h"
#include "gateway/engine/audit_commands.h"
#include "gateway/engine/claim_commands.h"
#include "gateway/engine/control_server.h"
#include "gateway/engine/engine.h"
#include "gateway/engine/operator_commands.h"
#include "gateway/engine/reconciliation_commands.h"
#include "gateway/engine/reloader.h"
#include "hsm/token/client.h"
#include "storage/rocksdb/rocks_store.h"

namespace paygate::gateway::engine {
namespace {

using base::Result;
using base::Status;

constexpr int kTickMs = 50;

base::Meter MeterOf(std::string_view path) {
  if (path == "/v1/seller-blocks/challenge") return base::Meter::kSale1;
  if (path == "/v1/seller-blocks") return base::Meter::kSale3;
  if (path == "/v1/payments/challenge") return base::Meter::kPayment1;
  if (path == "/v1/payments") return base::Meter::kPayment3;
  return base::Meter::kOther;
}

// One thread for each front: frames in, answers out by whoever has them.
class FrontServer {
 public:
  FrontServer(base::Listener& listener, Engine& engine) : listener_(listener), engine_(engine) {}

  void Start() {
    acceptor_ = std::thread([this] {
      while (true) {
        auto channel = listener_.Accept();
        Reap();
        if (!channel && channel.error().code == base::ErrorCode::kClosed) return;
        if (!channel) {  // no descriptor left, most likely: the fronts come again, so may we
          base::LogWarning("front.accept_failed", {{"why", channel.error().message}});
          continue;
        }
        std::shared_ptr<base::Channel> front(std::move(*channel));
        auto done = std::make_shared<std::atomic<bool>>(false);
        fronts_.push_back({front, std::thread([this, front, done] {
                             Serve(front);
                             done->store(true);
                           }),
                           done});
      }
    });
  }
  void StopReading() {
    listener_.Close();
    acceptor_.join();
  }
  void Close() {
    for (Front& front : fronts_) {
      front.channel->Close();
      front.reader.join();
    }
    fronts_.clear();
  }

 private:
  struct Front {
    std::shared_ptr<base::Channel> channel;
    std::thread reader;
    std::shared_ptr<std::atomic<bool>> done;
  };

  void Reap() {
    std::erase_if(fronts_, [](Front& front) {
      if (!front.done->load()) return false;
      front.reader.join();
      return true;
    });
  }

  void Serve(const std::shared_ptr<base::Channel>& front) {
    while (auto frame = front->Receive()) {
      auto message = DecodeFromFront(*frame);
      if (!message) {
        base::LogError("front.bad_frame", {{"why", message.error().message}});
        return front->Close();
      }
      auto* request = std::get_if<Request>(&*message);
      // Gone: whoever answers finds no reader; the participant asks again on a new connection.
      if (!request) continue;
      Reply reply(request->id, [front, meter = MeterOf(request->path),
                                from = base::SystemClock().Monotonic()](Response response) {
        const bool busy = response.status == 429 || response.status == 503;
        (void)front->Send(Encode(response));
        base::AddTime(busy ? base::Meter::kBusy : meter,
                      base::SystemClock().Monotonic() - from);
      });
      engine_.Handle(std::move(*request), std::move(reply));
    }
  }

  base::Listener& listener_;
  Engine& engine_;
  std::list<Front> fronts_;  // of the acceptor thread, and of Close() once that has ended
  std::thread acceptor_;
};

Result<std::unique_ptr<hsm::token::TokenClient>> OpenToken(const Config& config) {
  hsm::token::TokenClientOptions options{
      .operation_deadline = config.token.operation_deadline_ms,
      .memory_limit_bytes = config.token.memory_limit_mib << 20};
  for (uint32_t i = 0; i < config.token.ProcessCount(); ++i) {
    options.sockets.push_back(config.TokenSocket(i));
  }
  return hsm::token::TokenClient::Open(std::move(options));
}

int BlockSignals() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGHUP);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  return signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
}

// SIGHUP reloads, the others stop.
void ServeUntilStopped(int signal_fd, Engine& engine, Reloader& reloader) {
  pollfd signalled{.fd = signal_fd, .events = POLLIN, .revents = 0};
  while (true) {
    if (poll(&signalled, 1, kTickMs) <= 0) {
      engine.Tick();
      continue;
    }
    signalfd_siginfo info;
    if (read(signal_fd, &info, sizeof info) != sizeof info) continue;
    if (info.ssi_signo != SIGHUP) return;
    reloader.Start();
  }
}

// Every file of the store stays open, up to a terabyte, and all connections of the front's and the
// token's processes have descriptors besides.
Result<std::unique_ptr<storage::Store>> OpenStore(const Config& config) {
  constexpr uint64_t kFiles = 16384, kFewestFiles = 64, kOthers = 512;
  const uint64_t descriptors = base::RaiseDescriptorLimit(kFiles + kOthers);
  const uint64_t files =
      std::clamp(descriptors > kOthers ? descriptors - kOthers : 0, kFewestFiles, kFiles);
  return storage::rocksdb::OpenRocksStore(
      config.state_directory + "/store",
      {.cache_bytes = size_t{config.engine.store_cache_mib} << 20,
       .files = static_cast<int>(files)});
}

}  // namespace

Status RunEngine(const std::string& config_path, const base::Clock& clock) {
  const int signal_fd = BlockSignals();
  std::signal(SIGXFSZ, SIG_IGN);  // a file that may not grow is a failed write, not a death
  ASSIGN_OR_RETURN(const Config config, LoadConfig(config_path));
  ASSIGN_OR_RETURN(auto level, base::ParseLogLevel(config.log_level));
  base::InitLog("paygate-engine", level);
  RETURN_IF_ERROR(base::MakePrivateDirectory(config.state_directory));

  ASSIGN_OR_RETURN(auto token, OpenToken(config));
  ASSIGN_OR_RETURN(const auto initial, GatewayKeys::Load(config, *token, clock.Now()));
  KeysInForce keys(initial);
  ASSIGN_OR_RETURN(auto storage_keys,
                   StorageKeys::Open(config.state_directory + "/storage-keys", clock,
                                     initial->storage_public_key, *initial->storage));
  ASSIGN_OR_RETURN(auto store, OpenStore(config));
  auto bank = bank::OpenBankClient({.socket = config.BankSocket()}, clock);
  Engine engine(config, clock, keys, *storage_keys, *store, *bank);
  engine.Recover();

  Control control([&](const ControlRequest& request, uid_t who) {
    return RecordOrder(*store, clock, request, who);
  });
  AddOperatorCommands(
      {.gateway_id = config.gateway_id, .clock = clock, .store = *store, .bank = *bank}, control);
  AddClaimCommands(*store, engine.claims(), control);
  AddAuditCommands(store->audit(), engine.audit(), control);
  AddEvidenceCommand(engine.evidence(), control);
  AddReconciliationCommands(engine.reconciler(), control);
  ASSIGN_OR_RETURN(auto control_server, ControlServer::Open(config.ControlSocket(),
                                                            config.control.users, control));
  ASSIGN_OR_RETURN(auto listener, base::Listener::Open(config.EngineSocket()));
  FrontServer fronts(*listener, engine);
  fronts.Start();
  base::LogInfo("engine.ready", {{"gateway", config.gateway_id}});
  {
    Reloader reloader(config_path, config, *token, keys, clock);
    ServeUntilStopped(signal_fd, engine, reloader);
  }

  base::LogInfo("engine.stopping");
  control_server.reset();
  fronts.StopReading();
  engine.Drain();
  bank.reset();  // completes what was in flight as unknown: it is asked about at the next start
  if (auto signed_last = engine.audit().Checkpoint(); !signed_last) {
    base::LogWarning("audit.no_last_checkpoint", {{"why", signed_last.error().ToString()}});
  }
  fronts.Close();
  base::LogInfo("engine.stopped");
  ::close(signal_fd);
  return {};
}

}  // namespace paygate::gateway::engine
