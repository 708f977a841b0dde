#include "tools/load/roster.h"

#include <fcntl.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/pkcs12.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <nlohmann/json.hpp>
#include <unordered_map>

#include "base/crypto.h"
#include "base/encoding.h"
#include "base/file.h"
#include "protocol/software_key.h"
#include "protocol/values.h"

namespace paygate::load {
namespace {

using base::ErrorCode;
using base::Fail;
using nlohmann::json;

constexpr size_t kMaxRosterBytes = 4ull << 30;
constexpr char kList[] = "/participants.jsonl", kPassphrase[] = "/passphrase";

template <auto Free>
struct Deleter {
  void operator()(auto* object) const { Free(object); }
};

EVP_PKEY* NewKey(hsm::KeyType type) {
  switch (type) {
    case hsm::KeyType::kEd25519:
      return EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519");
    case hsm::KeyType::kRsa2048:
      return EVP_RSA_gen(2048);
    default:
      return EVP_EC_gen("P-256");
  }
}

// One round of the key derivation: the passphrase is 32 random bytes, and thousands of keys are
// opened at every start.
base::Result<std::string> NewPem(hsm::KeyType type, const base::SecretBytes& passphrase) {
  const std::unique_ptr<EVP_PKEY, Deleter<EVP_PKEY_free>> key(NewKey(type));
  const std::unique_ptr<PKCS8_PRIV_KEY_INFO, Deleter<PKCS8_PRIV_KEY_INFO_free>> plain(
      key ? EVP_PKEY2PKCS8(key.get()) : nullptr);
  const std::unique_ptr<X509_SIG, Deleter<X509_SIG_free>> sealed(
      plain ? PKCS8_encrypt(-1, EVP_aes_256_cbc(), reinterpret_cast<const char*>(passphrase.data()),
                            static_cast<int>(passphrase.size()), nullptr, 0, 1, plain.get())
            : nullptr);
  const std::unique_ptr<BIO, Deleter<BIO_free>> bio(BIO_new(BIO_s_mem()));
  if (!sealed || !bio || PEM_write_bio_PKCS8(bio.get(), sealed.get()) != 1) {
    return Fail(ErrorCode::kInternal, "OpenSSL could not make a key");
  }
  char* text = nullptr;
  const long length = BIO_get_mem_data(bio.get(), &text);
  return std::string(text, static_cast<size_t>(length));
}

base::Status CheckPrivate(int fd, const std::string& path) {
  struct stat about;
  if (fstat(fd, &about) != 0) return Fail(ErrorCode::kIo, path + ": " + std::strerror(errno));
  if ((about.st_mode & 077) == 0) return {};
  return Fail(ErrorCode::kPermissionDenied,
              path + " holds private keys and others can read it: chmod 600 " + path);
}

}  // namespace

base::Result<hsm::KeyType> KeyTypeOfAlgorithm(std::string_view name) {
  if (name == "ES256") return hsm::KeyType::kP256;
  if (name == "EdDSA") return hsm::KeyType::kEd25519;
  if (name == "PS256") return hsm::KeyType::kRsa2048;
  return Fail(ErrorCode::kInvalidArgument,
              "no algorithm '" + std::string(name) + "': ES256, EdDSA or PS256");
}

base::Result<std::unique_ptr<Roster>> Roster::Open(const std::string& directory, bool make) {
  if (!make && access((directory + kList).c_str(), F_OK) != 0) {
    return Fail(ErrorCode::kInvalidArgument,
                directory + " has no participants: make some with paygate-load prepare");
  }
  RETURN_IF_ERROR(base::MakePrivateDirectory(directory));
  const std::string secret = directory + kPassphrase, path = directory + kList;
  if (access(secret.c_str(), F_OK) != 0) {
    RETURN_IF_ERROR(base::WriteNewFile(secret, base::HexEncode(base::RandomBytes(32)) + "\n"));
  }
  ASSIGN_OR_RETURN(auto passphrase, base::ReadSecretFile(secret));
  const int fd = open(path.c_str(), O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  if (fd < 0) return Fail(ErrorCode::kIo, path + ": " + std::strerror(errno));
  std::unique_ptr<Roster> roster(new Roster(fd, std::move(passphrase)));
  RETURN_IF_ERROR(CheckPrivate(fd, path));
  ASSIGN_OR_RETURN(std::string text, base::ReadFile(path, kMaxRosterBytes));
  // A line that a crash tore was not acted on: it is written before anything is sent.
  const size_t whole = text.rfind('\n') + 1;  // npos + 1 = 0
  if (whole < text.size() && ftruncate(fd, static_cast<off_t>(whole)) != 0) {
    return Fail(ErrorCode::kIo, path + ": " + std::strerror(errno));
  }
  text.resize(whole);
  auto read = roster->Read(text);
  if (!read) return Fail(read.error().code, path + ": " + read.error().message);
  for (const auto& participant : roster->participants_) {
    RETURN_IF_ERROR(roster->OpenKeys(*participant));
  }
  return roster;
}

Roster::~Roster() { close(fd_); }

Participant& Roster::Of(const std::string& iban) {
  Participant*& found = by_iban_[iban];
  if (found == nullptr) {
    participants_.push_back(std::make_unique<Participant>());
    found = participants_.back().get();
    found->customer.iban = iban;
  }
  return *found;
}

bool Roster::Has(const std::string& iban) const { return by_iban_.contains(iban); }

base::Status Roster::Read(const std::string& text) {
  size_t number = 0;
  for (size_t at = 0; at < text.size();) {
    const size_t end = text.find('\n', at);
    const json line = json::parse(text.begin() + static_cast<ptrdiff_t>(at),
                                  text.begin() + static_cast<ptrdiff_t>(end), nullptr, false);
    at = end + 1;
    const std::string where = "line " + std::to_string(++number);
    if (!line.is_object() || !line.contains("iban")) {
      return Fail(ErrorCode::kMalformed, where + " is not one of ours");
    }
    std::unordered_map<std::string, std::string> members;
    for (const auto& [name, value] : line.items()) {
      if (!value.is_string()) return Fail(ErrorCode::kMalformed, where + ": " + name);
      members[name] = value.get<std::string>();
    }
    Participant& p = Of(members["iban"]);
    if (members.contains("type")) {
      ASSIGN_OR_RETURN(p.type, hsm::ParseKeyType(members["type"]));
      p.customer.currency = members["currency"];
      p.customer.enrolment_code = members["code"];
      p.signature_pem = members["signature_key"];
      p.encryption_pem = members["encryption_key"];
      p.binding = members["binding"];
    }
    if (members.contains("registration")) p.registration = members["registration"];
    if (members.contains("id")) {
      p.id = members["id"];
      p.gateway_id = members["gateway_id"];
      ASSIGN_OR_RETURN(p.signature_certificate,
                       base::Base64Decode(members["signature_certificate"]));
      ASSIGN_OR_RETURN(p.encryption_certificate,
                       base::Base64Decode(members["encryption_certificate"]));
      p.encryption_x5t = base::Sha256Base64Url(p.encryption_certificate);
    }
  }
  return {};
}

base::Status Roster::OpenKeys(Participant& p) {
  using protocol::SoftwareKey;
  ASSIGN_OR_RETURN(const auto signature,
                   SoftwareKey::FromPkcs8(p.signature_pem, passphrase_, hsm::KeyUsage::kSign));
  ASSIGN_OR_RETURN(const auto encryption,
                   SoftwareKey::FromPkcs8(p.encryption_pem, passphrase_, hsm::KeyUsage::kDecrypt));
  ASSIGN_OR_RETURN(p.signer, signature.AsSigner());
  ASSIGN_OR_RETURN(p.decrypter, encryption.AsDecrypter());
  p.signature_jwk = signature.public_key().ToJwk();
  p.encryption_jwk = encryption.public_key().ToJwk();
  return {};
}

base::Result<Participant*> Roster::Make(const CustomerRow& customer, hsm::KeyType type) {
  if (Has(customer.iban)) {
    return Fail(ErrorCode::kAlreadyExists, "a customer is in the roster already");
  }
  auto made = std::make_unique<Participant>();
  made->customer = customer;
  made->type = type;
  ASSIGN_OR_RETURN(made->signature_pem, NewPem(type, passphrase_));
  const bool signs_only = type == hsm::KeyType::kEd25519;
  ASSIGN_OR_RETURN(made->encryption_pem,
                   NewPem(signs_only ? hsm::KeyType::kP256 : type, passphrase_));
  ASSIGN_OR_RETURN(const auto binding, protocol::Disclosure::Make(customer.iban));
  made->binding = binding.text();
  RETURN_IF_ERROR(OpenKeys(*made));
  RETURN_IF_ERROR(Append(json{
      {"iban", customer.iban},
      {"currency", customer.currency},
      {"code", customer.enrolment_code},
      {"type", std::string(hsm::Name(type))},
      {"signature_key", made->signature_pem},
      {"encryption_key", made->encryption_pem},
      {"binding",
       made->binding}}.dump()));
  Participant* kept = made.get();
  by_iban_[customer.iban] = kept;
  participants_.push_back(std::move(made));
  return kept;
}

base::Status Roster::Sent(Participant& p, std::string registration) {
  p.registration = std::move(registration);
  return Append(json{{"iban", p.customer.iban}, {"registration", p.registration}}.dump());
}

base::Status Roster::Registered(Participant& p) {
  p.encryption_x5t = base::Sha256Base64Url(p.encryption_certificate);
  return Append(json{{"iban", p.customer.iban},
                     {"id", p.id},
                     {"gateway_id", p.gateway_id},
                     {"signature_certificate", base::Base64Encode(p.signature_certificate)},
                     {"encryption_certificate", base::Base64Encode(p.encryption_certificate)}}
                    .dump());
}

base::Status Roster::Append(const std::string& line) {
  base::MutexLock lock(mutex_);
  const std::string bytes = line + "\n";
  if (write(fd_, bytes.data(), bytes.size()) == static_cast<ssize_t>(bytes.size())) return {};
  return Fail(ErrorCode::kIo, std::string("participants.jsonl: ") + std::strerror(errno));
}

base::Status Roster::Sync() {
  if (fdatasync(fd_) == 0) return {};
  return Fail(ErrorCode::kIo, std::string("participants.jsonl: ") + std::strerror(errno));
}

}  // namespace paygate::load
