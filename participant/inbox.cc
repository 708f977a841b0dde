// The mailbox, protocol.md section 8. mailbox.json: {"version":1,"cursor":n}, written when
// everything up to n is durable here; n is acknowledged with the next request.
#include "participant/session.h"
#include "protocol/jws.h"

namespace paygate::participant {
namespace {

using base::ErrorCode;
using base::Fail;
using protocol::PaymentResult;

constexpr char kCursorFile[] = "mailbox.json";
constexpr int kMaxPages = 100;  // of up to 50 messages, in one call
constexpr int64_t kMaxWaitSeconds = 30;

base::Result<int64_t> LoadCursor(Disk& disk) {
  ASSIGN_OR_RETURN(auto text, disk.Read(kCursorFile));
  if (!text) return 0;
  ASSIGN_OR_RETURN(auto o, protocol::JsonObject::Parse(*text));
  const int64_t version = o.TakeInteger("version");
  const int64_t cursor = o.TakeInteger("cursor");
  RETURN_IF_ERROR(o.Finish());
  if (version != 1 || cursor < 0)
    return Fail(ErrorCode::kMalformed, "mailbox.json is not readable");
  return cursor;
}

base::Status SaveCursor(Disk& disk, int64_t cursor) {
  return disk.Replace(
      kCursorFile, protocol::JsonWriter().Integer("version", 1).Integer("cursor", cursor).Take());
}

// The authorisation that a receipt from the mailbox must answer: still out, or answered "pending".
base::Result<std::string> AuthorisationBodyOf(Session& session, const std::string& payment_id) {
  ASSIGN_OR_RETURN(auto open, session.journal.Open());
  for (const JournalEntry& entry : open) {
    if (entry.kind == MessageKind::kPayment && entry.digest == payment_id) return entry.body;
  }
  ASSIGN_OR_RETURN(auto kept, FindEvidence(session.disk, EvidenceKind::kReceipt, payment_id));
  if (kept) return kept->body;
  return Fail(ErrorCode::kNotYours, "a receipt for a payment that was not made from here");
}

base::Result<PaymentRecord> TakePaymentResult(Session& session, const protocol::Single& single) {
  EvidenceKind kind = EvidenceKind::kReceipt;
  std::string_view typ = protocol::kTypReceipt;
  if (single.member == "confirmation") {
    kind = EvidenceKind::kConfirmation;
    typ = protocol::kTypPaymentConfirmation;
  } else if (single.member != "receipt") {
    return Fail(ErrorCode::kNotFound,
                "a message of a kind that this program does not know: " + single.member);
  }
  ASSIGN_OR_RETURN(auto statement, session.trust->Verify(single.jws, typ));
  Evidence evidence{.kind = kind, .result = statement.jws.Compact(), .chain = statement.chain};
  if (kind == EvidenceKind::kReceipt) {
    ASSIGN_OR_RETURN(auto claimed, protocol::PaymentResultPayload::Parse(statement.jws.payload()));
    ASSIGN_OR_RETURN(evidence.body, AuthorisationBodyOf(session, claimed.payment_id));
  }
  ASSIGN_OR_RETURN(auto record, CheckResult(kind, statement.jws.payload(), evidence.body,
                                            session.identity->id, session.trust->gateway_id()));
  RETURN_IF_ERROR(KeepEvidence(session.disk, record, evidence));
  if (kind == EvidenceKind::kReceipt && record.payload.result != PaymentResult::kPending) {
    RETURN_IF_ERROR(session.journal.Close(record.payload.payment_id));
  }
  return record;
}

base::Status TakeMessage(Session& session, const std::string& jwe, InboxMessage& taken) {
  ASSIGN_OR_RETURN(std::string payload, session.OpenJweForUs(jwe));
  ASSIGN_OR_RETURN(auto single, protocol::ParseSingle(payload));
  if (single.member == "refund_claim") {
    ASSIGN_OR_RETURN(taken.claim, TakeClaim(session, single.jws));
    return {};
  }
  if (single.member == "refund_decision") {
    ASSIGN_OR_RETURN(taken.claim, TakeDecision(session, single.jws));
    return {};
  }
  const bool refund_receipt =
      protocol::ParseJws(single.jws, protocol::kTypRefundReceipt, protocol::KeyName::kX5t,
                         protocol::JwsForms::kSingleOrBatch)
          .has_value();
  if (single.member == "refund_confirmation" || (single.member == "receipt" && refund_receipt)) {
    const auto kind = refund_receipt ? EvidenceKind::kRefund : EvidenceKind::kRefundConfirmation;
    ASSIGN_OR_RETURN(taken.refund, TakeRefundResult(session, kind, single.jws));
    return {};
  }
  ASSIGN_OR_RETURN(taken.payment, TakePaymentResult(session, single));
  return {};
}

// Our own trouble, after which the message must come again; anything else is the message's fault.
bool IsOurs(ErrorCode code) {
  return code == ErrorCode::kIo || code == ErrorCode::kTimeout || code == ErrorCode::kClosed ||
         code == ErrorCode::kPermissionDenied;
}

base::Result<protocol::MailboxBody> AskPage(Session& session, int64_t after,
                                            std::chrono::seconds wait) {
  protocol::MailboxPayload ask{.iss = session.identity->id,
                               .aud = session.identity->gateway_id,
                               .iat = base::ToNumericDate(session.clock.Now()),
                               .nonce = protocol::NewNonce(),
                               .after = after,
                               .wait = std::min<int64_t>(wait.count(), kMaxWaitSeconds)};
  if (after > 0) ask.ack = after;
  ASSIGN_OR_RETURN(std::string jws, session.Sign(protocol::kTypMailbox, ask.Print()));
  Request request{.path = "/v1/mailbox", .body = protocol::PrintSingle("request", jws)};
  ASSIGN_OR_RETURN(request.digest, protocol::DigestOfCompact(jws));
  ASSIGN_OR_RETURN(Reply reply, session.Exchange(request, {}));
  if (reply.refusal) {
    return Fail(ErrorCode::kInvalidArgument,
                "the gateway refused to open the mailbox: " + reply.refusal->code);
  }
  ASSIGN_OR_RETURN(auto page, protocol::MailboxBody::Parse(reply.payload));
  int64_t last = after;
  for (const auto& message : page.messages) {
    if (message.cursor <= last) return Fail(ErrorCode::kMalformed, "the mailbox is out of order");
    last = message.cursor;
  }
  if (page.newest < last) return Fail(ErrorCode::kMalformed, "the mailbox has lost messages");
  return page;
}

}  // namespace

base::Result<std::vector<InboxMessage>> ReadInbox(Session& session, std::chrono::seconds wait) {
  RETURN_IF_ERROR(session.NeedIdentity());
  ASSIGN_OR_RETURN(int64_t cursor, LoadCursor(session.disk));
  std::vector<InboxMessage> messages;
  for (int page_number = 0; page_number < kMaxPages; ++page_number) {
    ASSIGN_OR_RETURN(auto page, AskPage(session, cursor, page_number == 0 ? wait : wait.zero()));
    for (const auto& message : page.messages) {
      InboxMessage taken{.cursor = message.cursor};
      if (auto read = TakeMessage(session, message.jwe, taken); !read) {
        if (IsOurs(read.error().code)) return std::unexpected(read.error());
        // Kept for the operator, and out of the way of the messages behind it.
        taken.set_aside = read.error().ToString();
        RETURN_IF_ERROR(session.disk.Replace("rejected/" + std::to_string(message.cursor) + ".jwe",
                                             message.jwe));
      }
      messages.push_back(std::move(taken));
    }
    if (page.messages.empty()) break;
    cursor = page.messages.back().cursor;
    RETURN_IF_ERROR(SaveCursor(session.disk, cursor));
    if (cursor >= page.newest) break;
  }
  return messages;
}

}  // namespace paygate::participant
