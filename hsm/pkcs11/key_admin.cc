#include "hsm/pkcs11/key_admin.h"

#include <algorithm>
#include <array>

#include "base/log.h"
#include "hsm/pkcs11/internal/token_impl.h"

namespace paygate::hsm::pkcs11 {
namespace {

using base::ErrorCode;
using base::Fail;

constexpr size_t kMaxIdBytes = 64;

class Pkcs11KeyAdmin final : public KeyAdmin {
 public:
  explicit Pkcs11KeyAdmin(std::shared_ptr<TokenState> state) : state_(std::move(state)) {}

  base::Result<KeyInfo> Generate(const std::string& label, KeyType type, KeyUsage usage,
                                 const KeyOptions& options) override {
    if (label.empty()) return Fail(ErrorCode::kInvalidArgument, "a key needs a label");
    if (options.id.size() > kMaxIdBytes) {
      return Fail(ErrorCode::kInvalidArgument, "a key's ID is too long");
    }
    if (usage == KeyUsage::kDecrypt) {
      if (auto algorithm = KeyManagementOf(type); !algorithm) {
        return std::unexpected(algorithm.error());
      }
    }
    RETURN_IF_ERROR(state_->Run([&](Connection& connection) {
      return connection.GeneratePair(label, type, usage, options);
    }));
    auto key = ProvenKey(state_, label);
    if (key && key->type == type && key->usage == usage) return key;
    // What the token made is not what was asked for: it must not stay to be taken for a good key.
    (void)state_->Run([&](Connection& connection) { return connection.DestroyPair(label); });
    if (!key) return key;
    return Fail(ErrorCode::kInvalidArgument,
                "the token made key '" + label + "' of another type or usage than asked for");
  }

  base::Result<std::vector<KeyInfo>> List() override {
    std::vector<KeyInfo> keys;
    RETURN_IF_ERROR(state_->Run([&](Connection& connection) -> base::Status {
      keys.clear();
      ASSIGN_OR_RETURN(std::vector<std::string> labels, connection.PrivateKeyLabels());
      for (const std::string& label : labels) {
        auto key = connection.Key(label);
        if (key) {
          keys.push_back(std::move(key->info));
        } else {
          base::LogWarning("token.key_unusable", {{"why", key.error().message}});
        }
      }
      return {};
    }));
    std::ranges::sort(keys, {}, &KeyInfo::label);
    return keys;
  }

  base::Result<std::vector<std::string>> Labels() override {
    std::vector<std::string> labels;
    RETURN_IF_ERROR(state_->Run([&](Connection& connection) -> base::Status {
      ASSIGN_OR_RETURN(labels, connection.PrivateKeyLabels());
      return {};
    }));
    std::ranges::sort(labels);
    return labels;
  }

  base::Result<TokenDescription> DescribeToken() override {
    TokenDescription description;
    RETURN_IF_ERROR(state_->Run([&](Connection& connection) -> base::Status {
      ASSIGN_OR_RETURN(description, connection.DescribeToken());
      return {};
    }));
    return description;
  }

  base::Result<KeyDescription> Describe(const std::string& label) override {
    auto proven = ProvenKey(state_, label);
    if (!proven) return std::unexpected(proven.error());
    KeyDescription description;
    RETURN_IF_ERROR(state_->Run([&](Connection& connection) -> base::Status {
      ASSIGN_OR_RETURN(description, connection.Describe(label));
      return {};
    }));
    return description;
  }

  base::Status Destroy(const std::string& label, std::string_view public_key_der) override {
    ASSIGN_OR_RETURN(KeyDescription key, Describe(label));
    if (key.info.public_key_der != public_key_der) {
      return Fail(ErrorCode::kInvalidArgument,
                  "key '" + label + "' is another key than the one to be destroyed: its public key "
                  "differs");
    }
    return state_->Run([&](Connection& connection) -> base::Status {
      RETURN_IF_ERROR(connection.DestroyPair(label));
      ASSIGN_OR_RETURN(bool there, connection.HasObjectOf(label, key.id));
      if (!there) return {};
      return Fail(ErrorCode::kInternal, "the token says that key '" + label +
                                            "' is destroyed, and still has an object of it");
    });
  }

  base::Result<std::string> ExportWrapped(const std::string& label,
                                          const base::SecretBytes& wrapping_key) override {
    std::string wrapped;
    RETURN_IF_ERROR(state_->Run([&](Connection& connection) -> base::Status {
      ASSIGN_OR_RETURN(wrapped, connection.WrapOut(label, wrapping_key));
      return {};
    }));
    return wrapped;
  }

