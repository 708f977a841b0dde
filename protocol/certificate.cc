#include "protocol/certificate.h"

#include <openssl/err.h>

#include <algorithm>

#include "base/crypto.h"
#include "base/encoding.h"
#include "protocol/internal/certificate_profile.h"
#include "protocol/internal/openssl.h"

// Grammar: RFC 5280 section 4.1, DER. The subject is one CN or nothing that we read; extensions
// that we read: basicConstraints, keyUsage, extKeyUsage, accountBinding. Others are ignored unless
// critical (subjectAltName may be).
namespace paygate::protocol {
namespace {

using base::ErrorCode;
using base::Fail;
using Parsed = Certificate::Parsed;

constexpr size_t kMaxCertificateBytes = 16u << 10;
constexpr size_t kMaxPemBytes = 1u << 20;
constexpr int kMaxExtensions = 32;

auto Invalid(std::string why) { return Fail(ErrorCode::kCertificateInvalid, std::move(why)); }

std::string Dotted(const ASN1_OBJECT* object) {
  char text[128];
  const int length = OBJ_obj2txt(text, sizeof text, object, /*no_name=*/1);
  return length > 0 && length < static_cast<int>(sizeof text) ? std::string(text, length) : "";
}

// The subject's one common name; empty if it has none or several.
std::string CommonName(const X509_NAME* name) {
  const int at = X509_NAME_get_index_by_NID(name, NID_commonName, -1);
  if (at < 0 || X509_NAME_get_index_by_NID(name, NID_commonName, at) >= 0) return {};
  const ASN1_STRING* text = X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, at));
  // The two string types whose bytes are the text.
  const int type = ASN1_STRING_type(text);
  if (type != V_ASN1_UTF8STRING && type != V_ASN1_PRINTABLESTRING) return {};
  return std::string(View(ASN1_STRING_get0_data(text), ASN1_STRING_length(text)));
}

bool ReadBasicConstraints(X509_EXTENSION* extension, Parsed& out) {
  std::unique_ptr<BASIC_CONSTRAINTS, Deleter<BASIC_CONSTRAINTS_free>> value(
      static_cast<BASIC_CONSTRAINTS*>(X509V3_EXT_d2i(extension)));
  if (!value) return false;
  out.is_ca = value->ca != 0;
  out.basic_constraints_critical = X509_EXTENSION_get_critical(extension) != 0;
  if (value->pathlen) {
    int64_t length = 0;
    if (ASN1_INTEGER_get_int64(&length, value->pathlen) != 1 || length < 0) return false;
    out.path_length = length;
  }
  return true;
}

bool ReadKeyUsage(X509_EXTENSION* extension, Parsed& out) {
  std::unique_ptr<ASN1_BIT_STRING, Deleter<ASN1_BIT_STRING_free>> value(
      static_cast<ASN1_BIT_STRING*>(X509V3_EXT_d2i(extension)));
  if (!value || ASN1_STRING_length(value.get()) < 1 || ASN1_STRING_length(value.get()) > 2) {
    return false;
  }
  const uint8_t* bits = ASN1_STRING_get0_data(value.get());
  out.key_usage = bits[0];
  if (ASN1_STRING_length(value.get()) == 2) out.key_usage |= uint32_t{bits[1]} << 8;
  out.key_usage_critical = X509_EXTENSION_get_critical(extension) != 0;
  return true;
}

bool ReadExtendedKeyUsage(X509_EXTENSION* extension, Parsed& out) {
  std::unique_ptr<EXTENDED_KEY_USAGE, Deleter<EXTENDED_KEY_USAGE_free>> value(
      static_cast<EXTENDED_KEY_USAGE*>(X509V3_EXT_d2i(extension)));
  if (!value) return false;
  out.has_extended_key_usage = true;
  out.role_critical = X509_EXTENSION_get_critical(extension) != 0;
  // One purpose and no second one: a certificate with two roles has none.
  if (sk_ASN1_OBJECT_num(value.get()) != 1) return true;
  const std::string purpose = Dotted(sk_ASN1_OBJECT_value(value.get(), 0));
  const auto* found = std::ranges::find(kRoleOids, purpose, &RoleOid::oid);
  if (found != kRoleOids.end()) out.role = found->role;
  return true;
}

bool ReadAccountBinding(X509_EXTENSION* extension, Parsed& out) {
  const ASN1_OCTET_STRING* data = X509_EXTENSION_get_data(extension);
  const std::string_view der = View(ASN1_STRING_get0_data(data), ASN1_STRING_length(data));
  // OCTET STRING (SIZE(32)): 04 20 and 32 octets, the only encoding.
  if (der.size() != 2 + kAccountBindingBytes || !der.starts_with("\x04\x20")) return false;
  out.account_binding = der.substr(2);
  return true;
}

