// The grammars are those of protocol.md section 2; docs/protocol/README.md says what was decided
// where the page leaves room.
#include "protocol/values.h"

#include <algorithm>
#include <array>

#include "base/crypto.h"
#include "base/encoding.h"

namespace paygate::protocol {
namespace {

using base::ErrorCode;

struct IbanCountry {
  char code[3];
  size_t length;
};

// The IBAN registry (ISO 13616, SWIFT release 99), sorted.
constexpr std::array kIbanCountries = std::to_array<IbanCountry>({
    {"AD", 24}, {"AE", 23}, {"AL", 28}, {"AT", 20}, {"AZ", 28}, {"BA", 20}, {"BE", 16}, {"BG", 22},
    {"BH", 22}, {"BI", 27}, {"BR", 29}, {"BY", 28}, {"CH", 21}, {"CR", 22}, {"CY", 28}, {"CZ", 24},
    {"DE", 22}, {"DJ", 27}, {"DK", 18}, {"DO", 28}, {"EE", 20}, {"EG", 29}, {"ES", 24}, {"FI", 18},
    {"FK", 18}, {"FO", 18}, {"FR", 27}, {"GB", 22}, {"GE", 22}, {"GI", 23}, {"GL", 18}, {"GR", 27},
    {"GT", 28}, {"HN", 28}, {"HR", 21}, {"HU", 28}, {"IE", 22}, {"IL", 23}, {"IQ", 23}, {"IS", 26},
    {"IT", 27}, {"JO", 30}, {"KW", 30}, {"KZ", 20}, {"LB", 28}, {"LC", 32}, {"LI", 21}, {"LT", 20},
    {"LU", 20}, {"LV", 21}, {"LY", 25}, {"MC", 27}, {"MD", 24}, {"ME", 22}, {"MK", 19}, {"MN", 20},
    {"MR", 27}, {"MT", 31}, {"MU", 30}, {"NI", 28}, {"NL", 18}, {"NO", 15}, {"OM", 23}, {"PK", 24},
    {"PL", 28}, {"PS", 29}, {"PT", 25}, {"QA", 29}, {"RO", 24}, {"RS", 22}, {"RU", 33}, {"SA", 24},
    {"SC", 31}, {"SD", 18}, {"SE", 24}, {"SI", 19}, {"SK", 24}, {"SM", 27}, {"SO", 23}, {"ST", 25},
    {"SV", 28}, {"TL", 23}, {"TN", 24}, {"TR", 26}, {"UA", 29}, {"VA", 22}, {"VG", 24}, {"XK", 20},
    {"YE", 30},
});

bool IsDigit(char c) { return c >= '0' && c <= '9'; }
bool IsUpper(char c) { return c >= 'A' && c <= 'Z'; }

size_t IbanLength(std::string_view country) {  // 0 if the registry does not have it
  for (const IbanCountry& known : kIbanCountries) {
    if (country == std::string_view(known.code, 2)) return known.length;
  }
  return 0;
}

// ISO 7064 MOD 97-10 over the IBAN with its first four characters moved to the end.
int IbanRemainder(std::string_view iban) {
  int remainder = 0;
  for (size_t i = 0; i < iban.size(); i++) {
    const char c = iban[(i + 4) % iban.size()];
    remainder = IsDigit(c) ? (remainder * 10 + (c - '0')) % 97
                           : (remainder * 100 + (c - 'A' + 10)) % 97;
  }
  return remainder;
}

// `text` is well-formed UTF-8 and `at` stands on a first byte; moves it to the next one.
uint32_t NextCodePoint(std::string_view text, size_t& at) {
  const auto byte = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char first = byte(at++);
  if (first < 0x80) return first;
  const int more = first < 0xe0 ? 1 : first < 0xf0 ? 2 : 3;
  uint32_t point = first & (0x3f >> more);
  for (int i = 0; i < more; i++) point = point << 6 | (byte(at++) & 0x3f);
  return point;
}

bool IsControl(uint32_t c) { return c < 0x20 || (c >= 0x7f && c <= 0x9f); }

bool IsBidirectionalControl(uint32_t c) {  // Unicode's property Bidi_Control
  return c == 0x061c || c == 0x200e || c == 0x200f || (c >= 0x202a && c <= 0x202e) ||
         (c >= 0x2066 && c <= 0x2069);
}

base::Result<std::string> TakeAccountDigest(JsonObject& object) {
  std::vector<std::string> digests = object.TakeStrings("_sd");
  if (digests.size() != 1 || !IsDigest(digests[0])) {
    return base::Fail(ErrorCode::kMalformed, "\"_sd\" is not exactly one digest");
  }
  return std::move(digests[0]);
}

}  // namespace

bool IsNonce(std::string_view text) {
  return text.size() == 22 && base::Base64UrlDecode(text).has_value();
}

bool IsDigest(std::string_view text) {
  return text.size() == 43 && base::Base64UrlDecode(text).has_value();
}

std::string NewNonce() { return base::Base64UrlEncode(base::RandomBytes(16)); }

base::Status CheckIban(std::string_view iban) {
  const auto bad = [](const char* what) { return base::Fail(ErrorCode::kMalformed, what); };
  if (iban.size() < 5 || !IsUpper(iban[0]) || !IsUpper(iban[1]) || !IsDigit(iban[2]) ||
      !IsDigit(iban[3])) {
    return bad("an IBAN begins with two capital letters and two digits");
  }
  if (iban.size() != IbanLength(iban.substr(0, 2))) {
    return bad("the IBAN's country is not in the registry, or its length is another");
  }
  if (!std::all_of(iban.begin(), iban.end(), [](char c) { return IsDigit(c) || IsUpper(c); })) {
    return bad("an IBAN has only capital letters and digits");
  }
  // 00, 01 and 99 leave the right remainder where 97, 98 and 02 are the check digits: a second
  // spelling of one account, and two spellings would pass for two accounts.
  const std::string_view check = iban.substr(2, 2);
  if (check == "00" || check == "01" || check == "99" || IbanRemainder(iban) != 1) {
    return bad("the IBAN's check digits are wrong");
  }
  return {};
}

namespace {

base::Status CheckCharacters(std::string_view text, size_t max_bytes, bool line_feeds) {
  const auto bad = [](const char* what) { return base::Fail(ErrorCode::kMalformed, what); };
  if (text.empty()) return bad("a text is empty");
  if (text.size() > max_bytes) return bad("a text is too long");
  if (!base::IsUtf8(text)) return bad("a text is not UTF-8");
  for (size_t at = 0; at < text.size();) {
    const uint32_t c = NextCodePoint(text, at);
    if (line_feeds && c == '\n') continue;
    if (IsControl(c) || IsBidirectionalControl(c)) return bad("a text has a control character");
  }
  return {};
}

}  // namespace

base::Status CheckText(std::string_view text, size_t max_bytes) {
  return CheckCharacters(text, max_bytes, false);
}

base::Status CheckLines(std::string_view text) {
  return CheckCharacters(text, kMaxTextBytes, true);
}

base::Status CheckGoods(std::string_view goods) { return CheckText(goods, kMaxGoodsBytes); }

std::string PrintPrice(const base::Money& price) {
  return JsonWriter()
      .String("amount", price.AmountString())
      .String("currency", price.currency().code())
      .Take();
}

base::Result<base::Money> ParsePrice(JsonObject price) {
  const std::string amount = price.TakeString("amount");
  const std::string currency = price.TakeString("currency");
  RETURN_IF_ERROR(price.Finish());
  return base::Money::Parse(amount, currency);
}

base::Result<Disclosure> Disclosure::Parse(std::string_view text) {
  ASSIGN_OR_RETURN(const std::string json, base::Base64UrlDecode(text));
  ASSIGN_OR_RETURN(const std::vector<std::string> parts, ParseJsonStrings(json));
  if (parts.size() != 3 || !IsNonce(parts[0]) || parts[1] != "account") {
    return base::Fail(ErrorCode::kMalformed, "a disclosure is not [salt, \"account\", IBAN]");
  }
  RETURN_IF_ERROR(CheckIban(parts[2]));
  Disclosure disclosure;
  disclosure.text_ = text;
  disclosure.account_ = parts[2];
  return disclosure;
}

base::Result<Disclosure> Disclosure::Make(std::string_view iban) {
  RETURN_IF_ERROR(CheckIban(iban));
  Disclosure disclosure;
  disclosure.text_ =
      base::Base64UrlEncode(PrintJsonStrings({NewNonce(), "account", std::string(iban)}));
  disclosure.account_ = iban;
  return disclosure;
}

std::string Disclosure::Digest() const { return base::Sha256Base64Url(text_); }
std::string Disclosure::RawDigest() const { return base::Sha256(text_); }

base::Result<Sblk> Sblk::Parse(JsonObject object) {
  std::string nonce = object.TakeString("nonce");
  std::string goods = object.TakeString("goods");
  ASSIGN_OR_RETURN(const base::Money price, ParsePrice(object.TakeObject("price")));
  ASSIGN_OR_RETURN(std::string digest, TakeAccountDigest(object));
  std::optional<std::string> buyer = object.TakeOptionalString("buyer");
  RETURN_IF_ERROR(object.Finish());
  RETURN_IF_ERROR(CheckGoods(goods));
  if (!IsNonce(nonce)) return base::Fail(ErrorCode::kMalformed, "\"nonce\" is no nonce");
  if (buyer && !IsNonce(*buyer)) return base::Fail(ErrorCode::kMalformed, "\"buyer\" is no ID");
  return Sblk{std::move(nonce), std::move(goods), price, std::move(digest),
              std::move(buyer).value_or("")};
}

std::string Sblk::Print() const {
  JsonWriter writer;
  writer.String("nonce", nonce).String("goods", goods).Raw("price", PrintPrice(price));
  writer.Strings("_sd", {account_digest});
  if (!buyer.empty()) writer.String("buyer", buyer);
  return writer.Take();
}

base::Result<Bblk> Bblk::Parse(JsonObject object) {
  std::string goods = object.TakeString("goods");
  ASSIGN_OR_RETURN(const base::Money price, ParsePrice(object.TakeObject("price")));
  ASSIGN_OR_RETURN(std::string digest, TakeAccountDigest(object));
  RETURN_IF_ERROR(object.Finish());
  RETURN_IF_ERROR(CheckGoods(goods));
  return Bblk{std::move(goods), price, std::move(digest)};
}

std::string Bblk::Print() const {
  return JsonWriter()
      .String("goods", goods)
      .Raw("price", PrintPrice(price))
      .Strings("_sd", {account_digest})
      .Take();
}

}  // namespace paygate::protocol
