#include "tools/ceremony/probe.h"

#include <iostream>
#include <nlohmann/json.hpp>

#include "hsm/pkcs11/probe.h"

namespace paygate::tools::ceremony {
namespace {

constexpr int kFailed = 1, kUnfit = 4;

void PrintJson(const hsm::pkcs11::TokenReport& report) {
  nlohmann::ordered_json findings = nlohmann::json::array();
  for (const auto& each : report.findings) {
    findings.push_back({{"what", each.what}, {"seen", each.seen}, {"unfit", each.unfit}});
  }
  std::cout << nlohmann::ordered_json{{"module", report.module},
                                      {"token", report.token},
                                      {"fit", report.Fit()},
                                      {"findings", findings}}
                   .dump(2)
            << "\n";
}

void PrintText(const hsm::pkcs11::TokenReport& report) {
  std::cout << "module  " << report.module << "\ntoken   " << report.token << "\n\n";
  for (const auto& each : report.findings) {
    std::cout << (each.unfit ? "UNFIT   " : "        ") << each.what << ": " << each.seen << "\n";
  }
  std::cout << (report.Fit() ? "\nNothing was seen that speaks against this token.\n"
                             : "\nThis token must not hold a gateway's keys.\n");
}

}  // namespace

ProbeCommand::ProbeCommand(CLI::App& app)
    : command_(app.add_subcommand(
          "probe", "say what the token at URI is seen to do, with throw-away keys")) {
  location_.module_path = "/usr/lib/softhsm/libsofthsm2.so";
  command_->add_option("uri", location_.token_uri, "the token, as pkcs11:token=LABEL")->required();
  command_->add_option("--module", location_.module_path, "its PKCS#11 module");
  command_
      ->add_option("--pin-file", location_.pin_file,
                   "file with its user PIN, readable by you only")
      ->required();
  command_->add_option("--init-args", location_.init_args,
                       "a text for C_Initialize, where the module wants one (NSS's does)");
  command_->add_flag("--json", json_, "print the findings as JSON");
}

int ProbeCommand::Run() const {
  auto report = hsm::pkcs11::ProbeToken(location_);
  if (!report) {
    std::cerr << "paygate-ceremony: " << report.error().message << "\n";
    return kFailed;
  }
  json_ ? PrintJson(*report) : PrintText(*report);
  return report->Fit() ? 0 : kUnfit;
}

}  // namespace paygate::tools::ceremony
