#include "gateway/config.h"

#include <sys/stat.h>
#include <toml++/toml.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <set>
#include <thread>

#include "base/file.h"
#include "gateway/config_checks.h"

namespace paygate::gateway {
namespace {

using base::ErrorCode;
using base::Fail;

constexpr size_t kMaxFileBytes = 1u << 20;
constexpr int64_t kDay = 24 * 3600;

// Everything found wrong so far.
struct Problems {
  std::string path;
  std::vector<std::string> lines;

  void Add(size_t line, const std::string& key, const std::string& what) {
    const std::string where = line == 0 ? "" : "line " + std::to_string(line) + ": ";
    lines.push_back(path + ": " + where + key + ": " + what);
  }
  base::Status ToStatus() const {
    if (lines.empty()) return {};
    std::string all = lines.front();
    for (size_t i = 1; i < lines.size(); ++i) all += "\n" + lines[i];
    return Fail(ErrorCode::kInvalidArgument, all);
  }
};

// One table of the file. Each read names a key; what was never named is unknown and refused.
class Section {
 public:
  Section(const toml::table* table, std::string name, Problems& problems)
      : table_(table), name_(std::move(name)), problems_(problems) {}

  using Check = Complaint (*)(const std::string&);

  void Required(const char* key, std::string& out, Check check) {
    if (!Find(key)) {
      return problems_.Add(Line(), Dotted(key),
                           "is missing; add it (docs/operations/"
                           "configuration.md says what it is)");
    }
    Optional(key, out, check);
  }

  void Optional(const char* key, std::string& out, Check check) {
    const toml::node* node = Find(key);
    if (!node) return;
    const auto value = node->value_exact<std::string>();
    if (!value) return Complain(*node, key, "is not a text; write it in double quotes");
    if (Complaint c = check(*value); !c.empty()) return Complain(*node, key, c);
    out = *value;
  }

  void List(const char* key, std::vector<std::string>& out, Check check) {
    const toml::node* node = Find(key);
    if (!node) return;
    const toml::array* array = node->as_array();
    if (!array) return Complain(*node, key, "is not a list; write it as [\"…\", \"…\"]");
    for (const toml::node& item : *array) {
      const auto value = item.value_exact<std::string>();
      if (!value) return Complain(item, key, "holds what is not a text; use double quotes");
      if (Complaint c = check(*value); !c.empty()) return Complain(item, key, c);
      out.push_back(*value);
    }
  }

  // One text, or a list of 1 to kMaxOverlap different ones in order of preference.
  void Preferred(const char* key, std::vector<std::string>& out, Check check) {
    const toml::node* node = Find(key);
    if (!node) return;
    std::vector<std::string> found;
    if (node->is_array()) {
      List(key, found, check);
    } else {
      Optional(key, found.emplace_back(), check);
    }
    const std::set<std::string> different(found.begin(), found.end());
    if (found.empty() || found.size() > kMaxOverlap || different.size() != found.size()) {
      return Complain(*node, key, "is empty, too long or names one twice; write 1 to " +
                                      std::to_string(kMaxOverlap) +
                                      ", each once, the preferred one first");
    }
    out = std::move(found);
  }

  void RequiredPreferred(const char* key, std::vector<std::string>& out, Check check) {
    std::string missing;
    if (!Find(key)) return Required(key, missing, check);
    Preferred(key, out, check);
  }

  void Flag(const char* key, bool& out) {
    const toml::node* node = Find(key);
    if (!node) return;
    const auto value = node->value_exact<bool>();
    if (!value) return Complain(*node, key, "is neither true nor false; write one of them");
    out = *value;
  }

  template <std::integral T>
  void Number(const char* key, T& out, int64_t least, int64_t most) {
    const toml::node* node = Find(key);
    if (!node) return;
    const std::string range = "use " + std::to_string(least) + " to " + std::to_string(most);
    const auto value = node->value_exact<int64_t>();
    if (!value) return Complain(*node, key, "is not a whole number; " + range);
    if (*value < least || *value > most) {
      return Complain(*node, key, std::to_string(*value) + " is out of range; " + range);
    }
    out = static_cast<T>(*value);
  }

  template <typename Unit>
  void Time(const char* key, Unit& out, int64_t least, int64_t most) {
    int64_t value = out.count();
    Number(key, value, least, most);
    out = Unit(value);
  }

