// Parses a command line that may name IDs.
//
// An ID is base64url of 16 bytes (a participant) or 32 (a CSBLK, a payment, a claim, a
// fingerprint), so one in 64 begins with a hyphen, which CLI11 would take for an option's. Nobody
// who copies an ID should have to know that: such an argument is the ID, wherever it stands.
#pragma once

namespace CLI {
class App;
}

namespace paygate::tools {

// Instead of app.parse(argc, argv), when every option and command has been added. Throws what that
// throws.
void Parse(CLI::App& app, int argc, char** argv);

}  // namespace paygate::tools
