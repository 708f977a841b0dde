// "Not sent" rests on one mark: libcurl's pre-request callback, which comes after the connection is
// there and before the first byte of the request. Without it nothing left; after it, nobody knows.
#include "bank/adapters/iso20022/exchange.h"

#include <curl/curl.h>

#include <algorithm>
#include <cstdlib>

#include "bank/adapters/iso20022/messages.h"
#include "base/clock.h"
#include "base/secret_bytes.h"

namespace paygate::bank::iso20022 {
namespace {

using base::ErrorCode;
using base::Fail;
using base::MutexLock;

constexpr int kTickMs = 500;
constexpr std::chrono::milliseconds kConnectTimeout{5000};

struct Started {
  Started() { curl_global_init(CURL_GLOBAL_DEFAULT); }
};

}  // namespace

struct Exchange::Library {
  CURLM* multi = nullptr;
  std::vector<CURL*> idle;  // kept for their settings' memory, not for connections
  ~Library() {
    for (CURL* easy : idle) curl_easy_cleanup(easy);
    curl_multi_cleanup(multi);
  }
};

struct Exchange::Transfer {
  HttpRequest request;
  Done done;
  HttpAnswer answer;
  curl_slist* headers = nullptr;

  ~Transfer() {
    curl_slist_free_all(headers);
    base::Cleanse(request.body.data(), request.body.size());  // may hold an enrolment code
  }

  // libcurl would send the request anew on another connection when a kept-alive one breaks before
  // an answer. Whether an order is sent again is the gateway's to say.
  static int Connected(void* self, char*, char*, int, int) {
    bool& connected = static_cast<Transfer*>(self)->answer.connected;
    if (connected) return CURL_PREREQFUNC_ABORT;
    connected = true;
    return CURL_PREREQFUNC_OK;
  }
  static size_t Body(char* data, size_t, size_t size, void* self) {
    std::string& body = static_cast<Transfer*>(self)->answer.body;
    if (body.size() + size > kMaxMessageBytes) return 0;  // more than any message: ends in an error
    body.append(data, size);
    return size;
  }
  static size_t Head(char* data, size_t, size_t size, void* self) {
    std::string_view line(data, size);
    HttpAnswer& answer = static_cast<Transfer*>(self)->answer;
    const size_t colon = line.find(':');
    if (colon == line.npos) return size;
    std::string name(line.substr(0, colon));
    std::ranges::transform(name, name.begin(), [](unsigned char c) { return std::tolower(c); });
    std::string value(line.substr(colon + 1));
    value.erase(0, value.find_first_not_of(' '));
    value.erase(value.find_last_not_of(" \r\n") + 1);
    if (name == "message-signature") answer.signature = value;
    if (name == "inbox-number") answer.inbox_number = std::strtoull(value.c_str(), nullptr, 10);
    if (name == "inbox-newest") answer.inbox_newest = std::strtoull(value.c_str(), nullptr, 10);
    return size;
  }

  void SetUp(CURL* easy, const Config& config) {
    const std::string url = request.bank->url + request.path;
    curl_easy_setopt(easy, CURLOPT_URL, url.c_str());
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "https");
    curl_easy_setopt(easy, CURLOPT_PROXY, "");
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1);
    curl_easy_setopt(easy, CURLOPT_SSLVERSION, CURL_SSLVERSION_TLSv1_3);
    curl_easy_setopt(easy, CURLOPT_SSLCERT, config.tls_certificate.c_str());
    curl_easy_setopt(easy, CURLOPT_SSLKEY, config.tls_key.c_str());
    curl_easy_setopt(easy, CURLOPT_CAINFO, request.bank->tls_ca.c_str());
    curl_easy_setopt(easy, CURLOPT_CAPATH, nullptr);
    curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, long{kConnectTimeout.count()});
    curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, static_cast<long>(request.timeout.count()));
    curl_easy_setopt(easy, CURLOPT_PREREQFUNCTION, Connected);
    curl_easy_setopt(easy, CURLOPT_PREREQDATA, this);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, Body);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, this);
    curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, Head);
    curl_easy_setopt(easy, CURLOPT_HEADERDATA, this);
    if (request.body.empty()) return;
    headers = curl_slist_append(nullptr, "Content-Type: application/xml");
    headers = curl_slist_append(headers, "Expect:");
    headers = curl_slist_append(headers,
                                (std::string(kSignatureHeader) + ": " + request.signature).c_str());
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(easy, CURLOPT_POST, 1L);
    curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE, static_cast<long>(request.body.size()));
    curl_easy_setopt(easy, CURLOPT_POSTFIELDS, request.body.data());
  }
};

