#include "protocol/internal/message_reader.h"

#include <algorithm>

#include "base/encoding.h"
#include "protocol/jwe.h"
#include "protocol/messages.h"

namespace paygate::protocol {

bool IsCompact(std::string_view text, int parts) {
  int dots = 0;
  for (const char c : text) {
    const bool base64url = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
                           (c >= '0' && c <= '9') || c == '-' || c == '_';
    if (c == '.') dots++;
    if (!base64url && c != '.') return false;
  }
  return dots == parts - 1 && !text.empty() && text.front() != '.';
}

bool IsPrintableText(std::string_view text, size_t max_bytes) {
  return CheckText(text, max_bytes).has_value();
}

std::vector<std::string> EncodeCertificates(const std::vector<std::string>& ders) {
  std::vector<std::string> texts;
  for (const std::string& der : ders) texts.push_back(base::Base64Encode(der));
  return texts;
}

std::string DecodeCertificate(std::string_view base64) {
  return base::Base64Decode(base64).value_or("");
}

base::Result<MessageReader> MessageReader::Open(std::string_view json) {
  ASSIGN_OR_RETURN(JsonObject object, JsonObject::Parse(json));
  return MessageReader(std::move(object));
}

void MessageReader::Fail(std::string_view name, std::string_view what) {
  if (!error_) return;
  error_ = base::Fail(base::ErrorCode::kMalformed,
                      "\"" + std::string(name) + "\" is " + std::string(what));
}

base::Status MessageReader::Finish() {
  // Missing and mistyped members first: they explain an empty value, and not the other way round.
  RETURN_IF_ERROR(object_.Finish());
  return error_;
}

std::string MessageReader::Checked(std::string_view name, bool (*is)(std::string_view),
                                   std::string_view what) {
  std::string value = object_.TakeString(name);
  if (!is(value)) Fail(name, what);
  return value;
}

std::string MessageReader::Nonce(std::string_view name) {
  return Checked(name, IsNonce, "not 16 bytes in base64url");
}

std::string MessageReader::Digest(std::string_view name) {
  return Checked(name, IsDigest, "not 32 bytes in base64url");
}

std::string MessageReader::Jws(std::string_view name) {
  return Checked(name, [](std::string_view s) { return IsCompact(s, 3); }, "no compact JWS");
}

std::string MessageReader::Jwe(std::string_view name) {
  return Checked(name, [](std::string_view s) { return IsCompact(s, 5); }, "no compact JWE");
}

std::string MessageReader::SdJwtText(std::string_view name) {
  return Checked(
      name, [](std::string_view s) { return SdJwt::Parse(s).has_value(); }, "no SD-JWT");
}

std::string MessageReader::DisclosureText(std::string_view name) {
  return Checked(
      name, [](std::string_view s) { return Disclosure::Parse(s).has_value(); }, "no disclosure");
}

std::string MessageReader::Text(std::string_view name, size_t max_bytes) {
  std::string value = object_.TakeString(name);
  if (!IsPrintableText(value, max_bytes)) Fail(name, "empty, too long or not printable");
  return value;
}

base::SecretBytes MessageReader::Secret(std::string_view name, size_t max_bytes) {
  std::string value = Text(name, max_bytes);
  auto secret = base::SecretBytes::CopyOf(value);
  base::Cleanse(value.data(), value.size());
  return secret;
}

std::string MessageReader::OptionalText(std::string_view name, size_t max_bytes) {
  return object_.Has(name) ? Text(name, max_bytes) : std::string();
}

std::string MessageReader::Lines(std::string_view name) {
  std::string value = object_.TakeString(name);
  if (!CheckLines(value)) Fail(name, "empty, too long or not printable");
  return value;
}

std::string MessageReader::OptionalJws(std::string_view name) {
  return object_.Has(name) ? Jws(name) : std::string();
}

std::string MessageReader::Handshake() { return Text("handshake", kMaxHandshakeChars); }

std::string MessageReader::Jwk(std::string_view name) {
  std::string json = object_.TakeRaw(name);
  if (!json.starts_with('{')) Fail(name, "no JWK");
  return json;
}

int64_t MessageReader::Integer(std::string_view name, int64_t min, int64_t max) {
  const int64_t value = object_.TakeInteger(name);
  if (value < min || value > max) Fail(name, "out of range");
  return value;
}

std::optional<int64_t> MessageReader::OptionalInteger(std::string_view name, int64_t min,
                                                      int64_t max) {
  if (!object_.Has(name)) return std::nullopt;
  return Integer(name, min, max);
}

int64_t MessageReader::Time(std::string_view name) { return Integer(name, 0, kMaxNumericDate); }

std::string MessageReader::Certificate(std::string_view name) {
  std::string der = DecodeCertificate(object_.TakeString(name));
  if (der.empty()) Fail(name, "no certificate in base64");
  return der;
}

std::vector<std::string> MessageReader::Chain(std::string_view name) {
  std::vector<std::string> ders;
  for (const std::string& text : object_.TakeStrings(name)) {
    ders.push_back(DecodeCertificate(text));
    if (ders.back().empty()) Fail(name, "not certificates in base64");
  }
  if (ders.empty()) Fail(name, "empty");
  return ders;
}

std::string MessageReader::OneCertificate() {
  std::vector<std::string> ders = Chain("x5c");
  if (ders.size() != 1) {
    Fail("x5c", "not exactly one certificate");
    return {};
  }
  return std::move(ders[0]);
}

}  // namespace paygate::protocol
