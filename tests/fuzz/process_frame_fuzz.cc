// What one of our processes would read if another were taken over: every frame between them, the
// bytes prepared for a bank, and a line of the embedded bank's journal.
#include "bank/adapters/embedded/record.h"
#include "bank/adapters/embedded/transfer.h"
#include "bank/frames.h"
#include "gateway/control_frames.h"
#include "gateway/frames.h"
#include "hsm/token/wire.h"
#include "tests/fuzz/fuzz.h"

using namespace paygate;

void Fuzz(std::string_view input) {
  switch (Choose(input, 12)) {
    case 0: {
      auto frame = gateway::DecodeFromFront(input);
      if (!frame) return;
      const auto again = std::visit([](const auto& f) { return gateway::Encode(f); }, *frame);
      return Require(again == input, "one spelling of a front's frame");
    }
    case 1: {
      auto response = gateway::DecodeFromEngine(input);
      if (response) Require(gateway::Encode(*response) == input, "one spelling of a response");
      return;
    }
    case 2: return (void)bank::DecodeHello(input);
    case 3: return (void)bank::DecodeRequest(input);
    case 4: return (void)bank::DecodeReply(input);
    case 5: return (void)hsm::token::DecodeRequest(input);
    case 6: return (void)hsm::token::DecodeReply(input);
    case 7: return (void)hsm::token::DecodeKeys(input);
    case 8: return (void)bank::embedded::DecodeRecord(input);
    case 10: {
      auto request = gateway::DecodeControlRequest(input);
      if (request) Require(gateway::Encode(*request) == input, "one spelling of a request");
      return;
    }
    case 11: {
      auto reply = gateway::DecodeControlReply(input);
      if (reply && (reply->json.empty() || reply->error.empty()))
        Require(gateway::Encode(*reply) == input, "one spelling of a reply");
      return;
    }
    default: return (void)bank::embedded::ParsePrepared(input);
  }
}
