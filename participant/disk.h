// Disk: the one directory where a participant's program keeps what is its own.
//
// Names are relative, "file" or "folder/file", letters, digits, '.', '_' and '-' only. Every write
// is durable on return and never half done (base/file.h); files are 0600, folders 0700: they hold
// account numbers and encrypted keys. An interface so that tests can let it die at any step.
// Not thread-safe.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace paygate::participant {

class Disk {
 public:
  virtual ~Disk() = default;
  virtual base::Result<std::optional<std::string>> Read(const std::string& name) = 0;
  virtual base::Status Create(const std::string& name,
                              std::string_view bytes) = 0;  // never replaces
  virtual base::Status Replace(const std::string& name, std::string_view bytes) = 0;
  virtual base::Status Remove(const std::string& name) = 0;  // missing is fine
  // File names in `folder`, sorted; none if the folder is missing.
  virtual base::Result<std::vector<std::string>> List(const std::string& folder) = 0;
};

// Makes `path` (0700) if it is missing and locks it for this process, so that two programs never
// sign for one participant at the same time: kInFlight while another holds it.
base::Result<std::unique_ptr<Disk>> OpenDisk(const std::string& path);

}  // namespace paygate::participant
