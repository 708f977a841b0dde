#include "gateway/front/http.h"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <optional>

#include "base/crypto.h"
#include "base/encoding.h"

namespace paygate::gateway::front {
namespace {

using base::ErrorCode;
using base::Fail;

std::unexpected<base::Error> Malformed(const char* title) {
  return Fail(ErrorCode::kMalformed, title);
}

bool IsToken(std::string_view text) {  // RFC 9110, 5.6.2
  static constexpr std::string_view kMarks = "!#$%&'*+-.^_`|~";
  return !text.empty() && std::ranges::all_of(text, [](unsigned char c) {
    return std::isalnum(c) || kMarks.find(static_cast<char>(c)) != kMarks.npos;
  });
}

std::string Lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + ('a' - 'A'));
  }
  return out;
}

std::string_view Trim(std::string_view text) {
  while (text.starts_with(' ') || text.starts_with('\t')) text.remove_prefix(1);
  while (text.ends_with(' ') || text.ends_with('\t')) text.remove_suffix(1);
  return text;
}

// Up to the next CRLF, which is taken too.
std::string_view TakeLine(std::string_view& text) {
  const size_t end = text.find("\r\n");
  const std::string_view line = text.substr(0, end);
  text.remove_prefix(end == text.npos ? text.size() : end + 2);
  return line;
}

base::Status ParseRequestLine(std::string_view line, Head& head, bool& old_version) {
  const size_t first = line.find(' ');
  const size_t last = line.rfind(' ');
  if (first == line.npos || first == last) return Malformed("The request line is not HTTP/1.1");
  const std::string_view method = line.substr(0, first);
  const std::string_view version = line.substr(last + 1);
  std::string_view target = line.substr(first + 1, last - first - 1);
  old_version = version == "HTTP/1.0";
  if (!IsToken(method) || (version != "HTTP/1.1" && !old_version)) {
    return Malformed("The request line is not HTTP/1.1");
  }
  const bool printable =
      std::ranges::all_of(target, [](char c) { return c > 0x20 && c < 0x7f && c != '#'; });
  if (!printable || !target.starts_with('/')) return Malformed("The path does not begin with /");
  target = target.substr(0, target.find('?'));
  if (target.size() > kMaxPathBytes) {
    return Fail(ErrorCode::kPayloadTooLarge, "The path is too long");
  }
  head.path = target;
  if (method == "GET") head.method = Method::kGet;
  if (method == "POST") head.method = Method::kPost;
  return {};
}

// What the headers say, each at most once.
struct Seen {
  std::optional<std::string_view> host, content_length, content_type, expect;
  bool transfer_encoding = false;
  std::string connection;
};

base::Status SetOnce(std::optional<std::string_view>& slot, std::string_view value) {
  if (slot) return Malformed("A header that may come once comes twice");
  slot = value;
  return {};
}

base::Status ParseHeader(std::string_view line, Seen& seen) {
  const size_t colon = line.find(':');
  if (colon == line.npos || !IsToken(line.substr(0, colon))) {
    return Malformed("A header line is malformed");
  }
  const std::string_view value = Trim(line.substr(colon + 1));
  const bool clean = std::ranges::all_of(
      value, [](unsigned char c) { return (c >= 0x20 && c != 0x7f) || c == '\t'; });
  if (!clean) return Malformed("A header line holds a control character");
  const std::string name = Lower(line.substr(0, colon));
  if (name == "host") return SetOnce(seen.host, value);
  if (name == "content-length") return SetOnce(seen.content_length, value);
  if (name == "content-type") return SetOnce(seen.content_type, value);
  if (name == "expect") return SetOnce(seen.expect, value);
  if (name == "transfer-encoding") seen.transfer_encoding = true;
  if (name == "connection") seen.connection += Lower(value) + ",";
  return {};
}

bool Names(std::string_view list, std::string_view token) {
  while (!list.empty()) {
    const size_t comma = list.find(',');
    if (Trim(list.substr(0, comma)) == token) return true;
    list.remove_prefix(comma == list.npos ? list.size() : comma + 1);
  }
  return false;
}

base::Status CheckFraming(const Seen& seen, bool old_version, Head& head) {
  if (!seen.host && !old_version) return Malformed("The Host header is missing");
  if (seen.transfer_encoding) {
    return Malformed("Transfer-Encoding is not accepted; send Content-Length");
  }
  if (seen.content_length) {
    const std::string_view text = *seen.content_length;
    const bool digits = std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
    if (text.empty() || !digits) return Malformed("Content-Length is not a number");
    const auto [end, error] =
        std::from_chars(text.data(), text.data() + text.size(), head.content_length);
    if (error != std::errc{}) head.content_length = UINT64_MAX;
  }
  head.keep_alive = !Names(seen.connection, "close") && !old_version;
  if (seen.expect) {
    if (Lower(*seen.expect) != "100-continue") return Malformed("Expect is not understood");
    head.expect_continue = true;
  }
  return {};
}

