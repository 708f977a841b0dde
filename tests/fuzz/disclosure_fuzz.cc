// Disclosures, SD-JWTs, and the values inside: IBANs and goods.
#include "protocol/messages.h"
#include "tests/fuzz/fuzz.h"

using namespace paygate::protocol;

void Fuzz(std::string_view input) {
  (void)CheckGoods(input);
  if (CheckIban(input)) {
    auto made = Disclosure::Make(input);
    Require(made.has_value(), "an account can be disclosed");
    auto parsed = Disclosure::Parse(made->text());
    Require(parsed && parsed->account() == input, "what we disclose reads back");
  }
  auto disclosure = Disclosure::Parse(input);
  if (disclosure) {
    Require(disclosure->text() == input, "a disclosure is the text that came");
    Require(CheckIban(disclosure->account()).has_value(), "it opens a good account number");
    Require(IsDigest(disclosure->Digest()), "it has a digest");
  }
  auto sd_jwt = SdJwt::Parse(input);
  if (sd_jwt) Require(sd_jwt->Print() == input, "one spelling of an SD-JWT");
  (void)ParseJsonStrings(input);
}
