// Reading and writing with pugixml; for messages*.cc alone.
#pragma once

#include <memory>
#include <pugixml.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace paygate::bank::iso20022 {

// The guard that messages.h describes, then the parse. One root element.
base::Result<std::unique_ptr<pugi::xml_document>> ReadXml(std::string_view bytes);

// The child at the end of "A/B/C"; what is missing on the way is made, the last one always anew.
pugi::xml_node Add(pugi::xml_node parent, std::string_view path);
void Put(pugi::xml_node parent, std::string_view path, std::string_view text);
void PutIf(pugi::xml_node parent, std::string_view path, std::string_view text);  // unless empty

// Straight-line reading: the first error stays, and every read after it yields nothing.
class Reader {
 public:
  explicit Reader(pugi::xml_node node) : node_(node) {}
  Reader(pugi::xml_node node, Reader& parent) : node_(node), status_(parent.status_) {}

  // Texts of at most `limit` bytes; Text must be there and not be empty.
  std::string Text(std::string_view path, size_t limit = 35);
  std::string OptionalText(std::string_view path, size_t limit = 35);
  std::string Attribute(std::string_view path, const char* name, size_t limit = 35);
  int64_t Time(std::string_view path);
  // All children `name` of the element at `path`.
  std::vector<pugi::xml_node> All(std::string_view path, const char* name, size_t limit);
  pugi::xml_node Node(std::string_view path);  // kMalformed if missing
  void Require(bool holds, std::string_view what);
  template <typename T>
  void Take(base::Result<T> result, T& out, std::string_view what) {
    if (result)
      out = std::move(*result);
    else
      Require(false, what);
  }
  const base::Status& status() const { return *status_; }

 private:
  pugi::xml_node Find(std::string_view path);
  pugi::xml_node node_;
  std::shared_ptr<base::Status> status_ = std::make_shared<base::Status>();
};

}  // namespace paygate::bank::iso20022
