// The operations that are no trade: to register, to read a mailbox, and to ask again for the end of
// a payment.
#pragma once

#include "tools/load/operation.h"

namespace paygate::load {

// Section 4. A participant whose registration was sent before sends the same again.
class Registration final : public Operation {
 public:
  Registration(Scene& scene, Participant& who)
      : Operation(Kind::kRegistration), scene_(scene), who_(who) {}
  Next Begin() override;
  Next OnAnswer(const HttpAnswer& answer) override;
  Next OnLost(const std::string& why) override;

 private:
  base::Result<Ask> Make();
  Next Take(const std::string& payload);
  Scene& scene_;
  Participant& who_;
  std::string digest_, nonce_;
  int attempts_ = 0;
};

// Section 8: one page from where the last reader left off, acknowledged; what it says of payments
// goes into the ledger.
class Mailbox final : public Operation {
 public:
  enum class Mode : uint8_t {
    kLoad,    // as a participant does it: a page, or what the gateway says instead
    kCount,   // nothing is opened: the cursor is set to the newest message
    kSettle,  // asks again, patiently, until there is a page
  };
  Mailbox(Scene& scene, Participant& who, Mode mode = Mode::kLoad);
  ~Mailbox() override;
  Next Begin() override;
  Next OnAnswer(const HttpAnswer& answer) override;
  Next OnLost(const std::string& why) override;
  // Once it has ended: the gateway has further messages.
  bool more() const { return more_; }
  Participant& who() const { return who_; }

 private:
  Next NoPage(Verdict verdict, const std::string& why, int retry_after_s);
  Next Take(const std::string& payload);
  base::Status TakeMessage(const std::string& jwe);
  Scene& scene_;
  Participant& who_;
  const Mode mode_;
  bool more_ = false;
  int attempts_ = 0;
  std::string digest_;
};

// The identical authorisation, until its end is known.
class Inquiry final : public Operation {
 public:
  Inquiry(Scene& scene, size_t fact) : Operation(Kind::kPayment), scene_(scene), fact_(fact) {}
  Next Begin() override;
  Next OnAnswer(const HttpAnswer& answer) override;
  Next OnLost(const std::string& why) override;

 private:
  Next Again(int retry_after_s);
  Scene& scene_;
  const size_t fact_;
  int attempts_ = 0;
};

}  // namespace paygate::load
