// Rubbish, sent to the running gateway: every class of malformed JOSE, JSON and HTTP gets a clear
// error, changes nothing, and the next honest payment works.
#include <gmock/gmock.h>

#include <chrono>
#include <fstream>
#include <nlohmann/json.hpp>
#include <set>

#include "base/encoding.h"
#include "protocol/jws.h"
#include "tests/doubles/places.h"
#include "tests/integration/raw_participant.h"

namespace paygate::integration {
namespace {

using namespace protocol;  // NOLINT: a test that speaks nothing else
using testing::AnyOf;

struct Malformed : testing::Test {
  Malformed() {
    const auto customers = gateway.Customers();
    seller = std::make_unique<RawParticipant>(gateway, customers[0]);
    buyer = std::make_unique<RawParticipant>(gateway, customers[1]);
    seller->Register();
    buyer->Register();
  }
  void TearDown() override {
    EXPECT_EQ(buyer->Pay(seller->Sell("An honest thing", "1.00")).status, 201);
    EXPECT_EQ(gateway.BalanceOf(buyer->customer.iban), buyer->customer.balance - 100);
    EXPECT_TRUE(gateway.LedgerIsRight());
  }
  // Message 3 of a payment whose authorisation is made from the honest header and payload.
  Said PayWithJws(const std::function<std::string(const std::string& honest)>& change) {
    const auto csblk = seller->Sell("A lamp", "5.00");
    const Bblk bblk = buyer->NewBblk(csblk);
    const auto challenge = buyer->AskBuyer(bblk);
    const std::string honest = buyer->Authorisation(bblk, challenge, csblk.jws);
    const PaymentAuthorisationBody body{.authorisation = change(honest),
                                        .buyer_disclosure = buyer->buyer_disclosure,
                                        .buyer_binding_disclosure = buyer->binding,
                                        .seller_disclosure = csblk.disclosure};
    return buyer->Post("/v1/payments",
                       buyer->Seal(body.Print(), {"handshake", challenge.handshake}));
  }
  // The honest JWS with another header or payload, signed again by the buyer.
  std::string Resigned(const std::string& header, const std::string& payload) {
    const std::string input =
        base::Base64UrlEncode(header) + "." + base::Base64UrlEncode(payload);
    return JoinJws(input, Must(buyer->signer->Sign({hsm::StatementKind::kJws, input})));
  }
  static std::string HeaderOf(const std::string& jws) {
    return Must(base::Base64UrlDecode(jws.substr(0, jws.find('.'))));
  }
  static std::string PayloadOf(const std::string& jws) {
    return Must(ParseJws(jws, kTypPaymentAuthorisation, KeyName::kX5c)).payload;
  }
  static std::string Replaced(std::string text, const std::string& from, const std::string& to) {
    const size_t at = text.find(from);
    if (at == text.npos) throw std::runtime_error("nothing to replace: " + from);
    return text.replace(at, from.size(), to);
  }

