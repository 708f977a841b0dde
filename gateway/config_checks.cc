#include "gateway/config_checks.h"

#include <arpa/inet.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <algorithm>
#include <cctype>

#include "base/encoding.h"
#include "base/log.h"
#include "base/money.h"

namespace paygate::gateway {

std::string Quoted(std::string_view text) { return "\"" + std::string(text) + "\""; }

Complaint CheckPath(const std::string& v) {
  if (v.starts_with('/')) return "";
  return Quoted(v) + " is not an absolute path; begin it with /";
}

// A directory that is not there yet is made, private, by the program that needs it.
Complaint CheckDirectory(const std::string& v) {
  if (Complaint c = CheckPath(v); !c.empty()) return c;
  struct stat s;
  if (stat(v.c_str(), &s) != 0) return "";
  if (!S_ISDIR(s.st_mode)) return v + " is not a directory; name another or move the file away";
  if (s.st_mode & (S_IWGRP | S_IWOTH)) {
    return v + " can be written by others; make it private: chmod 700 " + v;
  }
  return "";
}

Complaint CheckRuntimeDirectory(const std::string& v) {
  const std::string longest = v + "/token-63.sock";
  if (longest.size() >= sizeof(sockaddr_un::sun_path)) {
    return Quoted(v) + " is too long for the name of a socket; use a path of at most " +
           std::to_string(sizeof(sockaddr_un::sun_path) - sizeof("/token-63.sock")) + " bytes";
  }
  return CheckDirectory(v);
}

Complaint CheckGatewayId(const std::string& v) {
  const auto bytes = base::Base64UrlDecode(v);
  if (bytes && bytes->size() == 16) return "";
  return Quoted(v) +
         " is no ID; use the 22 base64url characters (16 bytes) of the ceremony, the "
         "CN of the gateway's certificates";
}

Complaint CheckLogLevel(const std::string& v) {
  if (base::ParseLogLevel(v)) return "";
  return Quoted(v) + " is no level; use debug, info, warning, error or alarm";
}

Complaint CheckAddress(const std::string& v) {
  unsigned char address[sizeof(in6_addr)];
  if (inet_pton(AF_INET, v.c_str(), address) == 1) return "";
  if (inet_pton(AF_INET6, v.c_str(), address) == 1) return "";
  return Quoted(v) + " is no IP address; use one such as 127.0.0.1, 0.0.0.0 or ::";
}

bool IsLoopback(const std::string& v) {
  in_addr address;
  if (inet_pton(AF_INET, v.c_str(), &address) == 1) return ntohl(address.s_addr) >> 24 == 127;
  in6_addr address6;
  return inet_pton(AF_INET6, v.c_str(), &address6) == 1 && IN6_IS_ADDR_LOOPBACK(&address6);
}

Complaint CheckUrl(const std::string& v) {
  const bool scheme = v.starts_with("https://") || v.starts_with("http://");
  if (scheme && !v.ends_with('/') && v.find_first_of(" ?#\"\\") == std::string::npos) return "";
  return Quoted(v) +
         " is no base address; use one such as https://pay.example.org, without a "
         "slash at its end";
}

Complaint CheckTokenUri(const std::string& v) {
  if (!v.starts_with("pkcs11:")) {
    return Quoted(v) + " is no PKCS#11 URI (RFC 7512); use one such as pkcs11:token=paygate";
  }
  if (v.find("pin-value") != std::string::npos || v.find("pin-source") != std::string::npos) {
    return "the URI must not hold the PIN; remove pin-value and pin-source and set token.pin_file";
  }
  if (v.find("slot-id") != std::string::npos) {
    return "slots are renumbered; remove slot-id and name the token by its label: token=…";
  }
  return "";
}

Complaint CheckLabel(const std::string& v) {
  const bool plain = std::ranges::all_of(
      v, [](unsigned char c) { return std::isalnum(c) || c == '-' || c == '_' || c == '.'; });
  if (plain && !v.empty() && v.size() <= 64) return "";
  return Quoted(v) + " is no key label; use 1 to 64 letters, digits, - _ or .";
}

Complaint CheckCurrency(const std::string& v) {
  if (base::Currency::Parse(v)) return "";
  return Quoted(v) + " is no currency; use ISO 4217 codes such as \"GBP\"";
}

}  // namespace paygate::gateway
