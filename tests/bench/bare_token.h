// A PKCS#11 module in this process, bare: the calls that an operation needs, a session and a
// session copy of the key for each user, and nothing of ours around. As quick as that token gets.
#pragma once

#include <p11-kit/p11-kit.h>
#include <p11-kit/pkcs11.h>

#include <string>

#include "hsm/key_admin.h"

namespace paygate::bench {

class BareToken {
 public:
  struct User {
    CK_SESSION_HANDLE session;
    CK_OBJECT_HANDLE key;
  };
  // `token`: its label; empty: the first there is. Throws.
  BareToken(const std::string& token, std::string pin);
  ~BareToken();
  BareToken(const BareToken&) = delete;

  User NewUser(const std::string& label);  // of a private key
  // False when SoftHSM failed, as it does now and then when two threads use it.
  bool Sign(const User& user, hsm::KeyType type, const std::string& bytes, std::string& out);
  // ECDH with the point, or a bare RSA decryption of the number, in `wrapped`.
  bool Unwrap(const User& user, hsm::KeyType type, std::string wrapped);

 private:
  CK_SESSION_HANDLE OpenSession();
  CK_SLOT_ID SlotOf(const std::string& token);

  CK_FUNCTION_LIST* module_;
  CK_SLOT_ID slot_;
  CK_SESSION_HANDLE anchor_;  // the login lives as long as it does
};

}  // namespace paygate::bench
