// output_directory = "/etc/paygate/pki"        [keys]                          all optional
// gateway_id = "…22 base64url…"   optional     root = "P-256" …
// public_url = "https://…"        optional     issuing_ca, gateway_signature,
//                                              gateway_encryption, storage_wrapping
// [token]
// module = "/usr/lib/softhsm/libsofthsm2.so"   [validity_days]                 all optional
// [token.root]                                 root, issuing_ca, gateway, tls
// uri = "pkcs11:token=paygate-root"
// pin_file = "/…"                              [tls]
// [token.gateway]                              dns_names = ["pay.example"]
// uri, pin_file                                ip_addresses = ["127.0.0.1"]
#include "tools/ceremony/plan.h"

#include <set>
#include <toml++/toml.h>

#include "base/file.h"
#include "protocol/values.h"

namespace paygate::tools::ceremony {
namespace {

using base::ErrorCode;
using base::Fail;
using base::Result;
using base::Status;

constexpr int kMostDays = 40 * 365;
constexpr size_t kMostNames = 100;

// One table of the file; remembers what was asked for, so that all else is refused.
class Table {
 public:
  Table(const toml::table* table, std::string name) : table_(table), name_(std::move(name)) {}

  Status Text(const char* key, std::string& out, bool required) {
    const toml::node* node = Find(key);
    if (!node) return required ? Bad(key, "is missing") : Status{};
    auto text = node->value_exact<std::string>();
    if (!text || text->empty()) return Bad(key, "must be a text");
    out = std::move(*text);
    return {};
  }
  Status Key(const char* key, hsm::KeyType& out) {
    std::string text;
    RETURN_IF_ERROR(Text(key, text, false));
    if (text.empty()) return {};
    auto type = hsm::ParseKeyType(text);
    if (!type) return Bad(key, type.error().message);
    out = *type;
    return {};
  }
  Status Days(const char* key, int& out) {
    const toml::node* node = Find(key);
    if (!node) return {};
    auto days = node->value_exact<int64_t>();
    if (!days || *days < 1 || *days > kMostDays) {
      return Bad(key, "must be a whole number of days from 1 to " + std::to_string(kMostDays));
    }
    out = static_cast<int>(*days);
    return {};
  }
  Status Texts(const char* key, std::vector<std::string>& out) {
    const toml::node* node = Find(key);
    if (!node) return {};
    const toml::array* array = node->as_array();
    if (!array || array->size() > kMostNames) return Bad(key, "must be a list of texts");
    for (const toml::node& item : *array) {
      auto text = item.value_exact<std::string>();
      if (!text || text->empty()) return Bad(key, "must be a list of texts");
      out.push_back(std::move(*text));
    }
    return {};
  }
  Result<Table> Sub(const char* key) {
    const toml::node* node = Find(key);
    if (node && !node->is_table()) return std::unexpected(Bad(key, "must be a table").error());
    return Table(node ? node->as_table() : nullptr, name_ + key + ".");
  }
  Status Finish() {
    if (!table_) return {};
    for (const auto& [key, node] : *table_) {
      if (!known_.contains(std::string(key.str()))) {
        return Bad(std::string(key.str()).c_str(), "is no key of a ceremony; correct or remove it");
      }
    }
    return {};
  }

 private:
  const toml::node* Find(const char* key) {
    known_.insert(key);
    return table_ ? table_->get(key) : nullptr;
  }
  Status Bad(const char* key, const std::string& what) {
    return Fail(ErrorCode::kInvalidArgument, name_ + key + " " + what);
  }

