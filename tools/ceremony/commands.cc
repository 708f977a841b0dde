#include "tools/ceremony/commands.h"

#include <stdlib.h>

#include <filesystem>
#include <iostream>
#include <nlohmann/json.hpp>

#include "base/file.h"
#include "tools/ceremony/ceremony.h"
#include "tools/ceremony/minute.h"
#include "tools/ceremony/rehearse.h"
#include "tools/ceremony/signatory.h"
#include "tools/ceremony/verify.h"

namespace paygate::tools::ceremony {
namespace {

using base::ErrorCode;
using base::Fail;
using base::Result;

constexpr const char* kSoftHsm = "/usr/lib/softhsm/libsofthsm2.so";

constexpr Command kAll[] = {
    {"plan", "print every step in words; nothing is opened or made", AddPlan},
    {"rehearse", "hold the whole ceremony on scratch SoftHSM tokens", AddRehearse},
    {"run", "hold the ceremony, with a confirmation for each step", AddRun},
    {"resume", "go on with a ceremony that was interrupted", AddResume},
    {"verify", "check everything again from the artefacts alone, or a transcript", AddVerify},
    {"minute", "print a transcript's minute, HTML, on standard output", AddMinute},
    {"signatory", "make a key for an operator or witness, in a file or a token", AddSignatory},
    {"scratch-tokens", "SoftHSM tokens with random PINs, for demos, tests and rehearsals",
     AddScratchTokens},
};

Result<std::string> Ask(const Step& step, size_t number, size_t of) {
  std::cout << "\nStep " << number << " of " << of << ": " << step.words
            << "\nType yes to do it, anything else to stop here: " << std::flush;
  std::string answer;
  if (!std::getline(std::cin, answer)) answer.clear();
  if (answer == "yes") return answer;
  return Fail(ErrorCode::kPermissionDenied,
              "stopped before step " + std::to_string(number) + "; what was made stays. "
              "`paygate-ceremony resume` goes on from here");
}

void PrintOutcome(const Outcome& outcome, bool json) {
  if (json) {
    nlohmann::json made = nlohmann::json::array();
    for (const Made& each : outcome.made) {
      made.push_back({{"what", each.what}, {"where", each.file}, {"sha256", each.fingerprint}});
    }
    std::cout << nlohmann::json{{"gateway_id", outcome.gateway_id},
                                {"made", made},
                                {"configuration", outcome.configuration},
                                {"transcript_sha256", outcome.transcript_hash}}
                     .dump(2)
              << "\n";
    return;
  }
  std::cout << "\nDone, and signed. Transcript " << outcome.transcript_hash << "\n";
  if (!outcome.gateway_id.empty()) std::cout << "Gateway ID " << outcome.gateway_id << "\n";
  if (outcome.configuration.empty()) return;
  std::cout << "\nFor gateway.toml:\n";
  for (const std::string& line : outcome.configuration) std::cout << line << "\n";
}

struct RunArguments {
  std::string file;
  bool yes = false, json = false;
};

int Hold(const RunArguments& arguments, bool resume) {
  auto plan = LoadPlan(arguments.file);
  if (!plan) return Complain(plan.error());
  Options options{.resume = resume, .confirm = Ask, .progress = {}};
  if (arguments.yes) {
    options.confirm = [](const Step&, size_t, size_t) -> Result<std::string> { return "--yes"; };
  }
  if (!arguments.json) {
    options.progress = [](const Made& made) {
      std::cout << made.what << "\n  " << made.file << "\n  " << made.fingerprint << "\n";
    };
  }
  const base::SystemClock clock;
  auto outcome = HoldCeremony(*plan, clock, options);
  if (!outcome) return Complain(outcome.error());
  PrintOutcome(*outcome, arguments.json);
  return 0;
}

void AddHold(CLI::App& app, int& status, bool resume) {
  auto arguments = std::make_shared<RunArguments>();
  app.add_option("file", arguments->file, "the ceremony's file (TOML)")->required();
  app.add_flag("--yes", arguments->yes, "confirm every step: for automation and tests");
  app.add_flag("--json", arguments->json, "print what was made as JSON, at the end; with --yes");
  app.callback([arguments, &status, resume] { status = Hold(*arguments, resume); });
}

int ShowPlan(const std::string& file) {
  auto plan = LoadPlan(file);
  if (!plan) return Complain(plan.error());
  if (!plan->title.empty()) std::cout << plan->title << "\n\n";
  std::cout << "A " << Name(plan->kind) << " ceremony; its files go to " << plan->output_directory
            << ".\n";
  const std::vector<Step> steps = StepsOf(*plan);
  for (size_t i = 0; i < steps.size(); ++i) {
    std::cout << "\n" << i + 1 << ". " << steps[i].words << "\n";
  }
  const std::vector<std::string> lines = ConfigurationLines(*plan);
  if (!lines.empty()) std::cout << "\nAfterwards, for gateway.toml:\n";
  for (const std::string& line : lines) std::cout << "  " << line << "\n";
  return 0;
}

int PrintVerdict(const Verdict& verdict, bool json) {
  nlohmann::json findings = nlohmann::json::array();
  for (const Finding& finding : verdict.findings) {
    const char* grade = finding.grade == Finding::Grade::kGood   ? "good"
                        : finding.grade == Finding::Grade::kNote ? "note"
                                                                 : "BAD";
    if (json) {
      findings.push_back({{"grade", grade}, {"finding", finding.sentence}});
    } else {
      std::cout << grade << "  " << finding.sentence << "\n";
    }
  }
  if (json) {
    std::cout << nlohmann::json{{"good", verdict.good()}, {"findings", findings}}.dump(2) << "\n";
  } else {
    std::cout << (verdict.good() ? "\nGood.\n" : "\nNOT good: see BAD above.\n");
  }
  return verdict.good() ? 0 : 1;
}

struct VerifyArguments {
  std::string what, reviewed;
  bool json = false;
};

int Verify(const VerifyArguments& arguments, bool transcript) {
  Plan plan;
  const bool pinned = !arguments.reviewed.empty();
  if (pinned) {
    auto loaded = LoadPlan(arguments.reviewed);
    if (!loaded) return Complain(loaded.error());
    plan = std::move(*loaded);
  }
  const Plan* reviewed = pinned ? &plan : nullptr;
  if (!transcript) return PrintVerdict(VerifyArtefacts(arguments.what, reviewed), arguments.json);
  auto text = base::ReadFile(arguments.what);
  if (!text) return Complain(text.error());
  return PrintVerdict(VerifyTranscript(*text, reviewed), arguments.json);
}

struct RehearseArguments {
  std::string file, directory, module = kSoftHsm;
};

int Rehearse(const RehearseArguments& arguments) {
  auto real = LoadPlan(arguments.file);
  if (!real) return Complain(real.error());
  auto plan = PrepareRehearsal(*real, arguments.directory, arguments.module);
  if (!plan) return Complain(plan.error());
  const auto confirm = [](const Step& step, size_t number, size_t of) -> Result<std::string> {
    std::cout << "\nStep " << number << " of " << of << ": " << step.words << "\n";
    return "rehearsed";
  };
  const base::SystemClock clock;
  auto outcome =
      HoldCeremony(*plan, clock, {.resume = false, .confirm = confirm, .progress = {}});
  if (!outcome) return Complain(outcome.error());
  std::cout << "\nVerified from what it made:\n";
  const int status = PrintVerdict(VerifyArtefacts(plan->output_directory, &*plan), false);
  if (status == 0) {
    std::cout << "Rehearsed on scratch tokens, with stand-ins for people and existing keys. The\n"
                 "real tokens, PINs and passphrases were not touched, nor seen to be right.\n";
  }
  return status;
}

int RehearseIn(RehearseArguments arguments) {
  if (!arguments.directory.empty()) {
    std::error_code error;
    if (!std::filesystem::exists(arguments.directory) ||
        std::filesystem::is_empty(arguments.directory, error)) {
      return Rehearse(arguments);
    }
    return Complain(Fail(ErrorCode::kAlreadyExists, arguments.directory +
                                                        " is not empty: name another").error());
  }
  std::string made = std::filesystem::temp_directory_path() / "rehearsal-XXXXXX";
  if (::mkdtemp(made.data()) == nullptr) {
    return Complain(Fail(ErrorCode::kIo, made + " cannot be made").error());
  }
  arguments.directory = made;
  const int status = Rehearse(arguments);
  std::error_code ignored;
  std::filesystem::remove_all(made, ignored);
  return status;
}

}  // namespace

const std::span<const Command> kCommands = kAll;

int Complain(const base::Error& error) {
  std::cerr << "paygate-ceremony: " << error.message << "\n";
  return error.code == ErrorCode::kInvalidArgument ? 3 : 1;
}

void AddPlan(CLI::App& app, int& status) {
  auto file = std::make_shared<std::string>();
  app.add_option("file", *file, "the ceremony's file (TOML)")->required();
  app.callback([file, &status] { status = ShowPlan(*file); });
}

void AddMinute(CLI::App& app, int& status) {
  auto file = std::make_shared<std::string>();
  app.add_option("transcript", *file, "transcript.jsonl")->required();
  app.callback([file, &status] {
    auto text = base::ReadFile(*file);
    auto records = text ? ParseTranscript(*text) : std::unexpected(text.error());
    if (records) std::cout << PrintMinute(*records);
    status = records ? 0 : Complain(records.error());
  });
}

void AddRehearse(CLI::App& app, int& status) {
  auto arguments = std::make_shared<RehearseArguments>();
  app.add_option("file", arguments->file, "the ceremony's file (TOML)")->required();
  app.add_option("--dir", arguments->directory,
                 "an empty directory of your own, to look at afterwards; else one that is removed");
  app.add_option("--module", arguments->module, "SoftHSM's PKCS#11 module");
  app.callback([arguments, &status] { status = RehearseIn(*arguments); });
}

void AddRun(CLI::App& app, int& status) { AddHold(app, status, false); }
void AddResume(CLI::App& app, int& status) { AddHold(app, status, true); }

void AddVerify(CLI::App& app, int& status) {
  auto arguments = std::make_shared<VerifyArguments>();
  const auto options = [&](CLI::App& to) {
    to.add_option("--ceremony", arguments->reviewed,
                  "the ceremony's file as you reviewed it, which says whose signatures count");
    to.add_flag("--json", arguments->json, "print the findings as JSON");
  };
  options(app);
  app.require_subcommand(0, 1);
  CLI::App* transcript = app.add_subcommand("transcript", "the transcript alone");
  transcript->add_option("file", arguments->what, "transcript.jsonl")->required();
  options(*transcript);
  auto* directory = app.add_option("directory", arguments->what, "the ceremony's output_directory");
  (void)directory;
  app.callback([arguments, transcript, &status] {
    if (arguments->what.empty()) throw CLI::RequiredError("directory");
    status = Verify(*arguments, transcript->parsed());
  });
}

struct SignatoryArguments {
  std::string file, passphrase_file, label;
  hsm::pkcs11::TokenLocation token{.module_path = kSoftHsm, .token_uri = "", .pin_file = ""};

