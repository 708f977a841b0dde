// MessageReader: takes the members of one message by what they mean. For protocol's own .cc files.
//
// Like JsonObject, it remembers the first error and goes on; Finish() reports it. What it returns
// before Finish() succeeds is not to be used. Not thread-safe.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/secret_bytes.h"
#include "protocol/json.h"
#include "protocol/values.h"

namespace paygate::protocol {

class MessageReader {
 public:
  static base::Result<MessageReader> Open(std::string_view json);
  explicit MessageReader(JsonObject object) : object_(std::move(object)) {}

  std::string Id(std::string_view name) { return Nonce(name); }
  std::string Nonce(std::string_view name);
  std::string Digest(std::string_view name);
  std::string Jws(std::string_view name);     // compact: three parts
  std::string Jwe(std::string_view name);     // compact: five parts
  std::string SdJwtText(std::string_view name);
  std::string Text(std::string_view name, size_t max_bytes);
  base::SecretBytes Secret(std::string_view name, size_t max_bytes);  // as Text
  std::string OptionalText(std::string_view name, size_t max_bytes);  // empty: absent
  std::string Lines(std::string_view name);        // kMaxTextBytes, line feeds allowed
  std::string OptionalJws(std::string_view name);  // empty: absent
  std::string DisclosureText(std::string_view name);
  std::string Handshake();
  std::string Jwk(std::string_view name);     // an object, as JSON
  int64_t Time(std::string_view name);        // NumericDate
  int64_t Integer(std::string_view name, int64_t min, int64_t max);
  std::optional<int64_t> OptionalInteger(std::string_view name, int64_t min, int64_t max);
  std::string Certificate(std::string_view name);         // b64 DER -> DER
  std::vector<std::string> Chain(std::string_view name);  // array of those, not empty
  std::string OneCertificate();                           // "x5c" with exactly one
  // Cannot be empty-handed as the others can: a block has no default value.
  base::Result<Sblk> TakeSblk() { return Sblk::Parse(object_.TakeObject("sblk")); }
  base::Result<Bblk> TakeBblk() { return Bblk::Parse(object_.TakeObject("bblk")); }

  JsonObject& object() { return object_; }
  void Fail(std::string_view name, std::string_view what);
  base::Status Finish();

 private:
  std::string Checked(std::string_view name, bool (*is)(std::string_view), std::string_view what);
  JsonObject object_;
  base::Status error_ = {};
};

enum class PaymentResult : uint8_t;
PaymentResult TakeResult(MessageReader& reader);  // "result"

bool IsCompact(std::string_view text, int parts);  // parts of base64url characters between dots
bool IsPrintableText(std::string_view text, size_t max_bytes);
std::vector<std::string> EncodeCertificates(const std::vector<std::string>& ders);
std::string DecodeCertificate(std::string_view base64);  // empty if it is not one

}  // namespace paygate::protocol
