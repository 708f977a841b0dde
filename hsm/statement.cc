#include "hsm/statement.h"

#include <openssl/ocsp.h>
#include <openssl/x509.h>
#include <simdjson.h>

#include <algorithm>

#include "base/crypto.h"
#include "base/encoding.h"

namespace paygate::hsm {
namespace {

using base::ErrorCode;
using base::Fail;

constexpr std::string_view kSelfTestPrefix{"paygate self-test\0", 18};
constexpr size_t kSelfTestRandomBytes = 32;
constexpr std::string_view kTypPrefix = "p2p-";
constexpr std::string_view kCheckpointPrefix = "p2p-gateway/";
constexpr std::string_view kBatchRootPrefix = "p2p-batch-root/jws\n";
constexpr size_t kRootBytes = 32;

base::Status NotA(StatementKind kind, std::string_view why) {
  return Fail(ErrorCode::kInvalidArgument,
              "the bytes to be signed are no " + std::string(Name(kind)) + ": " + std::string(why));
}

bool IsBase64Url(std::string_view text) {
  return std::ranges::all_of(text, [](unsigned char c) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_';
  });
}

// True if the JSON object has one member `typ`, a string that begins as ours do.
bool HasOurTyp(const std::string& header) {
  thread_local simdjson::dom::parser parser;  // its buffers cost more than the parsing
  simdjson::padded_string json(header);
  simdjson::dom::object object;
  if (parser.parse(json).get(object) != simdjson::SUCCESS) return false;
  int found = 0;
  for (auto [key, value] : object) {
    if (key != "typ") continue;
    std::string_view typ;
    if (value.get(typ) != simdjson::SUCCESS || !typ.starts_with(kTypPrefix)) return false;
    ++found;
  }
  return found == 1;
}

base::Status CheckJws(std::string_view bytes) {
  size_t dot = bytes.find('.');
  if (dot == std::string_view::npos) return NotA(StatementKind::kJws, "there is no '.'");
  auto header = base::Base64UrlDecode(bytes.substr(0, dot));
  if (!header) return NotA(StatementKind::kJws, "the header is not base64url");
  if (!IsBase64Url(bytes.substr(dot + 1))) {
    return NotA(StatementKind::kJws, "the payload is not base64url");
  }
  if (!HasOurTyp(*header)) return NotA(StatementKind::kJws, "the header has no typ of ours");
  return {};
}

bool IsNumber(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
}

// "p2p-gateway/" ID, size, base64 of 32 bytes, "at=" seconds, each line ended by LF. No JWS signing
// input has a LF, and no DER begins with 'p'.
base::Status CheckCheckpoint(std::string_view bytes) {
  const auto refused = [] {
    return NotA(StatementKind::kCheckpoint, "they are not its four lines");
  };
  std::string_view lines[4];
  for (std::string_view& line : lines) {
    const size_t end = bytes.find('\n');
    if (end == bytes.npos) return refused();
    line = bytes.substr(0, end);
    bytes.remove_prefix(end + 1);
  }
  const auto root = base::Base64Decode(lines[2]);
  const bool fits = bytes.empty() && lines[0].starts_with(kCheckpointPrefix) &&
                    lines[0].size() > kCheckpointPrefix.size() &&
                    IsBase64Url(lines[0].substr(kCheckpointPrefix.size())) && IsNumber(lines[1]) &&
                    root && root->size() == kRootBytes && lines[3].starts_with("at=") &&
                    IsNumber(lines[3].substr(3));
  return fits ? base::Status() : refused();
}

// "p2p-batch-root/jws", size of 2 or more, base64 of 32 bytes, each line ended by LF, in the one
// spelling that protocol/batch_signature.cc prints.
base::Status CheckBatchRoot(std::string_view bytes) {
  const auto refused = [] {
    return NotA(StatementKind::kBatchRoot, "they are not its three lines");
  };
  if (!bytes.starts_with(kBatchRootPrefix)) return refused();
  bytes.remove_prefix(kBatchRootPrefix.size());
  const size_t end = bytes.find('\n');
  if (end == bytes.npos || !bytes.ends_with('\n') || end + 1 == bytes.size()) return refused();
  const std::string_view size = bytes.substr(0, end);
  const auto root = base::Base64Decode(bytes.substr(end + 1, bytes.size() - end - 2));
  const bool fits = IsNumber(size) && size[0] != '0' && size != "1" && root &&
                    root->size() == kRootBytes;
  return fits ? base::Status() : refused();
}

// Parsed whole, so that nothing but this structure can be signed; a parse that stops before the
// last byte is refused too.
template <typename Parsed>
base::Status CheckDer(StatementKind kind, std::string_view bytes,
                      Parsed* (*parse)(Parsed**, const unsigned char**, long),
                      void (*release)(Parsed*)) {
  const auto* begin = reinterpret_cast<const unsigned char*>(bytes.data());
  const unsigned char* at = begin;
  Parsed* parsed = parse(nullptr, &at, static_cast<long>(bytes.size()));
  if (parsed == nullptr) return NotA(kind, "they do not parse as its DER");
  release(parsed);
  if (at != begin + bytes.size()) return NotA(kind, "bytes are left over");
  return {};
}

}  // namespace

