// paygatectl: the operator's program, for a gateway that runs. It knows no answers: each subcommand
// is a row of kCommands, sent as it is, and the JSON that comes back is shown, for people or as it
// came. A new command is a row here and one in the engine (gateway/engine/control.h).
#include <CLI/CLI.hpp>
#include <cstdio>
#include <ctime>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/file.h"
#include "base/ipc.h"
#include "base/log.h"
#include "gateway/config.h"
#include "gateway/control_frames.h"
#include "tools/arguments.h"
#include "tools/ctl/audit_export.h"
#include "tools/ctl/reconcile.h"

namespace {

using paygate::base::Channel;
using paygate::base::ErrorCode;
using paygate::base::Fail;
using paygate::base::Result;
using paygate::gateway::ControlReply;
using paygate::gateway::ControlRequest;
using Json = nlohmann::ordered_json;

// Documented in docs/man/paygatectl.8.
enum ExitCode : int {
  kDone = 0,
  kRefused = 1,
  kUsage = 2,
  kUnreachable = 3,
  kForbidden = 4,
  kNotReconciled = 5
};

struct Argument {
  const char* name;    // of the control request
  const char* option;  // as CLI11 takes it: "id", or "--reason"
  const char* what;
  bool required;
  bool is_flag = false;  // takes no value; its own name is sent in place of one
};
struct Command {
  std::vector<const char*> words;  // "participants" "show"
  const char* name;                // of the control request
  const char* what;
  std::vector<Argument> arguments;
};

constexpr char kReconcile[] = "reconcile";    // several requests: tools/ctl/reconcile.h
constexpr char kExport[] = "audit.export";  // several requests: tools/ctl/audit_export.h
constexpr char kEvidence[] = "evidence";    // its answer goes into a file
const Argument kId{"id", "id", "ID of the participant (22 characters)", true};
const Argument kClaim{"claim", "claim", "ID of the claim, or of its payment", true};
const Argument kLimit{"limit", "--limit", "Rows at most (1 to 200; 50)", false};

const std::vector<Command> kCommands = {
    {{"status"}, "status", "Is it well: store, bank, open payments", {}},
    {{"participants", "list"},
     "participants.list",
     "IDs and status, a page at a time",
     {{"after", "--after", "Begin after this ID: \"next\" of the page before", false}, kLimit}},
    {{"participants", "show"}, "participants.show", "One, with all certificates", {kId}},
    {{"certificates", "show"},
     "certificates.show",
     "One, by its fingerprint",
     {{"fingerprint", "fingerprint", "x5t#S256: base64url(SHA-256(DER))", true}}},
    {{"payments", "show"},
     "payments.show",
     "What became of a payment",
     {{"payment_id", "payment_id", "As in the receipt", true}}},
    {{"intents"}, "intents.list", "Payments that are not settled, oldest first", {kLimit}},
    {{"claims"},
     "claims.list",
     "Refund claims that are not closed, those first that are due first",
     {kLimit, {"skip", "--skip", "Leave out so many", false}}},
    {{"claim", "show"}, "claims.show", "One, with what both sides say", {kClaim}},
    {{"claim", "decide"},
     "claims.decide",
     "Decide on one that the seller answered; both sides are told",
     {kClaim,
      {"decision", "--refund", "Give the buyer back what is left of the price", false, true},
      {"decision", "--reject", "Give nothing back", false, true},
      {"reason", "--reason", "One line; buyer and seller will read it", true}}},
    {{"revoke"},
     "participants.revoke",
     "End a participant's certificates, for good",
     {kId,
      {"reason", "--reason", "keyCompromise, cessationOfOperation or superseded", true}}},
    {{"hold"},
     "participants.hold",
     "Refuse a participant for the time being",
     {kId, {"note", "--note", "Why; shown by participants show", false}}},
    {{"release"}, "participants.release", "End a hold", {kId}},
    {{"evidence"},
     kEvidence,
     "Write the file that proves a payment, for paygate-audit verify-evidence",
     {{"payment_id", "payment_id", "As in the receipt", true},
      {"out", "--out", "The file (evidence-PAYMENT_ID.json); not overwritten", false}}},
    {{"reconcile"},
     kReconcile,
     "Compare what is stored with the bank's statement, and list every difference",
     {{"since", "--since",
       "A day (2027-01-31) or time (…T12:00:00Z): read the statement from its beginning again, and "
       "list only what ended then or later",
       false}}},
    {{"audit", "checkpoint"}, "audit.checkpoint", "Sign the audit log's head, and show it", {}},
    {{"audit", "export"},
     kExport,
     "Write the audit log into a new directory, for paygate-audit verify",
     {{"directory", "directory", "It is made; it must not be there", true}}},
};

constexpr char kFooter[] = R"(
Examples:
  paygatectl status
  paygatectl participants list --limit 20
  paygatectl revoke 3Zr1uXbn5mSg0Yt8c2QdLw --reason keyCompromise     # theft, told by the bank
  paygatectl hold 3Zr1uXbn5mSg0Yt8c2QdLw --note "fraud desk, case 17"
  paygatectl claim decide CLAIM_ID --refund --reason "the parcel went to another town"
  paygatectl audit export log-2027-01
  paygatectl evidence PAYMENT_ID --out payment.json
  paygatectl reconcile && echo "store and bank agree"
  paygatectl reconcile --since 2027-01-01     # the whole statement again
  paygatectl --json payments show PAYMENT_ID | jq .state

Exit codes: 0 done, 1 refused, not found, or reconcile found a difference, 2 usage, 3 the engine
does not answer, 4 not allowed, 5 reconcile could not be done.)";