base::Status CheckAllowed(const Head& head) {
  if (head.method == Method::kOther) {
    return Fail(ErrorCode::kMethodNotAllowed, "Only GET and POST are served");
  }
  if (head.method == Method::kGet) {
    if (head.content_length != 0) return Malformed("GET has no body");
    return {};
  }
  if (head.content_length > kMaxRequestBytes) {
    return Fail(ErrorCode::kPayloadTooLarge, "The body is larger than 64 KiB");
  }
  const std::string_view wanted =
      head.path == "/v1/ocsp" ? "application/ocsp-request" : "application/jose";
  if (head.content_type != wanted) {
    return Fail(ErrorCode::kUnsupportedMediaType, "Send Content-Type: " + std::string(wanted));
  }
  return {};
}

struct Refusal {
  ErrorCode code;
  uint32_t status;
  uint32_t retry_after_s;
};
constexpr Refusal kRefusals[] = {
    {ErrorCode::kMalformed, 400, 0},       {ErrorCode::kMethodNotAllowed, 405, 0},
    {ErrorCode::kPayloadTooLarge, 413, 0}, {ErrorCode::kUnsupportedMediaType, 415, 0},
    {ErrorCode::kOverloaded, 503, 1},      {ErrorCode::kDraining, 503, 1},
};

std::string_view Phrase(uint32_t status) {
  switch (status) {
    case 200:
      return "OK";
    case 201:
      return "Created";
    case 202:
      return "Accepted";
    case 400:
      return "Bad Request";
    case 403:
      return "Forbidden";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 409:
      return "Conflict";
    case 413:
      return "Content Too Large";
    case 415:
      return "Unsupported Media Type";
    case 422:
      return "Unprocessable Content";
    case 429:
      return "Too Many Requests";
    case 503:
      return "Service Unavailable";
    default:
      return "Other";
  }
}

}  // namespace

base::Result<Head> ParseHead(std::string_view text) {
  Head head;
  Seen seen;
  bool old_version = false;
  RETURN_IF_ERROR(ParseRequestLine(TakeLine(text), head, old_version));
  size_t headers = 0;
  while (true) {
    const std::string_view line = TakeLine(text);
    if (line.empty()) break;
    if (++headers > kMaxHeaders) return Fail(ErrorCode::kPayloadTooLarge, "Too many headers");
    RETURN_IF_ERROR(ParseHeader(line, seen));
  }
  RETURN_IF_ERROR(CheckFraming(seen, old_version, head));
  if (seen.content_type) {
    head.content_type = Lower(Trim(seen.content_type->substr(0, seen.content_type->find(';'))));
  }
  RETURN_IF_ERROR(CheckAllowed(head));
  return head;
}

std::string PrintHead(const ResponseHead& head, std::string_view date) {
  std::string out = "HTTP/1.1 " + std::to_string(head.status) + " ";
  out.reserve(256);
  out.append(Phrase(head.status)).append("\r\nDate: ").append(date);
  if (head.content_length != 0) out.append("\r\nContent-Type: ").append(head.content_type);
  out.append("\r\nContent-Length: ").append(std::to_string(head.content_length));
  if (head.retry_after_s != 0) {
    out.append("\r\nRetry-After: ").append(std::to_string(head.retry_after_s));
  }
  if (head.status == 405) out.append("\r\nAllow: GET, POST");
  out.append(head.keep_alive ? "\r\nConnection: keep-alive\r\n\r\n"
                             : "\r\nConnection: close\r\n\r\n");
  return out;
}

std::string HttpDate(std::time_t time) {
  std::tm parts{};
  gmtime_r(&time, &parts);
  char out[32];
  const size_t size = std::strftime(out, sizeof(out), "%a, %d %b %Y %H:%M:%S GMT", &parts);
  return std::string(out, size);
}

Problem MakeProblem(const base::Error& error) {
  const auto* found = std::ranges::find(kRefusals, error.code, &Refusal::code);
  const bool known = found != std::end(kRefusals);
  const ErrorCode code = known ? error.code : ErrorCode::kInternal;
  Problem problem{known ? found->status : 500, known ? found->retry_after_s : 0, ""};
  // Titles are our own sentences, without a character that JSON escapes.
  problem.body.append(R"({"type":"urn:p2p-gateway:error:)").append(Name(code));
  problem.body.append(R"(","title":")").append(known ? error.message : "Internal error");
  problem.body.append(R"(","status":)").append(std::to_string(problem.status));
  problem.body.append(R"(,"instance":")").append(base::Base64UrlEncode(base::RandomBytes(16)));
  problem.body.append(R"("})");
  return problem;
}

}  // namespace paygate::gateway::front
