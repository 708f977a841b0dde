// The values of protocol.md section 2: identifiers, nonces, prices, goods, accounts, disclosures
// and the seller and buyer blocks (SBLK, BBLK). Parse accepts exactly what the page allows; Print
// gives its JSON. Pure; thread-safe.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/money.h"
#include "base/result.h"
#include "protocol/json.h"

namespace paygate::protocol {

constexpr size_t kMaxGoodsBytes = 1024;
constexpr size_t kMaxTextBytes = 4096;

bool IsNonce(std::string_view text);   // 16 bytes as 22 base64url characters, canonical; also IDs
bool IsDigest(std::string_view text);  // 32 bytes as 43 base64url characters, canonical
std::string NewNonce();                // R_i: 16 random bytes, base64url

// IBAN in electronic form with valid check digits (ISO 13616, MOD 97-10). kMalformed otherwise.
base::Status CheckIban(std::string_view iban);
// 1 to 1024 bytes of UTF-8, no control or bidirectional-control characters. kMalformed otherwise.
base::Status CheckGoods(std::string_view goods);
base::Status CheckText(std::string_view text, size_t max_bytes);  // the same, of another length
// 1 to kMaxTextBytes, line feeds allowed: terms, statement, evidence. kMalformed otherwise.
base::Status CheckLines(std::string_view text);

std::string PrintPrice(const base::Money& price);                // {"amount":…,"currency":…}
base::Result<base::Money> ParsePrice(JsonObject price);

// base64url(JSON [salt, "account", IBAN]) (RFC 9901): opens one digest of a block or certificate.
class Disclosure {
 public:
  static base::Result<Disclosure> Parse(std::string_view text);
  static base::Result<Disclosure> Make(std::string_view iban);  // with a fresh salt
  const std::string& text() const { return text_; }
  const std::string& account() const { return account_; }  // IBAN
  std::string Digest() const;     // base64url(SHA-256(ASCII(text)))
  std::string RawDigest() const;  // the 32 bytes, as in accountBinding

 private:
  Disclosure() = default;
  std::string text_, account_;
};

// {"nonce":R,"goods":…,"price":…,"_sd":[digest]} and optionally "buyer"
struct Sblk {
  std::string nonce;
  std::string goods;
  base::Money price;
  std::string account_digest;
  std::string buyer;  // ID_B, or empty: anyone may pay

  static base::Result<Sblk> Parse(JsonObject object);
  std::string Print() const;
  friend bool operator==(const Sblk&, const Sblk&) = default;
};

// {"goods":…,"price":…,"_sd":[digest]}
struct Bblk {
  std::string goods;
  base::Money price;
  std::string account_digest;

  static base::Result<Bblk> Parse(JsonObject object);
  std::string Print() const;
  friend bool operator==(const Bblk&, const Bblk&) = default;
};

}  // namespace paygate::protocol
