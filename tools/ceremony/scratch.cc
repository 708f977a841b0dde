#include <stdlib.h>

#include "base/file.h"
#include "protocol/values.h"
#include "tools/ceremony/ceremony.h"

namespace paygate::tools::ceremony {

using base::Status;

Status MakeScratchTokens(const std::string& directory, const std::string& module_path,
                         const std::vector<std::string>& labels) {
  RETURN_IF_ERROR(base::MakePrivateDirectory(directory));
  RETURN_IF_ERROR(base::MakePrivateDirectory(directory + "/tokens"));
  const std::string conf = directory + "/softhsm2.conf";
  RETURN_IF_ERROR(base::WriteNewFile(conf, "directories.tokendir = " + directory +
                                               "/tokens\nobjectstore.backend = file\n"
                                               "log.level = ERROR\n"));
  ::setenv("SOFTHSM2_CONF", conf.c_str(), 1);
  for (const std::string& label : labels) {
    const auto so_pin = base::SecretBytes::CopyOf(protocol::NewNonce());
    const auto pin = base::SecretBytes::CopyOf(protocol::NewNonce());
    RETURN_IF_ERROR(hsm::pkcs11::InitialiseToken(module_path, label, so_pin, pin));
    const std::string path = directory + "/" + label;
    RETURN_IF_ERROR(base::WriteNewFile(path + ".pin", pin.view()));
    RETURN_IF_ERROR(base::WriteNewFile(path + ".so-pin", so_pin.view()));
  }
  return {};
}

}  // namespace paygate::tools::ceremony
