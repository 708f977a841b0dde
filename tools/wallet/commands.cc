#include "tools/wallet/commands.h"

#include <algorithm>
#include <cstdio>

#include "base/file.h"
#include "protocol/json.h"
#include "protocol/values.h"
#include "tools/wallet/wallet.h"
#include "tools/wallet/words.h"

namespace paygate::wallet {
namespace {

using base::ErrorCode;
using base::Fail;
using participant::Resumed;

base::Result<base::SecretBytes> NewPassphrase(const Options& options, participant::Disk& disk) {
  ASSIGN_OR_RETURN(auto keys, disk.List("keys"));
  if (!options.passphrase_file.empty() || !keys.empty()) return Passphrase(options);
  ASSIGN_OR_RETURN(auto first, AskSecret("New passphrase for your keys (8 characters or more)"));
  ASSIGN_OR_RETURN(auto second, AskSecret("The same again"));
  if (!(first == second)) return Fail(ErrorCode::kInvalidArgument, "the two are not the same");
  return first;
}

base::Result<std::string> EnrolmentCode(const Options& options) {
  base::Result<base::SecretBytes> code = options.code_file.empty()
                                             ? AskSecret("Enrolment code from your bank")
                                             : base::ReadSecretFile(options.code_file);
  if (!code) return std::unexpected(code.error());
  return std::string(code->view());
}

// Opens the wallet and its keys, sends again what is out, and tells of it on the way.
struct Session {
  std::unique_ptr<Wallet> wallet;
  std::vector<Resumed> resumed;
};
base::Result<Session> Begin(const Options& options) {
  ASSIGN_OR_RETURN(auto wallet, Wallet::Open(options, true));
  ASSIGN_OR_RETURN(auto resumed, wallet->UnlockAndResume(options));
  return Session{std::move(wallet), std::move(resumed)};
}
// In words only: with --json a program reads one answer, its own.
void TellResumed(const Options& options, const std::vector<Resumed>& resumed) {
  if (options.json) return;
  for (const Resumed& one : resumed) Report(options, one);
}

int PrintRegistered(const Options& options, const participant::Identity& identity) {
  if (options.json) {
    std::printf("%s\n", protocol::JsonWriter()
                            .String("status", "registered")
                            .String("id", identity.id)
                            .String("gateway", identity.gateway_id)
                            .Take()
                            .c_str());
  } else {
    std::printf(
        "Registered. Your ID is %s\nKeys, certificates and results are in %s\n"
        "Next: `paygate-wallet sell GOODS AMOUNT CURRENCY` or `paygate-wallet pay CSBLK`\n",
        identity.id.c_str(), options.directory.c_str());
  }
  return kDone;
}

int PrintSale(const Options& options, const participant::Sale& sale) {
  if (!options.output.empty()) {
    if (auto written = base::WriteNewFile(options.output, sale.csblk + "\n"); !written) {
      // The sale is done and kept; only its copy is missing.
      Note("paygate-wallet: " + written.error().message + "; the CSBLK follows instead");
      std::printf("%s\n", sale.csblk.c_str());
      return kLocal;
    }
  }
  if (options.json) {
    std::printf("%s\n", protocol::JsonWriter()
                            .String("status", "certified")
                            .String("csblk_id", sale.csblk_id)
                            .String("csblk", sale.csblk)
                            .Take()
                            .c_str());
  } else if (options.output.empty()) {
    Note("Certified. Give the buyer this CSBLK; it verifies by itself:");
    std::printf("%s\n", sale.csblk.c_str());
  } else {
    std::printf("Certified. Give the buyer %s\n", options.output.c_str());
  }
  return kDone;
}

}  // namespace

int RunRegister(const Options& options) {
  auto wallet = Wallet::Open(options, false);
  if (!wallet) return ReportError(options, wallet.error(), 0);
  Wallet& w = **wallet;
  const auto step = [&]() -> base::Result<participant::Answer<participant::Identity>> {
    if (w.client().identity()) {
      return Fail(ErrorCode::kAlreadyExists, "this directory is registered already, as " +
                                                 w.client().identity()->id +
                                                 "; say --dir for another account");
    }
    if (auto good = protocol::CheckIban(options.iban); !good) {
      return Fail(ErrorCode::kInvalidArgument,
                  "that is no IBAN: give it without spaces, check digits included");
    }
    ASSIGN_OR_RETURN(auto passphrase, NewPassphrase(options, w.disk()));
    ASSIGN_OR_RETURN(std::string code, EnrolmentCode(options));
    RETURN_IF_ERROR(SaveConfig(w.disk(), w.config()));
    RETURN_IF_ERROR(w.client().MakeKeys(passphrase));
    return w.client().Register(options.iban, code);
  };
  auto answer = step();
  if (!answer) return ReportError(options, answer.error(), w.OpenMessages());
  if (answer->refusal) return ReportRefusal(options, *answer->refusal);
  return PrintRegistered(options, *answer->value);
}

int RunSell(const Options& options) {
  const auto price = base::Money::Parse(options.amount, options.currency);
  if (!price) {
    return ReportError(
        options,
        {ErrorCode::kInvalidArgument, "no price: " + price.error().message + " (as in: 12.50 GBP)"},
        0);
  }
  const auto promise = UndertakingOf(options, base::ToNumericDate(base::SystemClock().Now()));
  if (!promise) return ReportError(options, promise.error(), 0);
  auto session = Begin(options);
  if (!session) return ReportError(options, session.error(), 0);
  TellResumed(options, session->resumed);
  auto answer =
      session->wallet->client().Sell(options.goods, *price, options.buyer, *promise);
  if (!answer) return ReportError(options, answer.error(), session->wallet->OpenMessages());
  if (answer->refusal) return ReportRefusal(options, *answer->refusal);
  return PrintSale(options, *answer->value);
}

int RunShow(const Options& options) {
  const base::SystemClock clock;
  const auto step = [&]() -> base::Result<participant::CsblkView> {
    ASSIGN_OR_RETURN(std::string text, ReadCsblk(options.csblk));
    // A stranger with no wallet can look too, if he says which gateway.
    if (!options.gateway_url.empty() && !options.root_file.empty()) {
      ASSIGN_OR_RETURN(auto config, ChooseConfig(options, {}));
      ASSIGN_OR_RETURN(auto transport, Connect(config));
      PatientTransport patient(*transport);
      ASSIGN_OR_RETURN(auto trust, participant::GatewayTrust::Create(config.root_pem, "", patient,
                                                                     clock, nullptr));
      return participant::InspectCsblk(*trust, text);
    }
    ASSIGN_OR_RETURN(auto wallet, Wallet::Open(options, true));
    return wallet->client().Inspect(text);
  };
  const auto view = step();
  if (!view) return ReportError(options, view.error(), 0);
  const int64_t now = base::ToNumericDate(clock.Now());
  if (options.json) {
    std::printf("%s\n", OfferAsJson(*view, now).c_str());
  } else {
    std::printf("%s", OfferInWords(*view, now).c_str());
  }
  return kDone;
}

int RunPay(const Options& options) {
  auto wallet = Wallet::Open(options, true);
  if (!wallet) return ReportError(options, wallet.error(), 0);
  Wallet& w = **wallet;
  std::vector<Resumed> resumed;
  const auto look = [&]() -> base::Result<participant::CsblkView> {
    ASSIGN_OR_RETURN(std::string text, ReadCsblk(options.csblk));
    ASSIGN_OR_RETURN(auto view, w.client().Inspect(text));
    if (!options.json) {
      std::fprintf(stderr, "%s", OfferInWords(view, base::ToNumericDate(w.clock().Now())).c_str());
    }
    if (!options.yes) {
      ASSIGN_OR_RETURN(const bool yes,
                       AskYesNo("Pay " + view.sblk.price.ToString() + " for this?"));
      if (!yes) return Fail(ErrorCode::kInvalidArgument, "not paid: you did not say yes");
    }
    ASSIGN_OR_RETURN(resumed, w.UnlockAndResume(options));
    return view;
  };
  const auto view = look();
  if (!view) return ReportError(options, view.error(), 0);
  // An earlier try of the same payment that was still out is this payment.
  const auto same = std::find_if(resumed.begin(), resumed.end(), [&](const Resumed& r) {
    return r.kind == participant::MessageKind::kPayment && r.subject == view->csblk_id && !r.lapsed;
  });
  if (same != resumed.end()) return Report(options, *same);
  TellResumed(options, resumed);
  auto answer = w.client().Pay(*view);
  if (!answer) return ReportError(options, answer.error(), w.OpenMessages());
  if (answer->refusal) return ReportRefusal(options, *answer->refusal);
  return ReportPayment(options, *answer->value);
}

int RunInbox(const Options& options) {
  auto session = Begin(options);
  if (!session) return ReportError(options, session.error(), 0);
  TellResumed(options, session->resumed);
  auto messages = session->wallet->client().Inbox(std::chrono::seconds(options.wait_s));
  if (!messages) return ReportError(options, messages.error(), 0);
  int code = kDone;
  for (const auto& message : *messages) {
    if (message.payment) {
      ReportPayment(options, *message.payment);
      continue;
    }
    if (message.refund) {
      ReportRefund(options, *message.refund);
      continue;
    }
    if (message.claim) {
      ReportClaim(options, *message.claim);
      continue;
    }
    code = kNotVerified;
    if (options.json) {
      std::printf("%s\n", protocol::JsonWriter()
                              .String("status", "rejected")
                              .Integer("cursor", message.cursor)
                              .String("message", message.set_aside)
                              .Take()
                              .c_str());
    } else {
      Note("Message " + std::to_string(message.cursor) + " was not believed and is set aside in " +
           options.directory + "/rejected: " + message.set_aside);
    }
  }
  if (messages->empty() && !options.json) std::printf("No new messages.\n");
  return code;
}

int RunReceipts(const Options& options) {
  auto wallet = Wallet::Open(options, true);
  if (!wallet) return ReportError(options, wallet.error(), 0);
  auto records = (*wallet)->client().Receipts();
  if (!records) return ReportError(options, records.error(), 0);
  int code = kDone;
  for (const auto& record : *records) {
    if (record) {
      ReportPayment(options, *record);
    } else {
      code = ReportError(options, record.error(), 0);
    }
  }
  auto refunds = (*wallet)->client().Refunds();
  if (!refunds) return ReportError(options, refunds.error(), 0);
  for (const auto& record : *refunds) {
    if (record) {
      ReportRefund(options, *record);
    } else {
      code = ReportError(options, record.error(), 0);
    }
  }
  auto claims = (*wallet)->client().Claims();
  if (!claims) return ReportError(options, claims.error(), 0);
  for (const auto& record : *claims) {
    if (record) {
      ReportClaim(options, *record);
    } else {
      code = ReportError(options, record.error(), 0);
    }
  }
  if (records->empty() && !options.json) std::printf("No receipts yet.\n");
  if (const size_t open = (*wallet)->OpenMessages(); open > 0) {
    Note(std::to_string(open) +
         " message(s) are out without a final answer: `paygate-wallet resume`");
  }
  return code;
}

int RunResume(const Options& options) {
  auto session = Begin(options);
  if (!session) return ReportError(options, session.error(), 0);
  int code = kDone;
  for (const Resumed& one : session->resumed) code = std::max(code, Report(options, one));
  if (session->resumed.empty() && !options.json) std::printf("Nothing is out: all is answered.\n");
  return code;
}

}  // namespace paygate::wallet
