#include "base/file.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>

namespace paygate::base {
namespace {

class File : public testing::Test {
 protected:
  File() {
    char name[] = "/tmp/paygate-file-XXXXXX";
    dir_ = mkdtemp(name);
  }
  ~File() override { std::filesystem::remove_all(dir_); }

  std::string Path(const std::string& name) const { return dir_ + "/" + name; }
  size_t FilesInDirectory() const {
    return std::distance(std::filesystem::directory_iterator(dir_), {});
  }
  static mode_t ModeOf(const std::string& path) {
    struct stat st {};
    EXPECT_EQ(stat(path.c_str(), &st), 0);
    return st.st_mode & 07777;
  }

  std::string dir_;
};

TEST_F(File, ReadsBackWhatWasWritten) {
  const std::string bytes(100'000, 'b');
  ASSERT_TRUE(WriteNewFile(Path("f"), bytes));
  EXPECT_EQ(*ReadFile(Path("f")), bytes);
  ASSERT_TRUE(WriteNewFile(Path("empty"), ""));
  EXPECT_EQ(*ReadFile(Path("empty")), "");
}

TEST_F(File, RefusesToReadBeyondTheLimit) {
  ASSERT_TRUE(WriteNewFile(Path("f"), "12345"));
  EXPECT_TRUE(ReadFile(Path("f"), 5));
  EXPECT_EQ(ReadFile(Path("f"), 4).error().code, ErrorCode::kPayloadTooLarge);
  EXPECT_EQ(ReadSecretFile(Path("f"), 4).error().code, ErrorCode::kPayloadTooLarge);
  // A file without a size of its own meets the limit too.
  EXPECT_EQ(ReadFile("/dev/zero", 1000).error().code, ErrorCode::kPayloadTooLarge);
}

TEST_F(File, SaysWhichFileIsMissing) {
  const auto missing = ReadFile(Path("nothing"));
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code, ErrorCode::kNotFound);
  EXPECT_NE(missing.error().message.find("nothing"), std::string::npos);
  EXPECT_FALSE(ReadFile(dir_));  // a directory
}

TEST_F(File, NewFileNeverOverwrites) {
  ASSERT_TRUE(WriteNewFile(Path("key"), "old"));
  const Status again = WriteNewFile(Path("key"), "new");
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().code, ErrorCode::kAlreadyExists);
  EXPECT_EQ(*ReadFile(Path("key")), "old");
  EXPECT_EQ(FilesInDirectory(), 1u);  // and leaves no temporary file
}

TEST_F(File, NewFileDoesNotFollowASymbolicLink) {
  ASSERT_EQ(symlink(Path("elsewhere").c_str(), Path("link").c_str()), 0);
  EXPECT_EQ(WriteNewFile(Path("link"), "x").error().code, ErrorCode::kAlreadyExists);
  EXPECT_FALSE(std::filesystem::exists(Path("elsewhere")));
}

TEST_F(File, HasTheModeAskedForWhateverTheUmask) {
  const mode_t before = umask(0277);
  EXPECT_TRUE(WriteNewFile(Path("private"), "x"));
  EXPECT_TRUE(WriteNewFile(Path("public"), "x", 0644));
  umask(before);
  EXPECT_EQ(ModeOf(Path("private")), 0600u);
  EXPECT_EQ(ModeOf(Path("public")), 0644u);
}

TEST_F(File, ReplaceSwapsTheWholeContentsAndLeavesNothingElse) {
  ASSERT_TRUE(ReplaceFile(Path("state"), "one"));
  const int reader = open(Path("state").c_str(), O_RDONLY);
  ASSERT_TRUE(ReplaceFile(Path("state"), "two"));
  char old[4] = {};
  EXPECT_EQ(read(reader, old, 3), 3);  // who has it open still sees the old contents, whole
  close(reader);
  EXPECT_STREQ(old, "one");
  EXPECT_EQ(*ReadFile(Path("state")), "two");
  EXPECT_EQ(FilesInDirectory(), 1u);
}

TEST_F(File, AFailedWriteLeavesNothing) {
  EXPECT_EQ(WriteNewFile(Path("no/such/dir"), "x").error().code, ErrorCode::kNotFound);
  std::filesystem::create_directory(Path("d"));
  EXPECT_FALSE(ReplaceFile(Path("d"), "x"));  // a directory cannot be replaced by a file
  EXPECT_EQ(FilesInDirectory(), 1u);
}

TEST_F(File, SecretLosesOneTrailingLineFeed) {
  ASSERT_TRUE(WriteNewFile(Path("pin"), "1234\n"));
  EXPECT_EQ(ReadSecretFile(Path("pin"))->view(), "1234");
  ASSERT_TRUE(ReplaceFile(Path("pin"), "1234\n\n"));
  EXPECT_EQ(ReadSecretFile(Path("pin"))->view(), "1234\n");
}

TEST_F(File, RefusesASecretThatOthersCanReadAndSaysHowToMendIt) {
  ASSERT_TRUE(WriteNewFile(Path("pin"), "1234", 0640));
  const auto pin = ReadSecretFile(Path("pin"));
  ASSERT_FALSE(pin);
  EXPECT_EQ(pin.error().code, ErrorCode::kPermissionDenied);
  EXPECT_NE(pin.error().message.find("chmod 600 " + Path("pin")), std::string::npos);
  EXPECT_EQ(pin.error().message.find("1234"), std::string::npos);
  ASSERT_TRUE(ReplaceFile(Path("pin"), "1234", 0604));
  EXPECT_FALSE(ReadSecretFile(Path("pin")));
}

TEST_F(File, TakesASystemdCredentialWhoseAclShowsAsGroupBits) {
  ASSERT_TRUE(WriteNewFile(Path("pin"), "1234", 0440));
  setenv("CREDENTIALS_DIRECTORY", dir_.c_str(), 1);
  EXPECT_TRUE(ReadSecretFile(Path("pin")));
  unsetenv("CREDENTIALS_DIRECTORY");
  EXPECT_FALSE(ReadSecretFile(Path("pin")));
}

TEST_F(File, MakesPrivateDirectoriesAllTheWay) {
  ASSERT_TRUE(MakePrivateDirectory(Path("a/b/c")));
  EXPECT_EQ(ModeOf(Path("a")), 0700u);
  EXPECT_EQ(ModeOf(Path("a/b/c")), 0700u);
  EXPECT_TRUE(MakePrivateDirectory(Path("a/b/c")));  // is there already
  EXPECT_TRUE(MakePrivateDirectory(Path("a/b/") + "d/"));
}

TEST_F(File, RefusesADirectoryThatOthersCanWriteOrThatIsNone) {
  std::filesystem::create_directory(Path("open"));
  chmod(Path("open").c_str(), 0770);
  EXPECT_EQ(MakePrivateDirectory(Path("open")).error().code, ErrorCode::kPermissionDenied);
  ASSERT_TRUE(WriteNewFile(Path("f"), ""));
  EXPECT_EQ(MakePrivateDirectory(Path("f")).error().code, ErrorCode::kAlreadyExists);
  EXPECT_FALSE(MakePrivateDirectory(Path("f/below")));
}

TEST_F(File, RemovesAndDoesNotMindAMissingFile) {
  ASSERT_TRUE(WriteNewFile(Path("f"), "x"));
  EXPECT_TRUE(RemoveFileDurably(Path("f")));
  EXPECT_TRUE(RemoveFileDurably(Path("f")));
  EXPECT_EQ(FilesInDirectory(), 0u);
}

TEST(DescriptorLimit, IsRaisedAsFarAsTheHardOneAndNeverLowered) {
  rlimit before{};
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &before), 0);
  const rlimit few{.rlim_cur = 100, .rlim_max = before.rlim_max};
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &few), 0);
  EXPECT_EQ(RaiseDescriptorLimit(200), 200u);
  EXPECT_EQ(RaiseDescriptorLimit(150), 200u);
  EXPECT_EQ(RaiseDescriptorLimit(before.rlim_max + 1), before.rlim_max);
  rlimit after{};
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &after), 0);
  EXPECT_EQ(after.rlim_cur, before.rlim_max);
  EXPECT_EQ(after.rlim_max, before.rlim_max);
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &before), 0);
}

}  // namespace
}  // namespace paygate::base
