// Grammar of the file (JSON) and of a sealed share (88 octets): docs/formats/key-backup.md.
//   share = %x01 number threshold log2(N) id(8) salt(16) nonce(12) ciphertext(32) tag(16)
//   all before nonce is authenticated too; key = scrypt(passphrase, salt, N, r = 8, p = 1)
//   commitment = SHA-256("paygate-share-1" id number value); number 0 and the wrapping key itself
#include "tools/ceremony/key_backup.h"

#include <openssl/evp.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/crypto.h"
#include "base/encoding.h"
#include "protocol/public_key.h"
#include "tools/ceremony/share_words.h"

namespace paygate::tools::ceremony {
namespace {

using base::ErrorCode;
using base::Fail;
using base::Result;
using base::SecretBytes;
using base::Status;
using nlohmann::ordered_json;

constexpr std::string_view kFormat = "paygate-key-backup-1";
constexpr char kVersion = 1;
constexpr size_t kIdBytes = 8, kSaltBytes = 16, kKeyBytes = 32;
constexpr size_t kHeaderBytes = 4 + kIdBytes + kSaltBytes;
constexpr size_t kSealedBytes = kHeaderBytes + 12 + kKeyBytes + 16;
static_assert(kSealedBytes == kSealedShareOctets && kSealedBytes % kShareLineOctets == 0);
constexpr int kLog2N = 16, kLeastLog2N = 14, kMostLog2N = 20;  // of scrypt: 128 octets * 8 * N
constexpr size_t kMostShares = 16, kMaxWrappedBytes = 8192, kMaxFileBytes = 64u << 10;

std::string CommitmentTo(const std::string& id, uint8_t number, const SecretBytes& value) {
  const std::string_view domain = "paygate-share-1";
  SecretBytes all(domain.size() + id.size() + 1 + value.size());
  auto* at = std::ranges::copy(domain, all.data()).out;
  at = std::ranges::copy(id, at).out;
  *at++ = number;
  std::ranges::copy(value.span(), at);
  return base::Sha256Base64Url(all.view());
}

Result<SecretBytes> KeyFor(const SecretBytes& passphrase, std::string_view salt, int log2_n) {
  SecretBytes key(kKeyBytes);
  const uint64_t n = uint64_t{1} << log2_n;
  const uint64_t memory = 128 * 8 * n + (1u << 20);
  if (EVP_PBE_scrypt(reinterpret_cast<const char*>(passphrase.data()), passphrase.size(),
                     reinterpret_cast<const unsigned char*>(salt.data()), salt.size(), n, 8, 1,
                     memory, key.data(), key.size()) == 1) {
    return key;
  }
  return Fail(ErrorCode::kInternal, "scrypt failed: is there memory enough?");
}

auto Wrong(const std::string& what) {
  return Fail(ErrorCode::kMalformed, "the backup's file: " + what);
}

std::string TextOf(const ordered_json& object, const char* name) {
  const auto at = object.is_object() ? object.find(name) : object.end();
  return object.is_object() && at != object.end() && at->is_string() ? at->get<std::string>()
                                                                     : std::string();
}

int NumberOf(const ordered_json& object, const char* name) {
  const auto at = object.is_object() ? object.find(name) : object.end();
  if (!object.is_object() || at == object.end() || !at->is_number_unsigned()) return -1;
  const auto value = at->get<uint64_t>();
  return value <= 255 ? static_cast<int>(value) : -1;
}

Result<hsm::KeyInfo> KeyOf(const ordered_json& json) {
  ASSIGN_OR_RETURN(const hsm::KeyType type, hsm::ParseKeyType(TextOf(json, "type")));
  const std::string usage = TextOf(json, "usage");
  auto spki = base::Base64Decode(TextOf(json, "public_key"));
  if ((usage != "sign" && usage != "decrypt") || !spki ||
      !protocol::PublicKey::FromSpki(*spki)) {
    return Wrong("says no usage, or no public key");
  }
  return hsm::KeyInfo{.label = TextOf(json, "label"),
                      .type = type,
                      .usage = usage == "sign" ? hsm::KeyUsage::kSign : hsm::KeyUsage::kDecrypt,
                      .public_key_der = *spki};
}

Result<std::vector<CommittedShare>> SharesOf(const ordered_json& json) {
  const auto list = json.find("shares");
  std::vector<CommittedShare> shares;
  if (list == json.end() || !list->is_array() || list->size() > kMostShares) {
    return Wrong("has no list of shares");
  }
  for (const ordered_json& each : *list) {
    CommittedShare share{NumberOf(each, "number"), TextOf(each, "custodian"),
                         TextOf(each, "commitment")};
    auto hash = base::Base64UrlDecode(share.commitment);
    if (share.number != static_cast<int>(shares.size()) + 1 || share.custodian.empty() || !hash ||
        hash->size() != 32) {
      return Wrong("a share lacks number, custodian or commitment");
    }
    shares.push_back(std::move(share));
  }
  return shares;
}

Result<const CommittedShare*> Find(const KeyBackup& backup, std::string_view sealed) {
  if (sealed.size() != kSealedBytes || sealed[0] != kVersion ||
      sealed[3] < kLeastLog2N || sealed[3] > kMostLog2N) {
    return Fail(ErrorCode::kMalformed, "is no share of a key's backup");
  }
  const auto number = static_cast<uint8_t>(sealed[1]);
  if (sealed.substr(4, kIdBytes) != backup.id || number == 0 || number > backup.shares.size()) {
    return Fail(ErrorCode::kInvalidArgument,
                "share " + std::to_string(number) + " belongs to another backup, that of ID " +
                    base::HexEncode(sealed.substr(4, kIdBytes)) + ", not " +
                    base::HexEncode(backup.id));
  }
  return &backup.shares[number - 1];
}

}  // namespace

std::string PrintKeyBackup(const KeyBackup& backup) {
  ordered_json shares = ordered_json::array();
  for (const CommittedShare& share : backup.shares) {
    shares.push_back({{"number", share.number},
                      {"custodian", share.custodian},
                      {"commitment", share.commitment}});
  }
  const bool sign = backup.key.usage == hsm::KeyUsage::kSign;
  return ordered_json{{"format", kFormat},
                      {"label", backup.key.label},
                      {"type", hsm::Name(backup.key.type)},
                      {"usage", sign ? "sign" : "decrypt"},
                      {"public_key", base::Base64Encode(backup.key.public_key_der)},
                      {"id", base::HexEncode(backup.id)},
                      {"threshold", backup.threshold},
                      {"wrapped", base::Base64Encode(backup.wrapped)},
                      {"commitment", backup.commitment},
                      {"shares", shares}}
             .dump(2) +
         "\n";
}

Result<KeyBackup> ParseKeyBackup(std::string_view text) {
  if (text.size() > kMaxFileBytes) return Wrong("is too long");
  int depth = 0;
  const ordered_json json = ordered_json::parse(
      text,
      [&](int at, ordered_json::parse_event_t, ordered_json&) {
        depth = std::max(depth, at);
        return at < 4;
      },
      /*allow_exceptions=*/false);
  if (!json.is_object() || TextOf(json, "format") != kFormat) return Wrong("is none");
  KeyBackup backup;
  ASSIGN_OR_RETURN(backup.key, KeyOf(json));
  ASSIGN_OR_RETURN(backup.shares, SharesOf(json));
  auto id = base::HexDecode(TextOf(json, "id"));
  auto wrapped = base::Base64Decode(TextOf(json, "wrapped"));
  backup.commitment = TextOf(json, "commitment");
  backup.threshold = NumberOf(json, "threshold");
  if (!id || id->size() != kIdBytes || !wrapped || wrapped->empty() ||
      wrapped->size() > kMaxWrappedBytes || backup.key.label.empty()) {
    return Wrong("lacks label, id or wrapped");
  }
  if (backup.threshold < 2 || backup.threshold > static_cast<int>(backup.shares.size())) {
    return Wrong("its threshold is not between 2 and the number of shares");
  }
  backup.id = *id;
  backup.wrapped = *wrapped;
  return backup;
}

Result<SplitBackup> SplitForBackup(const hsm::KeyInfo& key, int threshold,
                                   const std::vector<std::string>& custodians) {
  SplitBackup made{.backup = {.key = key, .id = base::RandomBytes(kIdBytes),
                              .threshold = threshold},
                   .wrapping_key = base::RandomSecret(kKeyBytes),
                   .shares = {}};
  ASSIGN_OR_RETURN(made.shares, SplitSecret(made.wrapping_key, threshold,
                                            static_cast<int>(custodians.size())));
  made.backup.commitment = CommitmentTo(made.backup.id, 0, made.wrapping_key);
  for (size_t i = 0; i < custodians.size(); ++i) {
    const Share& share = made.shares[i];
    made.backup.shares.push_back({share.number, custodians[i],
                                  CommitmentTo(made.backup.id, share.number, share.value)});
  }
  return made;
}

Result<std::string> SealShare(const KeyBackup& backup, const Share& share,
                              const SecretBytes& passphrase) {
  const std::string header =
      std::string{kVersion, static_cast<char>(share.number), static_cast<char>(backup.threshold),
                  static_cast<char>(kLog2N)} +
      backup.id + base::RandomBytes(kSaltBytes);
  ASSIGN_OR_RETURN(const SecretBytes key,
                   KeyFor(passphrase, std::string_view(header).substr(4 + kIdBytes), kLog2N));
  return header + base::AeadSeal(key, share.value.view(), header);
}

Result<std::string> NameOfShare(const KeyBackup& backup, std::string_view sealed) {
  ASSIGN_OR_RETURN(const CommittedShare* committed, Find(backup, sealed));
  return "share " + std::to_string(committed->number) + ", " + committed->custodian;
}

Result<Share> OpenShare(const KeyBackup& backup, std::string_view sealed,
                        const SecretBytes& passphrase) {
  ASSIGN_OR_RETURN(const std::string name, NameOfShare(backup, sealed));
  ASSIGN_OR_RETURN(const CommittedShare* committed, Find(backup, sealed));
  ASSIGN_OR_RETURN(const SecretBytes key,
                   KeyFor(passphrase, sealed.substr(4 + kIdBytes, kSaltBytes), sealed[3]));
  auto value = base::AeadOpen(key, std::string(sealed.substr(kHeaderBytes)),
                              sealed.substr(0, kHeaderBytes));
  if (!value) {
    return Fail(ErrorCode::kPermissionDenied,
                name + ": its passphrase is wrong, or the share was changed");
  }
  Share share{static_cast<uint8_t>(committed->number), SecretBytes::CopyOf(*value)};
  base::Cleanse(value->data(), value->size());
  if (CommitmentTo(backup.id, share.number, share.value) != committed->commitment) {
    return Fail(ErrorCode::kSignatureInvalid,
                name + " is wrong: it is not the share that the backup commits to");
  }
  return share;
}

Result<SecretBytes> RecoverWrappingKey(const KeyBackup& backup, const std::vector<Share>& shares) {
  const auto needed = static_cast<size_t>(backup.threshold);
  if (shares.size() < needed) {
    return Fail(ErrorCode::kInvalidArgument,
                std::to_string(shares.size()) + " shares are too few: " +
                    std::to_string(needed) + " restore the key");
  }
  std::vector<const Share*> used;
  for (const Share& share : shares) {
    if (used.size() < needed) used.push_back(&share);
  }
  ASSIGN_OR_RETURN(SecretBytes key, CombineShares(used));
  if (CommitmentTo(backup.id, 0, key) == backup.commitment) return key;
  return Fail(ErrorCode::kSignatureInvalid,
              "the shares do not give the wrapping key that the backup commits to");
}

}  // namespace paygate::tools::ceremony
