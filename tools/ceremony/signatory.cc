#include "tools/ceremony/signatory.h"

#include <fcntl.h>
#include <termios.h>
#include <unistd.h>

#include <nlohmann/json.hpp>

#include "base/encoding.h"
#include "base/file.h"
#include "protocol/json.h"
#include "protocol/jws.h"
#include "protocol/software_key.h"

namespace paygate::tools::ceremony {
namespace {

using base::ErrorCode;
using base::Fail;
using base::Result;
using base::SecretBytes;
using base::Status;

constexpr char kTyp[] = "p2p-ceremony+jws";
constexpr size_t kMaxPassphraseBytes = 1024, kMinPassphraseBytes = 8;

std::string Payload(const Attestation& what) {
  return protocol::JsonWriter()
      .String("role", what.role)
      .String("name", what.name)
      .String("transcript", what.closed)
      .String("prev", what.prev)
      .String("time", what.time)
      .Take();
}

}  // namespace

Result<SecretBytes> ReadPassphrase(const std::string& file, const std::string& prompt) {
  if (!file.empty()) return base::ReadSecretFile(file);
  const int terminal = ::open("/dev/tty", O_RDWR | O_CLOEXEC);
  if (terminal < 0) {
    return Fail(ErrorCode::kPermissionDenied,
                "there is no terminal to ask for a passphrase (" + prompt + "): name a "
                "passphrase_file");
  }
  termios before{};
  ::tcgetattr(terminal, &before);
  termios quiet = before;
  quiet.c_lflag &= ~static_cast<tcflag_t>(ECHO);
  ::tcsetattr(terminal, TCSAFLUSH, &quiet);
  const std::string question = prompt + ": ";
  (void)!::write(terminal, question.data(), question.size());
  SecretBytes typed(kMaxPassphraseBytes);
  size_t size = 0;
  while (size < typed.size() && ::read(terminal, typed.data() + size, 1) == 1 &&
         typed.data()[size] != '\n') {
    ++size;
  }
  (void)!::write(terminal, "\n", 1);
  ::tcsetattr(terminal, TCSAFLUSH, &before);
  ::close(terminal);
  typed.Truncate(size);
  return typed;
}

Result<std::string> SignTranscript(const Attestation& what, hsm::Signer& signer,
                                   std::string_view public_key_der) {
  ASSIGN_OR_RETURN(std::string jws, protocol::SignJws(signer, kTyp, {}, Payload(what)));
  if (VerifyTranscriptSignature(what, public_key_der, jws)) return jws;
  return Fail(ErrorCode::kInvalidArgument,
              what.role + " '" + what.name + "': this key is not the one whose public_key the "
              "ceremony's file names");
}

Status VerifyTranscriptSignature(const Attestation& what, std::string_view public_key_der,
                                 std::string_view jws) {
  ASSIGN_OR_RETURN(auto key, protocol::PublicKey::FromSpki(public_key_der));
  ASSIGN_OR_RETURN(auto parsed, protocol::ParseJws(jws, kTyp, protocol::KeyName::kNone));
  ASSIGN_OR_RETURN(auto verified, protocol::VerifyJws(std::move(parsed), key));
  if (verified.payload() == Payload(what)) return {};
  return Fail(ErrorCode::kSignatureInvalid, "the signature is over another transcript");
}

nlohmann::ordered_json SignedMembers(const Attestation& what, const std::string& jws) {
  return {{"time", what.time}, {"event", "signed"}, {"step", "sign " + what.name},
          {"role", what.role}, {"name", what.name}, {"over", what.closed},
          {"jws", jws}};
}

Result<std::unique_ptr<hsm::Signer>> OpenKeyFile(const SignatoryPlan& who) {
  ASSIGN_OR_RETURN(SecretBytes passphrase,
                   ReadPassphrase(who.passphrase_file, "Passphrase of " + who.name));
  ASSIGN_OR_RETURN(std::string pem, base::ReadFile(who.key_file, 1u << 16));
  auto key = protocol::SoftwareKey::FromPkcs8(pem, passphrase, hsm::KeyUsage::kSign);
  if (!key) return Fail(key.error().code, who.key_file + ": " + key.error().message);
  return key->AsSigner();
}

Result<std::string> MakeTokenKey(const hsm::pkcs11::TokenLocation& location,
                                 const std::string& label) {
  ASSIGN_OR_RETURN(auto token, hsm::pkcs11::OpenKeyAdmin(location));
  ASSIGN_OR_RETURN(const hsm::KeyInfo key,
                   token->Generate(label, hsm::KeyType::kP256, hsm::KeyUsage::kSign));
  return base::Base64Encode(key.public_key_der);
}

Result<std::string> MakeKeyFile(const std::string& path, const SecretBytes& passphrase) {
  if (passphrase.size() < kMinPassphraseBytes) {
    return Fail(ErrorCode::kInvalidArgument, "the passphrase needs at least 8 characters");
  }
  ASSIGN_OR_RETURN(auto key, protocol::SoftwareKey::Generate(hsm::KeyType::kP256,
                                                             hsm::KeyUsage::kSign));
  ASSIGN_OR_RETURN(std::string pem, key.ToPkcs8(passphrase));
  RETURN_IF_ERROR(base::WriteNewFile(path, pem, 0600));
  return base::Base64Encode(key.public_key().ToSpki());
}

}  // namespace paygate::tools::ceremony
