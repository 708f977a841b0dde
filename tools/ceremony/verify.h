// Verifying a ceremony afterwards, offline and without a token: the transcript by itself, and
// everything from the artefacts in the output directory.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "tools/ceremony/plan.h"
#include "tools/ceremony/transcript.h"

namespace paygate::tools::ceremony {

struct Finding {
  enum class Grade : uint8_t { kGood, kNote, kBad };
  Grade grade;
  std::string sentence;
};

struct Verdict {
  std::vector<Finding> findings;
  bool good() const;
  void Good(std::string sentence);
  void Note(std::string sentence);  // what could not be checked here
  void Bad(std::string sentence);
};

// `reviewed` is the ceremony's file as the verifier reviewed it: its hash and its signatories' keys
// are what the transcript is held against. Without it the transcript's own word is taken for who
// was to sign, and a note says so.
Verdict VerifyTranscript(std::string_view text, const Plan* reviewed);

// `reviewed` as above; without it, the copy in the directory is used.
Verdict VerifyArtefacts(const std::string& directory, const Plan* reviewed);

}  // namespace paygate::tools::ceremony
