// identity.json:
//   {"version":1,"id","gateway_id","signature_certificate":b64 DER,"encryption_certificate":b64
//   DER,
//    "chain":[b64 DER,…],"binding":disclosure}
#include "participant/identity.h"

#include "base/encoding.h"
#include "protocol/json.h"

namespace paygate::participant {
namespace {
constexpr char kFile[] = "identity.json";
constexpr int64_t kVersion = 1;
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
  RETURN_IF_ERROR(o.Finish());
  if (version != kVersion) {
    return base::Fail(base::ErrorCode::kMalformed,
                      "identity.json was written by a newer program; update this one");
  }
  ASSIGN_OR_RETURN(identity.signature_certificate, base::Base64Decode(signature));
  ASSIGN_OR_RETURN(identity.encryption_certificate, base::Base64Decode(encryption));
  for (const std::string& b64 : chain) {
    ASSIGN_OR_RETURN(std::string der, base::Base64Decode(b64));
    identity.chain.push_back(std::move(der));
  }
  return std::optional<Identity>(std::move(identity));
}

base::Status SaveIdentity(Disk& disk, const Identity& identity) {
  std::vector<std::string> chain;
  for (const std::string& der : identity.chain) chain.push_back(base::Base64Encode(der));
  const std::string text =
      protocol::JsonWriter()
          .Integer("version", kVersion)
          .String("id", identity.id)
          .String("gateway_id", identity.gateway_id)
          .String("signature_certificate", base::Base64Encode(identity.signature_certificate))
          .String("encryption_certificate", base::Base64Encode(identity.encryption_certificate))
          .Strings("chain", chain)
          .String("binding", identity.binding)
          .Take();
  return disk.Create(kFile, text);
}

}  // namespace paygate::participant