  const toml::table* table_;
  const std::string name_;
  std::set<std::string> known_;
};

Status ReadToken(Table token, Plan& plan) {
  std::string module;
  RETURN_IF_ERROR(token.Text("module", module, true));
  struct Side {
    const char* name;
    hsm::pkcs11::TokenLocation& location;
  };
  for (Side side : {Side{"root", plan.root_token}, Side{"gateway", plan.gateway_token}}) {
    ASSIGN_OR_RETURN(Table table, token.Sub(side.name));
    side.location.module_path = module;
    RETURN_IF_ERROR(table.Text("uri", side.location.token_uri, true));
    RETURN_IF_ERROR(table.Text("pin_file", side.location.pin_file, true));
    RETURN_IF_ERROR(table.Finish());
  }
  return token.Finish();
}

Status ReadKeys(Table keys, Plan& plan) {
  RETURN_IF_ERROR(keys.Key("root", plan.root));
  RETURN_IF_ERROR(keys.Key("issuing_ca", plan.issuing_ca));
  RETURN_IF_ERROR(keys.Key("gateway_signature", plan.gateway_signature));
  RETURN_IF_ERROR(keys.Key("gateway_encryption", plan.gateway_encryption));
  RETURN_IF_ERROR(keys.Key("storage_wrapping", plan.storage_wrapping));
  for (hsm::KeyType type : {plan.gateway_encryption, plan.storage_wrapping}) {
    if (type != hsm::KeyType::kEd25519) continue;
    return Fail(ErrorCode::kInvalidArgument,
                "keys: an Ed25519 key cannot decrypt; use P-256 or RSA for gateway_encryption and "
                "storage_wrapping");
  }
  return keys.Finish();
}

Status ReadValidity(Table days, Plan& plan) {
  RETURN_IF_ERROR(days.Days("root", plan.root_days));
  RETURN_IF_ERROR(days.Days("issuing_ca", plan.issuing_ca_days));
  RETURN_IF_ERROR(days.Days("gateway", plan.gateway_days));
  RETURN_IF_ERROR(days.Days("tls", plan.tls_days));
  if (plan.issuing_ca_days > plan.root_days || plan.gateway_days > plan.issuing_ca_days ||
      plan.tls_days > plan.issuing_ca_days) {
    return Fail(ErrorCode::kInvalidArgument,
                "validity_days: a certificate may not outlive the one that signs it");
  }
  return days.Finish();
}

Result<Plan> Read(const toml::table& root) {
  Plan plan;
  Table top(&root, "");
  RETURN_IF_ERROR(top.Text("output_directory", plan.output_directory, true));
  RETURN_IF_ERROR(top.Text("gateway_id", plan.gateway_id, false));
  RETURN_IF_ERROR(top.Text("public_url", plan.public_url, false));
  if (!plan.gateway_id.empty() && !protocol::IsNonce(plan.gateway_id)) {
    return Fail(ErrorCode::kInvalidArgument,
                "gateway_id must be 16 bytes as 22 base64url characters; leave it out to have one "
                "drawn");
  }
  ASSIGN_OR_RETURN(Table token, top.Sub("token"));
  RETURN_IF_ERROR(ReadToken(std::move(token), plan));
  ASSIGN_OR_RETURN(Table keys, top.Sub("keys"));
  RETURN_IF_ERROR(ReadKeys(std::move(keys), plan));
  ASSIGN_OR_RETURN(Table validity, top.Sub("validity_days"));
  RETURN_IF_ERROR(ReadValidity(std::move(validity), plan));
  ASSIGN_OR_RETURN(Table tls, top.Sub("tls"));
  RETURN_IF_ERROR(tls.Texts("dns_names", plan.tls_dns_names));
  RETURN_IF_ERROR(tls.Texts("ip_addresses", plan.tls_ip_addresses));
  RETURN_IF_ERROR(tls.Finish());
  RETURN_IF_ERROR(top.Finish());
  if (plan.tls_dns_names.empty() && plan.tls_ip_addresses.empty()) {
    return Fail(ErrorCode::kInvalidArgument,
                "tls: name the front by dns_names or ip_addresses, or no client can check it");
  }
  return plan;
}

}  // namespace

Result<Plan> LoadPlan(const std::string& path) {
  ASSIGN_OR_RETURN(std::string text, base::ReadFile(path, 1u << 20));
  toml::table root;
  try {  // toml++ reports by exception; none leaves this function
    root = toml::parse(text);
  } catch (const toml::parse_error& e) {
    return Fail(ErrorCode::kInvalidArgument, path + ", line " +
                                                 std::to_string(e.source().begin.line) + ": " +
                                                 std::string(e.description()));
  }
  auto plan = Read(root);
  if (!plan) return Fail(plan.error().code, path + ": " + plan.error().message);
  return plan;
}

}  // namespace paygate::tools::ceremony
