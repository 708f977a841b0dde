// protocol.md sections 8 and 9: the mailbox, answers without a result, and errors; and bodies that
// are one JWS. The other sections are in messages_registration.cc, _sale.cc,
// _payment.cc and _refund.cc.
#include "protocol/messages.h"

#include <algorithm>
#include <limits>

#include "protocol/internal/message_reader.h"

namespace paygate::protocol {
namespace {

constexpr int64_t kAnyCursor = std::numeric_limits<int64_t>::max();
constexpr std::string_view kErrorUrn = "urn:p2p-gateway:error:";
constexpr std::string_view kAlreadyPaid = "already-paid";
constexpr size_t kMaxErrorCodeBytes = 64;
constexpr size_t kMaxProblemTextBytes = 256;

// The members of bodies that are one JWS.
constexpr std::string_view kSingles[] = {"registration", "registered", "confirmation", "receipt",
                                         "request",      "cancellation", "done",       "refusal",
                                         "authorisation", "refund_confirmation",
                                         "claim",        "answer",       "refund_claim",
                                         "refund_decision"};

bool IsErrorCode(std::string_view code) {
  return !code.empty() && code.size() <= kMaxErrorCodeBytes &&
         std::all_of(code.begin(), code.end(),
                     [](char c) { return (c >= 'a' && c <= 'z') || c == '-'; });
}

base::Result<MailboxBody::Message> ParseMailboxMessage(JsonObject object, int64_t above,
                                                       int64_t newest) {
  MessageReader r(std::move(object));
  MailboxBody::Message m{.cursor = r.Integer("cursor", 1, newest), .jwe = r.Jwe("message")};
  if (m.cursor <= above) r.Fail("cursor", "not after the one before it");
  RETURN_IF_ERROR(r.Finish());
  return m;
}

}  // namespace

base::Result<MailboxPayload> MailboxPayload::Parse(std::string_view json) {
  ASSIGN_OR_RETURN(MessageReader r, MessageReader::Open(json));
  MailboxPayload m{
      .iss = r.Id("iss"),
      .aud = r.Id("aud"),
      .iat = r.Time("iat"),
      .nonce = r.Nonce("nonce"),
      .after = r.Integer("after", 0, kAnyCursor),
      .wait = r.Integer("wait", 0, kMaxMailboxWait),
      .ack = r.OptionalInteger("ack", 0, kAnyCursor),
  };
  RETURN_IF_ERROR(r.Finish());
  return m;
}

std::string MailboxPayload::Print() const {
  JsonWriter writer;
  writer.String("iss", iss).String("aud", aud).Integer("iat", iat).String("nonce", nonce);
  writer.Integer("after", after).Integer("wait", wait);
  if (ack) writer.Integer("ack", *ack);
  return writer.Take();
}

base::Result<MailboxBody> MailboxBody::Parse(std::string_view json) {
  ASSIGN_OR_RETURN(MessageReader r, MessageReader::Open(json));
  MailboxBody m{.newest = r.Integer("newest", 0, kAnyCursor)};
  std::vector<JsonObject> objects = r.object().TakeObjects("messages");
  if (objects.size() > kMaxMailboxMessages) r.Fail("messages", "more than a page");
  RETURN_IF_ERROR(r.Finish());
  int64_t above = 0;
  for (JsonObject& object : objects) {
    ASSIGN_OR_RETURN(Message message, ParseMailboxMessage(std::move(object), above, m.newest));
    above = message.cursor;
    m.messages.push_back(std::move(message));
  }
  return m;
}

std::string MailboxBody::Print() const {
  std::vector<std::string> printed;
  for (const Message& message : messages) {
    printed.push_back(JsonWriter()
                          .Integer("cursor", message.cursor)
                          .String("message", message.jwe)
                          .Take());
  }
  return JsonWriter().Integer("newest", newest).RawArray("messages", printed).Take();
}

base::Result<DonePayload> DonePayload::Parse(std::string_view json) {
  ASSIGN_OR_RETURN(MessageReader r, MessageReader::Open(json));
  DonePayload m{
      .iss = r.Id("iss"),
      .sub = r.Id("sub"),
      .iat = r.Time("iat"),
      .request = r.Digest("request"),
  };
  RETURN_IF_ERROR(r.Finish());
  return m;
}

std::string DonePayload::Print() const {
  return JsonWriter()
      .String("iss", iss)
      .String("sub", sub)
      .Integer("iat", iat)
      .String("request", request)
      .Take();
}

base::Result<RefusalPayload> RefusalPayload::Parse(std::string_view json) {
  ASSIGN_OR_RETURN(MessageReader r, MessageReader::Open(json));
  RefusalPayload m{
      .iss = r.Id("iss"),
      .sub = r.Id("sub"),
      .iat = r.Time("iat"),
      .request = r.Digest("request"),
      .code = r.object().TakeString("code"),
  };
  if (!IsErrorCode(m.code)) r.Fail("code", "no error code");
  if (m.code == kAlreadyPaid && r.object().Has("payment_id")) m.payment_id = r.Digest("payment_id");
  RETURN_IF_ERROR(r.Finish());
  return m;
}

std::string RefusalPayload::Print() const {
  JsonWriter writer;
  writer.String("iss", iss).String("sub", sub).Integer("iat", iat);
  writer.String("request", request).String("code", code);
  if (!payment_id.empty()) writer.String("payment_id", payment_id);
  return writer.Take();
}

base::Result<Problem> Problem::Parse(std::string_view json) {
  ASSIGN_OR_RETURN(MessageReader r, MessageReader::Open(json));
  const std::string type = r.object().TakeString("type");
  Problem m{
      .code = type.starts_with(kErrorUrn) ? type.substr(kErrorUrn.size()) : std::string(),
      .title = r.Text("title", kMaxProblemTextBytes),
      .status = r.Integer("status", 400, 599),
      .instance = r.Text("instance", kMaxProblemTextBytes),
  };
  if (!IsErrorCode(m.code)) r.Fail("type", "no error of this protocol");
  RETURN_IF_ERROR(r.Finish());
  return m;
}

std::string Problem::Print() const {
  return JsonWriter()
      .String("type", std::string(kErrorUrn) + code)
      .String("title", title)
      .Integer("status", status)
      .String("instance", instance)
      .Take();
}

std::string PrintSingle(std::string_view member, std::string_view jws) {
  return JsonWriter().String(member, jws).Take();
}

base::Result<Single> ParseSingle(std::string_view json) {
  ASSIGN_OR_RETURN(MessageReader r, MessageReader::Open(json));
  for (std::string_view member : kSingles) {
    if (!r.object().Has(member)) continue;
    Single single{.member = std::string(member), .jws = r.Jws(member)};
    RETURN_IF_ERROR(r.Finish());
    return single;
  }
  return base::Fail(base::ErrorCode::kMalformed, "the body is none of the messages that we know");
}

base::Result<std::string> ParseSingle(std::string_view json, std::string_view member) {
  ASSIGN_OR_RETURN(MessageReader r, MessageReader::Open(json));
  std::string jws = r.Jws(member);
  RETURN_IF_ERROR(r.Finish());
  return jws;
}

}  // namespace paygate::protocol
