// The first byte chooses the parser; what parses must print as the same bytes.
#include "audit/checkpoint.h"
#include "tests/fuzz/fuzz.h"

using namespace paygate;

void Fuzz(std::string_view input) {
  switch (Choose(input, 2)) {
    case 0: {
      const auto note = audit::ParseNote(input);
      if (note) Require(audit::PrintNote(*note) == input, "one spelling of a note");
      return;
    }
    default: {
      const auto checkpoint = audit::ParseCheckpoint(input);
      if (!checkpoint) return;
      Require(audit::PrintCheckpoint(*checkpoint) == input, "one spelling of a checkpoint");
    }
  }
}
