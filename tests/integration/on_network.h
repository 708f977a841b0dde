// The running gateway on the simulated financial network instead of a bank in a box.
#pragma once

#include <fstream>
#include <sstream>
#include <string>

#include "tests/banksim/scratch_network.h"
#include "tests/doubles/places.h"
#include "tests/integration/scratch_gateway.h"

namespace paygate::integration {

using banksim::testing::ScratchNetwork;

// Points the made gateway's configuration at the network instead of the embedded bank. `more`:
// further lines of the adapter's own.
inline void PutOn(const ScratchNetwork& network, const std::string& directory,
                  const std::string& more = "") {
  std::ofstream(directory + "/adapter.toml") << network.AdapterConfig(more);
  std::stringstream text;
  text << std::ifstream(directory + "/gateway.toml").rdbuf();
  std::string config = text.str();
  const size_t from = config.find("[bank]"), to = config.find("[programs]");
  config.replace(from, to - from,
                 "[bank]\nname = \"iso20022\"\nplugin = \"" +
                     doubles::Library("libpaygate_bank_iso20022.so") + "\"\nconfig = \"" +
                     directory + "/adapter.toml\"\n\n");
  std::ofstream(directory + "/gateway.toml") << config;
}

// With all waits short.
inline ScratchGateway::Options On(const ScratchNetwork& network) {
  return {.engine = {"payment_wait_s = 1", "inquiry_interval_s = 1", "clock_skew_s = 1",
                     "notices_interval_s = 1"},
          .prepare = [&network](const std::string& directory) {
            PutOn(network, directory, "answer_timeout_s = 3\nlate_answer_wait_s = 3\n");
          }};
}

// The bank's customer number `n`, from 0.
inline Customer CustomerOf(const ScratchNetwork& network, const std::string& bank, size_t n = 0) {
  const std::string iban = network.Ibans(bank).at(n);
  return {.name = "A customer",
          .iban = iban,
          .currency = "GBP",
          .enrolment_code = network.CodeOf(iban),
          .balance = 100'000};
}

}  // namespace paygate::integration
