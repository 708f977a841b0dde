#include "participant/transport.h"

#include <curl/curl.h>

#include <algorithm>
#include <charconv>
#include <mutex>

namespace paygate::participant {
namespace {

using base::ErrorCode;
using base::Fail;

constexpr size_t kMaxUrlChars = 512;

struct Receiver {
  size_t limit = 0;
  bool too_large = false;
  HttpAnswer answer;
};

size_t OnBody(char* data, size_t, size_t n, void* user) {
  auto* r = static_cast<Receiver*>(user);
  if (r->answer.body.size() + n > r->limit) {
    r->too_large = true;
    return 0;  // libcurl ends the transfer
  }
  r->answer.body.append(data, n);
  return n;
}

std::string Lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return out;
}

std::string_view Trim(std::string_view text) {
  while (!text.empty() && std::string_view(" \t\r\n").contains(text.front())) text.remove_prefix(1);
  while (!text.empty() && std::string_view(" \t\r\n").contains(text.back())) text.remove_suffix(1);
  return text;
}

size_t OnHeader(char* data, size_t, size_t n, void* user) {
  auto* r = static_cast<Receiver*>(user);
  const std::string_view line(data, n);
  const size_t colon = line.find(':');
  if (colon == line.npos) return n;
  const std::string name = Lower(line.substr(0, colon));
  const std::string_view value = Trim(line.substr(colon + 1));
  if (name == "content-type") {
    r->answer.content_type = Lower(Trim(value.substr(0, value.find(';'))));
  } else if (name == "retry-after") {
    int seconds = 0;
    const auto end = value.data() + value.size();
    if (std::from_chars(value.data(), end, seconds).ptr == end && seconds > 0) {
      r->answer.retry_after_s = seconds;
    }
  }
  return n;
}

bool IsLoopback(std::string_view host) {
  return host == "127.0.0.1" || host == "[::1]" || host == "localhost";
}

// The scheme and host of an URL that has nothing after its port.
base::Result<bool> CheckUrl(const TransportOptions& options) {
  std::string_view url = options.url;
  const bool tls = url.starts_with("https://");
  if (!tls && !url.starts_with("http://")) {
    return Fail(ErrorCode::kInvalidArgument,
                "the gateway's URL must begin with https://, as in https://gateway.example:8443");
  }
  if (url.size() > kMaxUrlChars) return Fail(ErrorCode::kInvalidArgument, "the URL is too long");
  url.remove_prefix(tls ? 8 : 7);
  if (url.empty() || url.find_first_of("/?#@ \t\r\n") != url.npos) {
    return Fail(ErrorCode::kInvalidArgument,
                "give the gateway's URL as https://host:port, with nothing after the port");
  }
  if (tls) return true;
  const size_t colon = url.front() == '[' ? url.find(':', url.find(']')) : url.find(':');
  if (!options.allow_plain_loopback || !IsLoopback(url.substr(0, colon))) {
    return Fail(
        ErrorCode::kInvalidArgument,
        "plain http:// is for tests on this machine's loopback only, and only if asked for; "
        "use https://");
  }
  return false;
}

class CurlTransport final : public Transport {
 public:
  CurlTransport(TransportOptions options, CURL* curl) : options_(std::move(options)), curl_(curl) {
    headers_ = curl_slist_append(headers_, "Content-Type: application/jose");
    headers_ = curl_slist_append(headers_, "Expect:");  // no 100-continue round trip
  }
  ~CurlTransport() override {
    curl_slist_free_all(headers_);
    curl_easy_cleanup(curl_);
  }

  base::Result<HttpAnswer> Post(const std::string& path, const std::string& body) override {
    curl_easy_setopt(curl_, CURLOPT_POST, 1L);
    curl_easy_setopt(curl_, CURLOPT_HTTPHEADER, headers_);
    curl_easy_setopt(curl_, CURLOPT_POSTFIELDS, body.data());
    curl_easy_setopt(curl_, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(body.size()));
    return Perform(path);
  }

  base::Result<HttpAnswer> Get(const std::string& path) override {
    curl_easy_setopt(curl_, CURLOPT_HTTPHEADER, nullptr);
    curl_easy_setopt(curl_, CURLOPT_HTTPGET, 1L);
    return Perform(path);
  }

