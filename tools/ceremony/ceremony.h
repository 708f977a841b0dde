// Ceremony: makes a gateway's keys in its tokens and the certificates over them, step by step.
//
// Guarantee: nothing is ever overwritten: an existing file or key label stops the ceremony before
// it makes anything. Every step is in the transcript before it is done and after. Every private
// key but the front's TLS key is generated in a token; it leaves it only if the file says at its
// birth that it has a backup. Every certificate is linted under a throw-away key before the CA's
// key signs the same bytes. No network is used.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "tools/ceremony/plan.h"
#include "tools/ceremony/steps.h"

namespace paygate::tools::ceremony {

struct Made {
  std::string what;         // "issuing-ca certificate"
  std::string file;         // path, or "label in token"
  std::string fingerprint;  // SHA-256 of the certificate, file or SubjectPublicKeyInfo, base64url
};
struct Outcome {
  std::string gateway_id;
  std::vector<Made> made;
  std::vector<std::string> configuration;  // lines for gateway.toml
  std::string transcript_hash;             // of the line that was signed
};

struct Options {
  bool resume = false;
  // Before each step: the answer for the record, or an error, which stops the ceremony there.
  std::function<base::Result<std::string>(const Step&, size_t number, size_t of)> confirm;
  std::function<void(const Made&)> progress;  // after each thing made
};

// kAlreadyExists: a file or label is there already. kPermissionDenied: stopped by an answer, or a
// wrong PIN or passphrase. What was made until an error stays; `resume` goes on from there.
base::Result<Outcome> HoldCeremony(const Plan& plan, const base::Clock& clock,
                                   const Options& options);

// The lines for gateway.toml that a ceremony's new keys and certificates ask for.
std::vector<std::string> ConfigurationLines(const Plan& plan);

// SoftHSM tokens with these labels, each with a random PIN in a private file LABEL.pin, and
// softhsm2.conf, all in `directory`: for demos, tests and rehearsals. SOFTHSM2_CONF must not have
// been read by this process before.
base::Status MakeScratchTokens(const std::string& directory, const std::string& module_path,
                               const std::vector<std::string>& labels);

}  // namespace paygate::tools::ceremony