base::Status CheckStatement(const Statement& statement) {
  if (statement.bytes.empty() || statement.bytes.size() > kMaxStatementBytes) {
    return NotA(statement.kind, "their length is out of bounds");
  }
  switch (statement.kind) {
    case StatementKind::kJws:
      return CheckJws(statement.bytes);
    case StatementKind::kCertificate:
      return CheckDer(statement.kind, statement.bytes, d2i_X509_CINF, X509_CINF_free);
    case StatementKind::kCrl:
      return CheckDer(statement.kind, statement.bytes, d2i_X509_CRL_INFO, X509_CRL_INFO_free);
    case StatementKind::kOcsp:
      return CheckDer(statement.kind, statement.bytes, d2i_OCSP_RESPDATA, OCSP_RESPDATA_free);
    case StatementKind::kCheckpoint:
      return CheckCheckpoint(statement.bytes);
    case StatementKind::kBatchRoot:
      return CheckBatchRoot(statement.bytes);
    case StatementKind::kSelfTest:
      if (statement.bytes.size() == kSelfTestPrefix.size() + kSelfTestRandomBytes &&
          statement.bytes.starts_with(kSelfTestPrefix)) {
        return {};
      }
      return NotA(statement.kind, "prefix or length differ");
  }
  return Fail(ErrorCode::kInvalidArgument, "unknown kind of statement");
}

std::string_view Name(StatementKind kind) {
  switch (kind) {
    case StatementKind::kJws:
      return "jws";
    case StatementKind::kCertificate:
      return "certificate";
    case StatementKind::kCrl:
      return "crl";
    case StatementKind::kOcsp:
      return "ocsp";
    case StatementKind::kCheckpoint:
      return "checkpoint";
    case StatementKind::kBatchRoot:
      return "batch-root";
    case StatementKind::kSelfTest:
      return "self-test";
  }
  return "unknown kind";
}

base::Result<StatementKind> ParseStatementKind(std::string_view name) {
  for (StatementKind kind : {StatementKind::kJws, StatementKind::kCertificate, StatementKind::kCrl,
                             StatementKind::kOcsp, StatementKind::kCheckpoint,
                             StatementKind::kBatchRoot}) {
    if (Name(kind) == name) return kind;
  }
  return Fail(ErrorCode::kInvalidArgument, "'" + std::string(name) +
                                               "' is no kind of statement: use jws, certificate, "
                                               "crl, ocsp, checkpoint or batch-root");
}

std::string MakeSelfTest() {
  return std::string(kSelfTestPrefix) + base::RandomBytes(kSelfTestRandomBytes);
}

}  // namespace paygate::hsm
