#include "tools/ceremony/hall.h"
namespace paygate::tools::ceremony {
base::Status DoBackUp(Hall&, const Step&, const std::string&) {
  return base::Fail(base::ErrorCode::kInternal, "not built");
}
base::Status DoRestore(Hall&, const Step&, const std::string&) {
  return base::Fail(base::ErrorCode::kInternal, "not built");
}
}  // namespace paygate::tools::ceremony