  base::Status CloseExport(const std::string& label) override {
    return state_->Run([&](Connection& connection) { return connection.CloseExport(label); });
  }

  base::Result<KeyInfo> ImportWrapped(const KeyInfo& key, std::string_view wrapped,
                                      const base::SecretBytes& wrapping_key) override {
    RETURN_IF_ERROR(state_->Run([&](Connection& connection) {
      return connection.UnwrapIn(key, wrapped, wrapping_key);
    }));
    auto restored = ProvenKey(state_, key.label);
    if (restored && restored->public_key_der == key.public_key_der &&
        restored->usage == key.usage) {
      return restored;
    }
    (void)state_->Run([&](Connection& connection) { return connection.DestroyPair(key.label); });
    if (!restored) return restored;
    return Fail(ErrorCode::kInvalidArgument, "what was restored is another key");
  }

  base::Result<std::unique_ptr<Signer>> SignerFor(const std::string& label) override {
    return MakeSigner(state_, label);
  }
  base::Result<std::unique_ptr<Decrypter>> DecrypterFor(const std::string& label) override {
    return MakeDecrypter(state_, label);
  }

 private:
  const std::shared_ptr<TokenState> state_;
};

// PKCS#11 pads labels with spaces to 32 bytes.
base::Result<std::array<unsigned char, 32>> PaddedLabel(const std::string& label) {
  if (label.empty() || label.size() > 32) {
    return Fail(ErrorCode::kInvalidArgument, "a token's label has 1 to 32 bytes");
  }
  std::array<unsigned char, 32> padded;
  padded.fill(' ');
  std::ranges::copy(label, padded.begin());
  return padded;
}

base::Status SetUserPin(CK_FUNCTION_LIST* functions, CK_SLOT_ID slot,
                        const base::SecretBytes& so_pin, const base::SecretBytes& pin) {
  // PKCS#11 does not say const, but means it.
  auto* so = const_cast<unsigned char*>(so_pin.data());
  auto* user = const_cast<unsigned char*>(pin.data());
  CK_SESSION_HANDLE session = CK_INVALID_HANDLE;
  RETURN_IF_CK("C_OpenSession", functions->C_OpenSession(slot, CKF_SERIAL_SESSION | CKF_RW_SESSION,
                                                         nullptr, nullptr, &session));
  CK_RV rv = functions->C_Login(session, CKU_SO, so, so_pin.size());
  if (rv == CKR_OK) rv = functions->C_InitPIN(session, user, pin.size());
  functions->C_Logout(session);
  functions->C_CloseSession(session);
  RETURN_IF_CK("C_InitPIN", rv);
  return {};
}

}  // namespace

base::Result<std::unique_ptr<KeyAdmin>> OpenKeyAdmin(const TokenLocation& location) {
  ASSIGN_OR_RETURN(auto state, TokenState::Open(location, 1, true));
  return std::make_unique<Pkcs11KeyAdmin>(std::move(state));
}

base::Status InitialiseToken(const std::string& module_path, const std::string& label,
                             const base::SecretBytes& so_pin, const base::SecretBytes& pin) {
  ASSIGN_OR_RETURN(auto padded, PaddedLabel(label));
  ASSIGN_OR_RETURN(std::unique_ptr<Module> module, Module::Load(module_path));
  ASSIGN_OR_RETURN(std::vector<CK_SLOT_ID> slots, module->SlotsWithTokens());
  std::vector<CK_SLOT_ID> empty;
  for (CK_SLOT_ID slot : slots) {
    CK_TOKEN_INFO info{};
    RETURN_IF_CK("C_GetTokenInfo", module->functions()->C_GetTokenInfo(slot, &info));
    if ((info.flags & CKF_TOKEN_INITIALIZED) == 0) {
      empty.push_back(slot);
    } else if (std::equal(padded.begin(), padded.end(), info.label)) {
      return Fail(ErrorCode::kAlreadyExists, "there is already a token '" + label +
                                                 "': it is not initialised again");
    }
  }
  if (empty.empty()) {
    return Fail(ErrorCode::kTokenUnavailable, "no slot holds a token that is not yet initialised");
  }
  RETURN_IF_CK("C_InitToken",
               module->functions()->C_InitToken(empty.front(),
                                                const_cast<unsigned char*>(so_pin.data()),
                                                so_pin.size(), padded.data()));
  return SetUserPin(module->functions(), empty.front(), so_pin, pin);
}

}  // namespace paygate::hsm::pkcs11
