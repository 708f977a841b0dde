#include "tools/ceremony/toml_table.h"

namespace paygate::tools::ceremony {

using base::ErrorCode;
using base::Fail;
using base::Result;
using base::Status;

namespace {
constexpr size_t kMostEntries = 100;
}

const toml::node* Table::Find(const char* key) {
  known_.insert(key);
  return table_ ? table_->get(key) : nullptr;
}

Status Table::Bad(const std::string& key, const std::string& what) const {
  return Fail(ErrorCode::kInvalidArgument, name_ + key + " " + what);
}

Status Table::Text(const char* key, std::string& out, bool required) {
  const toml::node* node = Find(key);
  if (!node) return required ? Bad(key, "is missing") : Status{};
  auto text = node->value_exact<std::string>();
  if (!text || text->empty()) return Bad(key, "must be a text");
  for (unsigned char c : *text) {
    if (c < 0x20 || c == 0x7f) return Bad(key, "has a control character");
  }
  out = std::move(*text);
  return {};
}

Status Table::Key(const char* key, hsm::KeyType& out) {
  std::string text;
  RETURN_IF_ERROR(Text(key, text, false));
  if (text.empty()) return {};
  auto type = hsm::ParseKeyType(text);
  if (!type) return Bad(key, type.error().message);
  out = *type;
  return {};
}

Status Table::Number(const char* key, int64_t least, int64_t most, int& out, bool required) {
  const toml::node* node = Find(key);
  if (!node) return required ? Bad(key, "is missing") : Status{};
  auto number = node->value_exact<int64_t>();
  if (!number || *number < least || *number > most) {
    return Bad(key, "must be a whole number from " + std::to_string(least) + " to " +
                        std::to_string(most));
  }
  out = static_cast<int>(*number);
  return {};
}

Status Table::Flag(const char* key, bool& out) {
  const toml::node* node = Find(key);
  if (!node) return {};
  auto flag = node->value_exact<bool>();
  if (!flag) return Bad(key, "must be true or false");
  out = *flag;
  return {};
}

Status Table::Texts(const char* key, std::vector<std::string>& out) {
  const toml::node* node = Find(key);
  if (!node) return {};
  const toml::array* array = node->as_array();
  if (!array || array->size() > kMostEntries) return Bad(key, "must be a list of texts");
  for (const toml::node& item : *array) {
    auto text = item.value_exact<std::string>();
    if (!text || text->empty()) return Bad(key, "must be a list of texts");
    out.push_back(std::move(*text));
  }
  return {};
}

Result<Table> Table::Sub(const char* key) {
  const toml::node* node = Find(key);
  if (node && !node->is_table()) return std::unexpected(Bad(key, "must be a table").error());
  return Table(node ? node->as_table() : nullptr, name_ + key + ".");
}

Result<std::vector<Table>> Table::Tables(const char* key) {
  std::vector<Table> tables;
  const toml::node* node = Find(key);
  if (!node) return tables;
  const toml::array* array = node->as_array();
  if (!array || array->size() > kMostEntries) {
    return std::unexpected(
        Bad(key, "must be tables, each begun by [[" + name_ + key + "]]").error());
  }
  for (size_t i = 0; i < array->size(); ++i) {
    const toml::table* table = array->get(i)->as_table();
    if (!table) {
      return std::unexpected(
          Bad(key, "must be tables, each begun by [[" + name_ + key + "]]").error());
    }
    tables.emplace_back(table, name_ + key + "[" + std::to_string(i + 1) + "].");
  }
  return tables;
}

std::vector<std::string> Table::Names() const {
  std::vector<std::string> names;
  if (!table_) return names;
  for (const auto& [key, node] : *table_) names.emplace_back(key.str());
  return names;
}

Status Table::Finish() {
  if (!table_) return {};
  for (const auto& [key, node] : *table_) {
    if (!known_.contains(std::string(key.str()))) {
      return Bad(std::string(key.str()), "is no key of a ceremony; correct or remove it");
    }
  }
  return {};
}

}  // namespace paygate::tools::ceremony