  Result<std::string> Make() const {
    if (!token.token_uri.empty()) return MakeTokenKey(token, label);
    ASSIGN_OR_RETURN(auto passphrase, ReadPassphrase(passphrase_file, "A passphrase for " + file));
    return MakeKeyFile(file, passphrase);
  }
};

void AddSignatory(CLI::App& app, int& status) {
  auto arguments = std::make_shared<SignatoryArguments>();
  auto* file = app.add_option("--out", arguments->file, "the key file to make");
  app.add_option("--passphrase-file", arguments->passphrase_file,
                 "a private file with its passphrase; asked for if left out")
      ->needs(file);
  auto* uri = app.add_option("--token-uri", arguments->token.token_uri,
                             "instead of --out: the token in which to make the key (RFC 7512)");
  auto* pin = app.add_option("--pin-file", arguments->token.pin_file, "with its user PIN");
  auto* label = app.add_option("--label", arguments->label, "the key's label in the token");
  app.add_option("--module", arguments->token.module_path, "the token's PKCS#11 module")
      ->needs(uri);
  uri->needs(pin)->needs(label)->excludes(file);
  pin->needs(uri);
  label->needs(uri);
  app.callback([arguments, &status] {
    if (arguments->file.empty() && arguments->token.token_uri.empty()) {
      throw CLI::RequiredError("--out or --token-uri");
    }
    auto made = arguments->Make();
    if (made) std::cout << "public_key = \"" << *made << "\"\n";
    status = made ? 0 : Complain(made.error());
  });
}

void AddScratchTokens(CLI::App& app, int& status) {
  auto directory = std::make_shared<std::string>();
  auto module = std::make_shared<std::string>(kSoftHsm);
  auto labels = std::make_shared<std::vector<std::string>>();
  app.add_option("--dir", *directory, "a directory of your own; is made if missing")->required();
  app.add_option("--module", *module, "SoftHSM's PKCS#11 module");
  app.add_option("--label", *labels,
                 "a token's label; may be given again (default: paygate-root and paygate)");
  app.callback([directory, module, labels, &status] {
    if (labels->empty()) *labels = {"paygate-root", "paygate"};
    auto made = MakeScratchTokens(*directory, *module, *labels);
    if (made) std::cout << "export SOFTHSM2_CONF=" << *directory << "/softhsm2.conf\n";
    status = made ? 0 : Complain(made.error());
  });
}

}  // namespace paygate::tools::ceremony
