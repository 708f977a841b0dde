// simdjson checks the grammar and the UTF-8 and unescapes; what it allows beyond protocol.md
// (duplicates, fractions, depth) is refused while its tape is copied into a flat tree of our own,
// which outlives the parser and remembers which members were taken.
#include "protocol/json.h"

#include <simdjson.h>

#include <algorithm>
#include <charconv>

#include "base/secret_bytes.h"

namespace paygate::protocol {
namespace {

using base::ErrorCode;

enum class Kind : uint8_t { kObject, kArray, kString, kInteger, kWord };  // kWord: true false null

// Nodes stand in the order of the text: a container's children follow it, and `next` is the index
// after its last descendant, so that a sibling is found without links.
struct Node {
  Kind kind = Kind::kWord;
  bool taken = false;
  uint32_t next = 0;
  int64_t integer = 0;
  std::string_view name, text;  // into Tree::bytes
};

struct Tree {
  std::string bytes;  // reserved once: views into it stay good
  std::vector<Node> nodes;

  ~Tree() { base::Cleanse(bytes.data(), bytes.size()); }  // account numbers and codes
  std::string_view Keep(std::string_view text) {
    const size_t at = bytes.size();
    bytes += text;
    return std::string_view(bytes).substr(at);
  }
};

std::unexpected<base::Error> Bad(std::string message) {
  return base::Fail(ErrorCode::kMalformed, "JSON: " + std::move(message));
}

base::Status CopyString(simdjson::dom::element from, Tree& tree, size_t at) {
  const std::string_view text = from.get_string().value_unsafe();
  if (text.find('\0') != text.npos) return Bad("U+0000 in a string");
  tree.nodes[at].kind = Kind::kString;
  tree.nodes[at].text = tree.Keep(text);
  return {};
}

base::Status RefuseDuplicates(const Tree& tree, size_t object) {
  // Sorted, because comparing each with each would be quadratic in what a stranger sends.
  static thread_local std::vector<std::string_view> names;
  names.clear();
  for (size_t i = object + 1; i < tree.nodes[object].next; i = tree.nodes[i].next) {
    names.push_back(tree.nodes[i].name);
  }
  std::sort(names.begin(), names.end());
  if (std::adjacent_find(names.begin(), names.end()) != names.end()) {
    return Bad("an object has the same member twice");
  }
  return {};
}

base::Status Copy(simdjson::dom::element from, std::string_view name, int depth, Tree& tree);

base::Status CopyContainer(simdjson::dom::element from, int depth, Tree& tree, size_t at) {
  if (depth > kMaxJsonDepth) return Bad("nested too deeply");
  if (from.is_array()) {
    tree.nodes[at].kind = Kind::kArray;
    const simdjson::dom::array array = from.get_array().value_unsafe();
    for (simdjson::dom::element child : array) {
      RETURN_IF_ERROR(Copy(child, {}, depth + 1, tree));
    }
    tree.nodes[at].next = static_cast<uint32_t>(tree.nodes.size());
    return {};
  }
  tree.nodes[at].kind = Kind::kObject;
  const simdjson::dom::object object = from.get_object().value_unsafe();
  for (simdjson::dom::key_value_pair member : object) {
    RETURN_IF_ERROR(Copy(member.value, tree.Keep(member.key), depth + 1, tree));
  }
  tree.nodes[at].next = static_cast<uint32_t>(tree.nodes.size());
  return RefuseDuplicates(tree, at);
}

base::Status Copy(simdjson::dom::element from, std::string_view name, int depth, Tree& tree) {
  using Type = simdjson::dom::element_type;
  const size_t at = tree.nodes.size();
  tree.nodes.push_back({.next = static_cast<uint32_t>(at + 1), .name = name});
  switch (from.type()) {
    case Type::OBJECT:
    case Type::ARRAY:
      return CopyContainer(from, depth, tree, at);
    case Type::STRING:
      return CopyString(from, tree, at);
    case Type::INT64:
      tree.nodes[at].kind = Kind::kInteger;
      tree.nodes[at].integer = from.get_int64().value_unsafe();
      return {};
    case Type::BOOL:
      tree.nodes[at].text = from.get_bool().value_unsafe() ? "true" : "false";
      return {};
    case Type::NULL_VALUE:
      tree.nodes[at].text = "null";
      return {};
    case Type::UINT64:
      return Bad("a number beyond 64 bits");
    case Type::DOUBLE:
      return Bad("a number with a fraction or an exponent");
  }
  return Bad("a value of unknown type");
}

base::Result<std::shared_ptr<Tree>> ParseTree(std::string_view text, size_t max_bytes) {
  if (text.size() > max_bytes) return Bad("too long");
  // Kept by each thread, so that parsing a small message allocates nothing but the tree.
  static thread_local simdjson::dom::parser kept(kMaxJsonBytes);
  static thread_local std::string padded;
  simdjson::dom::parser large(max_bytes);  // allocates when it parses
  simdjson::dom::parser& parser = text.size() > kMaxJsonBytes ? large : kept;
  padded.assign(text);
  padded.append(simdjson::SIMDJSON_PADDING, ' ');
  simdjson::dom::element root;
  const auto error = parser.parse(padded.data(), text.size(), false).get(root);
  base::Cleanse(padded.data(), text.size());  // simdjson's copy stays until the next message
  if (error) return Bad(simdjson::error_message(error));
  if (!root.is_object()) return Bad("the text is no object");
  auto tree = std::make_shared<Tree>();
  tree->bytes.reserve(text.size());  // unescaping only shortens
  tree->nodes.reserve(16);
  RETURN_IF_ERROR(Copy(root, {}, 1, *tree));
  return tree;
}

void AppendString(std::string_view text, std::string& out) {
  static constexpr char kHex[] = "0123456789abcdef";
  out += '"';
  size_t begin = 0;  // of what is not yet printed and needs no escape
  for (size_t i = 0; i < text.size(); i++) {
    const unsigned char c = static_cast<unsigned char>(text[i]);
    if (c >= 0x20 && c != '"' && c != '\\') continue;
    out += text.substr(begin, i - begin);
    begin = i + 1;
    if (c >= 0x20) {
      out += '\\';
      out += text[i];
    } else if (c == '\n') {
      out += "\\n";
    } else {
      out += "\\u00";
      out += kHex[c >> 4];
      out += kHex[c & 15];
    }
  }
  out += text.substr(begin);
  out += '"';
}

void AppendInteger(int64_t value, std::string& out) {
  char digits[24];
  out.append(digits, std::to_chars(digits, digits + sizeof digits, value).ptr);
}

void AppendNode(const Tree& tree, size_t at, std::string& out) {
  const Node& node = tree.nodes[at];
  switch (node.kind) {
    case Kind::kString:
      return AppendString(node.text, out);
    case Kind::kInteger:
      return AppendInteger(node.integer, out);
    case Kind::kWord:
      return void(out += node.text);
    default:
      break;
  }
  const bool object = node.kind == Kind::kObject;
  out += object ? '{' : '[';
  for (size_t i = at + 1; i < node.next; i = tree.nodes[i].next) {
    if (i != at + 1) out += ',';
    if (object) {
      AppendString(tree.nodes[i].name, out);
      out += ':';
    }
    AppendNode(tree, i, out);
  }
  out += object ? '}' : ']';
}

}  // namespace

struct JsonObject::Impl {
  std::shared_ptr<Tree> tree;  // shared by an object and the objects taken from it
  size_t at = 0;               // this object's node
  bool ignore_others = false;
  base::Status error = {};

