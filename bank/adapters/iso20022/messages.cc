#include "bank/adapters/iso20022/messages.h"

#include <array>

#include "bank/adapters/iso20022/internal/documents.h"
#include "bank/adapters/iso20022/rules.h"

namespace paygate::bank::iso20022 {
namespace {

using base::ErrorCode;
using base::Fail;

constexpr std::string_view kNamespace = "urn:iso:std:iso:20022:tech:xsd:";
constexpr std::string_view kHeaderName = "head.001.001.02";
constexpr std::string_view kStatement = "camt.053.001.08";
constexpr std::string_view kNotification = "camt.054.001.08";

struct Kind {
  std::string_view name;
  base::Result<Body> (*read)(Reader&, const Header&);  // null: never parsed
};
// In the order of Body.
constexpr std::array<Kind, std::variant_size_v<Body>> kKinds{{
    {"pacs.008.001.08", ReadCreditTransfer},
    {"pacs.028.001.03", ReadStatusRequest},
    {"pacs.002.001.10", ReadStatusReport},
    {"pacs.004.001.10", ReadPaymentReturn},
    {"acmt.023.001.03", ReadVerificationRequest},
    {"acmt.024.001.03", ReadVerificationReport},
    {"camt.056.001.08", ReadCancellationRequest},
    {"camt.029.001.09", ReadCancellationResult},
    {"admi.002.001.01", ReadMessageRejection},
    {"acmt.024.001.03", nullptr},  // ReadVerificationReport tells the two apart
    {kNotification, ReadBookingReport},
    {kStatement, nullptr},
}};

pugi::xml_node AddNamed(pugi::xml_node parent, const char* element, std::string_view name) {
  pugi::xml_node node = Add(parent, element);
  node.append_attribute("xmlns").set_value((std::string(kNamespace) + std::string(name)).c_str());
  return node;
}

struct StringWriter : pugi::xml_writer {
  std::string text;
  void write(const void* data, size_t size) override {
    text.append(static_cast<const char*>(data), size);
  }
};

Header ReadHeader(Reader& r, std::string& definition) {
  Header h;
  h.from = r.Text("Fr/FIId/FinInstnId/BICFI");
  h.to = r.Text("To/FIId/FinInstnId/BICFI");
  h.id = r.Text("BizMsgIdr");
  definition = r.Text("MsgDefIdr");
  h.created = r.Time("CreDt");
  r.Require(IsBic(h.from) && IsBic(h.to), "the header's Fr or To is not a BIC");
  r.Require(IsId(h.id), "BizMsgIdr holds characters that networks do not carry");
  return h;
}

}  // namespace

std::string_view NameOf(const Body& body) {
  if (const auto* report = std::get_if<AccountReport>(&body))
    return report->statement ? kStatement : kNotification;
  return kKinds[body.index()].name;
}

std::string Print(const Message& message) {
  pugi::xml_document whole;
  pugi::xml_node root = whole.append_child("BizMsg");
  pugi::xml_node head = AddNamed(root, "AppHdr", kHeaderName);
  const Header& h = message.header;
  PutAgent(head, "Fr/FIId", h.from);
  PutAgent(head, "To/FIId", h.to);
  Put(head, "BizMsgIdr", h.id);
  Put(head, "MsgDefIdr", NameOf(message.body));
  Put(head, "CreDt", FormatTime(h.created));
  pugi::xml_node document = AddNamed(root, "Document", NameOf(message.body));
  std::visit([&](const auto& body) { Write(document, h, body); }, message.body);
  StringWriter writer;
  writer.text = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n";
  whole.save(writer, "", pugi::format_raw | pugi::format_no_declaration, pugi::encoding_utf8);
  return std::move(writer.text);
}

base::Result<Message> Parse(std::string_view bytes) {
  ASSIGN_OR_RETURN(const auto whole, ReadXml(bytes));
  Reader root(whole->document_element());
  root.Require(std::string_view(whole->document_element().name()) == "BizMsg",
               "the root element must be BizMsg");
  Reader head(root.Node("AppHdr"), root);
  root.Require(
      root.Attribute("AppHdr", "xmlns", 80) == std::string(kNamespace) + std::string(kHeaderName),
      "AppHdr is of another namespace than head.001.001.02");
  std::string definition;
  const Header header = ReadHeader(head, definition);
  Reader document(root.Node("Document"), root);
  root.Require(root.Attribute("Document", "xmlns", 80) == std::string(kNamespace) + definition,
               "Document is of another namespace than MsgDefIdr says");
  RETURN_IF_ERROR(root.status());
  for (const Kind& kind : kKinds) {
    if (kind.name != definition || !kind.read) continue;
    ASSIGN_OR_RETURN(Body body, kind.read(document, header));
    return Message{header, std::move(body)};
  }
  return Fail(ErrorCode::kMalformed, "a kind of message that is not taken here");
}

void PutAgent(pugi::xml_node parent, const std::string& path, const std::string& bic) {
  Put(parent, path + "/FinInstnId/BICFI", bic);
}

void PutAmount(pugi::xml_node parent, std::string_view path, const base::Money& amount) {
  pugi::xml_node node = Add(parent, path);
  node.append_attribute("Ccy").set_value(std::string(amount.currency().code()).c_str());
  node.text().set(amount.AmountString().c_str());
}

void PutOriginal(pugi::xml_node transaction, const Original& o) {
  Put(transaction, "OrgnlGrpInf/OrgnlMsgId", o.message_id);
  Put(transaction, "OrgnlGrpInf/OrgnlMsgNmId", o.message_name);
  PutIf(transaction, "OrgnlInstrId", o.instruction_id);
  PutIf(transaction, "OrgnlEndToEndId", o.end_to_end_id);
  PutIf(transaction, "OrgnlTxId", o.transaction_id);
  PutIf(transaction, "OrgnlUETR", o.uetr);
}

Original ReadOriginal(Reader& r) {
  Original o{.message_id = r.OptionalText("OrgnlGrpInf/OrgnlMsgId"),
             .message_name = r.OptionalText("OrgnlGrpInf/OrgnlMsgNmId"),
             .instruction_id = r.OptionalText("OrgnlInstrId"),
             .end_to_end_id = r.OptionalText("OrgnlEndToEndId"),
             .transaction_id = r.OptionalText("OrgnlTxId"),
             .uetr = r.OptionalText("OrgnlUETR", 36)};
  r.Require(o.uetr.empty() || IsUetr(o.uetr), "OrgnlUETR is not a version 4 UUID");
  return o;
}

}  // namespace paygate::bank::iso20022
