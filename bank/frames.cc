// The frames between the engine's bank client and the bank host, in the grammar of base/codec.h:
//
//   hello    = u8 1, u32 version (1), bytes adapter, u32 capabilities (bits of bank_adapter.h)
//   request  = u8 kind, u64 id, body
//     2 health            (nothing)
//     3 prepare           bytes payment_id, bytes debtor, bytes creditor, i64 minor units,
//                         bytes currency, u32 fraction digits, bytes remittance, i64 deadline,
//                         i64 created
//     4 submit, 5 status  bytes prepared
//     6 verify account    bytes account, bytes participant
//     7 verify enrolment  bytes account, bytes code, bytes registration digest, bytes participant
//     8 notices           bytes cursor
//     9 prepare return    bytes refund_id, bytes payment_id, bytes bank reference, i64 minor units,
//                         bytes currency, u32 fraction digits, i64 deadline, i64 created
//     10 statement        bytes cursor
//   reply    = u8 kind, u64 id, body
//     64 answer           u8 outcome (1…7), bytes reason, bytes bank reference, bytes evidence
//     65 verification     u8 verdict (1…3), bytes reason, bytes currency
//     66 health           u8 0 or 1
//     67 prepared         bytes
//     68 refused          bytes sentence
//     69 notices          u8 answered (0 or 1), u32 count (at most 64), notice…
//       notice = bytes cursor (1 to 2048), u8 account closed (0 or 1), u8 reason (1…3),
//                bytes participant (1 to 64)
//     70 statement        u8 answered (0 or 1), u32 count (at most 256), booking…; answered also:
//                         bytes cursor (1 to 2048), u8 more (0 or 1), i64 complete until
//       booking = bytes id (1 to 64), u8 return (0 or 1), i64 minor units (> 0), bytes currency
//                 (3), bytes bank reference (at most 35), i64 booked
//
// The host sends hello first; then the engine sends requests with ids of its choice, each answered
// once, in any order. Both sides are of one release, so a foreign version ends the connection.
#include "bank/frames.h"

#include <optional>

#include "bank/include/bank_adapter.h"
#include "base/codec.h"

