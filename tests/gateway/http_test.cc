#include "gateway/front/http.h"

#include <gtest/gtest.h>

namespace paygate::gateway::front {
namespace {

using base::ErrorCode;

constexpr char kPost[] =
    "POST /v1/payments HTTP/1.1\r\nHost: g\r\nContent-Type: application/jose\r\n";

TEST(Http, ReadsTheHeadOfARequest) {
  const auto head = ParseHead(std::string(kPost) + "Content-Length: 12\r\n\r\n");
  ASSERT_TRUE(head);
  EXPECT_EQ(head->method, Method::kPost);
  EXPECT_EQ(head->path, "/v1/payments");
  EXPECT_EQ(head->content_type, "application/jose");
  EXPECT_EQ(head->content_length, 12u);
  EXPECT_TRUE(head->keep_alive);
}

TEST(Http, LeavesTheQueryOut) {
  const auto head = ParseHead("GET /v1/crl?x=/y HTTP/1.1\r\nhost: g\r\nConnection: Close\r\n\r\n");
  ASSERT_TRUE(head);
  EXPECT_EQ(head->path, "/v1/crl");
  EXPECT_FALSE(head->keep_alive);
}

TEST(Http, RefusesWhatTwoProgramsCouldReadDifferently) {
  const std::string post = kPost;
  const std::string kWrong[] = {
      post + "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
      post + "Transfer-Encoding: chunked\r\n\r\n",
      post + "Transfer-Encoding: xchunked\r\nContent-Length: 5\r\n\r\n",
      post + "Content-Length: 5\r\nContent-Length: 6\r\n\r\n",
      post + "Content-Length: 5\r\nContent-Length: 5\r\n\r\n",
      post + "Content-Length: +5\r\n\r\n",
      post + "Content-Length: -5\r\n\r\n",
      post + "Content-Length: 5, 5\r\n\r\n",
      post + "Content-Length: 0x5\r\n\r\n",
      post + "Content-Length:\r\n\r\n",
      post + "Content-Length : 5\r\n\r\n",
      post + " folded: 5\r\nContent-Length: 5\r\n\r\n",
      post + "A: b\nContent-Length: 5\r\n\r\n",
      post + "A: b\rContent-Length: 5\r\n\r\n",
      post + std::string("A: b\0c\r\n\r\n", 10),
      post + ": no name\r\n\r\n",
      post + "no colon\r\n\r\n",
      post + "Host: h\r\n\r\n",
      post + "Expect: miracles\r\n\r\n",
      "POST /v1/payments HTTP/1.1\r\nContent-Type: application/jose\r\n\r\n",
      "GET /v1/crl HTTP/1.1\r\nHost: g\r\nContent-Length: 5\r\n\r\n",
      "GET http://g/v1/crl HTTP/1.1\r\nHost: g\r\n\r\n",
      "GET  /v1/crl HTTP/1.1\r\nHost: g\r\n\r\n",
      "GET /v1/crl HTTP/2.0\r\nHost: g\r\n\r\n",
      "GET /v1/crl\r\nHost: g\r\n\r\n",
      "GET /v1/\x01 HTTP/1.1\r\nHost: g\r\n\r\n",
      "\r\nGET / HTTP/1.1\r\nHost: g\r\n\r\n",
  };
  for (const std::string& wrong : kWrong) {
    const auto head = ParseHead(wrong);
    ASSERT_FALSE(head) << wrong;
    EXPECT_EQ(head.error().code, ErrorCode::kMalformed) << wrong;
  }
}

TEST(Http, SaysWhichBoundOrRuleARequestBreaks) {
  const std::string post = kPost;
  const struct {
    std::string head;
    ErrorCode code;
  } kWrong[] = {
      {post + "Content-Length: 65537\r\n\r\n", ErrorCode::kPayloadTooLarge},
      {post + "Content-Length: 99999999999999999999\r\n\r\n", ErrorCode::kPayloadTooLarge},
      {"GET /" + std::string(5000, 'a') + " HTTP/1.1\r\nHost: g\r\n\r\n",
       ErrorCode::kPayloadTooLarge},
      {"HEAD / HTTP/1.1\r\nHost: g\r\n\r\n", ErrorCode::kMethodNotAllowed},
      {"get / HTTP/1.1\r\nHost: g\r\n\r\n", ErrorCode::kMethodNotAllowed},
      {"POST / HTTP/1.1\r\nHost: g\r\n\r\n", ErrorCode::kUnsupportedMediaType},
      {"POST /v1/ocsp HTTP/1.1\r\nHost: g\r\nContent-Type: application/jose\r\n\r\n",
       ErrorCode::kUnsupportedMediaType},
  };
  for (const auto& wrong : kWrong) {
    const auto head = ParseHead(wrong.head);
    ASSERT_FALSE(head) << wrong.head;
    EXPECT_EQ(head.error().code, wrong.code) << wrong.head;
  }
  EXPECT_TRUE(ParseHead(
      "POST /v1/ocsp HTTP/1.1\r\nHost: g\r\nContent-Type: application/ocsp-request\r\n\r\n"));
}

TEST(Http, PrintsAnAnswerWithoutSayingWhatServesIt) {
  const std::string head = PrintHead({503, "text/plain", 5, 1, true}, HttpDate(784111777));
  EXPECT_EQ(head,
            "HTTP/1.1 503 Service Unavailable\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
            "Content-Type: text/plain\r\nContent-Length: 5\r\nRetry-After: 1\r\n"
            "Connection: keep-alive\r\n\r\n");
}

}  // namespace
}  // namespace paygate::gateway::front
