#include "tests/fuzz/fuzz.h"
#include "tools/ceremony/key_backup.h"
#include "tools/ceremony/share_words.h"

using namespace paygate;
using namespace paygate::tools::ceremony;

void Fuzz(std::string_view input) {
  if (Choose(input, 2) == 0) {
    const size_t lines = kSealedShareOctets / kShareLineOctets;
    const auto octets = FromWords(input, lines);
    if (!octets) return;
    Require(octets->size() == kSealedShareOctets, "a share's size");
    const auto words = FromWords(ToWords(*octets), lines);
    Require(words && *words == *octets, "the words again");
    const auto code = FromWords(ToQrText(*octets), lines);
    Require(code && *code == *octets, "the code's text again");
    KeyBackup backup;
    backup.id = octets->substr(4, 8);
    backup.shares.resize(2);
    (void)NameOfShare(backup, *octets);
    return;
  }
  const auto backup = ParseKeyBackup(input);
  if (!backup) return;
  Require(backup->threshold >= 2, "a threshold");
  Require(backup->shares.size() >= static_cast<size_t>(backup->threshold), "enough shares");
  const std::string printed = PrintKeyBackup(*backup);
  const auto again = ParseKeyBackup(printed);
  Require(again && PrintKeyBackup(*again) == printed, "the file again");
}
