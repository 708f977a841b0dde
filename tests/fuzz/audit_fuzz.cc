// The first byte chooses the parser; what parses must print as the same bytes.
#include "audit/checkpoint.h"
#include "audit/entry.h"
#include "tests/fuzz/fuzz.h"

using namespace paygate;

void Fuzz(std::string_view input) {
  switch (Choose(input, 3)) {
    case 0: {
      const auto note = audit::ParseNote(input);
      if (note) Require(audit::PrintNote(*note) == input, "one spelling of a note");
      return;
    }
    case 1: {
      const auto entry = audit::ParseEntry(input);
      if (entry) Require(audit::PrintEntry(*entry) == input, "one spelling of an entry");
      return;
    }
    default: {
      const auto checkpoint = audit::ParseCheckpoint(input);
      if (!checkpoint) return;
      Require(audit::PrintCheckpoint(*checkpoint) == input, "one spelling of a checkpoint");
    }
  }
}
