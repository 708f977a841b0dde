// Attacks on registration: another's enrolment code, another's key.
#include <gtest/gtest.h>

#include "protocol/jws.h"
#include "tests/integration/attack.h"

namespace paygate::integration {
namespace {

using namespace protocol;  // NOLINT: a test that speaks nothing else

TEST_F(Attack, AnEnrolmentCodeWorksOnceForItsOwnAccountOnly) {
  const auto customers = gateway.Customers();
  // Used already.
  RawParticipant twin(gateway, customers[0]);
  EXPECT_EQ(twin.SendRegistration(twin.NewRegistration()).code, "enrolment-refused");
  // Another account's code.
  RawParticipant thief(gateway, customers[3]);
  auto payload = thief.NewRegistration();
  payload.enrolment_code = base::SecretBytes::CopyOf(customers[4].enrolment_code);
  EXPECT_EQ(thief.SendRegistration(payload).code, "enrolment-refused");
  // The lost reply costs nobody a code.
  const auto honest = thief.NewRegistration();
  const std::string jws = Must(SignJws(*thief.signer, kTypRegistration, {}, honest.Print()));
  const auto send = [&] {
    return thief.Post("/v1/registrations", thief.Seal(PrintSingle("registration", jws)));
  };
  const Said first = send();
  ASSERT_EQ(first.status, 201) << first.code;
  EXPECT_EQ(send().payload, first.payload);
}

TEST_F(Attack, ARegistrationMustProveItsKeyAndUseTwo) {
  RawParticipant thief(gateway, gateway.Customers()[3]);
  auto payload = thief.NewRegistration();
  payload.signature_jwk = buyer->signature_key.public_key().ToJwk();
  EXPECT_EQ(thief.SendRegistration(payload).code, "signature-invalid");
  payload = thief.NewRegistration();
  payload.encryption_jwk = payload.signature_jwk;
  const std::string jws = Must(SignJws(*thief.signer, kTypRegistration, {}, payload.Print()));
  // The answer is encrypted to the key presented, which is the signature key here: only status.
  const auto answer = Must(
      thief.transport->Post("/v1/registrations", thief.Seal(PrintSingle("registration", jws))));
  EXPECT_EQ(answer.status, 400);
}

}  // namespace
}  // namespace paygate::integration
