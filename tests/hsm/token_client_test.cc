// The engine's client against real token processes that hang, crash, grow, or offer other keys.

#include "hsm/token/client.h"

#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <iostream>
#include <thread>

#include "base/encoding.h"
#include "base/ipc.h"
#include "hsm/proof.h"
#include "hsm/token/wire.h"
#include "tests/doubles/fault_script.h"
#include "tests/doubles/scratch_token.h"

namespace paygate::hsm::token {
namespace {

using base::ErrorCode;
using doubles::ScratchToken;
using doubles::TokenProcess;
using std::chrono::milliseconds;

std::string Jws(int n = 0) {
  return base::Base64UrlEncode(R"({"alg":"ES256","typ":"p2p-receipt+jws"})") + "." +
         base::Base64UrlEncode("{\"n\":" + std::to_string(n) + "}");
}

class TokenClientTest : public testing::Test {
 protected:
  TokenClientTest() {
    sign_ = scratch_.Generate("gateway-signature", KeyType::kP256, KeyUsage::kSign);
    decrypt_ = scratch_.Generate("gateway-encryption", KeyType::kP256, KeyUsage::kDecrypt);
  }

  TokenProcess& Spawn(std::vector<std::string> environment = {}, std::string module = {},
                      std::vector<std::string> keys = {"gateway-signature:jws,checkpoint",
                                                       "gateway-encryption:decrypt"}) {
    std::string socket = scratch_.directory() + "/s" + std::to_string(processes_.size());
    return *processes_.emplace_back(
        std::make_unique<TokenProcess>(scratch_, socket, keys, environment, module));
  }

  std::unique_ptr<TokenClient> Connect(TokenClientOptions options = {}) {
    for (auto& process : processes_) options.sockets.push_back(process->socket());
    auto client = TokenClient::Open(options);
    EXPECT_TRUE(client) << client.error().message;
    return client ? std::move(*client) : nullptr;
  }

  // Both kinds of operation work, right now.
  void ExpectServes(TokenClient& client) {
    auto signer = client.SignerFor("gateway-signature");
    ASSERT_TRUE(signer);
    auto signature = (*signer)->Sign({StatementKind::kJws, Jws()});
    ASSERT_TRUE(signature) << signature.error().message;
    EXPECT_TRUE(VerifySignature(SignatureAlgorithm::kES256, sign_.public_key_der, Jws(),
                                *signature));
    auto decrypter = client.DecrypterFor("gateway-encryption");
    ASSERT_TRUE(decrypter);
    EXPECT_TRUE(ProveDecrypter(**decrypter, decrypt_.public_key_der));
  }

  // Operations until `enough` says so: what is waited for is what the client itself does.
  template <typename F>
  bool SignUntil(TokenClient& client, F enough) {
    auto signer = *client.SignerFor("gateway-signature");
    auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(30);
    while (std::chrono::steady_clock::now() < deadline) {
      (void)signer->Sign({StatementKind::kJws, Jws()});
      if (enough()) return true;
    }
    return false;
  }