Result<ControlReply> Ask(const std::string& socket, const ControlRequest& request) {
  auto channel = Channel::Connect(socket);
  if (!channel) {
    return Fail(channel.error().code,
                "no engine answers at " + socket + " (" + channel.error().message +
                    "): is the gateway running, and may this user reach the directory?");
  }
  // An engine that refuses this user answers and closes before it has read.
  const auto sent = (*channel)->Send(Encode(request));
  auto frame = (*channel)->Receive();
  if (!frame) return std::unexpected(sent ? frame.error() : sent.error());
  return paygate::gateway::DecodeControlReply(*frame);
}

bool IsTime(const std::string& name) {
  return name.ends_with("_at") || name.starts_with("not_") || name == "now" ||
         name == "answer_by" || name == "deliver_by" || name == "claim_until" ||
         name == "deadline" || name == "held_since" || name == "statement_complete_until";
}

std::string Word(const std::string& name, const Json& value) {
  if (value.is_number() && IsTime(name)) {
    const std::time_t time = value.get<int64_t>();
    std::tm parts{};
    char text[32];
    gmtime_r(&time, &parts);
    std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts);
    return text;
  }
  return value.is_string() ? value.get<std::string>() : value.dump();
}

// What others wrote may have line feeds: no line of it may pass for a member of ours.
std::string Continued(const std::string& word, size_t column) {
  std::string text;
  for (const char c : word) {
    text.push_back(c);
    if (c == '\n') text += std::string(column, ' ') + "| ";
  }
  return text;
}

void Print(const Json& object, const std::string& indent) {
  size_t width = 0;
  for (const auto& [name, value] : object.items()) width = std::max(width, name.size());
  for (const auto& [name, value] : object.items()) {
    if (value.is_object() || value.is_array()) {
      std::printf("%s%s:%s\n", indent.c_str(), name.c_str(), value.empty() ? " none" : "");
      if (value.is_object()) Print(value, indent + "  ");
      for (size_t i = 0; value.is_array() && i < value.size(); ++i) {
        if (i > 0) std::printf("\n");
        Print(value[i], indent + "  ");
      }
    } else {
      std::printf("%s%-*s  %s\n", indent.c_str(), static_cast<int>(width), name.c_str(),
                  Continued(Word(name, value), indent.size() + width + 2).c_str());
    }
  }
}

int Finish(const Result<ControlReply>& reply, bool json) {
  if (!reply) {
    std::fprintf(stderr, "paygatectl: %s\n", reply.error().message.c_str());
    return kUnreachable;
  }
  if (!reply->ok()) {
    std::fprintf(stderr, "paygatectl: %s\n", reply->error.c_str());
    if (reply->error_code == Name(ErrorCode::kInvalidArgument)) return kUsage;
    return reply->error_code == Name(ErrorCode::kPermissionDenied) ? kForbidden : kRefused;
  }
  Json answer = Json::parse(reply->json, nullptr, false);
  if (answer.is_discarded()) {
    std::fprintf(stderr, "paygatectl: the engine's answer is no JSON: run one release of both\n");
    return kUnreachable;
  }
  if (json) {
    std::printf("%s\n", reply->json.c_str());
  } else {
    if (answer.is_object()) answer.erase("meters");  // of status: for programs
    Print(answer, "");
  }
  return kDone;
}

// For what takes several requests; the first refusal is kept.
paygate::tools::ctl::Asker AskerFor(const std::string& socket, ControlReply& refusal) {
  return [&socket, &refusal](
             const std::string& command,
             const std::map<std::string, std::string>& arguments) -> Result<std::string> {
    auto reply = Ask(socket, {command, arguments});
    if (!reply) return std::unexpected(reply.error());
    if (reply->ok()) return reply->json;
    refusal = *reply;
    return Fail(ErrorCode::kPermissionDenied, reply->error);
  };
}

int Reconcile(const std::string& socket, const std::string& since, bool json) {
  ControlReply refusal;
  const auto reconciled = paygate::tools::ctl::Reconcile(AskerFor(socket, refusal), since);
  if (!reconciled && !refusal.ok()) {
    const int code = Finish(refusal, json);
    return code == kRefused ? kNotReconciled : code;
  }
  if (!reconciled) return Finish(std::unexpected(reconciled.error()), json);
  const int code = Finish(ControlReply{.json = reconciled->json, .error_code = {}, .error = {}},
                          json);
  if (code != kDone) return code;
  if (!reconciled->done) return kNotReconciled;
  return reconciled->differences == 0 ? kDone : kRefused;
}

