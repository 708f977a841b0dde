#include "bank/adapters/iso20022/schema.h"

#include <libxml/parser.h>
#include <libxml/xmlschemas.h>

#include <filesystem>
#include <map>

#include "bank/adapters/iso20022/messages.h"
#include "base/file.h"
#include "base/mutex.h"

namespace paygate::bank::iso20022 {
namespace {

using base::ErrorCode;
using base::Fail;
constexpr std::string_view kNamespace = "urn:iso:std:iso:20022:tech:xsd:";

void KeepFirst(void* context, xmlErrorPtr error) {
  auto& sentence = *static_cast<std::string*>(context);
  if (sentence.empty() && error && error->message) sentence = error->message;
}

void Silent(void*, xmlErrorPtr) {}

xmlDocPtr Read(std::string_view bytes) {
  xmlSetStructuredErrorFunc(nullptr, Silent);
  return xmlReadMemory(bytes.data(), static_cast<int>(bytes.size()), "message.xml", nullptr,
                       XML_PARSE_NONET | XML_PARSE_NOERROR | XML_PARSE_NOWARNING);
}

std::string NamespaceOf(xmlNodePtr node) {
  return node->ns && node->ns->href ? reinterpret_cast<const char*>(node->ns->href) : "";
}

}  // namespace

struct Schemas::Impl {
  base::Mutex mutex;  // a compiled schema is not promised to be shared
  std::map<std::string, xmlSchemaPtr> schemas GUARDED_BY(mutex);

  base::Status CheckElement(xmlNodePtr node) EXCLUDES(mutex) {
    const std::string name = NamespaceOf(node);
    base::MutexLock lock(mutex);
    const auto found = schemas.find(name);
    if (found == schemas.end()) return Fail(ErrorCode::kMalformed, "no schema for '" + name + "'");
    xmlDocPtr alone = xmlNewDoc(nullptr);
    xmlDocSetRootElement(alone, xmlDocCopyNode(node, alone, 1));
    xmlSchemaValidCtxtPtr context = xmlSchemaNewValidCtxt(found->second);
    std::string sentence;
    xmlSchemaSetValidStructuredErrors(context, KeepFirst, &sentence);
    const int result = xmlSchemaValidateDoc(context, alone);
    xmlSchemaFreeValidCtxt(context);
    xmlFreeDoc(alone);
    if (result != 0) return Fail(ErrorCode::kMalformed, name + ": " + sentence);
    return {};
  }
};

Schemas::Schemas(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

Schemas::~Schemas() {
  base::MutexLock lock(impl_->mutex);
  for (auto& [name, schema] : impl_->schemas) xmlSchemaFree(schema);
}

base::Result<std::unique_ptr<Schemas>> Schemas::Open(const std::string& directory) {
  auto impl = std::make_unique<Impl>();
  std::error_code error;
  for (const auto& file : std::filesystem::directory_iterator(directory, error)) {
    if (file.path().extension() != ".xsd") continue;
    ASSIGN_OR_RETURN(const std::string text, base::ReadFile(file.path().string(), 4u << 20));
    xmlSchemaParserCtxtPtr context =
        xmlSchemaNewMemParserCtxt(text.data(), static_cast<int>(text.size()));
    xmlSchemaPtr schema = context ? xmlSchemaParse(context) : nullptr;
    xmlSchemaFreeParserCtxt(context);
    if (!schema)
      return Fail(ErrorCode::kInvalidArgument, file.path().string() + " is not an XML schema");
    base::MutexLock lock(impl->mutex);
    impl->schemas.emplace(std::string(kNamespace) + file.path().stem().string(), schema);
  }
  base::MutexLock lock(impl->mutex);
  if (impl->schemas.empty())
    return Fail(ErrorCode::kInvalidArgument, "no schemas (*.xsd) in " + directory);
  return std::unique_ptr<Schemas>(new Schemas(std::move(impl)));
}

base::Status Schemas::Check(std::string_view bytes) {
  if (bytes.size() > (64u << 20) || bytes.find("<!DOCTYPE") != bytes.npos)
    return Fail(ErrorCode::kMalformed, "the message has a DOCTYPE, or is too large");
  xmlDocPtr document = Read(bytes);
  if (!document) return Fail(ErrorCode::kMalformed, "not well-formed XML");
  xmlNodePtr root = xmlDocGetRootElement(document);
  base::Status status;
  if (root && NamespaceOf(root).empty()) {
    for (xmlNodePtr child = xmlFirstElementChild(root); child && status;
         child = xmlNextElementSibling(child))
      status = impl_->CheckElement(child);
  } else if (root) {
    status = impl_->CheckElement(root);
  }
  xmlFreeDoc(document);
  return status;
}

}  // namespace paygate::bank::iso20022
