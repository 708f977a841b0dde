// Hall: where one ceremony is held: its plan, transcript, open tokens, and what was made so far.
// For the .cc files of this folder that do the steps. Not thread-safe.
#pragma once

#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/file.h"
#include "hsm/key_admin.h"
#include "protocol/certificate.h"
#include "tools/ceremony/ceremony.h"
#include "tools/ceremony/plan.h"
#include "tools/ceremony/transcript.h"

namespace paygate::tools::ceremony {

using nlohmann::ordered_json;

constexpr const char* kMinuteFile = "minute.html";

struct Hall {
  const Plan& plan;
  const Options& options;
  std::unique_ptr<Transcript> transcript;
  std::string gateway_id;
  base::UnixTime opened_at;
  std::map<std::string, std::unique_ptr<hsm::KeyAdmin>> tokens;
  Outcome outcome;

  base::Result<hsm::KeyAdmin*> Token(const std::string& name);
  // A file of this ceremony, or an existing one; of this ceremony only as the transcript has it.
  base::Result<protocol::Certificate> CertificateOf(const std::string& file) const;
  // Of a key made in this ceremony.
  base::Result<protocol::PublicKey> PublicKeyOf(const std::string& label) const;
  // With the key of this CA's certificate.
  base::Result<std::unique_ptr<hsm::Signer>> SignerOf(const std::string& certificate_file);
  // The root that a certificate's path ends at, and the CAs between.
  struct Path {
    std::vector<protocol::Certificate> between;
    std::optional<protocol::Certificate> anchor;
  };
  base::Result<Path> PathOf(const CertificatePlan& certificate) const;

  // True if this step was begun before and not finished: what it made may be there.
  bool Interrupted(const Step& step) const { return transcript->Last("begun", step.id) != nullptr; }
  base::Status Begin(const Step& step, const std::string& answer, ordered_json more = {});
  base::Status Done(const Step& step, ordered_json more);
  void Report(std::string what, std::string where, std::string fingerprint);
};

// The actions. `answer` is what was answered before the step; each writes its begin and its end.
base::Status DoGenerate(Hall& hall, const Step& step, const std::string& answer);
base::Status DoCertify(Hall& hall, const Step& step, const std::string& answer);
base::Status DoListRevoked(Hall& hall, const Step& step, const std::string& answer);
base::Status DoBackUp(Hall& hall, const Step& step, const std::string& answer);
base::Status DoRestore(Hall& hall, const Step& step, const std::string& answer);
base::Status DoDestroy(Hall& hall, const Step& step, const std::string& answer);
base::Status DoClose(Hall& hall, const Step& step, const std::string& answer);
base::Status DoSign(Hall& hall, const Step& step, const std::string& answer);

// Opens or goes on with the transcript and opens the tokens (open.cc).
base::Status OpenHall(Hall& hall, const base::Clock& clock);
base::Result<std::string> HashOfFile(const std::string& path);  // SHA-256, base64url
bool IsDone(const std::vector<Record>& records, const Step& step);
// The copy of [[existing]] number `index` in the output directory.
std::string ExistingCopy(size_t index);
bool FileExists(const std::string& path);
ordered_json AttributesOf(const hsm::KeyDescription& key);
// A backup's files: the wrapped key, and the shares' without ".txt" and ".html".
std::string BackupFile(const std::string& label);
std::string ShareFile(const std::string& label, int number);

}  // namespace paygate::tools::ceremony
