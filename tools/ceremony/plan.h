// Plan: the one reviewable file (TOML) that describes a ceremony; docs/ceremony.md explains it.
//
// PINs and slots stay out of it. LoadPlan checks everything that can be known from the file, before
// a token is opened: kInvalidArgument with the key and what to mend.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "hsm/key_admin.h"
#include "hsm/pkcs11/key_admin.h"
#include "protocol/certificate.h"

namespace paygate::tools::ceremony {

enum class Kind : uint8_t {
  kRoot, kGateway, kComplete, kReplica, kRotation, kRenewal, kDestruction, kRestore,
};
std::string_view Name(Kind kind);  // "root", "gateway", …

struct KeyPlan {
  std::string label;  // in its token; or the file's name, where token is empty
  std::string token;  // name of a [token.…]; empty: a key file (TLS only)
  hsm::KeyType type = hsm::KeyType::kP256;
  hsm::KeyUsage usage = hsm::KeyUsage::kSign;
  bool backup = false;
  std::string replaces;  // label of the key that it takes over from (rotation)
};

struct CertificatePlan {
  std::string file;
  protocol::Role role = protocol::Role::kRoot;
  std::string key;      // a KeyPlan's label
  std::string issuer;   // file of a CA's certificate, made here or existing; empty: itself
  std::string subject;  // empty: by role
  int days = 0;
  std::vector<std::string> dns_names, ip_addresses;
  std::string replaces;  // path of the certificate that it takes over from (rotation)
};

// A CA that exists already. Without token: a certificate of the path only.
struct ExistingPlan {
  std::string file;  // path of the certificate
  std::string token, label;
};

struct RevokedPlan {
  std::string certificate;  // path
  int reason = 0;           // RFC 5280 section 5.3.1
};
struct CrlPlan {
  std::string file, issuer;
  int days = 0;
  std::vector<RevokedPlan> revoked;
};

struct DestroyPlan {
  std::string token, label;
  std::string public_key;   // SubjectPublicKeyInfo, DER: only this key is destroyed
  std::string certificate;  // or path of the certificate that has it
};

struct Custodian {
  std::string name;
  std::string passphrase_file;  // empty: asked for
};
struct BackupPlan {
  int threshold = 0;          // m
  std::string restore_token;  // where the backup is tried
  std::vector<Custodian> custodians;
};
struct RestorePlan {
  std::string label, token;
  std::string wrapped_key;          // path of the file that a backup made
  std::vector<std::string> shares;  // paths
  std::vector<std::string> passphrase_files;  // of each share, or none: they are asked for
};

// Operator or witness, who close the transcript with a signature.
struct SignatoryPlan {
  std::string role, name;
  std::string public_key;  // SubjectPublicKeyInfo, DER: what a verifier holds on to
  std::string key_file, passphrase_file;
  std::string token, label;
};

struct Plan {
  std::string path, text;  // the file itself
  Kind kind = Kind::kComplete;
  std::string title;
  std::string output_directory;
  std::string gateway_id;  // ID_PG; empty: drawn
  std::string public_url;  // where CRL and OCSP will be found; may be empty
  std::map<std::string, hsm::pkcs11::TokenLocation> tokens;
  std::vector<ExistingPlan> existing;
  std::vector<KeyPlan> keys;
  std::vector<CertificatePlan> certificates;
  std::vector<CrlPlan> crls;
  std::vector<DestroyPlan> destroy;
  std::vector<RestorePlan> restore;
  std::optional<BackupPlan> backup;
  std::vector<SignatoryPlan> signatories;  // the operator first

  const KeyPlan* FindKey(const std::string& label) const;
  const CertificatePlan* FindCertificate(const std::string& file) const;
  const ExistingPlan* FindExisting(const std::string& file) const;
  std::string Path(const std::string& file) const { return output_directory + "/" + file; }
  bool NeedsGatewayId() const;
};

base::Result<Plan> LoadPlan(const std::string& path);
// The same from the file's text; `path` is for messages.
base::Result<Plan> ParsePlan(const std::string& text, const std::string& path);

// What belongs into each kind of ceremony (kinds.cc). Called by LoadPlan.
base::Status CheckKind(const Plan& plan);

}  // namespace paygate::tools::ceremony
