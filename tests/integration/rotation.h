// A gateway's next keys, made as a ceremony makes them: in the gateway's token, under new labels,
// with certificates in new files; and the lines of gateway.toml that take them up.
#pragma once

#include <memory>
#include <string>

#include "hsm/pkcs11/key_admin.h"
#include "protocol/certificate.h"
#include "tests/integration/scratch_gateway.h"

namespace paygate::integration {

class Rotation {
 public:
  explicit Rotation(const ScratchGateway& gateway);

  // In the token and in pki/FILE.
  void MakeSignature(const std::string& label, const std::string& file);
  void MakeEncryption(const std::string& label, const std::string& file);
  void MakeIssuingCa(const std::string& label, const std::string& file);

  // Sets `key = value` in a section of gateway.toml; `value` as TOML.
  void Configure(const std::string& section, const std::string& key, const std::string& value);
  // The TOML list of pki/FILEs.
  std::string Files(const std::vector<std::string>& files) const;
  std::string ReadConfiguration() const;
  void WriteConfiguration(const std::string& text) const;

 private:
  protocol::Certificate Read(const std::string& file) const;
  void Certify(const protocol::CertificateTemplate& what, const protocol::Certificate& issuer,
               hsm::Signer& signer, const std::string& file);
  void MakeLeaf(protocol::Role role, hsm::KeyUsage usage, const std::string& label,
                const std::string& file);

  const std::string directory_;
  std::unique_ptr<hsm::KeyAdmin> token_, root_token_;
  std::string ca_label_ = "issuing-ca", ca_file_ = "issuing-ca.pem";
};

}  // namespace paygate::integration
