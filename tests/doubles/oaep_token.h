// A token that has RSA-OAEP with SHA-256 and no bare RSA: made of SoftHSM, which has it the other
// way round. Part of faulty_module.cc; called under its token_mutex.
#pragma once

#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <p11-kit/pkcs11.h>

#include <optional>
#include <set>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <vector>

namespace paygate::doubles {

class OaepToken {
 public:
  explicit OaepToken(CK_FUNCTION_LIST*& real) : real_(real) {}

  // The answer to a call of PKCS#11 where it differs from SoftHSM's own.
  template <typename... A>
  std::optional<CK_RV> Ask(std::string_view name, const std::tuple<A...>& arguments) {
    using Arguments = std::tuple<A...>;
    const auto answer = [&](auto member) {
      return std::apply([&](auto... a) { return (this->*member)(a...); }, arguments);
    };
    if constexpr (std::is_same_v<Arguments, std::tuple<CK_SLOT_ID, CK_MECHANISM_TYPE,
                                                       CK_MECHANISM_INFO*>>) {
      if (std::get<1>(arguments) == CKM_RSA_X_509) return CKR_MECHANISM_INVALID;
    }
    if constexpr (std::is_same_v<Arguments,
                                 std::tuple<CK_SESSION_HANDLE, CK_MECHANISM*, CK_OBJECT_HANDLE>>) {
      if (name == "C_DecryptInit") return answer(&OaepToken::DecryptInit);
    }
    if constexpr (std::is_same_v<Arguments, std::tuple<CK_SESSION_HANDLE, unsigned char*, CK_ULONG,
                                                       unsigned char*, CK_ULONG*>>) {
      if (name == "C_Decrypt") return answer(&OaepToken::Decrypt);
    }
    return std::nullopt;
  }

 private:
  std::optional<CK_RV> DecryptInit(CK_SESSION_HANDLE session, CK_MECHANISM* mechanism,
                                   CK_OBJECT_HANDLE key) {
    unpad_.erase(session);
    if (mechanism->mechanism == CKM_RSA_X_509) return CKR_MECHANISM_INVALID;
    if (mechanism->mechanism != CKM_RSA_PKCS_OAEP) return std::nullopt;
    const auto* oaep = static_cast<CK_RSA_PKCS_OAEP_PARAMS*>(mechanism->pParameter);
    if (oaep->hashAlg != CKM_SHA256 || oaep->mgf != CKG_MGF1_SHA256) {
      return CKR_MECHANISM_PARAM_INVALID;
    }
    unpad_.insert(session);
    CK_MECHANISM bare{CKM_RSA_X_509, nullptr, 0};
    return real_->C_DecryptInit(session, &bare, key);
  }
  std::optional<CK_RV> Decrypt(CK_SESSION_HANDLE session, unsigned char* data, CK_ULONG size,
                               unsigned char* out, CK_ULONG* out_size) {
    if (unpad_.erase(session) == 0) return std::nullopt;
    std::vector<unsigned char> padded(512);
    CK_ULONG length = padded.size();
    if (CK_RV rv = real_->C_Decrypt(session, data, size, padded.data(), &length); rv != CKR_OK) {
      return rv;
    }
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
    const int n = static_cast<int>(length);
    const int plain = RSA_padding_check_PKCS1_OAEP_mgf1(out, static_cast<int>(*out_size),
                                                        padded.data(), n, n, nullptr, 0,
                                                        EVP_sha256(), EVP_sha256());
#pragma GCC diagnostic pop
    if (plain < 0) return CKR_ENCRYPTED_DATA_INVALID;
    *out_size = static_cast<CK_ULONG>(plain);
    return CKR_OK;
  }

  CK_FUNCTION_LIST*& real_;
  std::set<CK_SESSION_HANDLE> unpad_;  // their next C_Decrypt is OAEP's
};

}  // namespace paygate::doubles
