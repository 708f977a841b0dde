// paygate-audit: checks what a gateway exported, offline. docs/man/paygate-audit.1.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <string>
#include <vector>

#include "base/log.h"
#include "protocol/json.h"
#include "tools/audit/evidence.h"
#include "tools/audit/print.h"
#include "tools/audit/verify.h"

namespace {

using namespace paygate;  // NOLINT: a program's own names
using tools::audit::LogReport;

enum ExitCode : int { kGood = 0, kBad = 1, kUsage = 2, kNotChecked = 3 };

constexpr char kIntroduction[] =
    "Checks what a payment gateway did, from what it exported and the operator's root\n"
    "certificate alone: no network, no gateway, no trust in who brought the files.";

constexpr char kFooter[] = R"(
The gateway's operator makes the directory:
  paygatectl audit export log-2027-01
Whoever has it and the root certificate checks it, and keeps one checkpoint of it:
  paygate-audit verify log-2027-01 --root root.pem
  cp log-2027-01/checkpoints/00000000000000001234.txt kept.txt
A month later that checkpoint shows whether the past is still the same:
  paygate-audit verify log-2027-02 --root root.pem --checkpoint kept.txt

Of one payment the operator makes a file that proves it by itself:
  paygatectl evidence PAYMENT_ID --out payment.json
  paygate-audit verify-evidence payment.json --root root.pem
The buyer's bank also sees whether the accounts are the signed ones:
  paygate-audit verify-evidence payment.json --root root.pem --bank-key bank.key

Exit codes: 0 good, 1 bad (the reasons are printed), 2 usage, 3 could not be checked.)";

int NotChecked(const base::Error& error) {
  std::fprintf(stderr, "paygate-audit: %s\n", error.message.c_str());
  return error.code == base::ErrorCode::kInvalidArgument ? kUsage : kNotChecked;
}

void PrintJson(const LogReport& report) {
  protocol::JsonWriter json;
  json.String("verdict", report.findings.empty() ? "good" : "bad")
      .String("origin", report.origin)
      .Integer("entries", static_cast<int64_t>(report.entries))
      .Integer("checkpoints", static_cast<int64_t>(report.checkpoints))
      .Integer("newest_size", static_cast<int64_t>(report.newest.size))
      .Integer("newest_at", base::ToNumericDate(report.newest.at))
      .Strings("kept", report.kept)
      .Strings("findings", report.findings);
  std::printf("%s\n", json.Take().c_str());
}

void PrintWords(const LogReport& report) {
  for (const std::string& line : report.kept) std::printf("%s\n", line.c_str());
  for (const std::string& line : report.findings) std::printf("BAD: %s\n", line.c_str());
  if (!report.findings.empty()) return;
  std::printf("good: %llu entries of %s are what its %zu checkpoints say\n",
              static_cast<unsigned long long>(report.entries), report.origin.c_str(),
              report.checkpoints);
}

int Verify(const tools::audit::LogToVerify& what, bool json) {
  const auto report = tools::audit::VerifyLog(what);
  if (!report) return NotChecked(report.error());
  if (json) {
    PrintJson(*report);
  } else {
    PrintWords(*report);
  }
  return report->findings.empty() ? kGood : kBad;
}

int VerifyEvidence(const tools::audit::EvidenceToVerify& what, bool json) {
  const auto report = tools::audit::VerifyEvidence(what);
  if (!report) return NotChecked(report.error());
  const std::string text = json ? tools::audit::EvidenceAsJson(*report) + "\n"
                                : tools::audit::EvidenceInWords(*report);
  std::fputs(text.c_str(), stdout);
  return report->valid() ? kGood : kBad;
}

void AddEvidence(CLI::App& app, tools::audit::EvidenceToVerify& what) {
  CLI::App* verify = app.add_subcommand(
      "verify-evidence", "An evidence file: what does it prove of its payment, and is it whole?");
  verify->add_option("FILE", what.file, "As paygatectl evidence made it")
      ->required()
      ->check(CLI::ExistingFile);
  verify->add_option("--root", what.root, "The operator's root certificate, PEM")
      ->required()
      ->check(CLI::ExistingFile);
  auto* key = verify
                  ->add_option("--bank-key", what.bank_key,
                               "The bank's private key, PKCS#8 in PEM: opens the sealed accounts")
                  ->check(CLI::ExistingFile);
  verify->add_option("--bank-passphrase-file", what.passphrase_file, "Of that key, if it has one")
      ->check(CLI::ExistingFile)
      ->needs(key);
  verify
      ->add_option("--bank-signer", what.bank_signer,
                   "Certificate or public key under which the bank signs its answers, PEM")
      ->check(CLI::ExistingFile);
}

}  // namespace

int main(int argc, char** argv) {
  base::InitLog("paygate-audit", base::LogLevel::kWarning);
  CLI::App app{kIntroduction, "paygate-audit"};
  app.footer(kFooter);
  app.require_subcommand(1);
  bool json = false;
  tools::audit::LogToVerify log;
  CLI::App* verify = app.add_subcommand(
      "verify", "An exported audit log: is every entry what was signed, and all of them here?");
  verify->add_option("DIR", log.directory, "As paygatectl audit export made it")
      ->required()
      ->check(CLI::ExistingDirectory);
  verify->add_option("--root", log.root, "The operator's root certificate, PEM")
      ->required()
      ->check(CLI::ExistingFile);
  verify
      ->add_option("--checkpoint", log.kept,
                   "A checkpoint kept from before, which this log must continue; may be repeated")
      ->check(CLI::ExistingFile);
  tools::audit::EvidenceToVerify evidence;
  AddEvidence(app, evidence);
  for (CLI::App* each : app.get_subcommands([](CLI::App*) { return true; })) {
    each->add_flag("--json", json, "The report as one line of JSON");
  }
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& e) {
    return app.exit(e) == 0 ? kGood : kUsage;
  }
  return *verify ? Verify(log, json) : VerifyEvidence(evidence, json);
}