  void Fail(std::string_view name, std::string_view what) {
    if (error) error = Bad("\"" + std::string(name) + "\" " + std::string(what));
  }
  size_t end() const { return tree ? tree->nodes[at].next : 0; }
  size_t first() const { return tree ? at + 1 : 0; }

  size_t Find(std::string_view name) const {  // 0 if there is none: the root is nobody's member
    for (size_t i = first(); i < end(); i = tree->nodes[i].next) {
      if (tree->nodes[i].name == name) return i;
    }
    return 0;
  }

  // The member, taken; 0 after remembering the error.
  size_t Take(std::string_view name, Kind kind, std::string_view kind_name) {
    const size_t i = Find(name);
    if (i == 0) {
      Fail(name, "is missing");
      return 0;
    }
    tree->nodes[i].taken = true;
    if (tree->nodes[i].kind != kind) {
      Fail(name, "is no " + std::string(kind_name));
      return 0;
    }
    return i;
  }

  std::vector<std::string> Strings(std::string_view name, size_t array) {
    std::vector<std::string> values;
    for (size_t i = array + 1; i < tree->nodes[array].next; i = tree->nodes[i].next) {
      if (tree->nodes[i].kind != Kind::kString) {
        Fail(name, "holds something other than strings");
        return {};
      }
      values.emplace_back(tree->nodes[i].text);
    }
    return values;
  }
};

base::Result<JsonObject> JsonObject::Parse(std::string_view text, size_t max_bytes) {
  ASSIGN_OR_RETURN(auto tree, ParseTree(text, max_bytes));
  return JsonObject(std::make_unique<Impl>(Impl{.tree = std::move(tree)}));
}

JsonObject::JsonObject(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
JsonObject::JsonObject(JsonObject&&) noexcept = default;
JsonObject& JsonObject::operator=(JsonObject&&) noexcept = default;
JsonObject::~JsonObject() = default;

bool JsonObject::Has(std::string_view name) const { return impl_->Find(name) != 0; }

std::string JsonObject::TakeString(std::string_view name) {
  const size_t i = impl_->Take(name, Kind::kString, "string");
  return i == 0 ? std::string() : std::string(impl_->tree->nodes[i].text);
}

std::optional<std::string> JsonObject::TakeOptionalString(std::string_view name) {
  return Has(name) ? std::optional(TakeString(name)) : std::nullopt;
}

int64_t JsonObject::TakeInteger(std::string_view name) {
  const size_t i = impl_->Take(name, Kind::kInteger, "integer");
  return i == 0 ? 0 : impl_->tree->nodes[i].integer;
}

std::optional<int64_t> JsonObject::TakeOptionalInteger(std::string_view name) {
  if (!Has(name)) return std::nullopt;
  return TakeInteger(name);
}

std::vector<std::string> JsonObject::TakeStrings(std::string_view name) {
  const size_t array = impl_->Take(name, Kind::kArray, "array");
  return array == 0 ? std::vector<std::string>() : impl_->Strings(name, array);
}

std::vector<std::vector<std::string>> JsonObject::TakeStringLists(std::string_view name) {
  std::vector<std::vector<std::string>> lists;
  const size_t array = impl_->Take(name, Kind::kArray, "array");
  if (array == 0) return lists;
  const std::vector<Node>& nodes = impl_->tree->nodes;
  for (size_t i = array + 1; i < nodes[array].next; i = nodes[i].next) {
    if (nodes[i].kind != Kind::kArray) {
      impl_->Fail(name, "holds something other than arrays");
      return {};
    }
    lists.push_back(impl_->Strings(name, i));
  }
  return lists;
}

JsonObject JsonObject::TakeObject(std::string_view name) {
  const size_t i = impl_->Take(name, Kind::kObject, "object");
  return JsonObject(std::make_unique<Impl>(i != 0 ? Impl{.tree = impl_->tree, .at = i}
                                                  : Impl{.error = impl_->error}));
}

std::vector<JsonObject> JsonObject::TakeObjects(std::string_view name) {
  std::vector<JsonObject> objects;
  const size_t array = impl_->Take(name, Kind::kArray, "array");
  if (array == 0) return objects;
  const std::vector<Node>& nodes = impl_->tree->nodes;
  for (size_t i = array + 1; i < nodes[array].next; i = nodes[i].next) {
    if (nodes[i].kind != Kind::kObject) {
      impl_->Fail(name, "holds something other than objects");
      return {};
    }
    objects.push_back(JsonObject(std::make_unique<Impl>(Impl{.tree = impl_->tree, .at = i})));
  }
  return objects;
}

std::string JsonObject::TakeRaw(std::string_view name) {
  const size_t i = impl_->Find(name);
  std::string out;
  if (i == 0) return impl_->Fail(name, "is missing"), out;
  impl_->tree->nodes[i].taken = true;
  AppendNode(*impl_->tree, i, out);
  return out;
}

void JsonObject::IgnoreOthers() { impl_->ignore_others = true; }

base::Status JsonObject::Finish() {
  if (!impl_->error || impl_->ignore_others) return impl_->error;
  for (size_t i = impl_->first(); i < impl_->end(); i = impl_->tree->nodes[i].next) {
    // Its name is the sender's choice, so it is not repeated in our log.
    if (!impl_->tree->nodes[i].taken) return Bad("an object has a member that does not belong");
  }
  return {};
}

JsonWriter::JsonWriter() : out_("{") {}

void JsonWriter::Name(std::string_view name) {
  if (out_.size() > 1) out_ += ',';
  AppendString(name, out_);
  out_ += ':';
}

JsonWriter& JsonWriter::String(std::string_view name, std::string_view value) {
  Name(name);
  AppendString(value, out_);
  return *this;
}

JsonWriter& JsonWriter::Integer(std::string_view name, int64_t value) {
  Name(name);
  AppendInteger(value, out_);
  return *this;
}

JsonWriter& JsonWriter::Strings(std::string_view name, const std::vector<std::string>& values) {
  return Raw(name, PrintJsonStrings(values));
}

JsonWriter& JsonWriter::Raw(std::string_view name, std::string_view json) {
  Name(name);
  out_ += json;
  return *this;
}

JsonWriter& JsonWriter::RawArray(std::string_view name,
                                 const std::vector<std::string>& json_values) {
  Name(name);
  out_ += '[';
  for (size_t i = 0; i < json_values.size(); i++) {
    if (i > 0) out_ += ',';
    out_ += json_values[i];
  }
  out_ += ']';
  return *this;
}

std::string JsonWriter::Take() {
  out_ += '}';
  return std::move(out_);
}

base::Result<std::vector<std::string>> ParseJsonStrings(std::string_view text) {
  // As the one member of an object: whatever else `text` could smuggle in fails Parse or Finish.
  ASSIGN_OR_RETURN(JsonObject object, JsonObject::Parse("{\"array\":" + std::string(text) + "}"));
  std::vector<std::string> values = object.TakeStrings("array");
  RETURN_IF_ERROR(object.Finish());
  return values;
}

std::string PrintJsonStrings(const std::vector<std::string>& values) {
  std::string out = "[";
  for (const std::string& value : values) {
    if (out.size() > 1) out += ',';
    AppendString(value, out);
  }
  return out + "]";
}

}  // namespace paygate::protocol
