// Schemas: checks a business message against the official ISO 20022 schemas (libxml2), for tests
// and for a simulator that wants to be strict. No network, no entities, no DOCTYPE. Thread-safe.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"

namespace paygate::bank::iso20022 {

class Schemas {
 public:
  // `directory` holds one NAME.xsd for each kind of message, "pacs.008.001.08.xsd".
  static base::Result<std::unique_ptr<Schemas>> Open(const std::string& directory);
  ~Schemas();
  // A business message (<BizMsg>), or one document or header alone. kMalformed with libxml2's
  // words; they may quote what the message holds, so they are not for a log.
  base::Status Check(std::string_view bytes);

 private:
  struct Impl;
  explicit Schemas(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace paygate::bank::iso20022
