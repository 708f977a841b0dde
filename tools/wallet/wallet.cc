#include "tools/wallet/wallet.h"

#include <unistd.h>

#include <cstdio>
#include <thread>

#include "base/file.h"
#include "protocol/json.h"
#include "tools/wallet/words.h"

namespace paygate::wallet {

using base::ErrorCode;
using base::Fail;

base::Result<WalletConfig> ChooseConfig(const Options& options,
                                        const std::optional<WalletConfig>& kept) {
  WalletConfig config = kept.value_or(WalletConfig{});
  if (!options.gateway_url.empty()) config.gateway_url = options.gateway_url;
  if (options.plain_http) config.plain_http = true;
  if (!options.root_file.empty()) {
    ASSIGN_OR_RETURN(config.root_pem, base::ReadFile(options.root_file, 64u << 10));
  }
  if (config.gateway_url.empty() || config.root_pem.empty()) {
    return Fail(
        ErrorCode::kInvalidArgument,
        "say which gateway: --gateway https://host:port --root root.pem (the operator's root "
        "certificate, got from a place you trust); `register` remembers both");
  }
  return config;
}

base::Result<std::unique_ptr<participant::Transport>> Connect(const WalletConfig& config) {
  return participant::OpenHttpsTransport({.url = config.gateway_url,
                                          .root_pem = config.root_pem,
                                          .allow_plain_loopback = config.plain_http});
}

base::Result<base::SecretBytes> Passphrase(const Options& options) {
  if (!options.passphrase_file.empty()) return base::ReadSecretFile(options.passphrase_file);
  return AskSecret("Passphrase of your keys");
}

base::Result<std::unique_ptr<Wallet>> Wallet::Open(const Options& options,
                                                   bool must_be_registered) {
  if (options.directory.empty()) {
    return Fail(ErrorCode::kInvalidArgument, "no home directory: say --dir DIR");
  }
  if (must_be_registered && access((options.directory + "/wallet.json").c_str(), F_OK) != 0) {
    return Fail(ErrorCode::kNotFound, "nothing is registered in " + options.directory +
                                          ": begin with `paygate-wallet register`");
  }
  std::unique_ptr<Wallet> wallet(new Wallet());
  ASSIGN_OR_RETURN(wallet->disk_, participant::OpenDisk(options.directory));
  ASSIGN_OR_RETURN(auto kept, LoadConfig(*wallet->disk_));
  ASSIGN_OR_RETURN(wallet->config_, ChooseConfig(options, kept));
  ASSIGN_OR_RETURN(wallet->https_, Connect(wallet->config_));
  wallet->transport_ = std::make_unique<PatientTransport>(*wallet->https_);
  participant::ClientOptions client_options;
  client_options.batch_signatures = options.batch_signatures;
  client_options.wait = [](std::chrono::seconds s) { std::this_thread::sleep_for(s); };
  client_options.progress = [](std::string_view what) { Note(std::string(what)); };
  ASSIGN_OR_RETURN(wallet->client_,
                   participant::Client::Open({*wallet->disk_, *wallet->transport_, wallet->clock_,
                                              wallet->config_.root_pem},
                                             std::move(client_options)));
  return wallet;
}

base::Result<std::vector<participant::Resumed>> Wallet::UnlockAndResume(const Options& options) {
  ASSIGN_OR_RETURN(base::SecretBytes passphrase, Passphrase(options));
  return UnlockAndResume(passphrase);
}

base::Result<std::vector<participant::Resumed>> Wallet::UnlockAndResume(
    const base::SecretBytes& passphrase) {
  RETURN_IF_ERROR(client_->Unlock(passphrase));
  if (const size_t open = OpenMessages(); open > 0) {
    Note(std::to_string(open) + " message(s) without an answer: sending again");
  }
  return client_->Resume();
}

size_t Wallet::OpenMessages() {
  const auto open = client_->journal().Open();
  return open ? open->size() : 0;
}

int ReportRefusal(const Options& options, const participant::Refusal& refusal) {
  if (options.json) {
    std::printf("%s\n", RefusalAsJson(refusal).c_str());
  } else {
    std::fprintf(stderr, "%s", RefusalInWords(refusal).c_str());
  }
  return kRefused;
}

int ReportRenewed(const Options& options, const participant::Identity& identity) {
  if (options.json) {
    std::printf("%s\n", protocol::JsonWriter()
                            .String("status", "renewed")
                            .String("id", identity.id)
                            .Integer("generation", identity.generation)
                            .Take()
                            .c_str());
  } else {
    std::printf(
        "Renewed. Your ID is still %s; your new keys are in %s. Back it up again.\n",
        identity.id.c_str(), options.directory.c_str());
  }
  return kDone;
}

int ReportRevoked(const Options& options, const participant::Revoked& revoked) {
  if (options.json) {
    std::printf("%s\n", protocol::JsonWriter()
                            .String("status", "revoked")
                            .String("reason", revoked.reason)
                            .Integer("at", revoked.at)
                            .Take()
                            .c_str());
  } else {
    std::printf(
        "Revoked (%s, %s): nothing that these keys sign is accepted any more.\n"
        "To go on, ask your bank for a new enrolment code and register with another --dir.\n",
        revoked.reason.c_str(), FormatTime(revoked.at).c_str());
  }
  return kDone;
}

int ReportPayment(const Options& options, const participant::PaymentRecord& record) {
  if (options.json) {
    std::printf("%s\n", ResultAsJson(record).c_str());
  } else {
    std::printf("%s", ResultInWords(record).c_str());
  }
  switch (record.payload.result) {
    case protocol::PaymentResult::kCompleted:
      return kDone;
    case protocol::PaymentResult::kFailed:
      return kRefused;
    case protocol::PaymentResult::kPending:
      return kUndecided;
  }
  return kNotVerified;
}

int ReportError(const Options& options, const base::Error& error, size_t open_messages) {
  int code = kNotVerified;
  switch (error.code) {
    case ErrorCode::kTimeout:
    case ErrorCode::kClosed:
      code = open_messages > 0 ? kUndecided : kUnreachable;
      break;
    case ErrorCode::kInvalidArgument:
      code = kUsage;
      break;
    case ErrorCode::kIo:
    case ErrorCode::kPermissionDenied:
    case ErrorCode::kInFlight:
    case ErrorCode::kNotFound:
    case ErrorCode::kInternal:
    case ErrorCode::kAlreadyExists:
      code = kLocal;
      break;
    case ErrorCode::kAlreadyPaid:
    case ErrorCode::kCsblkExpired:
    case ErrorCode::kSameAccount:
      code = kRefused;
      break;
    default:
      break;
  }
  if (options.json) {
    std::printf("%s\n", protocol::JsonWriter()
                            .String("status", code == kUndecided ? "undecided" : "error")
                            .String("code", base::Name(error.code))
                            .String("message", error.message)
                            .Take()
                            .c_str());
    return code;
  }
  Note("paygate-wallet: " + error.message);
  if (code == kUndecided) {
    Note(
        "What was sent is kept; the identical message is sent again by `paygate-wallet resume`, or "
        "by the next command. It cannot be carried out twice.");
  } else if (code == kNotVerified) {
    Note("(" + std::string(base::Name(error.code)) + ": nothing further was signed or sent)");
  }
  return code;
}

int Report(const Options& options, const participant::Resumed& resumed) {
  const std::string what(participant::Name(resumed.kind));
  if (resumed.error) return ReportError(options, *resumed.error, 1);
  if (resumed.payment) return ReportPayment(options, *resumed.payment);
  if (resumed.claim) return ReportClaim(options, *resumed.claim);
  if (resumed.refund) return ReportRefund(options, *resumed.refund);
  if (resumed.revoked) return ReportRevoked(options, *resumed.revoked);
  if (resumed.kind == participant::MessageKind::kRenewal && resumed.identity) {
    return ReportRenewed(options, *resumed.identity);
  }
  if (resumed.lapsed) {
    const std::string words = "a " + what +
                              " never reached the gateway and no longer can: start anew if you "
                              "still want it";
    if (!options.json) Note(words);
    if (options.json) {
      std::printf(
          "%s\n",
          protocol::JsonWriter().String("status", "lapsed").String("kind", what).Take().c_str());
    }
    return kRefused;
  }
  if (resumed.refusal) return ReportRefusal(options, *resumed.refusal);
  const std::string subject = resumed.sale       ? resumed.sale->csblk
                              : resumed.identity ? resumed.identity->id
                                                 : resumed.subject;
  if (options.json) {
    std::printf("%s\n", protocol::JsonWriter()
                            .String("status", "done")
                            .String("kind", what)
                            .String(resumed.sale ? "csblk" : "id", subject)
                            .Take()
                            .c_str());
  } else {
    std::printf("%s done: %s\n", what.c_str(), subject.c_str());
  }
  return kDone;
}

int RunOnce(const Options& options, participant::MessageKind kind, const std::string& subject,
            const std::function<int(Wallet&)>& send) {
  auto wallet = Wallet::Open(options, true);
  if (!wallet) return ReportError(options, wallet.error(), 0);
  auto resumed = (*wallet)->UnlockAndResume(options);
  if (!resumed) return ReportError(options, resumed.error(), 0);
  const participant::Resumed* same = nullptr;
  for (const auto& one : *resumed) {
    if (one.kind == kind && one.subject == subject && !one.lapsed) {
      same = &one;
    } else if (!options.json) {
      Report(options, one);
    }
  }
  return same ? Report(options, *same) : send(**wallet);
}

}  // namespace paygate::wallet
