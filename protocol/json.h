// Strict JSON for what strangers send (protocol.md, section 1, rule 2): UTF-8, no duplicate,
// unknown or missing member, no fraction or exponent, integers within int64, no U+0000, nesting at
// most 8, nothing after the value; and printing with members in the order given and no white space.
//
//   ASSIGN_OR_RETURN(JsonObject o, JsonObject::Parse(text));   // a struct's one Parse function
//   m.iss = o.TakeString("iss"); …; RETURN_IF_ERROR(o.Finish());
//
// Take* of a missing member or of another type remembers the first error, as base::Decoder does;
// Finish() reports it, and any member not taken. All errors are kMalformed. Not thread-safe.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace paygate::protocol {

constexpr int kMaxJsonDepth = 8;
constexpr size_t kMaxJsonBytes = 256u << 10;

class JsonObject {
 public:
  // `max_bytes`: for what no stranger sends, an evidence file.
  static base::Result<JsonObject> Parse(std::string_view text, size_t max_bytes = kMaxJsonBytes);
  JsonObject(JsonObject&&) noexcept;
  JsonObject& operator=(JsonObject&&) noexcept;
  ~JsonObject();

  bool Has(std::string_view name) const;
  std::string TakeString(std::string_view name);
  std::optional<std::string> TakeOptionalString(std::string_view name);
  int64_t TakeInteger(std::string_view name);
  std::optional<int64_t> TakeOptionalInteger(std::string_view name);
  std::vector<std::string> TakeStrings(std::string_view name);  // array of strings
  std::vector<std::vector<std::string>> TakeStringLists(std::string_view name);  // array of those
  JsonObject TakeObject(std::string_view name);    // empty and failed if missing
  std::vector<JsonObject> TakeObjects(std::string_view name);
  // The member's value as JSON text, printed anew in canonical form: for handing to another parser.
  std::string TakeRaw(std::string_view name);
  void IgnoreOthers();  // only for GET /v1/gateway, which alone may gain members
  base::Status Finish();

 private:
  struct Impl;
  explicit JsonObject(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

// Prints one object: JsonWriter().String("iss", x).Integer("iat", n).Raw("sblk", json).Take().
class JsonWriter {
 public:
  JsonWriter();
  JsonWriter& String(std::string_view name, std::string_view value);
  JsonWriter& Integer(std::string_view name, int64_t value);
  JsonWriter& Strings(std::string_view name, const std::vector<std::string>& values);
  JsonWriter& Raw(std::string_view name, std::string_view json);
  JsonWriter& RawArray(std::string_view name, const std::vector<std::string>& json_values);
  std::string Take();  // closes the object

 private:
  void Name(std::string_view name);
  std::string out_;
};

// The two places where the wire has an array of strings as the whole text: a disclosure, and the
// chain of GET /v1/certificates. As strict as JsonObject::Parse.
base::Result<std::vector<std::string>> ParseJsonStrings(std::string_view text);
std::string PrintJsonStrings(const std::vector<std::string>& values);

}  // namespace paygate::protocol
