// The lines for gateway.toml: where a key takes over from another both are named, the new one
// first, for the overlap.

#include <array>

#include "tools/ceremony/ceremony.h"

namespace paygate::tools::ceremony {
namespace {

using protocol::Role;

std::string Quoted(const std::string& text) {
  std::string out = "\"";
  for (char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out + "\"";
}

std::string Value(const std::string& fresh, const std::string& replaced) {
  if (replaced.empty()) return Quoted(fresh);
  return "[" + Quoted(fresh) + ", " + Quoted(replaced) + "]";
}

// Of those that a gateway uses: not a root's.
std::vector<std::string> BackedUpKeys(const Plan& plan) {
  std::vector<std::string> labels;
  for (const KeyPlan& key : plan.keys) {
    bool root = false;
    for (const CertificatePlan& each : plan.certificates) {
      root |= each.key == key.label && each.role == Role::kRoot;
    }
    if (key.backup && !root) labels.push_back(key.label);
  }
  for (const RestorePlan& each : plan.restore) labels.push_back(each.label);
  return labels;
}

struct Names {
  Role role;
  const char *certificate, *key;
};
constexpr std::array kNames = {
    Names{Role::kIssuingCa, "issuing_ca", "issuing_ca_key"},
    Names{Role::kGatewaySignature, "gateway_signature", "signature_key"},
    Names{Role::kGatewayEncryption, "gateway_encryption", "encryption_key"},
};

}  // namespace

std::vector<std::string> ConfigurationLines(const Plan& plan) {
  std::vector<std::string> certificates, token, front;
  for (const CertificatePlan& each : plan.certificates) {
    const std::string path = plan.Path(each.file);
    if (each.role == Role::kRoot) certificates.push_back("root = " + Quoted(path));
    if (each.role == Role::kTlsServer) {
      front.push_back("tls_certificate = " + Quoted(path));
      front.push_back("tls_key = " + Quoted(plan.Path(each.key)));
    }
    for (const Names& names : kNames) {
      if (names.role != each.role) continue;
      certificates.push_back(std::string(names.certificate) + " = " + Value(path, each.replaces));
      token.push_back(std::string(names.key) + " = " +
                      Value(each.key, plan.FindKey(each.key)->replaces));
    }
  }
  for (const CrlPlan& each : plan.crls) {
    certificates.push_back("root_crl = " + Quoted(plan.Path(each.file)));
  }
  for (const KeyPlan& key : plan.keys) {  // a decryption key without certificate: storage
    bool certified = false;
    for (const CertificatePlan& each : plan.certificates) certified |= each.key == key.label;
    if (!certified && key.usage == hsm::KeyUsage::kDecrypt) {
      token.push_back("storage_key = " + Quoted(key.label));
    }
  }
  const std::vector<std::string> backed_up = BackedUpKeys(plan);
  if (!backed_up.empty()) {
    std::string list;
    for (const std::string& label : backed_up) list += (list.empty() ? "" : ", ") + Quoted(label);
    token.push_back("backed_up_keys = [" + list + "]");
  }
  std::vector<std::string> lines;
  const auto add = [&](const char* section, const std::vector<std::string>& of_section) {
    if (of_section.empty()) return;
    lines.emplace_back(section);
    lines.insert(lines.end(), of_section.begin(), of_section.end());
  };
  add("[certificates]", certificates);
  add("[token]", token);
  add("[front]", front);
  return lines;
}

}  // namespace paygate::tools::ceremony
