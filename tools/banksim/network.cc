// Ports that nobody chose are kept in LEDGER.ports, lines "NAME PORT", so that a restart has the
// same ones.
#include "tools/banksim/network.h"

#include <algorithm>
#include <charconv>
#include <sstream>

#include "base/clock.h"
#include "base/file.h"

namespace paygate::banksim {
namespace {

constexpr int64_t kLongestPollMs = 60'000;
constexpr const char* kAdminName = "admin";

std::map<std::string, uint16_t> ReadPorts(const std::string& path) {
  std::map<std::string, uint16_t> ports;
  auto text = base::ReadFile(path, 65536);
  if (!text) return ports;
  std::istringstream in(*text);
  for (std::string name; in >> name;) in >> ports[name];
  return ports;
}

std::string At(const Request& request, const char* key) {
  const auto it = request.query.find(key);
  return it == request.query.end() ? std::string() : it->second;
}

std::optional<uint64_t> Number(const std::string& text) {
  uint64_t value = 0;
  const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || stop != text.data() + text.size()) return std::nullopt;
  return value;
}

}  // namespace

Network::Network(const Config& config, std::function<void()> restart)
    : config_(config), restart_(std::move(restart)), rules_(config.seed, config.rules) {}

base::Result<std::unique_ptr<Network>> Network::Open(const Config& config,
                                                     std::function<void()> restart) {
  std::unique_ptr<Network> network(new Network(config, std::move(restart)));
  RETURN_IF_ERROR(network->OpenAll());
  return network;
}

base::Status Network::OpenAll() {
  if (!config_.schemas.empty()) {
    ASSIGN_OR_RETURN(schemas_, bank::iso20022::Schemas::Open(config_.schemas));
  }
  ASSIGN_OR_RETURN(ledger_, Ledger::Open(config_, [this](const Transaction& t) {
                     return SettledNotice(config_, t);
                   }));
  const std::string ports_file = config_.ledger + ".ports";
  auto ports = ReadPorts(ports_file);
  const auto port_of = [&](const std::string& name, uint16_t wanted) {
    return wanted != 0 ? wanted : ports[name];
  };
  sites_.reserve(config_.banks.size());  // handlers keep references
  for (const BankConfig& b : config_.banks) {
    Site& site = sites_.emplace_back();
    ASSIGN_OR_RETURN(site.bank, Bank::Open(config_, b, *ledger_, rules_, schemas_.get()));
    const Server::Tls tls{b.tls_certificate, b.tls_key, config_.client_ca};
    ASSIGN_OR_RETURN(site.server, Server::Open(port_of(b.bic, b.port), &tls,
                                               [this, raw = site.bank.get()](const Request& request,
                                                                             Stream& stream) {
                                                 return OnBankRequest(*raw, request, stream);
                                               }));
  }
  ASSIGN_OR_RETURN(admin_, Server::Open(port_of(kAdminName, config_.admin_port), nullptr,
                                        [this](const Request& request, Stream& stream) {
                                          return OnAdminRequest(request, stream);
                                        }));
  std::string text = std::string(kAdminName) + " " + std::to_string(admin_->port()) + "\n";
  for (const Site& s : sites_)
    text += s.bank->bic() + " " + std::to_string(s.server->port()) + "\n";
  RETURN_IF_ERROR(base::ReplaceFile(ports_file, text));
  // All listen before one answers: who hears a bank after a restart also finds the others and the
  // admin.
  for (Site& s : sites_) s.server->Start();
  admin_->Start();
  return {};
}

Network::~Network() { Stop(); }

void Network::Stop() {
  {
    base::MutexLock lock(mutex_);
    stopping_ = true;
    stopped_.NotifyAll();
  }
  if (ledger_) ledger_->Stop();
  for (Site& s : sites_)
    if (s.server) s.server->Stop();
  if (admin_) admin_->Stop();
}

std::string Network::ReadyLine() const {
  std::string line = "ready admin http://127.0.0.1:" + std::to_string(admin_->port());
  for (const Site& s : sites_)
    line += " " + s.bank->bic() + " https://127.0.0.1:" + std::to_string(s.server->port());
  return line;
}

