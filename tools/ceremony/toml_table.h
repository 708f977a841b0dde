// Table: one table of the ceremony's file; it remembers what was asked for, so that all else is
// refused. Each error is kInvalidArgument and names the key. For plan.cc and plan_parts.cc only.
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <toml++/toml.h>
#include <vector>

#include "base/result.h"
#include "hsm/key_admin.h"

namespace paygate::tools::ceremony {

class Table {
 public:
  Table(const toml::table* table, std::string name) : table_(table), name_(std::move(name)) {}

  base::Status Text(const char* key, std::string& out, bool required);
  base::Status Key(const char* key, hsm::KeyType& out);
  base::Status Number(const char* key, int64_t least, int64_t most, int& out, bool required);
  base::Status Flag(const char* key, bool& out);
  base::Status Texts(const char* key, std::vector<std::string>& out);
  base::Result<Table> Sub(const char* key);                 // missing: an empty one
  base::Result<std::vector<Table>> Tables(const char* key);  // [[key]]
  std::vector<std::string> Names() const;                   // of all members
  bool present() const { return table_ != nullptr; }
  base::Status Finish();
  base::Status Bad(const std::string& key, const std::string& what) const;

 private:
  const toml::node* Find(const char* key);
  const toml::table* table_;
  std::string name_;
  std::set<std::string> known_;
};

}  // namespace paygate::tools::ceremony
