// Shoppers: registered buyers and sellers whose messages are made ahead, so that what they compute
// is not counted as the gateway's work. Written from protocol.md sections 4 to 6.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "protocol/messages.h"
#include "protocol/software_key.h"
#include "tests/bench/rig.h"

namespace paygate::bench {

class Shopper {
 public:
  Shopper(Rig& rig, const Customer& customer);  // registers

  std::string Seal(std::string_view payload, const protocol::JweExtra& extra = {}) const;
  std::string Open(const gateway::Response& response, uint32_t status) const;
  std::string Sign(std::string_view typ, std::string_view payload) const;
  // From now on asks for these, and tells the gateway so by a look into the mailbox.
  void Ask(protocol::JwsForms wanted);

  Rig& rig;
  Customer customer;
  protocol::JwsForms forms = protocol::JwsForms::kSingle;
  std::string binding;  // disclosure that opens accountBinding
  protocol::SoftwareKey signature_key, encryption_key;
  std::unique_ptr<hsm::Signer> signer;
  std::unique_ptr<hsm::Decrypter> decrypter;
  std::string id, signature_certificate, encryption_certificate;  // DER
};

// One payment on its way: message 1, then, from message 2, message 3.
struct Purchase {
  const Shopper* buyer;
  std::string r3;
  protocol::Bblk bblk;
  std::string buyer_disclosure;
  protocol::SdJwt csblk;
};

// The sale is put into the register as the engine's last step of certification does.
Purchase MakeSale(Rig& rig, const Shopper& seller, const Shopper& buyer);
std::string ChallengeRequest(const Purchase& purchase);
std::string Authorisation(const Purchase& purchase, const gateway::Response& challenge);
// Throws unless the receipt says that the payment is completed.
void CheckReceipt(const Purchase& purchase, const gateway::Response& answer);

}  // namespace paygate::bench