  ScratchToken scratch_;
  KeyInfo sign_, decrypt_;
  std::vector<std::unique_ptr<TokenProcess>> processes_;
};

TEST_F(TokenClientTest, OffersTheProvenKeysAndServesThem) {
  Spawn();
  auto client = Connect();
  ASSERT_NE(client, nullptr);
  ASSERT_EQ(client->Keys().size(), 2u);
  EXPECT_EQ(client->Keys()[0].label, "gateway-encryption");
  EXPECT_EQ(client->Keys()[0].public_key_der, decrypt_.public_key_der);
  EXPECT_TRUE(client->Healthy());
  ExpectServes(*client);
  EXPECT_EQ(client->SignerFor("gateway-encryption").error().code, ErrorCode::kInvalidArgument);
  EXPECT_EQ(client->SignerFor("unknown").error().code, ErrorCode::kNotFound);
}

TEST_F(TokenClientTest, SignsSeveralStatementsInOneTrip) {
  Spawn();
  auto client = Connect();
  auto signer = client->SignerFor("gateway-signature");
  ASSERT_TRUE(signer);
  std::vector<std::string> texts;
  for (int i = 0; i < 100; ++i) texts.push_back(Jws(i));
  std::vector<Statement> statements;
  for (const std::string& text : texts) statements.push_back({StatementKind::kJws, text});
  auto signatures = (*signer)->SignAll(statements);
  ASSERT_TRUE(signatures) << signatures.error().message;
  ASSERT_EQ(signatures->size(), texts.size());
  for (size_t i = 0; i < texts.size(); ++i) {
    EXPECT_TRUE(VerifySignature(SignatureAlgorithm::kES256, sign_.public_key_der, texts[i],
                                (*signatures)[i]));
  }
}

TEST_F(TokenClientTest, AKeySignsOnlyTheKindsItWasMadeFor) {
  Spawn();
  auto client = Connect();
  auto signer = client->SignerFor("gateway-signature");
  ASSERT_TRUE(signer);
  for (StatementKind kind : {StatementKind::kCertificate, StatementKind::kCrl, StatementKind::kOcsp,
                             StatementKind::kSelfTest, static_cast<StatementKind>(99)}) {
    EXPECT_EQ((*signer)->Sign({kind, Jws()}).error().code, ErrorCode::kInvalidArgument);
  }
  EXPECT_EQ((*signer)->Sign({StatementKind::kJws, "not a jws"}).error().code,
            ErrorCode::kInvalidArgument);
  ExpectServes(*client);
}

TEST_F(TokenClientTest, ABatchsRootIsSignedByKeysThatWereGrantedItAlone) {
  const std::string root =
      "p2p-batch-root/jws\n2\n" + base::Base64Encode(std::string(32, 'r')) + "\n";
  Spawn();
  auto client = Connect();
  EXPECT_EQ(client->SignerFor("gateway-signature").value()->Sign(
                {StatementKind::kBatchRoot, root}).error().code,
            ErrorCode::kInvalidArgument);
  processes_.clear();
  Spawn({}, {}, {"gateway-signature:jws,batch-root", "gateway-encryption:decrypt"});
  client = Connect();
  auto signer = client->SignerFor("gateway-signature").value();
  const auto signature = signer->Sign({StatementKind::kBatchRoot, root});
  ASSERT_TRUE(signature);
  EXPECT_TRUE(VerifySignature(signer->algorithm(), sign_.public_key_der, root, *signature));
  EXPECT_FALSE(signer->Sign({StatementKind::kJws, root}));
  EXPECT_FALSE(signer->Sign({StatementKind::kBatchRoot, Jws()}));
}

TEST_F(TokenClientTest, EveryBadCiphertextHasOneAnswer) {
  Spawn();
  auto client = Connect();
  auto decrypter = client->DecrypterFor("gateway-encryption");
  ASSERT_TRUE(decrypter);
  std::string off_curve(65, '\1'), long_point(200, '\4'), huge(100000, '\4');
  off_curve[0] = 4;
  for (std::string_view bad : {std::string_view(off_curve), std::string_view(long_point),
                               std::string_view(huge), std::string_view()}) {
    auto result = (*decrypter)->Unwrap({KeyManagement::kEcdhEs, bad});
    EXPECT_EQ(result.error().ToString(), "decryption-failed: not decrypted");
  }
  EXPECT_EQ((*decrypter)->Unwrap({KeyManagement::kRsaOaep256, off_curve}).error().ToString(),
            "decryption-failed: not decrypted");
}

TEST_F(TokenClientTest, AStoppedProcessIsKilledWhileTheOtherServes) {
  TokenProcess& hung = Spawn();
  Spawn();
  auto client = Connect({.operation_deadline = milliseconds(300)});
  ASSERT_TRUE(client);
  ASSERT_TRUE(SignUntil(*client, [&] { return client->ServingProcesses() == 2; }));
  hung.Signal(SIGSTOP);
  // Whichever process an operation meets, it succeeds; the stopped one is used sooner or later.
  std::vector<std::thread> threads;
  std::atomic<int> failed = 0;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      auto signer = *client->SignerFor("gateway-signature");
      for (int i = 0; i < 200; ++i) failed += !signer->Sign({StatementKind::kJws, Jws(i)});
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(failed, 0);
  int status = hung.Wait();
  EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
  hung.Start();  // as its supervisor would: the client finds it by itself
  processes_[1]->Signal(SIGKILL);
  EXPECT_TRUE(SignUntil(*client, [&, signer = *client->SignerFor("gateway-signature")] {
    return signer->Sign({StatementKind::kJws, Jws()}).has_value();
  }));
}

TEST_F(TokenClientTest, ACrashUnderLoadLosesNoOperation) {
  Spawn();
  Spawn();
  auto client = Connect();
  // Both must serve this client, or the first crash would leave none.
  ASSERT_TRUE(SignUntil(*client, [&] { return client->ServingProcesses() == 2; }));
  std::atomic<bool> stop = false;
  std::atomic<int> failed = 0, done = 0;
  std::vector<std::thread> threads;
  for (int t = 0; t < 6; ++t) {
    threads.emplace_back([&, t] {
      auto signer = *client->SignerFor("gateway-signature");
      auto decrypter = *client->DecrypterFor("gateway-encryption");
      while (!stop) {
        bool good = t % 2 == 0 ? signer->Sign({StatementKind::kJws, Jws(t)}).has_value()
                               : ProveDecrypter(*decrypter, decrypt_.public_key_der).has_value();
        failed += !good;
        ++done;
        done.notify_all();
      }
    });
  }
  for (int until = done; done < until + 200;) done.wait(done);
  processes_[0]->Signal(SIGKILL);
  for (int until = done; done < until + 500;) done.wait(done);
  stop = true;
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(failed, 0);
  EXPECT_GT(done, 500);
}

TEST_F(TokenClientTest, AProcessThatGrowsIsRetiredAndEndsCleanly) {
  TokenProcess& first = Spawn();
  TokenProcess& second = Spawn();
  {
    TokenClientOptions one;
    one.sockets = {second.socket()};
    ASSERT_TRUE(TokenClient::Open(one));
  }
  auto client = Connect({.memory_limit_bytes = 1 << 20});  // both are over it from the start
  ASSERT_TRUE(client);
  auto signer = *client->SignerFor("gateway-signature");
  // One retires, the other serves on: until the first is back there is no other to relieve it.
  int status = 0;
  pid_t ended = 0;
  ASSERT_TRUE(SignUntil(*client, [&] {
    for (pid_t pid : {first.pid(), second.pid()}) {
      if (waitpid(pid, &status, WNOHANG) == pid) ended = pid;
    }
    return ended != 0;
  }));
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << status;
  ExpectServes(*client);
}

TEST_F(TokenClientTest, AProcessWithOtherKeysIsRefused) {
  scratch_.Generate("another", KeyType::kP256, KeyUsage::kSign);
  Spawn();
  auto first = Connect();
  Spawn({}, {}, {"another:jws"});
  {
    TokenClientOptions one;
    one.sockets = {processes_[1]->socket()};
    ASSERT_TRUE(TokenClient::Open(one));
  }
  TokenClientOptions both;
  both.sockets = {processes_[0]->socket(), processes_[1]->socket()};
  both.connect_deadline = milliseconds(5000);
  auto client = TokenClient::Open(both);
  ASSERT_TRUE(client);
  // Which one came first is the reference; operations for its keys never meet the other.
  auto keys = (*client)->Keys();
  auto signer = *(*client)->SignerFor(keys.back().label);
  for (int i = 0; i < 50; ++i) EXPECT_TRUE(signer->Sign({StatementKind::kJws, Jws(i)}));
}

TEST_F(TokenClientTest, NewKeysAreOfferedByAllOnceTheirProcessesWereReplacedOneByOne) {
  Spawn();
  Spawn();
  auto client = Connect({.replace_deadline = milliseconds(15000)});
  ASSERT_TRUE(client);
  EXPECT_TRUE(SignUntil(*client, [&] { return client->ServingProcesses() == 2; }));
  scratch_.Generate("next", KeyType::kP256, KeyUsage::kSign);
  for (auto& process : processes_) process->AddKey("next:jws");
  // What their supervisor does: whoever ends is started again.
  std::jthread supervisor([&](std::stop_token stop) {
    while (!stop.stop_requested()) {
      for (auto& process : processes_) {
        if (waitpid(process->pid(), nullptr, WNOHANG) == process->pid()) process->Start();
      }
      poll(nullptr, 0, 5);
    }
  });
  std::atomic<int> failed = 0, signed_meanwhile = 0;
  std::jthread load([&](std::stop_token stop) {
    auto signer = *client->SignerFor("gateway-signature");
    while (!stop.stop_requested()) {
      ++(signer->Sign({StatementKind::kJws, Jws()}) ? signed_meanwhile : failed);
    }
  });
  EXPECT_FALSE(client->SignerFor("next"));
  EXPECT_TRUE(client->Require({"gateway-signature", "gateway-encryption", "next"}));
  auto next = client->SignerFor("next");
  ASSERT_TRUE(next);
  for (int i = 0; i < 50; ++i) EXPECT_TRUE((*next)->Sign({StatementKind::kJws, Jws(i)}));
  load.request_stop();
  load.join();
  supervisor.request_stop();
  supervisor.join();
  EXPECT_EQ(failed, 0);
  EXPECT_GT(signed_meanwhile, 0);
}

TEST_F(TokenClientTest, AKeyThatDoesNotComeIsSaidAndTheFormerOnesServeOn) {
  Spawn();
  Spawn();
  auto client = Connect({.replace_deadline = milliseconds(300)});
  ASSERT_TRUE(client);
  EXPECT_TRUE(SignUntil(*client, [&] { return client->ServingProcesses() == 2; }));
  EXPECT_EQ(client->Require({"gateway-signature", "never"}).error().code,
            ErrorCode::kTokenUnavailable);
  ExpectServes(*client);
}

TEST_F(TokenClientTest, WithoutAProcessOperationsAreRefusedAtOnceUntilOneIsBack) {
  TokenProcess& only = Spawn();
  auto client = Connect();
  ASSERT_TRUE(client);
  auto signer = *client->SignerFor("gateway-signature");
  only.Signal(SIGKILL);
  only.Wait();
  auto refused = signer->Sign({StatementKind::kJws, Jws()});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kTokenUnavailable);
  EXPECT_TRUE(SignUntil(*client, [&] { return !client->Healthy(); }));
  only.Start();
  EXPECT_TRUE(SignUntil(*client, [&] { return client->Healthy(); }));
  ExpectServes(*client);
}

TEST_F(TokenClientTest, MoreOperationsThanTheBoundAreRefused) {
  Spawn();
  auto client = Connect({.max_in_flight = 3});
  auto signer = *client->SignerFor("gateway-signature");
  std::string text = Jws();
  std::vector<Statement> four(4, Statement{StatementKind::kJws, text});
  EXPECT_EQ(signer->SignAll(four).error().code, ErrorCode::kOverloaded);
  four.pop_back();
  EXPECT_TRUE(signer->SignAll(four));
}

TEST_F(TokenClientTest, OpenSaysWhereItWaitedForAProcess) {
  TokenClientOptions options;
  options.sockets = {scratch_.directory() + "/nobody"};
  options.connect_deadline = milliseconds(50);
  auto client = TokenClient::Open(options);
  ASSERT_FALSE(client);
  EXPECT_EQ(client.error().code, ErrorCode::kTokenUnavailable);
  EXPECT_NE(client.error().message.find("/nobody"), std::string::npos);
}

TEST_F(TokenClientTest, TermEndsAProcessWithSuccess) {
  TokenProcess& process = Spawn();
  ASSERT_TRUE(Connect());
  process.Signal(SIGTERM);
  int status = process.Wait();
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

// The engine may not be allowed to kill: the process that hangs must end when its peer leaves.
TEST_F(TokenClientTest, AHungModuleEndsItsProcessWhenTheConnectionCloses) {
  doubles::FaultScript faults(scratch_.directory() + "/faults");
  TokenProcess& process = Spawn({}, doubles::FaultyModule());
  ASSERT_TRUE(Connect());  // it serves
  faults.Set("C_Sign hang");
  auto channel = base::Channel::Connect(process.socket());
  ASSERT_TRUE(channel);
  std::string text = Jws();
  ASSERT_TRUE((*channel)->Send(
      EncodeRequest(1, {{RequestKind::kSign, "gateway-signature",
                         static_cast<uint8_t>(StatementKind::kJws), text}})));
  (*channel)->Close();
  int status = process.Wait();
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 5) << status;
}

TEST_F(TokenClientTest, AMalformedFrameEndsItsConnectionAndNothingElse) {
  TokenProcess& process = Spawn();
  auto client = Connect();
  auto channel = base::Channel::Connect(process.socket());
  ASSERT_TRUE(channel);
  ASSERT_TRUE((*channel)->Send("nonsense"));
  EXPECT_FALSE((*channel)->Receive());
  ExpectServes(*client);
}

}  // namespace
}  // namespace paygate::hsm::token