base::Status ReadExtensions(const X509* x509, Parsed& out) {
  const int count = X509_get_ext_count(x509);
  if (count > kMaxExtensions) return Invalid("too many extensions");
  std::vector<std::string> seen;
  for (int i = 0; i < count; ++i) {
    X509_EXTENSION* extension = X509_get_ext(x509, i);
    const ASN1_OBJECT* object = X509_EXTENSION_get_object(extension);
    const std::string oid = Dotted(object);
    if (std::ranges::find(seen, oid) != seen.end()) return Invalid("an extension comes twice");
    seen.push_back(oid);
    bool good = true;
    switch (OBJ_obj2nid(object)) {
      case NID_basic_constraints:
        good = ReadBasicConstraints(extension, out);
        break;
      case NID_key_usage:
        good = ReadKeyUsage(extension, out);
        break;
      case NID_ext_key_usage:
        good = ReadExtendedKeyUsage(extension, out);
        break;
      case NID_subject_alt_name:
        break;
      default:
        if (oid == kAccountBindingOid) {
          good = ReadAccountBinding(extension, out);
        } else if (X509_EXTENSION_get_critical(extension)) {
          out.unknown_critical = true;
        }
    }
    if (!good) return Invalid("the extension " + oid + " cannot be read");
  }
  return {};
}

base::Status Fill(X509* x509, Parsed& out) {
  ASSIGN_OR_RETURN(out.not_before, ReadTime(X509_get0_notBefore(x509)));
  ASSIGN_OR_RETURN(out.not_after, ReadTime(X509_get0_notAfter(x509)));
  out.subject = ToDer(i2d_X509_NAME, X509_get_subject_name(x509));
  out.issuer = ToDer(i2d_X509_NAME, X509_get_issuer_name(x509));
  out.subject_id = CommonName(X509_get_subject_name(x509));
  out.signature_algorithm = ToDer(i2d_X509_ALGOR, X509_get0_tbs_sigalg(x509));
  const ASN1_INTEGER* serial = X509_get0_serialNumber(x509);
  if (ASN1_STRING_type(serial) != V_ASN1_INTEGER) return Invalid("the serial is not positive");
  out.serial_hex = base::HexEncode(View(ASN1_STRING_get0_data(serial), ASN1_STRING_length(serial)));
  const auto octets = [](const ASN1_OCTET_STRING* id) {
    return id ? std::string(View(ASN1_STRING_get0_data(id), ASN1_STRING_length(id))) : "";
  };
  out.subject_key_id = octets(X509_get0_subject_key_id(x509));
  out.authority_key_id = octets(X509_get0_authority_key_id(x509));
  auto key = PublicKey::FromSpki(ToDer(i2d_X509_PUBKEY, X509_get_X509_PUBKEY(x509)));
  if (!key) return Invalid("its key: " + key.error().message);
  out.key = std::move(*key);
  return ReadExtensions(x509, out);
}

}  // namespace

base::Result<base::UnixTime> ReadTime(const ASN1_TIME* time) {
  tm t = {};
  if (ASN1_TIME_to_tm(time, &t) != 1) return Invalid("a time cannot be read");
  using namespace std::chrono;
  const sys_days day = year(t.tm_year + 1900) / (t.tm_mon + 1) / t.tm_mday;
  return day + hours(t.tm_hour) + minutes(t.tm_min) + seconds(t.tm_sec);
}

base::Result<Certificate> Certificate::Parse(std::string_view der) {
  if (der.size() > kMaxCertificateBytes) return Invalid("longer than any certificate of ours");
  auto parsed = std::make_shared<Parsed>();
  const uint8_t* p = Bytes(der);
  parsed->x509.reset(d2i_X509(nullptr, &p, static_cast<long>(der.size())));
  ERR_clear_error();
  // DER has one form: what prints otherwise, or leaves bytes over, would have a second fingerprint.
  if (!parsed->x509 || ToDer(i2d_X509, parsed->x509.get()) != der) {
    return Invalid("not one X.509 certificate in DER");
  }
  if (X509_get_version(parsed->x509.get()) != X509_VERSION_3) return Invalid("not version 3");
  parsed->der = der;
  parsed->fingerprint = base::Sha256Base64Url(der);
  RETURN_IF_ERROR(Fill(parsed->x509.get(), *parsed));
  return Certificate(std::move(parsed));
}

base::Result<Certificate> Certificate::ParsePem(std::string_view pem) {
  if (pem.size() > kMaxPemBytes) return Invalid("longer than any PEM file of certificates");
  BioPtr bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  X509Ptr x509(bio ? PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr) : nullptr);
  ERR_clear_error();
  if (!x509) return Invalid("no -----BEGIN CERTIFICATE----- in the text");
  return Parse(ToDer(i2d_X509, x509.get()));
}

std::string Certificate::ToPem() const {
  BioPtr bio(BIO_new(BIO_s_mem()));
  if (!bio || PEM_write_bio_X509(bio.get(), parsed_->x509.get()) != 1) return {};
  char* text = nullptr;
  const long length = BIO_get_mem_data(bio.get(), &text);
  return std::string(text, length);
}

const std::string& Certificate::der() const { return parsed_->der; }
const std::string& Certificate::fingerprint() const { return parsed_->fingerprint; }
const std::string& Certificate::subject_id() const { return parsed_->subject_id; }
const std::string& Certificate::serial_hex() const { return parsed_->serial_hex; }
const PublicKey& Certificate::key() const { return *parsed_->key; }
const std::string& Certificate::subject_key_id() const { return parsed_->subject_key_id; }
const std::string& Certificate::authority_key_id() const { return parsed_->authority_key_id; }
base::UnixTime Certificate::not_before() const { return parsed_->not_before; }
base::UnixTime Certificate::not_after() const { return parsed_->not_after; }
std::optional<Role> Certificate::role() const { return parsed_->role; }
const std::string& Certificate::account_binding() const { return parsed_->account_binding; }

}  // namespace paygate::protocol
