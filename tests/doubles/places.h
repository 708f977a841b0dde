// Where what was built lies. Functions and not macros on the compiler's command line: those would
// make every test's object another one in every clone, and no compiler cache could help.
#pragma once

#include <string>

namespace paygate::doubles {

std::string BinDir();
std::string Program(const std::string& name);  // "paygate-front"
std::string Library(const std::string& name);  // "libpaygate_faulty_module.so"
std::string Source(const std::string& path);   // within the source tree
// Within PAYGATE_SHARED, or the folder `shared` beside the source tree; it may not be there.
std::string SharedFile(const std::string& path);

}  // namespace paygate::doubles