  void Expect(const char* key) { known_.insert(key); }
  // After the last read.
  void RefuseUnknown() {
    if (!table_) return;
    for (const auto& [key, node] : *table_) {
      if (known_.contains(key.str())) continue;
      problems_.Add(key.source().begin.line, Dotted(key.str()),
                    "is no key of this program; correct its spelling or remove it");
    }
  }

  void Complain(const char* key, const std::string& what) {
    const toml::node* node = Find(key);
    problems_.Add(node ? node->source().begin.line : Line(), Dotted(key), what);
  }

 private:
  const toml::node* Find(const char* key) {
    known_.insert(key);
    return table_ ? table_->get(key) : nullptr;
  }
  void Complain(const toml::node& node, const char* key, const std::string& what) {
    problems_.Add(node.source().begin.line, Dotted(key), what);
  }
  // Where the table begins, for a key that is not in it; 0 if the table is missing too.
  size_t Line() const { return table_ && !name_.empty() ? table_->source().begin.line : 0; }
  std::string Dotted(std::string_view key) const {
    return name_.empty() ? std::string(key) : name_ + "." + std::string(key);
  }

  const toml::table* const table_;
  const std::string name_;
  Problems& problems_;
  std::set<std::string, std::less<>> known_;
};

void ReadFront(Section s, Config::Front& front) {
  s.Optional("listen_address", front.listen_address, CheckAddress);
  s.Number("port", front.port, 0, 65535);
  s.Flag("tls", front.tls);
  if (front.tls) {
    s.Required("tls_certificate", front.tls_certificate, CheckPath);
    s.Required("tls_key", front.tls_key, CheckPath);
  } else {
    s.Optional("tls_certificate", front.tls_certificate, CheckPath);
    s.Optional("tls_key", front.tls_key, CheckPath);
    if (!IsLoopback(front.listen_address)) {
      s.Complain("tls",
                 "plain HTTP is allowed on loopback only; set tls = true, or "
                 "listen_address = \"127.0.0.1\" behind a TLS terminator on this machine");
    }
  }
  s.Number("processes", front.processes, 1, 64);
  s.Number("max_connections", front.max_connections, 1, 1'000'000);
  s.Number("max_connections_per_source", front.max_connections_per_source, 1, 1'000'000);
  s.Number("max_header_bytes", front.max_header_bytes, 1024, 65536);
  s.Time("header_timeout_s", front.header_timeout_s, 1, 3600);
  s.Time("body_timeout_s", front.body_timeout_s, 1, 3600);
  s.Time("idle_timeout_s", front.idle_timeout_s, 1, 3600);
  s.Number("max_in_flight", front.max_in_flight, 1, 100'000);
  s.RefuseUnknown();
}

void ReadEngine(Section s, Config::Engine& engine) {
  s.Number("workers", engine.workers, 1, 1024);
  s.Number("queue", engine.queue, 1, 65536);
  s.Number("in_progress", engine.in_progress, 0, 65536);
  s.Number("parked", engine.parked, 1, 1'000'000);
  s.Time("handshake_lifetime_s", engine.handshake_lifetime_s, 5, 600);
  s.Time("csblk_lifetime_s", engine.csblk_lifetime_s, 1, 366 * kDay);
  s.Time("clock_skew_s", engine.clock_skew_s, 1, 600);
  s.Time("payment_wait_s", engine.payment_wait_s, 1, 60);
  s.Time("bank_deadline_s", engine.bank_deadline_s, 1, kDay);
  s.Time("inquiry_interval_s", engine.inquiry_interval_s, 1, 60);
  s.Time("gateway_document_lifetime_s", engine.gateway_document_lifetime_s, 60, 7 * kDay);
  s.Time("certificate_lifetime_s", engine.certificate_lifetime_s, kDay, 10 * 366 * kDay);
  s.Time("checkpoint_interval_s", engine.checkpoint_interval_s, 1, kDay);
  s.Time("notices_interval_s", engine.notices_interval_s, 1, 3600);
  s.Time("reconciliation_interval_s", engine.reconciliation_interval_s, 1, kDay);
  s.Number("store_cache_mib", engine.store_cache_mib, 8, 1'048'576);
  s.Flag("batch_signatures", engine.batch_signatures);
  s.List("currencies", engine.currencies, CheckCurrency);
  s.Required("public_url", engine.public_url, CheckUrl);
  s.RefuseUnknown();
}

void ReadCertificates(Section s, Config::Certificates& certificates) {
  s.Required("root", certificates.root, CheckPath);
  s.Optional("bank", certificates.bank, CheckPath);
  s.Optional("root_crl", certificates.root_crl, CheckPath);
  s.RequiredPreferred("issuing_ca", certificates.issuing_ca, CheckPath);
  s.RequiredPreferred("gateway_signature", certificates.gateway_signature, CheckPath);
  s.RequiredPreferred("gateway_encryption", certificates.gateway_encryption, CheckPath);
  s.RefuseUnknown();
}

void ReadToken(Section s, Config::Token& token) {
  s.Required("module", token.module, CheckPath);
  s.Required("uri", token.uri, CheckTokenUri);
  s.Required("pin_file", token.pin_file, CheckPath);
  s.Optional("pin_record", token.pin_record, CheckPath);
  s.Number("processes", token.processes, 0, 64);
  s.Number("sessions", token.sessions, 1, 1024);
  s.Preferred("signature_key", token.signature_key, CheckLabel);
  s.Preferred("encryption_key", token.encryption_key, CheckLabel);
  s.Preferred("issuing_ca_key", token.issuing_ca_key, CheckLabel);
  s.Optional("storage_key", token.storage_key, CheckLabel);
  s.List("backed_up_keys", token.backed_up_keys, CheckLabel);
  s.Time("operation_deadline_ms", token.operation_deadline_ms, 50, 60'000);
  s.Number("memory_limit_mib", token.memory_limit_mib, 32, 65536);
  std::set<std::string> labels;
  for (const KeySpec& key : token.Keys()) {
    if (labels.insert(key.label).second) continue;
    s.Complain("signature_key", "two of the keys have the label " + Quoted(key.label) +
                                    "; each purpose needs a key of its own");
  }
  s.RefuseUnknown();
}

void ReadBank(Section s, Config::BankAdapter& bank) {
  s.Optional("name", bank.name, CheckLabel);
  s.Required("plugin", bank.plugin, CheckPath);
  s.Required("config", bank.config, CheckPath);
  s.RefuseUnknown();
}

void ReadControl(Section s, Config::Control& control) {
  s.List("users", control.users, CheckLabel);
  s.RefuseUnknown();
}

void ReadPrograms(Section s, Config::Programs& programs) {
  s.Optional("front", programs.front, CheckPath);
  s.Optional("engine", programs.engine, CheckPath);
  s.Optional("token", programs.token, CheckPath);
  s.Optional("bank", programs.bank, CheckPath);
  s.Time("longest_restart_delay_ms", programs.longest_restart_delay_ms, 100, 60'000);
  s.RefuseUnknown();
}

Config ReadAll(const toml::table& root, Problems& problems) {
  Config config;
  Section top(&root, "", problems);
  top.Required("gateway_id", config.gateway_id, CheckGatewayId);
  top.Required("state_directory", config.state_directory, CheckDirectory);
  top.Required("runtime_directory", config.runtime_directory, CheckRuntimeDirectory);
  top.Optional("log_level", config.log_level, CheckLogLevel);
  const auto table = [&](const char* name) {
    if (root.contains(name) && !root[name].is_table()) {
      top.Complain(name, std::string("is not a table; write it as [") + name + "]");
    }
    top.Expect(name);
    return Section(root[name].as_table(), name, problems);
  };
  ReadFront(table("front"), config.front);
  ReadEngine(table("engine"), config.engine);
  ReadCertificates(table("certificates"), config.certificates);
  ReadToken(table("token"), config.token);
  config.token.batch_roots = config.engine.batch_signatures;
  ReadBank(table("bank"), config.bank);
  ReadControl(table("control"), config.control);
  ReadPrograms(table("programs"), config.programs);
  top.RefuseUnknown();
  return config;
}

void CheckReadable(const std::string& path, const char* key, std::vector<std::string>& problems) {
  if (path.empty() || access(path.c_str(), R_OK) == 0) return;
  problems.push_back(std::string(key) + ": cannot read " + path + ": " + std::strerror(errno));
}

void CheckSecret(const std::string& path, const char* key, std::vector<std::string>& problems) {
  CheckReadable(path, key, problems);
  struct stat s;
  if (path.empty() || stat(path.c_str(), &s) != 0) return;
  if ((s.st_mode & (S_IRWXG | S_IRWXO)) == 0) return;
  problems.push_back(std::string(key) + ": " + path +
                     " holds a secret that others can read; make it private: chmod 600 " + path);
}

uint32_t Cores() { return std::clamp(std::thread::hardware_concurrency(), 1u, 64u); }

}  // namespace

std::vector<KeySpec> Config::Token::Keys() const {
  std::vector<KeySpec> keys;
  const std::string signs = batch_roots ? "jws,checkpoint,batch-root" : "jws,checkpoint";
  for (const std::string& label : signature_key) keys.push_back({label, signs});
  for (const std::string& label : encryption_key) keys.push_back({label, "decrypt"});
  for (const std::string& label : issuing_ca_key) keys.push_back({label, "certificate,crl,ocsp"});
  keys.push_back({storage_key, "decrypt"});
  return keys;
}

uint32_t Config::Token::ProcessCount() const { return processes != 0 ? processes : Cores(); }

uint32_t Config::InProgress() const {
  constexpr uint32_t kForEach = 32;  // core, or token process: what keeps either busy
  return engine.in_progress != 0 ? engine.in_progress
                                 : kForEach * std::max(Cores(), token.ProcessCount());
}

std::string Config::EngineSocket() const { return runtime_directory + "/engine.sock"; }
std::string Config::TokenSocket(uint32_t index) const {
  return runtime_directory + "/token-" + std::to_string(index) + ".sock";
}
std::string Config::BankSocket() const { return runtime_directory + "/bank.sock"; }
std::string Config::ControlSocket() const { return runtime_directory + "/control.sock"; }
std::string Config::FrontPortFile() const { return runtime_directory + "/front.port"; }
std::string Config::ReloadOutcomeFile() const { return runtime_directory + "/engine.reload"; }

base::Result<Config> LoadConfig(const std::string& path) {
  ASSIGN_OR_RETURN(const std::string text, base::ReadFile(path, kMaxFileBytes));
  Problems problems{path, {}};
  try {
    const toml::table root = toml::parse(text, path);
    Config config = ReadAll(root, problems);
    RETURN_IF_ERROR(problems.ToStatus());
    return config;
  } catch (const toml::parse_error& e) {
    problems.Add(e.source().begin.line, "not TOML", std::string(e.description()));
    return std::unexpected(problems.ToStatus().error());
  }
}

base::Status CheckReloadable(const Config& running, Config wanted) {
  const std::string root = wanted.certificates.root;
  wanted.certificates = running.certificates;
  wanted.certificates.root = root;
  wanted.token.signature_key = running.token.signature_key;
  wanted.token.encryption_key = running.token.encryption_key;
  wanted.token.issuing_ca_key = running.token.issuing_ca_key;
  wanted.token.backed_up_keys = running.token.backed_up_keys;
  if (wanted == running) return {};
  return Fail(
      ErrorCode::kInvalidArgument,
      "a reload changes certificates.issuing_ca, gateway_signature, gateway_encryption, root_crl "
      "and token.issuing_ca_key, signature_key, encryption_key, backed_up_keys alone; "
      "something else in the file was changed too: put it back, or restart the gateway");
}

base::Status CheckFiles(const Config& config) {
  std::vector<std::string> problems;
  if (config.front.tls) {
    CheckReadable(config.front.tls_certificate, "front.tls_certificate", problems);
    CheckSecret(config.front.tls_key, "front.tls_key", problems);
  }
  CheckReadable(config.certificates.root, "certificates.root", problems);
  CheckReadable(config.certificates.bank, "certificates.bank", problems);
  CheckReadable(config.certificates.root_crl, "certificates.root_crl", problems);
  const auto all_readable = [&](const std::vector<std::string>& paths, const char* key) {
    for (const std::string& path : paths) CheckReadable(path, key, problems);
  };
  all_readable(config.certificates.issuing_ca, "certificates.issuing_ca");
  all_readable(config.certificates.gateway_signature, "certificates.gateway_signature");
  all_readable(config.certificates.gateway_encryption, "certificates.gateway_encryption");
  CheckReadable(config.token.module, "token.module", problems);
  CheckSecret(config.token.pin_file, "token.pin_file", problems);
  CheckReadable(config.bank.plugin, "bank.plugin", problems);
  CheckReadable(config.bank.config, "bank.config", problems);
  if (problems.empty()) return {};
  std::string all = problems.front();
  for (size_t i = 1; i < problems.size(); ++i) all += "\n" + problems[i];
  return Fail(ErrorCode::kInvalidArgument, all);
}

}  // namespace paygate::gateway