 private:
  base::Result<HttpAnswer> Perform(const std::string& path) {
    const std::string url = options_.url + path;
    Receiver receiver{.limit = options_.max_body_bytes};
    curl_easy_setopt(curl_, CURLOPT_URL, url.c_str());
    curl_easy_setopt(curl_, CURLOPT_WRITEDATA, &receiver);
    curl_easy_setopt(curl_, CURLOPT_HEADERDATA, &receiver);
    const CURLcode code = curl_easy_perform(curl_);
    if (receiver.too_large) {
      return Fail(ErrorCode::kClosed, "the gateway's answer is larger than any it may send");
    }
    if (code != CURLE_OK) return ErrorOf(code);
    long status = 0;
    curl_easy_getinfo(curl_, CURLINFO_RESPONSE_CODE, &status);
    receiver.answer.status = static_cast<int>(status);
    return std::move(receiver.answer);
  }

  std::unexpected<base::Error> ErrorOf(CURLcode code) const {
    const std::string why = options_.url + ": " + curl_easy_strerror(code);
    switch (code) {
      case CURLE_PEER_FAILED_VERIFICATION:
      case CURLE_SSL_CACERT_BADFILE:
      case CURLE_SSL_ISSUER_ERROR:
        return Fail(ErrorCode::kCertificateInvalid,
                    why + "; check the URL and that --root is this operator's root certificate");
      case CURLE_OPERATION_TIMEDOUT:
        return Fail(ErrorCode::kTimeout, why);
      default:
        return Fail(ErrorCode::kClosed, why);
    }
  }

  const TransportOptions options_;
  CURL* const curl_;
  curl_slist* headers_ = nullptr;
};

}  // namespace

base::Result<std::unique_ptr<Transport>> OpenHttpsTransport(const TransportOptions& given) {
  TransportOptions options = given;
  while (options.url.ends_with('/')) options.url.pop_back();
  ASSIGN_OR_RETURN(const bool tls, CheckUrl(options));
  static std::once_flag once;
  std::call_once(once, [] { curl_global_init(CURL_GLOBAL_DEFAULT); });
  CURL* curl = curl_easy_init();
  if (curl == nullptr) return Fail(ErrorCode::kInternal, "libcurl cannot start");
  curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, tls ? "https" : "http");
  curl_easy_setopt(curl, CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
  curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L);
  curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(curl, CURLOPT_TCP_KEEPALIVE, 1L);
  curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, static_cast<long>(options.connect_timeout_s));
  curl_easy_setopt(curl, CURLOPT_TIMEOUT, static_cast<long>(options.answer_timeout_s));
  curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, OnBody);
  curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, OnHeader);
  if (!tls) curl_easy_setopt(curl, CURLOPT_NOPROXY, "*");
  curl_blob root{
      .data = options.root_pem.data(), .len = options.root_pem.size(), .flags = CURL_BLOB_COPY};
  const bool secured = curl_easy_setopt(curl, CURLOPT_CAPATH, nullptr) == CURLE_OK &&
                       curl_easy_setopt(curl, CURLOPT_CAINFO, nullptr) == CURLE_OK &&
                       curl_easy_setopt(curl, CURLOPT_CAINFO_BLOB, &root) == CURLE_OK &&
                       curl_easy_setopt(curl, CURLOPT_SSL_VERIFYPEER, 1L) == CURLE_OK &&
                       curl_easy_setopt(curl, CURLOPT_SSL_VERIFYHOST, 2L) == CURLE_OK &&
                       curl_easy_setopt(curl, CURLOPT_SSLVERSION,
                                        static_cast<long>(CURL_SSLVERSION_TLSv1_3)) == CURLE_OK;
  if (!secured) {
    curl_easy_cleanup(curl);
    return Fail(ErrorCode::kInternal, "this libcurl cannot pin a root certificate and TLS 1.3");
  }
  return std::unique_ptr<Transport>(std::make_unique<CurlTransport>(std::move(options), curl));
}

}  // namespace paygate::participant
