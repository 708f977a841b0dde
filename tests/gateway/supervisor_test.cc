// The supervisor needs a process of its own: each test runs one in a fork, with small real
// children.
#include "gateway/supervisor/supervisor.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "tests/gateway/scratch.h"

namespace paygate::gateway::supervisor {
namespace {

using namespace paygate::gateway::testing;

std::string Contents(const std::string& file) {
  std::ostringstream out;
  out << std::ifstream(file).rdbuf();
  return out.str();
}

class Supervised : public ::testing::Test {
 protected:
  ~Supervised() override {
    if (pid_ > 0) {
      kill(pid_, SIGKILL);
      waitpid(pid_, nullptr, 0);
    }
  }

  std::string Path(const std::string& name) { return scratch_.path() + "/" + name; }

  // A shell that notes its start, its process id and its stop, and is ready once it noted the
  // start.
  ChildSpec Child(const std::string& name, const std::string& on_term = "exit 0",
                  const std::string& first = ":") {
    const std::string log = Path("log"), pid = Path(name + ".pid");
    return {name,
            "/bin/sh",
            {"-c", "trap 'echo stop " + name + " >> " + log + "; " + on_term + "' TERM; " + first +
                       "; echo start " + name + " >> " + log + "; echo $$ > " + pid + ".new; mv " +
                       pid + ".new " + pid + "; while :; do sleep 0.05; done"},
            {"PATH=/usr/bin:/bin"},
            [pid] { return std::filesystem::exists(pid); }};
  }

  void Run(std::vector<Stage> stages, SupervisorTimes times = {}) {
    const std::string ready = Path("ready");
    pid_ = fork();
    if (pid_ != 0) return;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    const base::SystemClock clock;
    const auto status = Supervisor::Create(std::move(stages), clock, times)->Run([&] {
      std::ofstream(ready) << 1;
    });
    if (!status) std::ofstream(Path("error")) << status.error().message;
    _exit(status ? 0 : 1);
  }

  bool Ready() {
    return Eventually([&] { return std::filesystem::exists(Path("ready")); });
  }
  pid_t PidOf(const std::string& name) {
    pid_t pid = 0;
    std::ifstream(Path(name + ".pid")) >> pid;
    return pid;
  }
  static bool Gone(pid_t pid) { return kill(pid, 0) != 0; }
  int Wait() {
    int status = 0;
    waitpid(pid_, &status, 0);
    pid_ = 0;
    return WEXITSTATUS(status);
  }

  Scratch scratch_;
  pid_t pid_ = 0;
};

TEST_F(Supervised, ProgramsStartInOrderAndStopInTheReverseOrder) {
  Run({{Child("a")}, {Child("b")}, {Child("c")}});
  ASSERT_TRUE(Ready());
  const pid_t pids[] = {PidOf("a"), PidOf("b"), PidOf("c")};
  kill(pid_, SIGTERM);
  EXPECT_EQ(Wait(), 0);
  EXPECT_EQ(Contents(Path("log")), "start a\nstart b\nstart c\nstop c\nstop b\nstop a\n");
  for (const pid_t pid : pids) EXPECT_TRUE(Gone(pid));
}

TEST_F(Supervised, AProgramThatIsKilledIsStartedAgainAtOnceAndTheOthersAreLeftAlone) {
  Run({{Child("a"), Child("b")}});
  ASSERT_TRUE(Ready());
  const pid_t a = PidOf("a"), b = PidOf("b");
  kill(a, SIGKILL);
  EXPECT_TRUE(Eventually([&] { return PidOf("a") != a && PidOf("a") != 0; }));
  EXPECT_EQ(PidOf("b"), b);
  kill(pid_, SIGTERM);
  EXPECT_EQ(Wait(), 0);
}

TEST_F(Supervised, AProgramThatDoesNotStopIsKilled) {
  Run({{Child("stubborn", ":")}},
      {.ready = std::chrono::seconds(20), .stop = std::chrono::milliseconds(200)});
  ASSERT_TRUE(Ready());
  const pid_t stubborn = PidOf("stubborn");
  kill(pid_, SIGTERM);
  EXPECT_EQ(Wait(), 0);
  EXPECT_TRUE(Gone(stubborn));
}

TEST_F(Supervised, ProgramsDieWithASupervisorThatIsKilled) {
  Run({{Child("a")}});
  ASSERT_TRUE(Ready());
  const pid_t a = PidOf("a");
  kill(pid_, SIGKILL);
  Wait();
  EXPECT_TRUE(Eventually([&] {
    return Gone(a) ||
           Contents("/proc/" + std::to_string(a) + "/stat").find(") Z ") != std::string::npos;
  }));
}

TEST_F(Supervised, AStartThatKeepsFailingIsGivenUpAndWhatRanIsStopped) {
  Run({{Child("a")}, {Child("bad", "exit 0", "exit 7")}});
  EXPECT_EQ(Wait(), 1);
  EXPECT_EQ(
      Contents(Path("error")),
      "bad ended 3 times while starting, last with exit status 7; its log lines above say why");
  EXPECT_EQ(Contents(Path("log")), "start a\nstop a\n");
}

TEST_F(Supervised, AProgramThatIsNeverReadyEndsTheStart) {
  ChildSpec slow = Child("slow");
  slow.ready = [] { return false; };
  Run({{slow}}, {.ready = std::chrono::milliseconds(300), .stop = std::chrono::seconds(5)});
  EXPECT_EQ(Wait(), 1);
  EXPECT_THAT(Contents(Path("error")), ::testing::HasSubstr("slow was not ready in time"));
}

TEST_F(Supervised, AtAReloadAProgramIsChangedForItsNextStartAndAnotherRunsToItsEnd) {
  ChildSpec next = Child("a", "exit 0", "touch " + Path("changed"));
  ChildSpec once = Child("once");
  once.arguments = {"-c", "exit 7"};
  const base::SystemClock clock;
  const std::string ready = Path("ready"), told = Path("told");
  std::vector<Stage> stages{{Child("a")}};
  pid_ = fork();
  if (pid_ == 0) {
    auto supervisor = Supervisor::Create(std::move(stages), clock);
    (void)supervisor->Run([&] { std::ofstream(ready) << 1; },
                          [&] {
                            supervisor->Change(next);
                            const auto status = supervisor->RunOnce(once, std::chrono::seconds(10));
                            supervisor->Signal("a", SIGKILL);
                            std::ofstream(told + ".new") << status.value_or(-1);
                            std::filesystem::rename(told + ".new", told);
                          });
    _exit(0);
  }
  ASSERT_TRUE(Ready());
  EXPECT_FALSE(std::filesystem::exists(Path("changed")));
  kill(pid_, SIGHUP);
  EXPECT_TRUE(Eventually([&] { return Contents(told) == "7"; }));
  EXPECT_TRUE(Eventually([&] { return std::filesystem::exists(Path("changed")); }));
  kill(pid_, SIGTERM);
  EXPECT_EQ(Wait(), 0);
}

TEST_F(Supervised, AProgramGetsNoMoreEnvironmentThanItIsGiven) {
  setenv("PAYGATE_TEST_SECRET", "leak", 1);
  Run({{Child("a", "exit 0", "env > " + Path("env"))}});
  ASSERT_TRUE(Ready());
  EXPECT_THAT(Contents(Path("env")), ::testing::Not(::testing::HasSubstr("SECRET")));
}

}  // namespace
}  // namespace paygate::gateway::supervisor
