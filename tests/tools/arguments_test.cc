// An ID that begins with a hyphen, on a command line.
#include "tools/arguments.h"

#include <gtest/gtest.h>

#include <CLI/CLI.hpp>

namespace paygate::tools {
namespace {

const std::string kPayment = "-h" + std::string(40, 'x') + "A";  // of 32 bytes
const std::string kParticipant = "--" + std::string(19, 'x') + "A";  // of 16

struct CommandLine : testing::Test {
  CommandLine() {
    app.require_subcommand(1);
    app.add_flag("--json", json);
    CLI::App* refund = app.add_subcommand("refund");
    refund->fallthrough();
    refund->add_option("payment", payment)->required();
    refund->add_option("amount", amount);
    refund->add_option("--buyer", buyer);
  }
  void Read(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), "program");
    std::vector<char*> argv;
    for (std::string& argument : arguments) argv.push_back(argument.data());
    Parse(app, static_cast<int>(argv.size()), argv.data());
  }

  CLI::App app;
  bool json = false;
  std::string payment, amount, buyer;
};

TEST_F(CommandLine, TakesAnIdThatBeginsWithAHyphenWhereverItStands) {
  Read({"refund", kPayment, "12.50", "--json", "--buyer", kParticipant});
  EXPECT_EQ(payment, kPayment);
  EXPECT_EQ(amount, "12.50");
  EXPECT_EQ(buyer, kParticipant);
  EXPECT_TRUE(json);
  Read({"refund", "--json", "--", kPayment});
  EXPECT_EQ(payment, kPayment);
  Read({"refund", kParticipant, "--buyer=" + kParticipant});
  EXPECT_EQ(payment, kParticipant);
  EXPECT_EQ(buyer, kParticipant);
}

TEST_F(CommandLine, StillRefusesAnOptionThatIsNone) {
  EXPECT_THROW(Read({"refund", kPayment, "--joson"}), CLI::ExtrasError);
  EXPECT_THROW(Read({"refund", kPayment, "-x"}), CLI::ExtrasError);
  EXPECT_THROW(Read({"refund", kPayment + "AA", "1"}), CLI::ParseError) << "not of an ID's length";
  EXPECT_THROW(Read({"refund", kPayment.substr(0, 42) + "x"}), CLI::ParseError) << "not canonical";
}

TEST_F(CommandLine, LeavesEveryOtherTextAsItIs) {
  Read({"refund", " -x", " 12"});
  EXPECT_EQ(payment, " -x");
  EXPECT_EQ(amount, " 12");
}

}  // namespace
}  // namespace paygate::tools
