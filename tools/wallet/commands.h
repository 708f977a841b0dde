// The wallet's subcommands. Each returns the program's exit code.
#pragma once

#include <string>

namespace paygate::wallet {

// Documented in docs/man/paygate-wallet.1.
enum ExitCode : int {
  kDone = 0,
  kRefused = 1,  // by the gateway, or the payment failed: no money has moved
  kUsage = 2,
  kUndecided = 3,    // a message is out and not answered, or a payment is pending: `resume`
  kUnreachable = 4,  // the gateway did not answer; nothing is out
  kNotVerified = 5,  // a CSBLK or an answer of the gateway does not pass a check
  kLocal = 6,        // files, passphrase, another program in the same directory
};

struct Options {
  std::string directory, gateway_url, root_file, passphrase_file;
  bool plain_http = false;
  bool batch_signatures = false;
  bool json = false;

  std::string iban, code_file;                         // register
  std::string goods, amount, currency, buyer, output;  // sell; refund
  std::string undertaking, deliver_by, claim_until;    // sell
  std::string payment_id;                              // refund, claim
  std::string claim, text;                             // answer; claim, answer
  std::string csblk;                                   // show, pay, cancel
  bool yes = false;                                    // pay, refund, revoke
  int wait_s = 0;                                      // inbox
  std::string reason;                                  // revoke
};

int RunRegister(const Options& options);
int RunSell(const Options& options);
int RunShow(const Options& options);
int RunPay(const Options& options);
int RunCancel(const Options& options);
int RunRefund(const Options& options);
int RunClaim(const Options& options);
int RunAnswer(const Options& options);
int RunRenew(const Options& options);
int RunRevoke(const Options& options);
int RunInbox(const Options& options);
int RunReceipts(const Options& options);
int RunResume(const Options& options);

}  // namespace paygate::wallet
