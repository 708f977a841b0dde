// What one sale and payment demand of a machine whatever the gateway is written in: the operations
// of protocol.md sections 5 and 6, each measured alone in this process.
//
//   a sale     2 unwraps, 2 signatures (challenge, CSBLK), 2 content keys, 1 verification
//   a payment  2 unwraps, 3 signatures (challenge, receipt, confirmation), 3 content keys,
//              2 verifications (authorisation, CSBLK)
//   both       3 durable writes (CSBLK, intent, settlement); every byte of a message encrypted
//              once in its JWE and once by TLS, and hashed twice (what is signed, its digest)
//
// Private-key operations are bare PKCS#11 calls on the gateway's own token; nothing else of a
// token process, HTTP, JSON, base64, IPC, lookup or the bank is counted.
#pragma once

#include <string>
#include <vector>

#include "hsm/key_admin.h"
#include "tests/bench/bare_token.h"

namespace paygate::bench {

struct Suite {
  std::string name;  // "Ed25519 + P-256"
  hsm::KeyType signature, encryption;
};

struct Item {
  std::string what;
  double times;     // in one sale and payment
  double each_us;   // CPU
  double sum_us() const { return times * each_us; }
};

// `message_bytes`: of all eight bodies. `writers`: how many durable writes wait at once.
std::vector<Item> MeasureUnavoidable(const Suite& suite, BareToken& token, double message_bytes,
                                     size_t writers, size_t times);
double Sum(const std::vector<Item>& items);

}  // namespace paygate::bench
