#include "gateway/engine/reply.h"

#include "base/crypto.h"
#include "base/encoding.h"
#include "base/log.h"
#include "gateway/engine/wire_error.h"
#include "protocol/messages.h"

namespace paygate::gateway::engine {

Reply::~Reply() {
  if (sink_) Problem(base::Error{base::ErrorCode::kInternal, "a request was left unanswered"});
}

void Reply::Send(Response response) {
  if (!sink_) return;
  response.id = id_;
  std::exchange(sink_, nullptr)(std::move(response));
}

void Reply::Jose(uint32_t status, std::string compact) {
  Send(Response{.status = status, .content_type = "application/jose", .body = std::move(compact)});
}

void Reply::Problem(const base::Error& error) { SendProblem(error, true); }

void Reply::ProblemUnlogged(const base::Error& error) { SendProblem(error, false); }

void Reply::SendProblem(const base::Error& error, bool logged) {
  const WireError wire = ToWire(error.code);
  const std::string instance = base::Base64UrlEncode(base::RandomBytes(12));
  const auto level = wire.status >= 500 ? base::LogLevel::kWarning : base::LogLevel::kInfo;
  if (logged) {
    base::Log(level, "request.refused",
              {{"code", wire.code}, {"why", error.message}, {"instance", instance}});
  }
  protocol::Problem problem{.code = std::string(wire.code),
                            .title = std::string(wire.title),
                            .status = wire.status,
                            .instance = instance};
  Send(Response{.status = wire.status,
                .content_type = "application/problem+json",
                .retry_after_s = wire.retry_after_s,
                .body = problem.Print()});
}

}  // namespace paygate::gateway::engine
