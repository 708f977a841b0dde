// The real paygate-front process between a raw client and a double of the engine.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/ssl.h>
#include <sys/stat.h>

#include <csignal>
#include <fstream>
#include <memory>

#include "base/file.h"
#include "gateway/config.h"
#include "tests/doubles/fake_engine.h"
#include "tests/doubles/places.h"
#include "tests/gateway/client.h"
#include "tests/gateway/scratch.h"

namespace paygate::gateway {
namespace {

using namespace testing;
using ::testing::HasSubstr;

std::optional<Response> Echo(const Request& request) {
  return Response{0, 200, "application/jose", 0, request.body.empty() ? "none" : request.body};
}

class Front : public ::testing::Test {
 protected:
  ~Front() override {
    if (!program_) return;
    program_->Signal(SIGTERM);
    EXPECT_EQ(program_->Wait(), 0);
  }

  void Start(const std::string& limits = "", FakeEngine::Handler handler = Echo) {
    scratch_.MakeTls();
    mkdir((scratch_.path() + "/run").c_str(), 0700);
    StartEngine(std::move(handler));
    Launch(limits);
    // Until the front has found the engine.
    ASSERT_TRUE(Eventually([&] { return Client(port_, tls_).Exchange(Get("/")).status == 200; }));
  }

  void Launch(const std::string& limits) {
    tls_ = limits.find("tls = false") == std::string::npos;
    const std::string file = scratch_.Configuration("port = 0\n" + limits);
    program_.emplace(std::vector<std::string>{doubles::Program("paygate-front"), "--config", file});
    ASSERT_TRUE(Eventually([&] {
      std::ifstream(scratch_.path() + "/run/front.port") >> port_;
      return port_ != 0;
    }));
  }

  void StartEngine(FakeEngine::Handler handler) {
    engine_ = std::make_unique<FakeEngine>(scratch_.path() + "/run/engine.sock", handler);
  }

  void ExpectProblem(const Answer& answer, int status, const std::string& code) {
    EXPECT_EQ(answer.status, status);
    EXPECT_EQ(answer.headers.at("Content-Type"), "application/problem+json");
    EXPECT_THAT(answer.body, HasSubstr("\"type\":\"urn:p2p-gateway:error:" + code + "\""));
    EXPECT_THAT(answer.body, HasSubstr("\"status\":" + std::to_string(status)));
    EXPECT_THAT(answer.body, HasSubstr("\"instance\":\""));
    EXPECT_EQ(answer.headers.count("Retry-After"), status == 503 ? 1u : 0u);
    EXPECT_EQ(answer.headers.count("Server"), 0u);
  }

