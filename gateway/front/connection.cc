#include "gateway/front/connection.h"

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/bufferevent_ssl.h>
#include <event2/event.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <sys/socket.h>

#include <algorithm>
#include <utility>

namespace paygate::gateway::front {

using base::ErrorCode;
using std::chrono::seconds;

namespace {
constexpr seconds kEngineDeadline{60};  // the engine itself answers within 30 (a long poll)
constexpr seconds kLingering{2};
constexpr size_t kLargeAnswer = 64u << 10;           // from here on room must be reserved
constexpr size_t kLeastBytesPerSecond = 64u << 10;   // at which a client must read a large answer
}  // namespace

Connection::Connection(Host& host, event_base* base, bufferevent* bev, std::string source,
                       std::string group)
    : host_(host),
      bev_(bev),
      timer_(event_new(
          base, -1, 0, [](int, short, void* self) { static_cast<Connection*>(self)->OnTimeout(); },
          this)),
      source_(std::move(source)),
      group_(std::move(group)) {
  bufferevent_setcb(
      bev_, [](bufferevent*, void* self) { static_cast<Connection*>(self)->OnRead(); },
      [](bufferevent*, void* self) { static_cast<Connection*>(self)->OnWritten(); },
      [](bufferevent*, short what, void* self) {
        if (what != BEV_EVENT_CONNECTED) static_cast<Connection*>(self)->Close();
      },
      this);
  bufferevent_enable(bev_, EV_READ | EV_WRITE);
  // The TLS handshake and the first head together have the time of one head.
  Enter(State::kHead, host_.limits().header_timeout_s);
}

Connection::~Connection() {
  host_.Release(reserved_);
  event_free(timer_);
  bufferevent_free(bev_);
}

void Connection::Enter(State state, seconds deadline) {
  state_ = state;
  const timeval tv{deadline.count(), 0};
  event_add(timer_, &tv);
}

void Connection::Close() {
  if (request_id_ != 0) host_.Abandon(std::exchange(request_id_, 0));
  host_.Closed(*this);  // *this is gone
}

void Connection::OnTimeout() {
  if (state_ != State::kEngine) return Close();
  host_.Abandon(std::exchange(request_id_, 0));
  Fail({ErrorCode::kOverloaded, "The gateway did not answer in time; send the same request again"},
       true);
}

void Connection::OnRead() {
  switch (state_) {
    case State::kIdle:
      Enter(State::kHead, host_.limits().header_timeout_s);
      return ReadHead();
    case State::kHead:
      return ReadHead();
    case State::kBody:
      return ReadBody();
    case State::kEngine:
    case State::kWriting: {
      // Requests sent ahead wait for their turn, within reason.
      const size_t ahead = evbuffer_get_length(bufferevent_get_input(bev_));
      if (ahead > host_.limits().max_header_bytes + kMaxRequestBytes) Close();
      return;
    }
    case State::kLingering: {
      evbuffer* input = bufferevent_get_input(bev_);
      evbuffer_drain(input, evbuffer_get_length(input));
      return;
    }
  }
}

void Connection::ReadHead() {
  evbuffer* input = bufferevent_get_input(bev_);
  const size_t length = evbuffer_get_length(input);
  evbuffer_ptr from;
  evbuffer_ptr_set(input, &from, scanned_, EVBUFFER_PTR_SET);
  const evbuffer_ptr end = evbuffer_search(input, "\r\n\r\n", 4, &from);
  const size_t size = end.pos < 0 ? length : static_cast<size_t>(end.pos) + 4;
  if (size > host_.limits().max_header_bytes) {
    return Fail({ErrorCode::kPayloadTooLarge, "The request's head is too large"}, false);
  }
  if (end.pos < 0) {
    scanned_ = length < 3 ? 0 : length - 3;
    return;
  }
  std::string text(size, '\0');
  evbuffer_remove(input, text.data(), size);
  auto head = ParseHead(text);
  if (!head) return Fail(head.error(), false);
  if (host_.draining()) {
    return Fail({ErrorCode::kDraining, "The gateway is stopping; send the same request again"},
                false);
  }
  head_ = std::move(*head);
  Enter(State::kBody, host_.limits().body_timeout_s);
  if (head_.expect_continue && evbuffer_get_length(input) < head_.content_length) {
    constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";
    bufferevent_write(bev_, kContinue.data(), kContinue.size());
  }
  ReadBody();
}

void Connection::ReadBody() {
  evbuffer* input = bufferevent_get_input(bev_);
  if (evbuffer_get_length(input) < head_.content_length) return;
  Request request;
  request.method = head_.method;
  request.path = std::move(head_.path);
  request.content_type = std::move(head_.content_type);
  request.source = source_;
  request.body.resize(head_.content_length);
  evbuffer_remove(input, request.body.data(), request.body.size());
  const auto id = host_.Ask(*this, std::move(request));
  if (!id) return Fail(id.error(), head_.keep_alive);
  request_id_ = *id;
  Enter(State::kEngine, kEngineDeadline);
}

void Connection::Answer(const Response& response) {
  request_id_ = 0;
  if (response.body.size() > kLargeAnswer) {
    if (!host_.Reserve(response.body.size())) {
      return Fail({ErrorCode::kOverloaded, "The gateway is busy; send the same request again"},
                  head_.keep_alive);
    }
    reserved_ = response.body.size();
  }
  Reply({response.status, response.content_type, response.body.size(), response.retry_after_s,
         head_.keep_alive},
        response.body);
}

void Connection::Fail(const base::Error& error, bool keep_alive) {
  request_id_ = 0;
  const Problem problem = MakeProblem(error);
  Reply({problem.status, kProblemType, problem.body.size(), problem.retry_after_s, keep_alive},
        problem.body);
}

void Connection::Reply(ResponseHead head, std::string_view body) {
  keep_alive_ = head.keep_alive = head.keep_alive && !host_.draining();
  const seconds more(static_cast<int64_t>(body.size() / kLeastBytesPerSecond));
  Enter(State::kWriting, host_.limits().body_timeout_s + more);
  std::string bytes = PrintHead(head, host_.Date());
  bytes.append(body);  // one TLS record, one packet
  bufferevent_write(bev_, bytes.data(), bytes.size());
}

void Connection::OnWritten() {
  if (state_ != State::kWriting) return;  // a "100 Continue"
  host_.Release(std::exchange(reserved_, 0));
  if (!keep_alive_ || host_.draining()) return Linger();
  scanned_ = 0;
  Enter(State::kIdle, host_.limits().idle_timeout_s);
  if (evbuffer_get_length(bufferevent_get_input(bev_)) > 0) OnRead();
}

void Connection::Linger() {
  Enter(State::kLingering, kLingering);
  if (SSL* ssl = bufferevent_openssl_get_ssl(bev_)) {
    SSL_shutdown(ssl);
    ERR_clear_error();
  }
  shutdown(bufferevent_getfd(bev_), SHUT_WR);
  OnRead();
}

void Connection::Drain() {
  const bool empty = evbuffer_get_length(bufferevent_get_input(bev_)) == 0;
  if (state_ == State::kIdle || (state_ == State::kHead && empty)) Close();
}

}  // namespace paygate::gateway::front
