#include "tools/banksim/http.h"

#include <algorithm>
#include <cctype>
#include <charconv>

namespace paygate::banksim {
namespace {

using base::ErrorCode;
using base::Fail;

std::string Lower(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return lower;
}

std::string_view Trim(std::string_view text) {
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
  return text;
}

const char* Phrase(int status) {
  switch (status) {
    case 200:
      return "OK";
    case 202:
      return "Accepted";
    case 204:
      return "No Content";
    case 400:
      return "Bad Request";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    default:
      return "Error";
  }
}

void ParseTarget(std::string_view target, Request& request) {
  const size_t mark = target.find('?');
  request.path = target.substr(0, mark);
  if (mark == target.npos) return;
  target.remove_prefix(mark + 1);
  while (!target.empty()) {
    const std::string_view pair = target.substr(0, target.find('&'));
    const size_t equals = pair.find('=');
    if (equals != pair.npos)
      request.query[std::string(pair.substr(0, equals))] = pair.substr(equals + 1);
    target.remove_prefix(std::min(pair.size() + 1, target.size()));
  }
}

base::Result<Request> ParseHead(std::string_view head) {
  Request request;
  bool first = true;
  while (!head.empty()) {
    const size_t end = head.find("\r\n");
    const std::string_view line = head.substr(0, end);
    head.remove_prefix(std::min(line.size() + 2, head.size()));
    if (first) {
      const size_t a = line.find(' '), b = line.rfind(' ');
      if (a == line.npos || a == b || line.substr(b + 1) != "HTTP/1.1")
        return Fail(ErrorCode::kMalformed, "not an HTTP/1.1 request");
      request.method = line.substr(0, a);
      ParseTarget(line.substr(a + 1, b - a - 1), request);
      first = false;
      continue;
    }
    const size_t colon = line.find(':');
    if (colon == line.npos || colon == 0)
      return Fail(ErrorCode::kMalformed, "a header line without a colon");
    if (!request.headers.emplace(Lower(line.substr(0, colon)), Trim(line.substr(colon + 1))).second)
      return Fail(ErrorCode::kMalformed, "a header stands twice");
  }
  return request;
}

}  // namespace

std::string FormatResponse(int status, std::string_view body,
                           const std::map<std::string, std::string>& headers) {
  std::string text = "HTTP/1.1 " + std::to_string(status) + " " + Phrase(status) + "\r\n";
  for (const auto& [name, value] : headers) text += name + ": " + value + "\r\n";
  if (status != 204) text += "Content-Length: " + std::to_string(body.size()) + "\r\n";
  return text + "\r\n" + std::string(body);
}

bool WriteResponse(Stream& stream, int status, std::string_view body,
                   const std::map<std::string, std::string>& headers) {
  return stream.Write(FormatResponse(status, body, headers));
}

base::Result<Request> ReadRequest(Stream& stream, std::string& buffer) {
  const auto read_more = [&]() {
    char chunk[16384];
    const long n = stream.Read(chunk, sizeof chunk);
    if (n > 0) buffer.append(chunk, static_cast<size_t>(n));
    return n > 0;
  };
  size_t end;
  while ((end = buffer.find("\r\n\r\n")) == buffer.npos) {
    if (buffer.size() > kMaxHeadBytes)
      return Fail(ErrorCode::kPayloadTooLarge, "the head of the request is too large");
    if (!read_more()) return Fail(ErrorCode::kClosed, "the connection is over");
  }
  ASSIGN_OR_RETURN(Request request, ParseHead(std::string_view(buffer).substr(0, end + 2)));
  size_t length = 0;
  if (const auto it = request.headers.find("content-length"); it != request.headers.end()) {
    const char* last = it->second.data() + it->second.size();
    const auto [stop, error] = std::from_chars(it->second.data(), last, length);
    if (error != std::errc() || stop != last)
      return Fail(ErrorCode::kMalformed, "Content-Length is no number");
  } else if (request.headers.contains("transfer-encoding")) {
    return Fail(ErrorCode::kMalformed, "a body needs a Content-Length");
  }
  if (length > kMaxBodyBytes) return Fail(ErrorCode::kPayloadTooLarge, "the body is too large");
  while (buffer.size() < end + 4 + length)
    if (!read_more()) return Fail(ErrorCode::kClosed, "the connection is over");
  request.body = buffer.substr(end + 4, length);
  buffer.erase(0, end + 4 + length);
  return request;
}

}  // namespace paygate::banksim
