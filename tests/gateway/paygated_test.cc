// paygated with the real front, and small programs in the places of token, bank and engine.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/stat.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "tests/doubles/places.h"
#include "tests/gateway/client.h"
#include "tests/gateway/scratch.h"

namespace paygate::gateway {
namespace {

using namespace testing;
using ::testing::HasSubstr;
using ::testing::StartsWith;

// Serves a Unix socket and notes its arguments and environment beside it.
constexpr char kServer[] = R"(#!/usr/bin/python3
import os, signal, socket, sys
here, args = os.path.dirname(os.path.abspath(__file__)), sys.argv[1:]
path = args[args.index("--socket") + 1] if "--socket" in args else here + "/run/engine.sock"
name = os.path.basename(path)
open(here + "/" + name + ".args", "w").write("\n".join(args))
open(here + "/" + name + ".env", "w").write("\n".join(os.environ))
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
if os.path.exists(path): os.unlink(path)
s = socket.socket(socket.AF_UNIX)
s.bind(path)
s.listen(8)
open(here + "/" + name + ".pid", "w").write(str(os.getpid()))
kept = []
while True: kept.append(s.accept())
)";

std::string Contents(const std::string& file) {
  std::ostringstream out;
  out << std::ifstream(file).rdbuf();
  return out.str();
}

class Paygated : public ::testing::Test {
 protected:
  Paygated() {
    scratch_.MakeTls();
    const std::string server = scratch_.Write("server", kServer, 0700);
    for (const char* name : {"root.pem", "pin", "plugin.so", "bank.toml"})
      scratch_.Write(name, "x");
    config_ = scratch_.Configuration("port = 0\nprocesses = 2",
                                     "[programs]\ntoken = \"" + server + "\"\nbank = \"" + server +
                                         "\"\nengine = \"" + server + "\"\n");
  }
  std::string Path(const std::string& name) { return scratch_.path() + "/" + name; }
  std::vector<std::string> Words(const std::string& more = "") {
    std::vector<std::string> words{doubles::Program("paygated"), "--config", config_};
    if (!more.empty()) words.push_back(more);
    return words;
  }
  Scratch scratch_;
  std::string config_;
};

TEST_F(Paygated, StartsEveryKindOfProcessSaysWhereItServesAndLeavesNothingBehind) {
  Program paygated(Words(), {"SOFTHSM2_CONF=/tmp/softhsm.conf", "UNRELATED=1"});
  const std::string line = paygated.ReadLine();
  ASSERT_THAT(line, StartsWith("ready https://127.0.0.1:"));
  EXPECT_TRUE(Client(static_cast<uint16_t>(std::stoi(line.substr(24)))).connected());
  EXPECT_EQ(Contents(Path("run/paygated.pid")), std::to_string(paygated.pid()) + "\n");
  EXPECT_THAT(Contents(Path("token-0.sock.args")),
              HasSubstr("--key\ngateway-signature:jws,checkpoint\n"
                        "--key\ngateway-encryption:decrypt\n--key\nissuing-ca:certificate,crl"));
  EXPECT_THAT(Contents(Path("token-1.sock.env")), HasSubstr("SOFTHSM2_CONF"));
  EXPECT_THAT(Contents(Path("engine.sock.env")), ::testing::Not(HasSubstr("SOFTHSM2_CONF")));
  EXPECT_THAT(Contents(Path("token-1.sock.env")), ::testing::Not(HasSubstr("UNRELATED")));
  EXPECT_THAT(Contents(Path("bank.sock.args")), HasSubstr("--adapter-config"));

  EXPECT_EQ(Program(Words()).Wait(), 1);  // a second one in the same directory

  const pid_t engine = std::stoi(Contents(Path("engine.sock.pid")));
  EXPECT_EQ(sched_getscheduler(engine), SCHED_BATCH);
  paygated.Signal(SIGTERM);
  EXPECT_EQ(paygated.Wait(), 0);
  EXPECT_NE(kill(engine, 0), 0);
  EXPECT_TRUE(std::filesystem::is_empty(Path("run")));
}

TEST_F(Paygated, StartsAnotherTokenProcessOnTheSameSocketWhenOneIsKilled) {
  Program paygated(Words());
  ASSERT_THAT(paygated.ReadLine(), StartsWith("ready "));
  const std::string before = Contents(Path("token-1.sock.pid"));
  kill(std::stoi(before), SIGKILL);
  EXPECT_TRUE(Eventually([&] {
    const std::string now = Contents(Path("token-1.sock.pid"));
    return now != before && !now.empty();
  }));
  paygated.Signal(SIGTERM);
  EXPECT_EQ(paygated.Wait(), 0);
}

TEST_F(Paygated, ChecksTheConfigurationAndExits) {
  Program right(Words("--check"));
  EXPECT_THAT(right.ReadLine(), HasSubstr("is right"));
  EXPECT_EQ(right.Wait(), 0);
  chmod(Path("pin").c_str(), 0644);
  EXPECT_EQ(Program(Words("--check")).Wait(), 2);
  chmod(Path("pin").c_str(), 0600);
  config_ = scratch_.Configuration("port = 99999");
  EXPECT_EQ(Program(Words("--check")).Wait(), 2);
  EXPECT_FALSE(std::filesystem::exists(Path("run")));
}

}  // namespace
}  // namespace paygate::gateway
