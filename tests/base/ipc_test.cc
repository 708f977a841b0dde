#include "base/ipc.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <future>
#include <map>
#include <thread>
#include <vector>

namespace paygate::base {
namespace {

using std::chrono::milliseconds;

struct Pair {
  explicit Pair(milliseconds timeout = std::chrono::seconds(5), int flags = 0) {
    int fds[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | flags, 0, fds) != 0) std::abort();
    a = std::make_unique<Channel>(fds[0], timeout);
    b = std::make_unique<Channel>(fds[1], timeout);
  }
  std::unique_ptr<Channel> a, b;
};

// A channel whose other end is bare bytes.
struct RawPair {
  RawPair() {
    int fds[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) != 0) std::abort();
    raw = fds[0];
    channel = std::make_unique<Channel>(fds[1]);
  }
  ~RawPair() { Hangup(); }
  void Write(std::string_view bytes) { ASSERT_EQ(write(raw, bytes.data(), bytes.size()),
                                                 static_cast<ssize_t>(bytes.size())); }
  void Hangup() {
    if (raw >= 0) close(raw);
    raw = -1;
  }
  int raw;
  std::unique_ptr<Channel> channel;
};

TEST(Channel, DeliversWholeFramesInOrder) {
  Pair pair;
  const std::vector<std::string> frames = {"a", std::string(100, 'b'), std::string(1, '\0'),
                                           std::string(70'000, 'c'), "d"};
  std::thread sender([&] {
    for (const std::string& frame : frames) ASSERT_TRUE(pair.a->Send(frame));
  });
  for (const std::string& frame : frames) EXPECT_EQ(*pair.b->Receive(), frame);
  sender.join();
}

TEST(Channel, DeliversEverySizeAroundItsBuffer) {
  for (int flags : {0, int{SOCK_NONBLOCK}}) {
    Pair pair(std::chrono::seconds(5), flags);
    std::thread sender([&] {
      for (size_t n = 65'500; n < 65'580; n++) ASSERT_TRUE(pair.a->Send(std::string(n, 'x')));
      ASSERT_TRUE(pair.a->Send(std::string(kMaxFrameBytes, 'y')));
      for (int i = 0; i < 2000; i++) ASSERT_TRUE(pair.a->Send(std::to_string(i)));
    });
    for (size_t n = 65'500; n < 65'580; n++) ASSERT_EQ(*pair.b->Receive(), std::string(n, 'x'));
    ASSERT_EQ(*pair.b->Receive(), std::string(kMaxFrameBytes, 'y'));
    for (int i = 0; i < 2000; i++) ASSERT_EQ(*pair.b->Receive(), std::to_string(i));
    sender.join();
  }
}

TEST(Channel, KeepsFramesOfManySendersWhole) {
  Pair pair;
  std::vector<std::thread> senders;
  for (int t = 0; t < 4; t++) {
    senders.emplace_back([&, t] {
      const std::string frame(1000 + t * 7000, static_cast<char>('a' + t));
      for (int i = 0; i < 100; i++) ASSERT_TRUE(pair.a->Send(frame));
    });
  }
  std::map<char, int> seen;
  for (int i = 0; i < 400; i++) {
    const std::string frame = *pair.b->Receive();
    ASSERT_EQ(frame, std::string(1000 + (frame[0] - 'a') * 7000, frame[0]));
    seen[frame[0]]++;
  }
  for (std::thread& sender : senders) sender.join();
  for (const auto& [letter, count] : seen) EXPECT_EQ(count, 100) << letter;
}

TEST(Channel, ReadsAFrameThatArrivesByteByByte) {
  RawPair pair;
  auto frame = std::async(std::launch::async, [&] { return pair.channel->Receive(); });
  for (const char c : std::string("\x03\0\0\0abc", 7)) pair.Write({&c, 1});
  EXPECT_EQ(*frame.get(), "abc");
}

TEST(Channel, RefusesAFrameThatItMayNotSendAndStaysGood) {
  Pair pair;
  EXPECT_EQ(pair.a->Send("").error().code, ErrorCode::kInvalidArgument);
  EXPECT_EQ(pair.a->Send(std::string(kMaxFrameBytes + 1, 'x')).error().code,
            ErrorCode::kPayloadTooLarge);
  ASSERT_TRUE(pair.a->Send("ok"));
  EXPECT_EQ(*pair.b->Receive(), "ok");
}

TEST(Channel, ClosesOnAFrameOfNoBytesOrOverTheBound) {
  for (const std::string& header :
       {std::string("\0\0\0\0", 4), std::string("\x01\0\x40\0", 4), std::string(4, '\xff')}) {
    RawPair pair;
    pair.Write(header);
    EXPECT_EQ(pair.channel->Receive().error().code, ErrorCode::kMalformed);
    EXPECT_TRUE(pair.channel->closed());
    EXPECT_EQ(pair.channel->Receive().error().code, ErrorCode::kClosed);
    EXPECT_EQ(pair.channel->Send("x").error().code, ErrorCode::kClosed);
  }
}

TEST(Channel, IsClosedAtTheEndOfStreamInsideOrBetweenFrames) {
  for (const std::string& bytes :
       {std::string(), std::string("\x05\0", 2), std::string("\x05\0\0\0ab", 6)}) {
    RawPair pair;
    pair.Write(bytes);
    pair.Hangup();
    EXPECT_EQ(pair.channel->Receive().error().code, ErrorCode::kClosed);
    EXPECT_TRUE(pair.channel->closed());
  }
}

TEST(Channel, ClosesWhenNothingComesWithinItsLimitOrAFrameStopsHalfWay) {
  for (const std::string& sent : {std::string(), std::string("\x05\0", 2),
                                  std::string("\x05\0\0\0he", 6)}) {
    RawPair pair;
    pair.channel->LimitReceive(milliseconds(20));
    pair.Write(std::string("\x02\0\0\0in", 6) + sent);
    EXPECT_EQ(*pair.channel->Receive(), "in");
    EXPECT_EQ(pair.channel->Receive().error().code, ErrorCode::kTimeout);
    EXPECT_TRUE(pair.channel->closed());
    EXPECT_EQ(pair.channel->Receive().error().code, ErrorCode::kClosed);
  }
}

TEST(Channel, StillDeliversWhatCameBeforeTheEnd) {
  Pair pair;
  ASSERT_TRUE(pair.a->Send("last words"));
  pair.a->Close();
  EXPECT_EQ(*pair.b->Receive(), "last words");
  EXPECT_EQ(pair.b->Receive().error().code, ErrorCode::kClosed);
}

TEST(Channel, SendToAPeerThatIsGoneFailsWithoutASignal) {
  Pair pair;
  pair.b.reset();
  EXPECT_EQ(pair.a->Send("x").error().code, ErrorCode::kClosed);
}

TEST(Channel, TrySendRefusesAtOnceWhenThePeerDoesNotRead) {
  Pair pair;
  Status full;
  int small = 0;
  while ((full = pair.a->TrySend("tick"))) small++;
  EXPECT_EQ(full.error().code, ErrorCode::kOverloaded);
  EXPECT_FALSE(pair.a->closed());
  for (int i = 0; i < small; i++) ASSERT_EQ(*pair.b->Receive(), "tick");
  EXPECT_TRUE(pair.a->TrySend("again"));
  EXPECT_EQ(*pair.b->Receive(), "again");
}

TEST(Channel, SendGivesUpAfterItsTimeoutAndCloses) {
  Pair pair(milliseconds(50));
  Status status;
  while ((status = pair.a->Send(std::string(64 << 10, 'x')))) {
  }
  EXPECT_EQ(status.error().code, ErrorCode::kTimeout);
  EXPECT_TRUE(pair.a->closed());
}

TEST(Channel, TrySendDoesNotWaitBehindASenderThatWaits) {
  Pair pair;
  while (pair.a->TrySend("tick")) {
  }
  auto sender = std::async(std::launch::async, [&] { return pair.a->Send("waits"); });
  for (int i = 0; i < 100; i++) {
    EXPECT_EQ(pair.a->TrySend("tick").error().code, ErrorCode::kOverloaded);
  }
  std::string frame;
  while (frame != "waits") frame = *pair.b->Receive();
  EXPECT_TRUE(sender.get());
}

TEST(Channel, CloseWakesReceiveAndSend) {
  Pair pair;
  while (pair.a->TrySend("tick")) {
  }
  auto sender = std::async(std::launch::async, [&] { return pair.a->Send("waits"); });
  auto receiver = std::async(std::launch::async, [&] { return pair.a->Receive(); });
  pair.a->Close();
  EXPECT_EQ(sender.get().error().code, ErrorCode::kClosed);
  EXPECT_EQ(receiver.get().error().code, ErrorCode::kClosed);
}

class ListenerTest : public testing::Test {
 protected:
  ListenerTest() {
    char name[] = "/tmp/paygate-ipc-XXXXXX";
    dir_ = mkdtemp(name);
    path_ = dir_ + "/s";
  }
  ~ListenerTest() override { std::filesystem::remove_all(dir_); }
  std::string dir_, path_;
};

TEST_F(ListenerTest, AcceptsConnectionsAndTellsWhoConnected) {
  auto listener = Listener::Open(path_).value();
  auto client = Channel::Connect(path_).value();
  auto server = listener->Accept().value();
  ASSERT_TRUE(client->Send("hello"));
  EXPECT_EQ(*server->Receive(), "hello");
  EXPECT_EQ(server->Peer()->uid, getuid());
  EXPECT_EQ(server->Peer()->gid, getgid());
  EXPECT_EQ(server->Peer()->pid, getpid());
}

TEST_F(ListenerTest, DoesNotLetALoopSpinWhileNoDescriptorIsLeft) {
  auto listener = Listener::Open(path_).value();
  auto client = Channel::Connect(path_).value();  // waits to be accepted all the while
  rlimit before{}, none{};
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &before), 0);
  none = {.rlim_cur = 3, .rlim_max = before.rlim_max};  // poll wants as many as it watches
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &none), 0);
  int tries = 0;
  for (const auto end = std::chrono::steady_clock::now() + milliseconds(300);
       std::chrono::steady_clock::now() < end; ++tries) {
    EXPECT_EQ(listener->Accept().error().code, ErrorCode::kOverloaded);
  }
  EXPECT_LE(tries, 4);
  listener->Close();  // ends the pauses, too
  EXPECT_EQ(listener->Accept().error().code, ErrorCode::kClosed);
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &before), 0);
}