Exchange::Exchange(const Config& config) : config_(config), library_(std::make_unique<Library>()) {}

base::Result<std::unique_ptr<Exchange>> Exchange::Open(const Config& config) {
  static const Started started;
  std::unique_ptr<Exchange> exchange(new Exchange(config));
  CURLM* multi = curl_multi_init();
  if (!multi) return Fail(ErrorCode::kInternal, "libcurl has no memory");
  exchange->library_->multi = multi;
  const long connections = static_cast<long>(config.connections) + 1;
  curl_multi_setopt(multi, CURLMOPT_MAX_HOST_CONNECTIONS, connections);
  curl_multi_setopt(multi, CURLMOPT_MAXCONNECTS,
                    connections * static_cast<long>(config.banks.size()));
  curl_multi_setopt(multi, CURLMOPT_PIPELINING, CURLPIPE_NOTHING);
  exchange->thread_ = std::thread([raw = exchange.get()] { raw->Run(); });
  return exchange;
}

Exchange::~Exchange() { Close(); }

bool Exchange::Send(HttpRequest request, Done done) {
  auto transfer = std::make_unique<Transfer>();
  transfer->request = std::move(request);
  transfer->done = std::move(done);
  MutexLock lock(mutex_);
  if (closed_ || queued_.size() >= config_.max_waiting) return false;
  queued_.push_back(std::move(transfer));
  curl_multi_wakeup(library_->multi);
  return true;
}

void Exchange::After(std::chrono::milliseconds delay, Task task) {
  MutexLock lock(mutex_);
  timers_.emplace(base::SystemClock().Monotonic() + delay, std::move(task));
  curl_multi_wakeup(library_->multi);
}

void Exchange::Close() {
  if (!thread_.joinable()) return;
  {
    MutexLock lock(mutex_);
    closed_ = true;
    curl_multi_wakeup(library_->multi);
  }
  thread_.join();
}

void Exchange::StartQueued() {
  std::deque<std::unique_ptr<Transfer>> queued;
  {
    MutexLock lock(mutex_);
    queued.swap(queued_);
  }
  for (auto& transfer : queued) {
    CURL* easy = library_->idle.empty() ? curl_easy_init() : library_->idle.back();
    if (!library_->idle.empty()) library_->idle.pop_back();
    transfer->SetUp(easy, config_);
    curl_multi_add_handle(library_->multi, easy);
    running_.emplace(easy, std::move(transfer));
  }
}

void Exchange::RunTimers() {
  for (;;) {
    Task task;
    {
      MutexLock lock(mutex_);
      if (timers_.empty() || timers_.begin()->first > base::SystemClock().Monotonic()) return;
      task = std::move(timers_.begin()->second);
      timers_.erase(timers_.begin());
    }
    task();
  }
}

void Exchange::Finish(Transfer& transfer, bool whole) {
  if (!whole) transfer.answer.status = 0;
  transfer.done(std::move(transfer.answer));
}

void Exchange::FinishDone() {
  int left = 0;
  while (CURLMsg* message = curl_multi_info_read(library_->multi, &left)) {
    if (message->msg != CURLMSG_DONE) continue;
    CURL* easy = message->easy_handle;
    const bool whole = message->data.result == CURLE_OK;
    long status = 0;
    curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
    auto node = running_.extract(easy);
    node.mapped()->answer.status = static_cast<int>(status);
    curl_multi_remove_handle(library_->multi, easy);
    curl_easy_reset(easy);
    library_->idle.push_back(easy);
    Finish(*node.mapped(), whole);
  }
}

void Exchange::Run() {
  for (;;) {
    int active = 0, wait_ms = kTickMs;
    {
      MutexLock lock(mutex_);
      if (closed_) break;
      if (!timers_.empty()) {
        const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
            timers_.begin()->first - base::SystemClock().Monotonic());
        wait_ms = static_cast<int>(std::clamp<int64_t>(left.count() + 1, 0, kTickMs));
      }
    }
    StartQueued();
    curl_multi_perform(library_->multi, &active);
    FinishDone();
    RunTimers();
    curl_multi_poll(library_->multi, nullptr, 0, wait_ms, nullptr);
  }
  StartQueued();
  for (auto& [easy, transfer] : running_) {
    curl_multi_remove_handle(library_->multi, easy);
    curl_easy_cleanup(easy);
    Finish(*transfer, false);
  }
  running_.clear();
}

}  // namespace paygate::bank::iso20022
