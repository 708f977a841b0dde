#include "gateway/engine/mailbox.h"

#include "gateway/engine/settler.h"
#include "protocol/messages.h"

namespace paygate::gateway::engine {
namespace {

constexpr size_t kMaxMessages = 50;        // protocol.md section 8
constexpr size_t kMaxBytes = 64u << 10;
// Long polls of one participant at once; beyond, the oldest is answered. One who opens polls and
// hangs up cannot fill the table in which everyone's payments wait.
constexpr size_t kMaxPolls = 8;

}  // namespace

void Mailbox::Read(std::string_view compact, Reply reply) {
  auto jwe = envelope_.Parse(compact, "");
  if (!jwe) return reply.Problem(jwe.error());
  auto opened = envelope_.Open(*jwe);
  if (!opened) return reply.Problem(opened.error());
  auto single = protocol::ParseSingle(*opened, "request");
  if (!single) return reply.Problem(single.error());
  auto jws = protocol::ParseJws(*single, protocol::kTypMailbox, protocol::KeyName::kX5c);
  if (!jws) return reply.Problem(jws.error());
  if (messages_.AnswerRefusedBefore(*jws, reply)) return;
  auto message = messages_.Verify(std::move(*jws), jwe->extra.accept);
  if (!message) return reply.Problem(message.error());

  auto request = protocol::MailboxPayload::Parse(message->payload);
  auto check = [&]() -> base::Status {
    if (!request) return std::unexpected(request.error());
    RETURN_IF_ERROR(messages_.CheckParties(*message, request->iss, request->aud));
    RETURN_IF_ERROR(CheckTime(clock_, request->iat, limits_.clock_skew));
    if (!request->ack) return {};
    return mailbox_.Acknowledge(message->sender.id(), static_cast<uint64_t>(*request->ack),
                                clock_.Now());
  };
  if (auto good = check(); !good) return messages_.Refuse(*message, good.error(), reply);
  Poll(*message, static_cast<uint64_t>(request->after),
       clock_.Monotonic() + std::chrono::seconds(request->wait), std::move(reply));
}

void Mailbox::Poll(const VerifiedMessage& message, uint64_t after, base::MonotonicTime deadline,
                   Reply reply) {
  const std::string& id = message.sender.id();
  auto page = mailbox_.Read(id, after, kMaxMessages, kMaxBytes);
  if (!page) return messages_.Refuse(message, page.error(), reply);
  if (!page->messages.empty() || clock_.Monotonic() >= deadline) {
    return Answer(message, *page, reply);
  }
  const std::string key = Settler::MailboxKey(id);
  parking_.MakeRoom(key, kMaxPolls);
  parking_.Park(key, deadline,
                [this, message, after, deadline, reply = std::move(reply)](Wake wake) mutable {
                  // A full table times everyone out at once: then what is there is the answer.
                  if (wake == Wake::kTimedOut) deadline = clock_.Monotonic();
                  Poll(message, after, deadline, std::move(reply));
                });
  // A message that came between the look and the parking has already woken everyone else.
  if (auto now = mailbox_.Read(id, after, 1, kMaxBytes); now && !now->messages.empty()) {
    parking_.WakeAll(key);
  }
}

void Mailbox::Answer(const VerifiedMessage& message, const storage::MailboxPage& page,
                     Reply& reply) {
  protocol::MailboxBody body{.newest = static_cast<int64_t>(page.newest)};
  for (const storage::MailboxMessage& m : page.messages) {
    body.messages.push_back({.cursor = static_cast<int64_t>(m.cursor), .jwe = m.jwe});
  }
  SignedMessages::Answer(message.sender.encryption, 200, body.Print(), reply);
}

}  // namespace paygate::gateway::engine
