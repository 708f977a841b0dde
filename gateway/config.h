// The gateway's configuration: one TOML file for all processes (docs/operations/configuration.md).
// Load checks everything it can and names the key and line of what is wrong, one problem a line of
// the error's message. Secrets are never in the file: it names the files that hold them.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace paygate::gateway {

struct KeySpec {
  std::string label;    // CKA_LABEL in the token
  // As paygate-token --key takes it: "jws,checkpoint,batch-root", "certificate,crl,ocsp",
  // "decrypt".
  std::string purpose;
  bool operator==(const KeySpec&) const = default;
};

constexpr size_t kMaxOverlap = 8;  // keys or certificates of one kind that are in use together

constexpr std::string_view kReloadDone = "done";
constexpr std::string_view kReloadRefused = "refused: ";

struct Config {
  std::string gateway_id;         // ID_PG
  std::string state_directory;    // store, storage keys; private
  std::string runtime_directory;  // sockets; private
  std::string log_level = "info";

  struct Front {
    std::string listen_address = "127.0.0.1";
    uint16_t port = 8443;  // 0: any; the port taken is written to runtime_directory/front.port
    bool tls = true;       // false is allowed on loopback only
    std::string tls_certificate, tls_key;  // PEM files: leaf then issuing CA; PKCS#8
    uint32_t processes = 1;
    uint32_t max_connections = 20000;            // for each process
    uint32_t max_connections_per_source = 1000;  // for each process
    uint32_t max_header_bytes = 16384;
    std::chrono::seconds header_timeout_s{10}, body_timeout_s{10}, idle_timeout_s{120};
    uint32_t max_in_flight = 8192;  // requests at the engine, for each process, long polls and
                                    // payments that wait there included; beyond: 503
    bool operator==(const Front&) const = default;
  } front;

  struct Engine {
    uint32_t workers = 64;
    uint32_t queue = 512;     // requests waiting for a worker; beyond: 503
    uint32_t in_progress = 0;  // requests in work or waiting for a worker; beyond: 503 to what has
                               // no handshake. 0: 32 for each core or token process,
                               // whichever are more
    uint32_t parked = 20000;  // long polls and payments that wait; beyond: answered at once
    std::chrono::seconds handshake_lifetime_s{60};
    std::chrono::seconds csblk_lifetime_s{14 * 24 * 3600};
    std::chrono::seconds clock_skew_s{120};
    std::chrono::seconds payment_wait_s{10};     // then 202 pending
    std::chrono::seconds bank_deadline_s{120};   // the bank executes nothing later than this
    std::chrono::seconds inquiry_interval_s{2};  // first; doubles up to a minute
    std::chrono::seconds gateway_document_lifetime_s{3600};
    std::chrono::seconds certificate_lifetime_s{2 * 365 * 24 * 3600};
    std::chrono::seconds notices_interval_s{5};  // between questions for the bank's notices
    std::chrono::seconds reconciliation_interval_s{3600};  // between comparisons with the bank's
                                                           // statement
    std::chrono::seconds checkpoint_interval_s{300};  // between signed heads of the audit log
    std::vector<std::string> currencies{"EUR", "GBP", "USD"};  // accepted
    uint32_t store_cache_mib = 64;  // memory for rows that were read, and for what finds them
    bool batch_signatures = false;  // for participants that ask (docs/protocol/batch-signatures.md)
    std::string public_url;               // for CRL and OCSP addresses in certificates
    bool operator==(const Engine&) const = default;
  } engine;

  // PEM files made by the ceremony. During and after a rotation several of a kind: the preferred
  // one first, then those that what was signed or encrypted before still names.
  struct Certificates {
    std::string root, root_crl;  // root_crl: may be empty
    std::string bank;  // to whose key both accounts of a payment are sealed; may be empty
    std::vector<std::string> issuing_ca, gateway_signature, gateway_encryption;
    bool operator==(const Certificates&) const = default;
  } certificates;

  struct Token {
    std::string module, uri, pin_file;
    std::string pin_record;  // empty: pin_file + ".refused"
    uint32_t processes = 0;  // 0: one for each core
    uint32_t sessions = 4;   // for each process
    // Labels; several during a rotation, the preferred one first.
    std::vector<std::string> signature_key{"gateway-signature"};
    std::vector<std::string> encryption_key{"gateway-encryption"};
    std::vector<std::string> issuing_ca_key{"issuing-ca"};
    std::string storage_key = "storage-wrapping";
    std::vector<std::string> backed_up_keys;  // labels of those that have a backup
    bool batch_roots = false;  // engine.batch_signatures: the signature keys may sign them
    std::chrono::milliseconds operation_deadline_ms{2000};
    uint64_t memory_limit_mib = 512;
    std::vector<KeySpec> Keys() const;
    uint32_t ProcessCount() const;  // `processes`, or the number of cores
    bool operator==(const Token&) const = default;
  } token;

  struct BankAdapter {
    std::string name = "embedded";
    std::string plugin;  // absolute path of the shared object
    std::string config;  // the adapter's own file
    bool operator==(const BankAdapter&) const = default;
  } bank;

  struct Control {
    std::vector<std::string> users;  // whom control.sock serves besides root and the engine's user
    bool operator==(const Control&) const = default;
  } control;

  // Programs; empty: beside paygated itself.
  struct Programs {
    std::string front, engine, token, bank;
    std::chrono::milliseconds longest_restart_delay_ms{10'000};  // after repeated deaths
    bool operator==(const Programs&) const = default;
  } programs;

  uint32_t InProgress() const;  // `engine.in_progress`, or what cores and token say
  std::string EngineSocket() const;  // runtime_directory/engine.sock
  std::string TokenSocket(uint32_t index) const;
  std::string BankSocket() const;
  std::string ControlSocket() const;  // runtime_directory/control.sock
  std::string FrontPortFile() const;  // runtime_directory/front.port
  // One line by the engine at each SIGHUP: kReloadDone, or kReloadRefused and a sentence.
  std::string ReloadOutcomeFile() const;
  bool operator==(const Config&) const = default;
};

base::Result<Config> LoadConfig(const std::string& path);

// Whether a running gateway can take up `wanted` without a stop: only certificates and the labels
// of their keys may differ, and not the root.
base::Status CheckReloadable(const Config& running, Config wanted);

// That the files which the configuration names are there and can be read by this user: what
// `paygated --check` adds to LoadConfig. One problem a line.
base::Status CheckFiles(const Config& config);

}  // namespace paygate::gateway
