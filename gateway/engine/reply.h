// Reply: the duty to answer one request, exactly once, from any thread and at any later time.
// A Reply that is dropped unanswered answers 500 by itself, so no request is ever forgotten.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "gateway/frames.h"

namespace paygate::gateway::engine {

class Reply {
 public:
  using Sink = std::move_only_function<void(Response)>;

  Reply(uint64_t request_id, Sink sink) : id_(request_id), sink_(std::move(sink)) {}
  Reply(Reply&& other) noexcept : id_(other.id_), sink_(std::exchange(other.sink_, nullptr)) {}
  Reply& operator=(Reply&&) = delete;
  ~Reply();

  void Send(Response response);
  // application/jose with one JWE (or, for the gateway document, one JWS).
  void Jose(uint32_t status, std::string compact);
  // RFC 9457; the error's message goes to the log, never to the client.
  void Problem(const base::Error& error);
  // The same for whoever counts and logs by himself.
  void ProblemUnlogged(const base::Error& error);

 private:
  void SendProblem(const base::Error& error, bool logged);

  uint64_t id_;
  Sink sink_;
};

}  // namespace paygate::gateway::engine