void Network::Pause(double ms) {
  if (ms <= 0) return;
  const auto until = base::SystemClock().Monotonic() +
                     std::chrono::microseconds(static_cast<int64_t>(ms * 1000));
  base::MutexLock lock(mutex_);
  while (!stopping_ && stopped_.WaitUntil(mutex_, until)) {
  }
}

bool Network::OnBankRequest(Bank& bank, const Request& request, Stream& stream) {
  if (request.path == "/inbox" && request.method == "GET")
    return OnInboxRequest(bank, request, stream);
  if (request.path == "/bookings" && request.method == "GET")
    return OnBookingsRequest(bank, request, stream);
  if (request.path != "/messages") return WriteResponse(stream, 404, "POST /messages\n");
  if (request.method != "POST") return WriteResponse(stream, 405, "POST /messages\n");
  const auto signature = request.headers.find("message-signature");
  return Deliver(
      bank.Handle(request.body, signature == request.headers.end() ? "" : signature->second),
      stream);
}

bool Network::OnBookingsRequest(Bank& bank, const Request& request, Stream& stream) {
  const auto after = Number(At(request, "after")), limit = Number(At(request, "limit"));
  if (!after || !limit || *limit == 0)
    return WriteResponse(stream, 400, "GET /bookings?after=NUMBER&limit=NUMBER\n");
  const Response response = bank.Bookings(*after, *limit);
  return WriteResponse(stream, 200, response.body,
                       {{"Content-Type", "application/xml"},
                        {bank::iso20022::kSignatureHeader, response.signature}});
}

bool Network::OnInboxRequest(Bank& bank, const Request& request, Stream& stream) {
  const std::string begin = At(request, "after"), seconds = At(request, "wait");
  const bool from_end = begin == "newest";
  const auto after = from_end ? bank.NewestInInbox() : Number(begin);
  const auto wait = seconds.empty() ? 0 : Number(seconds);
  if (!after || !wait)
    return WriteResponse(stream, 400,
                         "GET /inbox?after=NUMBER|newest&wait=SECONDS[&only=notices]\n");
  const bool only_notices = At(request, "only") == "notices";
  // Where the end is must be known at once: what comes from now on is for this reader.
  const int64_t wait_ms =
      from_end ? 0 : std::min<int64_t>(static_cast<int64_t>(*wait) * 1000, kLongestPollMs);
  uint64_t number = *after + 1;
  const Response response =
      only_notices ? bank.Notice(*after, number) : bank.Inbox(*after, wait_ms);
  if (response.body.empty())
    return WriteResponse(stream, 204, "", {{"Inbox-Newest", std::to_string(bank.NewestInInbox())}});
  return WriteResponse(stream, 200, response.body,
                       {{"Content-Type", "application/xml"},
                        {"Inbox-Number", std::to_string(number)},
                        {bank::iso20022::kSignatureHeader, response.signature}});
}

bool Network::Drip(const std::string& bytes, int64_t over_ms, Stream& stream) {
  constexpr size_t kPieces = 20;
  const size_t piece = bytes.size() / kPieces + 1;
  for (size_t at = 0; at < bytes.size(); at += piece) {
    Pause(static_cast<double>(over_ms) / kPieces);
    if (!stream.Write(std::string_view(bytes).substr(at, piece))) return false;
  }
  return true;
}

bool Network::Deliver(const Response& response, Stream& stream) {
  Pause(response.latency_ms);
  const FaultKind fault = response.fault ? response.fault->fault : FaultKind::kNone;
  const int64_t delay_ms = response.fault ? response.fault->delay_ms : 0;
  if (fault == FaultKind::kLost || fault == FaultKind::kAnswerLost) return false;
  if (fault == FaultKind::kSilent) {
    Pause(static_cast<double>(delay_ms));
    return false;
  }
  if (fault == FaultKind::kRestart) restart_();
  if (response.in_inbox) return WriteResponse(stream, 202, "");
  const std::string bytes =
      FormatResponse(200, response.body,
                     {{"Content-Type", "application/xml"},
                      {bank::iso20022::kSignatureHeader, response.signature}});
  if (fault == FaultKind::kSlow) return Drip(bytes, delay_ms, stream);
  if (fault == FaultKind::kCut) {
    stream.Write(std::string_view(bytes).substr(0, bytes.size() - response.body.size() / 2));
    return false;
  }
  return stream.Write(bytes);
}

}  // namespace paygate::banksim