  ScratchGateway gateway;
  std::unique_ptr<RawParticipant> seller, buyer;
};

// Every token of the negative vectors, in place of each message: whatever its class, the gateway
// says which part is wrong in general terms and goes on.
TEST_F(Malformed, EveryNegativeJoseVectorIsRefusedInEveryPlace) {
  const std::string path = doubles::SharedFile("vectors/jose-negative.json");
  std::ifstream in(path);
  if (!in) GTEST_SKIP() << "SKIP: no " << path << " (set PAYGATE_SHARED)";
  const auto vectors = nlohmann::json::parse(in)["cases"];
  std::set<std::string> refused;
  for (const auto& each : vectors) {
    const std::string token = each["token"], id = each["id"];
    // As a body: no vector is encrypted to this gateway.
    const auto answer = Must(buyer->transport->Post("/v1/payments/challenge", token));
    EXPECT_THAT(answer.status, AnyOf(400, 413)) << id << " " << answer.body;
    EXPECT_EQ(answer.content_type, participant::kProblemType) << id;
    // As the registration inside an honest JWE: signed by no key that it presents.
    if (each["kind"] != "jws" || !base::IsUtf8(token)) continue;
    const Said said =
        buyer->Post("/v1/registrations", buyer->Seal(JsonWriter().String("registration", token)
                                                         .Take()));
    EXPECT_THAT(said.code, AnyOf("malformed", "unsupported-algorithm", "payload-too-large")) << id;
    refused.insert(id);
  }
  EXPECT_GT(refused.size(), 50u);
}

TEST_F(Malformed, AHeaderThatSaysMoreOrOtherThanItMayIsRefused) {
  struct Case {
    const char* from;
    const char* to;
    const char* code;
  };
  for (const Case& c : std::initializer_list<Case>{
           {"\"ES256\"", "\"none\"", "unsupported-algorithm"},
           {"\"ES256\"", "\"HS256\"", "unsupported-algorithm"},
           {"\"ES256\"", "\"RS256\"", "unsupported-algorithm"},
           {"\"ES256\"", "\"PS256\"", "unsupported-algorithm"},
           {"\"ES256\"", "\"EdDSA\"", "unsupported-algorithm"},
           {"{\"alg\"", "{\"crit\":[\"exp\"],\"alg\"", "malformed"},
           {"{\"alg\"", "{\"jku\":\"http://127.0.0.1/\",\"alg\"", "malformed"},
           {"{\"alg\"", "{\"kid\":\"1\",\"alg\"", "malformed"},
           {"{\"alg\"", "{\"b64\":false,\"alg\"", "malformed"},
           {"{\"alg\"", "{\"zip\":\"DEF\",\"alg\"", "malformed"},
           {"{\"alg\"", "{\"alg\":\"none\",\"alg\"", "malformed"},
           {"payment-authorisation", "registration", "malformed"}}) {
    const Said said = PayWithJws([&](const std::string& honest) {
      return Resigned(Replaced(HeaderOf(honest), c.from, c.to), PayloadOf(honest));
    });
    EXPECT_EQ(said.code, c.code) << c.from << " → " << c.to;
  }
}

TEST_F(Malformed, APayloadThatIsNotStrictJsonIsRefusedBySignature) {
  struct Case {
    const char* from;
    const char* to;
  };
  for (const Case& c : std::initializer_list<Case>{
           {"{\"iss\"", "{\"iss\":\"x\",\"iss\""},            // a duplicate member
           {"{\"iss\"", "{\"\\u0069ss\":\"x\",\"iss\""},      // the same after unescaping
           {"{\"iss\"", "{\"extra\":1,\"iss\""},              // an unknown member
           {"\"amount\":\"5.00\"", "\"amount\":5.00"},        // a number
           {"\"amount\":\"5.00\"", "\"amount\":\"5.0\""},     // another form
           {"\"amount\":\"5.00\"", "\"amount\":\"05.00\""},
           {"\"amount\":\"5.00\"", "\"amount\":\"-5.00\""},
           {"\"iat\":", "\"iat\":1e3,\"exp\":"},              // an exponent
           {"}}", "}} "},                                    // still fine JSON: see below
       }) {
    const Said said = PayWithJws([&](const std::string& honest) {
      const std::string payload = PayloadOf(honest);
      return Resigned(HeaderOf(honest), std::string(c.from) == "}}"
                                            ? payload + "{}"  // bytes after the value
                                            : Replaced(payload, c.from, c.to));
    });
    EXPECT_EQ(said.code, "malformed") << c.from << " → " << c.to;
    EXPECT_TRUE(said.is_signed) << "its signature verified, so the refusal is signed";
  }
}

TEST_F(Malformed, DeepNestingIsRefused) {
  std::string deep = "{\"registration\":";
  for (int i = 0; i < 200; ++i) deep += "[";
  for (int i = 0; i < 200; ++i) deep += "]";
  deep += "}";
  EXPECT_EQ(buyer->Post("/v1/registrations", buyer->Seal(deep)).code, "malformed");
}

TEST_F(Malformed, ABodyOver64KiBIsRefusedAndOneUnderItIsRead) {
  const auto send = [&](size_t bytes) {
    return Must(buyer->transport->Post("/v1/mailbox", std::string(bytes, 'A')));
  };
  EXPECT_EQ(send(65 << 10).status, 413);
  EXPECT_EQ(send((64 << 10) + 1).status, 413);
  EXPECT_EQ(send(64 << 10).status, 400);
}

TEST_F(Malformed, AChangedBitAnywhereInAJweIsOneAndTheSameError) {
  const std::string jwe = buyer->Seal("{\"request\":\"a.b.c\"}");
  // One place in the encrypted key's successors: iv, ciphertext, tag (the header is checked first).
  size_t dot = jwe.find('.');
  for (int part = 0; part < 3; ++part) {
    dot = jwe.find('.', dot + 1);
    std::string changed = jwe;
    changed[dot + 1] = changed[dot + 1] == 'A' ? 'B' : 'A';
    const Said said = buyer->Post("/v1/mailbox", changed);
    EXPECT_EQ(said.status, 400);
    EXPECT_EQ(said.code, "decryption-failed");
  }
}

TEST_F(Malformed, PathsAndMethodsThatAreNotThereAreSaidSo) {
  EXPECT_EQ(Must(buyer->transport->Get("/v1/payments")).status, 405);
  EXPECT_EQ(Must(buyer->transport->Get("/v1/nothing")).status, 404);
  EXPECT_EQ(Must(buyer->transport->Get("/v1/certificates/x")).status, 404);
  EXPECT_EQ(Must(buyer->transport->Post("/v1/nothing", "x")).status, 404);
}

}  // namespace
}  // namespace paygate::integration
