// The operations without a gateway: what they make of answers.
#include "tools/load/trade.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "protocol/software_key.h"
#include "tools/load/errands.h"

namespace paygate::load {
namespace {

constexpr char kIban[] = "GB33BUKB20201555555555", kOther[] = "GB82WEST12345698765432";

template <typename T>
T Must(base::Result<T> result) {
  if (!result) throw std::runtime_error(result.error().ToString());
  return std::move(*result);
}

struct Operations : testing::Test {
  Operations()
      : directory((std::filesystem::temp_directory_path() / "paygate-load-XXXXXX").string()),
        made(mkdtemp(directory.data()) != nullptr),
        roster(Must(Roster::Open(directory))),
        gateway{.endpoint = {},
                .root_pem = {},
                .id = "AAAAAAAAAAAAAAAAAAAAAA",
                .encryption_key = Must(protocol::SoftwareKey::Generate(hsm::KeyType::kP256,
                                                                       hsm::KeyUsage::kDecrypt))
                                      .public_key(),
                .encryption_x5t = std::string(43, 'A'),
                .signature_keys = {},
                .signature_algorithm = {},
                .encryption_algorithm = {}},
        scene{.gateway = gateway, .roster = *roster},
        seller(*Must(roster->Make({kIban, "GBP", "code"}, hsm::KeyType::kP256))),
        buyer(*Must(roster->Make({kOther, "GBP", "code"}, hsm::KeyType::kEd25519))) {}
  ~Operations() override { std::filesystem::remove_all(directory); }

  static HttpAnswer Problem(int status, const std::string& code, int retry_after_s = 0) {
    const protocol::Problem problem{
        .code = code, .title = "A title", .status = status, .instance = "instance"};
    return {.status = status,
            .content_type = std::string(participant::kProblemType),
            .body = problem.Print(),
            .retry_after_s = retry_after_s};
  }

  std::string directory;
  bool made;
  std::unique_ptr<Roster> roster;
  Gateway gateway;
  Scene scene;
  Participant &seller, &buyer;
};

TEST_F(Operations, AHostileRequestThatIsAcceptedIsABreach) {
  for (const Attack attack :
       {Attack::kGarbage, Attack::kTooLarge, Attack::kWrongType, Attack::kUnknownMember}) {
    Trade trade(scene, Kind::kHostile, seller, buyer, std::nullopt, attack);
    ASSERT_EQ(trade.Begin().what, Next::What::kAsk);
    const Next next = trade.OnAnswer({.status = 201, .content_type = "application/jose"});
    EXPECT_EQ(next.verdict, Verdict::kAccepted) << Name(attack);
  }
}

TEST_F(Operations, AHostileRequestThatIsRefusedIsGoodAndOneThatBreaksTheGatewayIsNot) {
  Trade refused(scene, Kind::kHostile, seller, buyer, std::nullopt, Attack::kGarbage);
  (void)refused.Begin();
  EXPECT_EQ(refused.OnAnswer(Problem(400, "malformed")).verdict, Verdict::kGood);
  Trade broken(scene, Kind::kHostile, seller, buyer, std::nullopt, Attack::kGarbage);
  (void)broken.Begin();
  EXPECT_EQ(broken.OnAnswer(Problem(500, "internal")).verdict, Verdict::kBroken);
}

TEST_F(Operations, ABusyGatewayEndsATradeBeforeAnythingBindingAndSaysHowLongToWait) {
  Trade trade(scene, Kind::kPurchase, seller, buyer, std::nullopt);
  const Next first = trade.Begin();
  EXPECT_EQ(first.ask.path, "/v1/seller-blocks/challenge");
  const Next next = trade.OnAnswer(Problem(503, "overloaded", 1));
  EXPECT_EQ(next.what, Next::What::kDone);
  EXPECT_EQ(next.verdict, Verdict::kBusy);
  EXPECT_EQ(next.retry_after_s, 1);
  EXPECT_EQ(next.words, "503 overloaded");
}

TEST_F(Operations, AnAnswerThatIsNotEncryptedToWhoAskedDoesNotHold) {
  Trade trade(scene, Kind::kSale, seller, buyer, std::nullopt);
  (void)trade.Begin();
  const auto sealed =
      Must(protocol::SealJwe(gateway.encryption_key, std::string(43, 'B'), {}, "{}"));
  const Next next =
      trade.OnAnswer({.status = 200, .content_type = "application/jose", .body = sealed});
  EXPECT_EQ(next.verdict, Verdict::kBroken);
}

TEST_F(Operations, ALostAnswerToARegistrationIsAskedForAgainWithTheSameMessage) {
  Registration registration(scene, buyer);
  const Next first = registration.Begin();
  ASSERT_EQ(first.what, Next::What::kAsk);
  const std::string sent = buyer.registration;
  EXPECT_EQ(registration.OnLost("cut").what, Next::What::kAskLater);
  EXPECT_EQ(registration.OnAnswer(Problem(503, "overloaded")).what, Next::What::kAskLater);
  // And by whoever comes after a crash.
  Must(Roster::Open(directory));
  const auto again = Must(Roster::Open(directory));
  ASSERT_EQ(again->participants().size(), 2u);
  EXPECT_EQ(again->participants()[1]->registration, sent);
}

TEST_F(Operations, AnInquiryGoesOnUntilThereIsAnEnd) {
  const size_t fact = scene.ledger.Sent({.payment_id = std::string(43, 'A'),
                                         .buyer = &buyer,
                                         .seller = &seller,
                                         .amount = 1,
                                         .told = Told::kPending,
                                         .bank_reference = {},
                                         .jwe = "the authorisation"});
  Inquiry inquiry(scene, fact);
  EXPECT_EQ(inquiry.Begin().ask.body, "the authorisation");
  EXPECT_EQ(inquiry.OnLost("cut").what, Next::What::kAskLater);
  EXPECT_EQ(inquiry.OnAnswer(Problem(503, "bank-unavailable")).what, Next::What::kAskLater);
  // "Refused" after "pending": two ends.
  EXPECT_EQ(inquiry.OnAnswer(Problem(409, "handshake-expired")).what, Next::What::kDone);
  EXPECT_TRUE(scene.ledger.at(fact).contradicted);
}

TEST_F(Operations, WaitsGrowAndObeyTheGateway) {
  EXPECT_LT(BackOff(0, 0), BackOff(2, 0));
  EXPECT_EQ(BackOff(100, 0), BackOff(101, 0));
  EXPECT_EQ(BackOff(0, 1), std::chrono::seconds(1));
}

}  // namespace
}  // namespace paygate::load
