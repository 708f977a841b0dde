#include <bit>

#include "base/crypto.h"
#include "protocol/certificate.h"
#include "protocol/internal/certificate_profile.h"
#include "protocol/internal/der.h"
#include "protocol/internal/openssl.h"
#include "protocol/values.h"

// Grammar (RFC 5280 section 4.1; DER):
//   TBSCertificate = SEQUENCE { [0] version 3, serial, signature AlgorithmIdentifier, issuer Name,
//                    validity, subject Name = one UTF8String CN, SubjectPublicKeyInfo,
//                    [3] extensions }
//   extensions = basicConstraints!, keyUsage!, subjectKeyIdentifier, authorityKeyIdentifier (not in
//                the root), extKeyUsage (! for protocol roles), accountBinding (participants),
//                cRLDistributionPoints, authorityInfoAccess (where URLs are given),
//                subjectAltName (TLS)                                   ! = critical
namespace paygate::protocol {
namespace {

using base::ErrorCode;
using base::Fail;
using base::Result;
using std::string_view_literals::operator""sv;

constexpr size_t kMinSerialBytes = 8, kMaxSerialBytes = 20, kSerialBytes = 16;
constexpr size_t kMaxNameBytes = 64;  // ub-common-name
constexpr size_t kMaxUrlBytes = 512;
constexpr auto kTrue = "\x01\x01\xff"sv;

auto Wrong(std::string why) { return Fail(ErrorCode::kInvalidArgument, std::move(why)); }

bool IsUrl(std::string_view url) {
  if (url.size() > kMaxUrlBytes) return false;
  for (char c : url) {
    if (c <= ' ' || c > '~') return false;
  }
  return url.starts_with("http://") || url.starts_with("https://");
}

base::Status CheckTemplate(const CertificateTemplate& what, const Certificate* issuer) {
  if ((issuer == nullptr) != (what.role == Role::kRoot)) {
    return Wrong("a root is signed by itself, every other certificate by an issuer");
  }
  if (issuer && !issuer->parsed().is_ca) return Wrong("the issuer is no CA");
  if (!KeyUsageFor(what.role, what.subject_key)) {
    return Wrong("this kind of key cannot decrypt: use P-256 or RSA");
  }
  if (what.subject_cn.empty() || what.subject_cn.size() > kMaxNameBytes) {
    return Wrong("a subject has a common name of 1 to 64 octets");
  }
  if (!IsCa(what.role) && what.role != Role::kTlsServer && !IsNonce(what.subject_cn)) {
    return Wrong("the subject of a protocol certificate is an ID: 22 base64url characters");
  }
  if (what.not_after <= what.not_before) return Wrong("the validity ends before it starts");
  if (IsParticipant(what.role) != (what.account_binding.size() == kAccountBindingBytes) ||
      (!IsParticipant(what.role) && !what.account_binding.empty())) {
    return Wrong("an account binding of 32 octets goes into a participant's certificates alone");
  }
  if (!what.serial.empty() && (what.serial.size() < kMinSerialBytes ||
                               what.serial.size() > kMaxSerialBytes || what.serial[0] <= 0)) {
    return Wrong("a serial has 8 to 20 octets, the first from 01 to 7f");
  }
  if ((!what.crl_url.empty() && !IsUrl(what.crl_url)) ||
      (!what.ocsp_url.empty() && !IsUrl(what.ocsp_url))) {
    return Wrong("a CRL or OCSP address is an http URL");
  }
  if (what.role == Role::kTlsServer && what.dns_names.empty() && what.ip_addresses.empty()) {
    return Wrong("a TLS certificate names at least one host or address");
  }
  return {};
}

// 126 random bits; the first octet from 40 to 7f, so that it is positive and its length fixed.
std::string DrawSerial() {
  std::string serial = base::RandomBytes(kSerialBytes);
  serial[0] = static_cast<char>((serial[0] & 0x3f) | 0x40);
  return serial;
}

std::string KeyUsage(uint32_t bits) {
  // A named bit list drops its trailing zeros; all bits that we use are in the first octet.
  const auto octet = static_cast<uint8_t>(bits);
  const char contents[] = {static_cast<char>(std::countr_zero(octet)), static_cast<char>(octet)};
  return der::Tlv(der::kBitString, {contents, sizeof contents});
}

std::string Uri(std::string_view url) { return der::Tlv(der::Context(6), url); }

Result<std::string> AlternativeNames(const CertificateTemplate& what) {
  std::string names;
  for (const std::string& name : what.dns_names) {
    if (name.empty() || name.find_first_of(" \t\r\n/:") != std::string::npos) {
      return Wrong("'" + name + "' is no host name");
    }
    names += der::Tlv(der::Context(2), name);
  }
  for (const std::string& text : what.ip_addresses) {
    OctetStringPtr address(a2i_IPADDRESS(text.c_str()));
    if (!address) return Wrong("'" + text + "' is no IP address");
    names += der::Tlv(der::Context(7), View(ASN1_STRING_get0_data(address.get()),
                                            ASN1_STRING_length(address.get())));
  }
  return der::Tlv(der::kSequence, names);
}

std::string_view RoleOidOf(Role role) {
  for (const RoleOid& r : kRoleOids) {
    if (r.role == role) return r.oid;
  }
  return {};
}

Result<std::string> Extensions(const CertificateTemplate& what, const Certificate* issuer) {
  std::string all;
  const std::string ca(what.role == Role::kRoot        ? kTrue
                       : what.role == Role::kIssuingCa ? "\x01\x01\xff\x02\x01\x00"sv  // pathlen:0
                                                       : ""sv);
  all += Extension("2.5.29.19", true, der::Tlv(der::kSequence, ca));
  all += Extension("2.5.29.15", true, KeyUsage(*KeyUsageFor(what.role, what.subject_key)));
  all +=
      Extension("2.5.29.14", false, der::Tlv(der::kOctetString, KeyIdentifier(what.subject_key)));
  if (issuer) {
    all += Extension("2.5.29.35", false,
                     der::Sequence({der::Tlv(der::Context(0), KeyIdentifierOf(*issuer))}));
  }
  if (!IsCa(what.role)) {
    all += Extension("2.5.29.37", what.role != Role::kTlsServer,
                     der::Sequence({der::Oid(RoleOidOf(what.role))}));
  }
  if (!what.account_binding.empty()) {
    all += Extension(kAccountBindingOid, false, der::Tlv(der::kOctetString, what.account_binding));
  }
  if (!what.crl_url.empty()) {
    const std::string full_name = der::Tlv(der::ContextConstructed(0), Uri(what.crl_url));
    const std::string point = der::Tlv(der::ContextConstructed(0), full_name);
    all += Extension("2.5.29.31", false, der::Sequence({der::Sequence({point})}));
  }
  if (!what.ocsp_url.empty()) {
    all += Extension(
        "1.3.6.1.5.5.7.1.1", false,
        der::Sequence({der::Sequence({der::Oid("1.3.6.1.5.5.7.48.1"), Uri(what.ocsp_url)})}));
  }
  if (what.role == Role::kTlsServer) {
    ASSIGN_OR_RETURN(std::string names, AlternativeNames(what));
    all += Extension("2.5.29.17", false, names);
  }
  return der::Tlv(der::ContextConstructed(3), der::Tlv(der::kSequence, all));
}

}  // namespace

Result<std::string> BuildTbs(const CertificateTemplate& what, const Certificate* issuer,
                             hsm::SignatureAlgorithm issuer_algorithm) {
  RETURN_IF_ERROR(CheckTemplate(what, issuer));
  ASSIGN_OR_RETURN(const std::string extensions, Extensions(what, issuer));
  const std::string attribute =
      der::Sequence({der::Oid("2.5.4.3"), der::Tlv(der::kUtf8String, what.subject_cn)});
  const std::string subject = der::Sequence({der::Tlv(der::kSet, attribute)});
  return der::Sequence({
      "\xa0\x03\x02\x01\x02"sv,  // v3
      der::Tlv(der::kInteger, what.serial.empty() ? DrawSerial() : what.serial),
      AlgorithmIdentifier(issuer_algorithm),
      issuer ? issuer->parsed().subject : subject,
      der::Sequence({der::Time(what.not_before), der::Time(what.not_after)}),
      subject,
      what.subject_key.ToSpki(),
      extensions,
  });
}

Result<Certificate> BuildCertificate(const CertificateTemplate& what, const Certificate* issuer,
                                     hsm::Signer& issuer_key) {
  const hsm::SignatureAlgorithm algorithm = issuer_key.algorithm();
  ASSIGN_OR_RETURN(const std::string tbs, BuildTbs(what, issuer, algorithm));
  return SignTbs(tbs, issuer ? issuer->key() : what.subject_key, issuer_key);
}

Result<Certificate> SignTbs(std::string_view tbs, const PublicKey& issuer,
                            hsm::Signer& issuer_key) {
  ASSIGN_OR_RETURN(const std::string der,
                   SignDer(tbs, hsm::StatementKind::kCertificate, issuer, issuer_key));
  return Certificate::Parse(der);
}

}  // namespace paygate::protocol