  Scratch scratch_;
  std::unique_ptr<FakeEngine> engine_;
  std::optional<Program> program_;
  uint16_t port_ = 0;
  bool tls_ = true;
};

TEST_F(Front, TellsTheEngineWhatWasAskedAndByWhom) {
  Start();
  Client client(port_);
  const Answer answer =
      client.Exchange(Post("/v1/payments?trace=1", "a.b.c.d.e", "Application/JOSE; charset=utf-8"));
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.body, "a.b.c.d.e");
  EXPECT_EQ(answer.headers.at("Connection"), "keep-alive");
  const Request request = engine_->last();
  EXPECT_EQ(request.method, Method::kPost);
  EXPECT_EQ(request.path, "/v1/payments");
  EXPECT_EQ(request.content_type, "application/jose");
  EXPECT_EQ(request.source, "127.0.0.1");
}

TEST_F(Front, AddsNothingToTheEnginesOwnRefusals) {
  Start("", [](const Request& request) -> std::optional<Response> {
    if (request.path == "/") return Echo(request);
    return Response{0, 429, "application/problem+json", 7, "{\"engine\":true}"};
  });
  const Answer answer = Client(port_).Exchange(Get("/v1/gateway"));
  EXPECT_EQ(answer.status, 429);
  EXPECT_EQ(answer.body, "{\"engine\":true}");
  EXPECT_EQ(answer.headers.at("Retry-After"), "7");
}

TEST_F(Front, TakesABodyOf64KiBAndRefusesOneByteMore) {
  Start();
  EXPECT_EQ(Client(port_).Exchange(Post("/v1/payments", std::string(65536, 'x'))).status, 200);
  for (const size_t size : {65537u, 65u * 1024u, 1u << 20}) {
    ExpectProblem(Client(port_).Exchange(Post("/v1/payments", std::string(size, 'x'))), 413,
                  "payload-too-large");
  }
}

TEST_F(Front, RefusesWrongTypesMethodsAndHeads) {
  Start();
  ExpectProblem(Client(port_).Exchange(Post("/v1/payments", "{}", "application/json")), 415,
                "unsupported-media-type");
  EXPECT_EQ(Client(port_).Exchange(Post("/v1/ocsp", "x", "application/ocsp-request")).status, 200);
  for (const char* method : {"HEAD", "PUT", "DELETE", "OPTIONS", "TRACE", "PATCH", "BREW"}) {
    Client client(port_);
    const Answer answer =
        client.Exchange(std::string(method) + " /v1/gateway HTTP/1.1\r\nHost: g\r\n\r\n");
    ExpectProblem(answer, 405, "method-not-allowed");
    EXPECT_EQ(answer.headers.at("Allow"), "GET, POST");
    EXPECT_TRUE(client.Ended());
  }
  ExpectProblem(Client(port_).Exchange(
                    "GET / HTTP/1.1\r\nHost: g\r\nA: " + std::string(20000, 'a') + "\r\n\r\n"),
                413, "payload-too-large");
}

TEST_F(Front, LetsNothingBeSmuggledBehindAnAmbiguousRequest) {
  Start();
  const size_t before = engine_->requests();
  for (const char* framing :
       {"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
        "Content-Length: 4\r\nContent-Length: 44\r\n", "Content-Length: +4\r\n",
        "Transfer-Encoding: chunked\r\n", "Content-Length : 4\r\n"}) {
    Client client(port_);
    client.Send(std::string("POST /v1/payments HTTP/1.1\r\nHost: g\r\n"
                            "Content-Type: application/jose\r\n") +
                framing + "\r\n0\r\n\r\n" + Get("/v1/smuggled"));
    ExpectProblem(client.Receive(), 400, "malformed");
    EXPECT_EQ(client.Receive().status, 0);  // the rest was never looked at
  }
  EXPECT_EQ(engine_->requests(), before);
}

TEST_F(Front, AnswersRequestsSentAheadInTheirOrder) {
  Start();
  Client client(port_);
  client.Send(Post("/v1/payments", "one") + Post("/v1/payments", "two") + Get("/v1/crl"));
  EXPECT_EQ(client.Receive().body, "one");
  EXPECT_EQ(client.Receive().body, "two");
  EXPECT_EQ(client.Receive().body, "none");
}

TEST_F(Front, CutsAClientThatSendsTooMuchAhead) {
  Start("",
        [](const Request& request) { return request.path == "/" ? Echo(request) : std::nullopt; });
  Client client(port_);
  client.Send(Get("/v1/gateway"));
  client.Send(std::string(1 << 20, 'x'));
  EXPECT_TRUE(client.Ended());
}

TEST_F(Front, CutsSlowHeadsSlowBodiesAndIdleConnections) {
  Start("header_timeout_s = 1\nbody_timeout_s = 1\nidle_timeout_s = 1");
  Client head(port_), body(port_), idle(port_), silent(port_, false);
  head.Send("GET / HTTP/1.1\r\nHost:");
  body.Send(Post("/v1/payments", "xxxx").substr(0, 100));
  EXPECT_EQ(idle.Exchange(Get("/")).status, 200);
  EXPECT_TRUE(head.Ended());
  EXPECT_TRUE(body.Ended());
  EXPECT_TRUE(idle.Ended());
  EXPECT_TRUE(silent.Ended());
  EXPECT_EQ(Client(port_).Exchange(Get("/")).status, 200);
}

TEST_F(Front, RefusesWhatIsOverItsRequestsInFlight) {
  Start("max_in_flight = 2",
        [](const Request& request) { return request.path == "/" ? Echo(request) : std::nullopt; });
  const size_t before = engine_->requests();
  Client first(port_), second(port_), third(port_);
  first.Send(Get("/v1/wait"));
  second.Send(Get("/v1/wait"));
  ASSERT_TRUE(Eventually([&] { return engine_->requests() == before + 2; }));
  ExpectProblem(third.Exchange(Get("/v1/wait")), 503, "overloaded");
  engine_->Send({engine_->last().id, 200, "text/plain", 0, "late"});
  EXPECT_TRUE(Eventually([&] { return third.Exchange(Get("/")).status == 200; }));
}

TEST_F(Front, SaysUnavailableWhileTheEngineIsGoneAndServesWhenItIsBack) {
  Start("", [](const Request& request) {
    return request.path == "/v1/wait" ? std::nullopt : Echo(request);
  });
  Client waiting(port_), client(port_);
  const size_t before = engine_->requests();
  waiting.Send(Get("/v1/wait"));
  ASSERT_TRUE(Eventually([&] { return engine_->requests() == before + 1; }));
  engine_.reset();
  ExpectProblem(waiting.Receive(), 503, "overloaded");
  ExpectProblem(client.Exchange(Get("/")), 503, "overloaded");
  StartEngine(Echo);
  EXPECT_TRUE(Eventually([&] { return client.Exchange(Get("/")).status == 200; }));
}

TEST_F(Front, TellsTheEngineThatAClientHasGoneAndDropsTheLateAnswer) {
  Start("", [](const Request& request) {
    return request.path == "/v1/wait" ? std::nullopt : Echo(request);
  });
  const size_t before = engine_->requests();
  {
    Client client(port_);
    client.Send(Get("/v1/wait"));
    ASSERT_TRUE(Eventually([&] { return engine_->requests() == before + 1; }));
  }
  const uint64_t id = engine_->last().id;
  ASSERT_TRUE(Eventually([&] { return engine_->gone().size() == 1; }));
  EXPECT_EQ(engine_->gone()[0], id);
  engine_->Send({id, 200, "text/plain", 0, "late"});
  EXPECT_EQ(Client(port_).Exchange(Post("/v1/payments", "mine")).body, "mine");
}

TEST_F(Front, SpeaksNothingOlderThanTls13AndNoPlainHttp) {
  Start();
  EXPECT_FALSE(Client(port_, true, TLS1_2_VERSION).connected());
  Client plain(port_, false);
  plain.Send(Get("/"));
  EXPECT_EQ(plain.Receive().status, 0);
}

TEST_F(Front, SpeaksPlainHttpOnLoopbackIfAsked) {
  Start("tls = false");
  EXPECT_EQ(Client(port_, false).Exchange(Post("/v1/payments", "x")).body, "x");
}

TEST_F(Front, RefusesToStartWithAKeyThatOthersCanRead) {
  scratch_.MakeTls();
  chmod((scratch_.path() + "/tls.key").c_str(), 0644);
  Program program(
      {doubles::Program("paygate-front"), "--config", scratch_.Configuration("port = 0")});
  EXPECT_EQ(program.Wait(), 1);
}

TEST_F(Front, LimitsTheConnectionsOfOneSource) {
  Start("max_connections_per_source = 3");
  std::vector<Client> clients;
  for (int i = 0; i < 3; ++i) {
    clients.emplace_back(port_);
    // The connections that Start made may still be closing.
    while (!clients.back().connected()) clients.back() = Client(port_);
  }
  EXPECT_FALSE(Client(port_).connected());
  clients.pop_back();
  EXPECT_TRUE(Eventually([&] { return Client(port_).connected(); }));
}

TEST_F(Front, HoldsAThousandIdleConnectionsInLittleMemory) {
  base::RaiseDescriptorLimit(2048);
  Start("max_connections_per_source = 1100");
  const auto resident_kib = [&] {
    std::ifstream status("/proc/" + std::to_string(program_->pid()) + "/status");
    for (std::string word; status >> word;) {
      long kib = 0;
      if (word == "VmRSS:" && status >> kib) return kib;
    }
    return 0L;
  };
  const long before = resident_kib();
  std::vector<Client> clients;
  for (int i = 0; i < 1000; ++i) {
    clients.emplace_back(port_);
    ASSERT_EQ(clients.back().Exchange(Get("/")).status, 200) << i;
  }
  const long each = (resident_kib() - before) / 1000;
  RecordProperty("kib_for_each_idle_connection", static_cast<int>(each));
  std::cout << "idle TLS connection: " << each << " KiB\n";
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
  EXPECT_LT(each, 64);
#endif
  EXPECT_EQ(clients[0].Exchange(Get("/")).status, 200);
  EXPECT_EQ(clients[999].Exchange(Get("/")).status, 200);
}

TEST_F(Front, FinishesWhatIsInFlightWhenItIsStopped) {
  Start("", [](const Request& request) {
    return request.path == "/v1/wait" ? std::nullopt : Echo(request);
  });
  Client client(port_), idle(port_);
  EXPECT_EQ(idle.Exchange(Get("/")).status, 200);
  const size_t before = engine_->requests();
  client.Send(Get("/v1/wait"));
  ASSERT_TRUE(Eventually([&] { return engine_->requests() == before + 1; }));
  program_->Signal(SIGTERM);
  EXPECT_TRUE(idle.Ended());
  EXPECT_FALSE(Client(port_).connected());
  engine_->Send({engine_->last().id, 200, "text/plain", 0, "done"});
  const Answer answer = client.Receive();
  EXPECT_EQ(answer.body, "done");
  EXPECT_EQ(answer.headers.at("Connection"), "close");
}

TEST_F(Front, KeepsItsPortWhenItIsStartedAgain) {
  Start();
  const uint16_t before = port_;
  program_->Signal(SIGKILL);
  program_->Wait();
  port_ = 0;
  Launch("");
  EXPECT_EQ(port_, before);
  EXPECT_TRUE(Eventually([&] { return Client(port_).Exchange(Get("/")).status == 200; }));
}

TEST_F(Front, ServesWithSeveralProcessesOnOnePort) {
  Start("processes = 2");
  Program second({doubles::Program("paygate-front"), "--config", scratch_.path() + "/paygate.toml",
                  "--index", "1"});
  program_->Signal(SIGTERM);
  EXPECT_EQ(program_->Wait(), 0);
  program_.reset();
  EXPECT_TRUE(Eventually([&] { return Client(port_).Exchange(Get("/")).status == 200; }));
}

}  // namespace
}  // namespace paygate::gateway
