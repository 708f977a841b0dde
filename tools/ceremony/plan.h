// Plan: the one reviewable file (TOML) that describes a ceremony; docs/ceremony.md explains it.
// PINs and slots stay out of it. Everything is checked before the first key is made.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "hsm/key_admin.h"
#include "hsm/pkcs11/key_admin.h"

namespace paygate::tools::ceremony {

struct Plan {
  std::string output_directory;
  std::string gateway_id;  // ID_PG; empty: drawn
  std::string public_url;  // where CRL and OCSP will be found; may be empty
  hsm::pkcs11::TokenLocation root_token, gateway_token;
  hsm::KeyType root = hsm::KeyType::kP256, issuing_ca = hsm::KeyType::kP256,
               gateway_signature = hsm::KeyType::kP256, gateway_encryption = hsm::KeyType::kP256,
               storage_wrapping = hsm::KeyType::kP256;
  int root_days = 20 * 365, issuing_ca_days = 10 * 365, gateway_days = 3 * 365, tls_days = 365;
  std::vector<std::string> tls_dns_names, tls_ip_addresses;
};

// kInvalidArgument with the key and what to mend.
base::Result<Plan> LoadPlan(const std::string& path);

}  // namespace paygate::tools::ceremony