int Export(const std::string& socket, const std::string& directory, bool json) {
  ControlReply refusal;
  const auto exported =
      paygate::tools::ctl::ExportAuditLog(AskerFor(socket, refusal), directory);
  if (!exported && !refusal.ok()) return Finish(refusal, json);
  if (!exported) {
    std::fprintf(stderr, "paygatectl: %s\n", exported.error().message.c_str());
    const ErrorCode code = exported.error().code;
    return code == ErrorCode::kAlreadyExists || code == ErrorCode::kIo ? kUsage : kUnreachable;
  }
  const Json done = {{"directory", directory},
                     {"entries", exported->entries},
                     {"checkpoints", exported->checkpoints}};
  return Finish(ControlReply{.json = done.dump(), .error_code = {}, .error = {}}, json);
}

int WriteEvidence(const std::string& socket, std::map<std::string, std::string>& given, bool force,
                  bool json) {
  const std::string& id = given["payment_id"];
  const auto reply = Ask(socket, {kEvidence, {{"payment_id", id}}});
  if (!reply || !reply->ok()) return Finish(reply, json);
  const std::string file = given["out"].empty() ? "evidence-" + id + ".json" : given["out"];
  const auto written = force ? paygate::base::ReplaceFile(file, reply->json)
                             : paygate::base::WriteNewFile(file, reply->json);
  if (!written) {
    const bool there = written.error().code == ErrorCode::kAlreadyExists;
    std::fprintf(stderr, "paygatectl: %s%s\n", written.error().message.c_str(),
                 there ? "; --force overwrites it" : "");
    return kUsage;
  }
  const Json done = {{"file", file}, {"bytes", reply->json.size()}};
  return Finish(ControlReply{.json = done.dump(), .error_code = {}, .error = {}}, json);
}

// Groups of one word each, as "participants", hold the commands of two words.
void AddCommands(CLI::App& app, ControlRequest& request,
                 std::map<std::string, std::string>& given) {
  std::map<std::string, CLI::App*> groups;
  for (const Command& command : kCommands) {
    CLI::App* parent = &app;
    if (command.words.size() > 1) {
      CLI::App*& group = groups[command.words[0]];
      if (!group) {
        group = app.add_subcommand(command.words[0], "See its own --help");
        group->require_subcommand(1)->fallthrough();
      }
      parent = group;
    }
    CLI::App* sub = parent->add_subcommand(command.words.back(), command.what);
    sub->fallthrough();
    for (const Argument& argument : command.arguments) {
      if (argument.is_flag) {
        sub->add_flag_callback(
            argument.option,
            [&given, &argument] { given[argument.name] += argument.option + 2; }, argument.what);
        continue;
      }
      sub->add_option(argument.option, given[argument.name], argument.what)
          ->required(argument.required);
    }
    sub->callback([&request, &given, &command] {
      request.command = command.name;
      for (const Argument& argument : command.arguments) {
        const std::string& value = given[argument.name];
        if (!value.empty()) request.arguments[argument.name] = value;
      }
    });
  }
}

}  // namespace

int main(int argc, char** argv) {
  paygate::base::InitLog("paygatectl", paygate::base::LogLevel::kWarning);
  CLI::App app{"Asks a running gateway, and tells it what the operator decides."};
  app.footer(kFooter);
  app.require_subcommand(1);
  std::string config_path = "/etc/paygate/gateway.toml", socket;
  bool json = false;
  app.add_option("--config", config_path, "The gateway's configuration: says where its socket is")
      ->capture_default_str();
  app.add_option("--socket", socket, "Its control.sock; the configuration is not read then");
  app.add_flag("--json", json, "The answer as one line of JSON");
  ControlRequest request;
  std::map<std::string, std::string> given;
  AddCommands(app, request, given);
  bool force = false;
  app.get_subcommand(kEvidence)->add_flag("--force", force, "Overwrite the file");
  try {
    paygate::tools::Parse(app, argc, argv);
  } catch (const CLI::ParseError& e) {
    return app.exit(e) == 0 ? kDone : kUsage;
  }
  if (socket.empty()) {
    const auto config = paygate::gateway::LoadConfig(config_path);
    if (!config) {
      std::fprintf(stderr, "paygatectl: %s\n", config.error().message.c_str());
      return kUsage;
    }
    socket = config->ControlSocket();
  }
  if (request.command == kReconcile) return Reconcile(socket, given["since"], json);
  if (request.command == kExport) return Export(socket, given["directory"], json);
  if (request.command == kEvidence) return WriteEvidence(socket, given, force, json);
  return Finish(Ask(socket, request), json);
}
