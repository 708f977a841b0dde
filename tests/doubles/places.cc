#include "tests/doubles/places.h"

#include <cstdlib>

namespace paygate::doubles {

std::string BinDir() { return PAYGATE_BIN_DIR; }
std::string Program(const std::string& name) { return BinDir() + "/" + name; }
std::string Library(const std::string& name) { return PAYGATE_LIB_DIR "/" + name; }
std::string Source(const std::string& path) { return PAYGATE_SOURCE_DIR "/" + path; }

std::string SharedFile(const std::string& path) {
  const char* shared = std::getenv("PAYGATE_SHARED");
  return (shared != nullptr ? shared : Source("../shared")) + "/" + path;
}

}  // namespace paygate::doubles
