// One client's connection: reads a request, asks the engine, writes the answer, and again. Private
// to front; everything runs on the loop thread.
//
//   idle → head → body → engine → writing → idle | lingering
//
// Each state has a deadline. A request is served before the next on its connection is looked at. An
// answer that ends the connection is followed by a short lingering, in which what the client still
// sends is thrown away: closing at once would reset the connection and could take the answer along.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "gateway/config.h"
#include "gateway/front/http.h"

struct bufferevent;
struct event;
struct event_base;

namespace paygate::gateway::front {

class Connection;

// What a connection needs of the server.
class Host {
 public:
  virtual ~Host() = default;
  virtual const Config::Front& limits() const = 0;
  virtual bool draining() const = 0;
  virtual std::string_view Date() = 0;
  // Sets request.id; the answer comes through Connection::Answer.
  virtual base::Result<uint64_t> Ask(Connection& connection, Request request) = 0;
  virtual void Abandon(uint64_t request_id) = 0;    // its answer is wanted no more
  // Room for a large answer until it is written; false: there is none.
  virtual bool Reserve(size_t bytes) = 0;
  virtual void Release(size_t bytes) = 0;
  virtual void Closed(Connection& connection) = 0;  // destroys it
};

class Connection {
 public:
  // Takes over the bufferevent.
  Connection(Host& host, event_base* base, bufferevent* bev, std::string source, std::string group);
  ~Connection();
  Connection(const Connection&) = delete;

  void Answer(const Response& response);
  void Fail(const base::Error& error, bool keep_alive);
  // Ends an idle connection; one that is busy ends after its answer.
  void Drain();
  const std::string& group() const { return group_; }  // what its source is counted under

 private:
  enum class State : uint8_t { kIdle, kHead, kBody, kEngine, kWriting, kLingering };

  void OnRead();
  void OnWritten();
  void OnTimeout();
  void ReadHead();
  void ReadBody();
  void Reply(ResponseHead head, std::string_view body);
  void Linger();
  void Close();
  void Enter(State state, std::chrono::seconds deadline);

  Host& host_;
  bufferevent* const bev_;
  event* const timer_;
  const std::string source_, group_;
  State state_ = State::kHead;
  bool keep_alive_ = true;   // after the answer under way
  uint64_t request_id_ = 0;  // at the engine; 0: none
  size_t reserved_ = 0;      // of the host's room for large answers
  size_t scanned_ = 0;       // bytes of the input without the end of a head
  Head head_;
};

}  // namespace paygate::gateway::front
