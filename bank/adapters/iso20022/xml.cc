// The guard refuses by looking at bytes, before a parser sees them: "<!" begins a DOCTYPE, CDATA or
// a comment, "<?" anywhere but at the very start a processing instruction; "&" must begin one of
// the five entities of XML or a number of a character that XML allows.
#include "bank/adapters/iso20022/internal/xml.h"

#include <algorithm>
#include <charconv>

#include "bank/adapters/iso20022/messages.h"
#include "bank/adapters/iso20022/rules.h"
#include "base/encoding.h"

namespace paygate::bank::iso20022 {
namespace {

using base::ErrorCode;
using base::Fail;

std::unexpected<base::Error> Bad(const std::string& what) {
  return Fail(ErrorCode::kMalformed, what);
}

bool IsXmlCharacter(uint32_t c) {
  return c == 9 || c == 10 || c == 13 || (c >= 0x20 && c <= 0xd7ff) ||
         (c >= 0xe000 && c <= 0xfffd) || (c >= 0x10000 && c <= 0x10ffff);
}

// `rest` begins after the ampersand.
bool IsAllowedReference(std::string_view rest) {
  const size_t end = rest.substr(0, 10).find(';');
  if (end == rest.npos) return false;
  std::string_view name = rest.substr(0, end);
  for (std::string_view known : {"amp", "lt", "gt", "quot", "apos"})
    if (name == known) return true;
  if (!name.starts_with('#')) return false;
  name.remove_prefix(1);
  const int base = name.starts_with('x') ? 16 : 10;
  if (base == 16) name.remove_prefix(1);
  uint32_t value = 0;
  const auto [stop, error] = std::from_chars(name.data(), name.data() + name.size(), value, base);
  return error == std::errc() && stop == name.data() + name.size() && IsXmlCharacter(value);
}

std::string_view Trimmed(std::string_view text) {
  constexpr std::string_view kSpace = " \t\r\n";
  text.remove_prefix(std::min(text.find_first_not_of(kSpace), text.size()));
  return text.substr(0, text.find_last_not_of(kSpace) + 1);
}

base::Status CheckBytes(std::string_view bytes) {
  if (bytes.size() > kMaxMessageBytes)
    return Fail(ErrorCode::kPayloadTooLarge, "the message is larger than 128 KiB");
  if (!base::IsUtf8(bytes)) return Bad("the message is not UTF-8");
  for (size_t i = 0; i < bytes.size(); ++i) {
    const char c = bytes[i];
    if (static_cast<unsigned char>(c) < 0x20 && c != '\t' && c != '\n' && c != '\r')
      return Bad("the message holds a control character");
    if (c == '<' && bytes.substr(i + 1, 1) == "!")
      return Bad("the message holds a DOCTYPE, CDATA or a comment, which are refused");
    if (c == '<' && bytes.substr(i + 1, 1) == "?" && i != 0)
      return Bad("the message holds a processing instruction, which is refused");
    if (c == '&' && !IsAllowedReference(bytes.substr(i + 1)))
      return Bad("the message holds an entity, which is refused");
  }
  if (bytes.starts_with("<?")) {
    const std::string_view declaration = bytes.substr(0, bytes.find("?>"));
    if (!declaration.starts_with("<?xml ") || declaration.size() == bytes.size())
      return Bad("the XML declaration is not one");
    if (declaration.find("encoding") != declaration.npos &&
        declaration.find("UTF-8") == declaration.npos &&
        declaration.find("utf-8") == declaration.npos)
      return Bad("the message must be in UTF-8");
    bytes.remove_prefix(declaration.size() + 2);
  }
  if (!Trimmed(bytes).starts_with('<')) return Bad("there is text before the root element");
  return {};
}

struct DepthWalker : pugi::xml_tree_walker {
  bool for_each(pugi::xml_node& node) override {
    return node.type() != pugi::node_element || depth() < kMaxDepth;
  }
};

// Calls step(name) for each name of "A/B/C".
template <typename Step>
void ForEachStep(std::string_view path, Step step) {
  while (!path.empty()) {
    const size_t slash = path.find('/');
    step(std::string(path.substr(0, slash)), slash == path.npos);
    path = slash == path.npos ? "" : path.substr(slash + 1);
  }
}

}  // namespace

base::Result<std::unique_ptr<pugi::xml_document>> ReadXml(std::string_view bytes) {
  RETURN_IF_ERROR(CheckBytes(bytes));
  auto document = std::make_unique<pugi::xml_document>();
  const auto parsed =
      document->load_buffer(bytes.data(), bytes.size(), pugi::parse_default, pugi::encoding_utf8);
  if (!parsed) return Bad(std::string("not well-formed XML: ") + parsed.description());
  DepthWalker walker;
  if (!document->traverse(walker)) return Bad("the message is nested too deeply");
  if (document->first_child() != document->last_child() ||
      document->first_child().type() != pugi::node_element)
    return Bad("the message must have one root element");
  // The parser passes over text outside the root.
  if (!Trimmed(bytes).ends_with("</" + std::string(document->document_element().name()) + ">"))
    return Bad("there is text after the root element");
  return document;
}

pugi::xml_node Add(pugi::xml_node parent, std::string_view path) {
  ForEachStep(path, [&](const std::string& name, bool last) {
    pugi::xml_node child = parent.last_child();
    if (last || name != child.name()) child = parent.append_child(name.c_str());
    parent = child;
  });
  return parent;
}

void Put(pugi::xml_node parent, std::string_view path, std::string_view text) {
  Add(parent, path).text().set(std::string(text).c_str());
}

void PutIf(pugi::xml_node parent, std::string_view path, std::string_view text) {
  if (!text.empty()) Put(parent, path, text);
}

void Reader::Require(bool holds, std::string_view what) {
  if (!holds && *status_) *status_ = Bad(std::string(what));
}

pugi::xml_node Reader::Find(std::string_view path) {
  pugi::xml_node node = node_;
  ForEachStep(path, [&](const std::string& name, bool) {
    node = node.child(name.c_str());
    Require(!node.next_sibling(name.c_str()), std::string(path) + " stands twice");
  });
  return node;
}

pugi::xml_node Reader::Node(std::string_view path) {
  const pugi::xml_node node = Find(path);
  Require(!node.empty(), std::string(path) + " is missing");
  return node;
}

std::string Reader::OptionalText(std::string_view path, size_t limit) {
  const pugi::xml_node node = Find(path);
  const std::string text = node.child_value();
  // A text in two pieces, or with elements within, is none of a type that we read.
  Require(!node.first_child().next_sibling() &&
              (node.first_child().empty() || node.first_child().type() == pugi::node_pcdata),
          std::string(path) + " is not a text");
  Require(text.size() <= limit, std::string(path) + " is too long");
  return status() ? text : "";
}

std::string Reader::Text(std::string_view path, size_t limit) {
  const std::string text = OptionalText(path, limit);
  Require(!text.empty(), std::string(path) + " is missing or empty");
  return text;
}

std::string Reader::Attribute(std::string_view path, const char* name, size_t limit) {
  const std::string text = Find(path).attribute(name).value();
  Require(!text.empty() && text.size() <= limit,
          std::string(path) + " lacks its attribute " + name);
  return status() ? text : "";
}

int64_t Reader::Time(std::string_view path) {
  int64_t ms = 0;
  Take(ParseTime(Text(path)), ms, std::string(path) + " is not a time with its offset");
  return ms;
}

std::vector<pugi::xml_node> Reader::All(std::string_view path, const char* name, size_t limit) {
  std::vector<pugi::xml_node> found;
  const pugi::xml_node parent = path.empty() ? node_ : Find(path);
  for (pugi::xml_node child : parent.children(name)) found.push_back(child);
  Require(found.size() <= limit, std::string("there are too many ") + name);
  if (!status()) found.clear();
  return found;
}

}  // namespace paygate::bank::iso20022