TEST_F(ListenerTest, MakesItsSocketPrivateUnlessTold) {
  struct stat st {};
  {
    auto listener = Listener::Open(path_).value();
    ASSERT_EQ(stat(path_.c_str(), &st), 0);
    EXPECT_EQ(st.st_mode & 0777, 0600u);
  }
  auto listener = Listener::Open(path_, 0660).value();
  ASSERT_EQ(stat(path_.c_str(), &st), 0);
  EXPECT_EQ(st.st_mode & 0777, 0660u);
}

TEST_F(ListenerTest, RefusesAPathThatALiveProcessServes) {
  auto listener = Listener::Open(path_).value();
  const auto second = Listener::Open(path_);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, ErrorCode::kAlreadyExists);
  EXPECT_TRUE(Channel::Connect(path_));  // the first one still serves
}

TEST_F(ListenerTest, ReplacesTheSocketOfADeadProcess) {
  const int dead = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strcpy(address.sun_path, path_.c_str());
  ASSERT_EQ(bind(dead, reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
  close(dead);
  EXPECT_EQ(Channel::Connect(path_).error().code, ErrorCode::kClosed);
  auto listener = Listener::Open(path_);
  ASSERT_TRUE(listener) << listener.error().message;
  EXPECT_TRUE(Channel::Connect(path_));
}

TEST_F(ListenerTest, NeverRemovesAFileThatIsNoSocket) {
  close(creat(path_.c_str(), 0600));
  EXPECT_EQ(Listener::Open(path_).error().code, ErrorCode::kAlreadyExists);
  EXPECT_TRUE(std::filesystem::is_regular_file(path_));
}

TEST_F(ListenerTest, LeavesNoSocketBehind) {
  Listener::Open(path_).value().reset();
  EXPECT_FALSE(std::filesystem::exists(path_));
  EXPECT_EQ(Channel::Connect(path_).error().code, ErrorCode::kClosed);
}

TEST_F(ListenerTest, CloseWakesAccept) {
  auto listener = Listener::Open(path_).value();
  auto waiting = std::async(std::launch::async, [&] { return listener->Accept(); });
  listener->Close();
  EXPECT_EQ(waiting.get().error().code, ErrorCode::kClosed);
  EXPECT_EQ(listener->Accept().error().code, ErrorCode::kClosed);
}

TEST_F(ListenerTest, RefusesAPathThatASocketCannotHave) {
  const std::string longer = dir_ + "/" + std::string(120, 'x');
  EXPECT_EQ(Listener::Open(longer).error().code, ErrorCode::kInvalidArgument);
  EXPECT_EQ(Channel::Connect(longer).error().code, ErrorCode::kInvalidArgument);
  EXPECT_EQ(Listener::Open("").error().code, ErrorCode::kInvalidArgument);
}

}  // namespace
}  // namespace paygate::base