namespace paygate::bank {
namespace {

using base::Decoder;
using base::Encoder;
using base::ErrorCode;
using base::Fail;

constexpr uint8_t kHello = 1;
constexpr uint8_t kAnswer = 64;
constexpr uint8_t kVerification = 65;
constexpr uint8_t kHealthReply = 66;
constexpr uint8_t kPrepared = 67;
constexpr uint8_t kRefused = 68;
constexpr uint8_t kNoticesReply = 69;
constexpr uint8_t kStatementReply = 70;

uint32_t ToBits(const Capabilities& c) {
  return (c.notfound_is_final ? PAYGATE_BANK_CAP_NOTFOUND_IS_FINAL : 0u) |
         (c.returns ? PAYGATE_BANK_CAP_RETURNS : 0u) |
         (c.enrolment ? PAYGATE_BANK_CAP_ENROLMENT : 0u) |
         (c.notices ? PAYGATE_BANK_CAP_NOTICES : 0u) |
         (c.statement ? PAYGATE_BANK_CAP_STATEMENT : 0u);
}

struct ReplyPrinter {
  uint64_t id;
  std::string operator()(const Answer& a) const {
    return Encoder()
        .U8(kAnswer)
        .U64(id)
        .U8(static_cast<uint8_t>(a.outcome))
        .Bytes(a.reason)
        .Bytes(a.bank_reference)
        .Bytes(a.evidence)
        .Take();
  }
  std::string operator()(const Verification& v) const {
    return Encoder()
        .U8(kVerification)
        .U64(id)
        .U8(static_cast<uint8_t>(v.verdict))
        .Bytes(v.reason)
        .Bytes(v.currency)
        .Take();
  }
  std::string operator()(const HealthReply& h) const {
    return Encoder().U8(kHealthReply).U64(id).U8(h.healthy ? 1 : 0).Take();
  }
  std::string operator()(const PreparedReply& p) const {
    return Encoder().U8(kPrepared).U64(id).Bytes(p.prepared).Take();
  }
  std::string operator()(const RefusedReply& r) const {
    return Encoder().U8(kRefused).U64(id).Bytes(r.sentence).Take();
  }
  std::string operator()(const Notices& n) const {
    Encoder out;
    out.U8(kNoticesReply).U64(id).U8(n.answered ? 1 : 0).U32(static_cast<uint32_t>(n.list.size()));
    for (const Notice& each : n.list) {
      out.Bytes(each.cursor).U8(each.account_closed ? 1 : 0);
      out.U8(static_cast<uint8_t>(each.reason)).Bytes(each.participant_id);
    }
    return out.Take();
  }
  std::string operator()(const StatementPage& s) const {
    Encoder out;
    out.U8(kStatementReply).U64(id).U8(s.answered ? 1 : 0);
    out.U32(static_cast<uint32_t>(s.bookings.size()));
    for (const Booking& b : s.bookings) {
      out.Bytes(b.id).U8(b.is_return ? 1 : 0).I64(b.minor_units).Bytes(b.currency);
      out.Bytes(b.bank_reference).I64(base::ToNumericDate(b.booked));
    }
    if (s.answered) {
      out.Bytes(s.cursor).U8(s.more ? 1 : 0).I64(base::ToNumericDate(s.complete_until));
    }
    return out.Take();
  }
};

bool IsShort(std::string_view text, size_t most) { return !text.empty() && text.size() <= most; }

// nullopt: not within its bounds.
std::optional<Notices> ReadNotices(Decoder& in) {
  const uint8_t answered = in.U8();
  const uint32_t count = in.U32();
  if (answered > 1 || count > kMaxNotices || (answered == 0 && count > 0)) return std::nullopt;
  Notices notices{.answered = answered == 1};
  for (uint32_t i = 0; i < count; ++i) {
    Notice n;
    n.cursor = in.Bytes();
    const uint8_t closed = in.U8(), reason = in.U8();
    n.account_closed = closed == 1;
    n.reason = static_cast<NoticeReason>(reason);
    n.participant_id = in.Bytes();
    if (closed > 1 || reason < 1 || reason > 3 || !IsShort(n.cursor, kMaxCursorBytes) ||
        !IsShort(n.participant_id, kMaxParticipantIdBytes)) {
      return std::nullopt;
    }
    notices.list.push_back(std::move(n));
  }
  return notices;
}

std::optional<StatementPage> ReadStatement(Decoder& in) {
  const uint8_t answered = in.U8();
  const uint32_t count = in.U32();
  if (answered > 1 || count > kMaxBookings || (answered == 0 && count > 0)) return std::nullopt;
  StatementPage page{.answered = answered == 1};
  for (uint32_t i = 0; i < count; ++i) {
    Booking b;
    b.id = in.Bytes();
    const uint8_t is_return = in.U8();
    b.is_return = is_return == 1;
    b.minor_units = in.I64();
    b.currency = in.Bytes();
    b.bank_reference = in.Bytes();
    b.booked = base::FromNumericDate(in.I64());
    if (is_return > 1 || !IsShort(b.id, kMaxBookingIdBytes) || b.minor_units <= 0 ||
        b.currency.size() != 3 || b.bank_reference.size() > kMaxReferenceBytes) {
      return std::nullopt;
    }
    page.bookings.push_back(std::move(b));
  }
  if (!page.answered) return page;
  page.cursor = in.Bytes();
  const uint8_t more = in.U8();
  page.more = more == 1;
  page.complete_until = base::FromNumericDate(in.I64());
  if (more > 1 || !IsShort(page.cursor, kMaxCursorBytes)) return std::nullopt;
  return page;
}

}  // namespace

std::string_view Name(Outcome outcome) {
  switch (outcome) {
    case Outcome::kCompleted:
      return "completed";
    case Outcome::kPending:
      return "pending";
    case Outcome::kRejected:
      return "rejected";
    case Outcome::kNotSent:
      return "not-sent";
    case Outcome::kUnknown:
      return "unknown";
    case Outcome::kNotFound:
      return "not-found";
    case Outcome::kBusy:
      return "busy";
  }
  return "unknown";
}

std::string EncodeHello(const Hello& hello) {
  return Encoder()
      .U8(kHello)
      .U32(kFramesVersion)
      .Bytes(hello.adapter)
      .U32(ToBits(hello.capabilities))
      .Take();
}

base::Result<Hello> DecodeHello(std::string_view frame) {
  Decoder in(frame);
  const uint8_t kind = in.U8();
  const uint32_t version = in.U32();
  if (!in.ok() || kind != kHello || version != kFramesVersion)
    return Fail(ErrorCode::kMalformed,
                "the bank host speaks another version of the frames; run one release of all parts");
  Hello hello;
  hello.adapter = in.Bytes();
  const uint32_t bits = in.U32();
  RETURN_IF_ERROR(in.Finish());
  hello.capabilities = {.notfound_is_final = (bits & PAYGATE_BANK_CAP_NOTFOUND_IS_FINAL) != 0,
                        .returns = (bits & PAYGATE_BANK_CAP_RETURNS) != 0,
                        .enrolment = (bits & PAYGATE_BANK_CAP_ENROLMENT) != 0,
                        .notices = (bits & PAYGATE_BANK_CAP_NOTICES) != 0,
                        .statement = (bits & PAYGATE_BANK_CAP_STATEMENT) != 0,
                        .adapter = hello.adapter};
  return hello;
}

std::string EncodeRequest(const Request& r) {
  Encoder out;
  out.U8(static_cast<uint8_t>(r.kind)).U64(r.id);
  switch (r.kind) {
    case RequestKind::kHealth:
      break;
    case RequestKind::kPrepare:
      out.Bytes(r.payment_id).Bytes(r.debtor_account).Bytes(r.creditor_account);
      out.I64(r.amount_minor_units).Bytes(r.currency).U32(r.fraction_digits);
      out.Bytes(r.remittance).I64(r.deadline).I64(r.created);
      break;
    case RequestKind::kSubmit:
    case RequestKind::kStatus:
      out.Bytes(r.prepared);
      break;
    case RequestKind::kVerifyAccount:
      out.Bytes(r.account).Bytes(r.participant_id);
      break;
    case RequestKind::kVerifyEnrolment:
      out.Bytes(r.account).Bytes(r.enrolment_code);
      out.Bytes(r.registration_digest).Bytes(r.participant_id);
      break;
    case RequestKind::kNotices:
    case RequestKind::kStatement:
      out.Bytes(r.cursor);
      break;
    case RequestKind::kPrepareReturn:
      out.Bytes(r.refund_id).Bytes(r.payment_id).Bytes(r.bank_reference);
      out.I64(r.amount_minor_units).Bytes(r.currency).U32(r.fraction_digits);
      out.I64(r.deadline).I64(r.created);
      break;
  }
  return out.Take();
}

base::Result<Request> DecodeRequest(std::string_view frame) {
  Decoder in(frame);
  Request r;
  r.kind = static_cast<RequestKind>(in.U8());
  r.id = in.U64();
  switch (r.kind) {
    case RequestKind::kHealth:
      break;
    case RequestKind::kPrepare:
      r.payment_id = in.Bytes();
      r.debtor_account = in.Bytes();
      r.creditor_account = in.Bytes();
      r.amount_minor_units = in.I64();
      r.currency = in.Bytes();
      r.fraction_digits = in.U32();
      r.remittance = in.Bytes();
      r.deadline = in.I64();
      r.created = in.I64();
      break;
    case RequestKind::kSubmit:
    case RequestKind::kStatus:
      r.prepared = in.Bytes();
      break;
    case RequestKind::kVerifyAccount:
      r.account = in.Bytes();
      r.participant_id = in.Bytes();
      break;
    case RequestKind::kVerifyEnrolment:
      r.account = in.Bytes();
      r.enrolment_code = in.Bytes();
      r.registration_digest = in.Bytes();
      r.participant_id = in.Bytes();
      break;
    case RequestKind::kNotices:
    case RequestKind::kStatement:
      r.cursor = in.Bytes();
      break;
    case RequestKind::kPrepareReturn:
      r.refund_id = in.Bytes();
      r.payment_id = in.Bytes();
      r.bank_reference = in.Bytes();
      r.amount_minor_units = in.I64();
      r.currency = in.Bytes();
      r.fraction_digits = in.U32();
      r.deadline = in.I64();
      r.created = in.I64();
      break;
    default:
      return Fail(ErrorCode::kMalformed, "a request of a kind that the bank host does not know");
  }
  RETURN_IF_ERROR(in.Finish());
  return r;
}

std::string EncodeReply(const Reply& reply) {
  return std::visit(ReplyPrinter{reply.id}, reply.body);
}

base::Result<Reply> DecodeReply(std::string_view frame) {
  Decoder in(frame);
  Reply reply;
  const uint8_t kind = in.U8();
  reply.id = in.U64();
  bool in_range = true;
  if (kind == kAnswer) {
    Answer a;
    const uint8_t outcome = in.U8();
    in_range = outcome >= 1 && outcome <= 7;
    a.outcome = static_cast<Outcome>(outcome);
    a.reason = in.Bytes();
    a.bank_reference = in.Bytes();
    a.evidence = in.Bytes();
    reply.body = std::move(a);
  } else if (kind == kVerification) {
    Verification v;
    const uint8_t verdict = in.U8();
    in_range = verdict >= 1 && verdict <= 3;
    v.verdict = static_cast<Verdict>(verdict);
    v.reason = in.Bytes();
    v.currency = in.Bytes();
    reply.body = std::move(v);
  } else if (kind == kHealthReply) {
    const uint8_t healthy = in.U8();
    in_range = healthy <= 1;
    reply.body = HealthReply{healthy == 1};
  } else if (kind == kPrepared) {
    reply.body = PreparedReply{std::string(in.Bytes())};
  } else if (kind == kNoticesReply) {
    auto notices = ReadNotices(in);
    in_range = notices.has_value();
    if (notices) reply.body = std::move(*notices);
  } else if (kind == kStatementReply) {
    auto page = ReadStatement(in);
    in_range = page.has_value();
    if (page) reply.body = std::move(*page);
  } else if (kind == kRefused) {
    reply.body = RefusedReply{std::string(in.Bytes())};
  } else {
    in_range = false;
  }
  RETURN_IF_ERROR(in.Finish());
  if (!in_range) return Fail(ErrorCode::kMalformed, "a reply that no bank host makes");
  return reply;
}

}  // namespace paygate::bank
