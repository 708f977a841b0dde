#include "gateway/frames.h"

#include <gtest/gtest.h>

#include "gateway/control_frames.h"

namespace paygate::gateway {
namespace {

const Request kRequest{7, Method::kPost, "/v1/payments", "application/jose", "192.0.2.1", "a.b.c"};

TEST(Frames, CarryARequestUnchanged) {
  const auto decoded = DecodeFromFront(Encode(kRequest));
  ASSERT_TRUE(decoded);
  const Request& request = std::get<Request>(*decoded);
  EXPECT_EQ(request.id, 7u);
  EXPECT_EQ(request.method, Method::kPost);
  EXPECT_EQ(request.path, kRequest.path);
  EXPECT_EQ(request.content_type, kRequest.content_type);
  EXPECT_EQ(request.source, kRequest.source);
  EXPECT_EQ(request.body, kRequest.body);
}

TEST(ControlFrames, CarryRequestAndReplyAndNothingElse) {
  const ControlRequest request{"participants.hold", {{"id", "x"}, {"note", "case 17"}}};
  const std::string frame = Encode(request);
  const auto decoded = DecodeControlRequest(frame);
  ASSERT_TRUE(decoded);
  EXPECT_EQ(decoded->command, request.command);
  EXPECT_EQ(decoded->arguments, request.arguments);
  for (size_t n = 0; n < frame.size(); ++n) EXPECT_FALSE(DecodeControlRequest(frame.substr(0, n)));
  EXPECT_FALSE(DecodeControlRequest(frame + "x"));
  ControlRequest many{"x", {}};
  for (char c = 'a'; c <= 'q'; ++c) many.arguments[std::string(1, c)] = "";
  EXPECT_FALSE(DecodeControlRequest(Encode(many))) << "seventeen arguments";

  const ControlReply good{.json = "{}", .error_code = {}, .error = {}};
  const ControlReply bad{.json = {}, .error_code = "not-found", .error = "no such participant"};
  EXPECT_EQ(DecodeControlReply(Encode(good))->json, "{}");
  EXPECT_EQ(DecodeControlReply(Encode(bad))->error, bad.error);
  EXPECT_FALSE(DecodeControlReply(Encode(ControlReply{})));
}

TEST(Frames, CarryAnAnswerUnchanged) {
  const auto decoded = DecodeFromEngine(Encode(Response{9, 503, "text/plain", 2, "later"}));
  ASSERT_TRUE(decoded);
  EXPECT_EQ(decoded->id, 9u);
  EXPECT_EQ(decoded->status, 503u);
  EXPECT_EQ(decoded->content_type, "text/plain");
  EXPECT_EQ(decoded->retry_after_s, 2u);
  EXPECT_EQ(decoded->body, "later");
}

TEST(Frames, CarryThatAClientHasGone) {
  const auto decoded = DecodeFromFront(Encode(Gone{11}));
  ASSERT_TRUE(decoded);
  EXPECT_EQ(std::get<Gone>(*decoded).id, 11u);
}

TEST(Frames, AreRefusedWhereverTheyAreCutOff) {
  for (const std::string& frame : {Encode(kRequest), Encode(Gone{11})}) {
    for (size_t size = 0; size < frame.size(); ++size) {
      EXPECT_FALSE(DecodeFromFront(std::string_view(frame).substr(0, size))) << size;
    }
    EXPECT_FALSE(DecodeFromFront(frame + "x"));
  }
  const std::string answer = Encode(Response{9, 200, "text/plain", 0, "now"});
  for (size_t size = 0; size < answer.size(); ++size) {
    EXPECT_FALSE(DecodeFromEngine(std::string_view(answer).substr(0, size))) << size;
  }
  EXPECT_FALSE(DecodeFromEngine(answer + "x"));
}

TEST(Frames, OfUnknownTypeMethodOrStatusAreRefused) {
  EXPECT_FALSE(DecodeFromFront(Encode(Response{})));
  EXPECT_FALSE(DecodeFromEngine(Encode(kRequest)));
  Request request = kRequest;
  request.method = static_cast<Method>(9);
  EXPECT_FALSE(DecodeFromFront(Encode(request)));
  EXPECT_FALSE(DecodeFromEngine(Encode(Response{1, 99, "", 0, ""})));
}

TEST(Frames, OverTheBoundOfARequestAreRefused) {
  Request request = kRequest;
  request.body.assign(kMaxRequestBytes, 'x');
  EXPECT_TRUE(DecodeFromFront(Encode(request)));
  request.body.push_back('x');
  EXPECT_FALSE(DecodeFromFront(Encode(request)));
}

}  // namespace
}  // namespace paygate::gateway
