// identity.json:
//   {"version":1,"id","gateway_id","signature_certificate":b64 DER,"encryption_certificate":b64
//   DER,
//    "chain":[b64 DER,…],"binding":disclosure}
// and, once renewed, "version":2 with "generation":n,"earlier":[b64 DER,…] at the end.
// revoked.json: {"version":1,"reason","at","done":JWS}
#include "participant/identity.h"

#include "base/encoding.h"
#include "protocol/json.h"

namespace paygate::participant {
namespace {
constexpr char kFile[] = "identity.json";
constexpr char kRevokedFile[] = "revoked.json";
constexpr int64_t kVersion = 1, kRenewedVersion = 2;
constexpr int64_t kMostGenerations = 1000;

base::Result<std::vector<std::string>> DecodeAll(const std::vector<std::string>& list) {
  std::vector<std::string> ders;
  for (const std::string& b64 : list) {
    ASSIGN_OR_RETURN(std::string der, base::Base64Decode(b64));
    ders.push_back(std::move(der));
  }
  return ders;
}

std::vector<std::string> EncodeAll(const std::vector<std::string>& ders) {
  std::vector<std::string> list;
  for (const std::string& der : ders) list.push_back(base::Base64Encode(der));
  return list;
}

std::unexpected<base::Error> Unreadable(const char* file) {
  return base::Fail(base::ErrorCode::kMalformed,
                    std::string(file) + " is damaged, or of a newer program: update this one");
}

std::string Print(const Identity& identity) {
  protocol::JsonWriter json;
  json.Integer("version", identity.generation == 0 ? kVersion : kRenewedVersion)
      .String("id", identity.id)
      .String("gateway_id", identity.gateway_id)
      .String("signature_certificate", base::Base64Encode(identity.signature_certificate))
      .String("encryption_certificate", base::Base64Encode(identity.encryption_certificate))
      .Strings("chain", EncodeAll(identity.chain))
      .String("binding", identity.binding);
  if (identity.generation > 0) {
    json.Integer("generation", identity.generation).Strings("earlier", EncodeAll(identity.earlier));
  }
  return json.Take();
}

}  // namespace

base::Result<std::optional<Identity>> LoadIdentity(Disk& disk) {
  ASSIGN_OR_RETURN(auto text, disk.Read(kFile));
  if (!text) return std::optional<Identity>();
  ASSIGN_OR_RETURN(auto o, protocol::JsonObject::Parse(*text));
  Identity identity;
  const int64_t version = o.TakeInteger("version");
  identity.id = o.TakeString("id");
  identity.gateway_id = o.TakeString("gateway_id");
  const std::string signature = o.TakeString("signature_certificate");
  const std::string encryption = o.TakeString("encryption_certificate");
  const std::vector<std::string> chain = o.TakeStrings("chain");
  identity.binding = o.TakeString("binding");
  int64_t generation = 0;
  std::vector<std::string> earlier;
  if (version == kRenewedVersion) {
    generation = o.TakeInteger("generation");
    earlier = o.TakeStrings("earlier");
  }
  RETURN_IF_ERROR(o.Finish());
  if ((version != kVersion && version != kRenewedVersion) || generation < 0 ||
      generation > kMostGenerations || earlier.size() != static_cast<size_t>(generation)) {
    return Unreadable(kFile);
  }
  identity.generation = static_cast<uint32_t>(generation);
  ASSIGN_OR_RETURN(identity.signature_certificate, base::Base64Decode(signature));
  ASSIGN_OR_RETURN(identity.encryption_certificate, base::Base64Decode(encryption));
  ASSIGN_OR_RETURN(identity.chain, DecodeAll(chain));
  ASSIGN_OR_RETURN(identity.earlier, DecodeAll(earlier));
  return std::optional<Identity>(std::move(identity));
}

base::Status SaveIdentity(Disk& disk, const Identity& identity) {
  return disk.Create(kFile, Print(identity));
}

base::Status ReplaceIdentity(Disk& disk, const Identity& identity) {
  return disk.Replace(kFile, Print(identity));
}

base::Result<std::optional<Revoked>> LoadRevoked(Disk& disk) {
  ASSIGN_OR_RETURN(auto text, disk.Read(kRevokedFile));
  if (!text) return std::optional<Revoked>();
  ASSIGN_OR_RETURN(auto o, protocol::JsonObject::Parse(*text));
  const int64_t version = o.TakeInteger("version");
  Revoked revoked{.reason = o.TakeString("reason"),
                  .at = o.TakeInteger("at"),
                  .done = o.TakeString("done")};
  RETURN_IF_ERROR(o.Finish());
  if (version != kVersion) return Unreadable(kRevokedFile);
  return std::optional<Revoked>(std::move(revoked));
}

base::Status SaveRevoked(Disk& disk, const Revoked& revoked) {
  return disk.Replace(kRevokedFile, protocol::JsonWriter()
                                        .Integer("version", kVersion)
                                        .String("reason", revoked.reason)
                                        .Integer("at", revoked.at)
                                        .String("done", revoked.done)
                                        .Take());
}

}  // namespace paygate::participant
