// paygate-wallet: a buyer's or seller's program.
#include <CLI/CLI.hpp>

#include "base/log.h"
#include "base/secret_bytes.h"
#include "tools/arguments.h"
#include "tools/wallet/commands.h"
#include "tools/wallet/config.h"

namespace {

using paygate::wallet::Options;

constexpr char kFooter[] = R"(
Examples, a sale between two people:
  paygate-wallet --gateway https://127.0.0.1:8443 --root root.pem \
      register --iban GB33BUKB20201555555555
  paygate-wallet sell "Blue bicycle" 120.00 GBP --out bicycle.csblk      the seller
  paygate-wallet show bicycle.csblk                                      the buyer looks
  paygate-wallet pay bicycle.csblk                                       the buyer pays
  paygate-wallet inbox --wait 30                                         the seller hears of it
  paygate-wallet receipts                                                either, years later

With a promise, and what the buyer does if it is not kept:
  paygate-wallet sell "Blue bicycle" 120.00 GBP --undertaking "At your door by May" \
      --deliver-by 2027-04-30 --out bicycle.csblk
  paygate-wallet claim PAYMENT_ID "Nothing has come."                    the buyer, from May on
  paygate-wallet answer CLAIM_ID "Signed for on 28 April, parcel 4711"   the seller, in 72 hours

Secrets are asked on the terminal or read from files of mode 0600, never from arguments.
Exit codes: 0 done, 1 refused or failed (no money moved), 2 usage, 3 not decided yet (resume),
4 gateway not reachable, 5 something did not verify, 6 trouble on this machine.)";

void AddCommands(CLI::App& app, Options& o, int (*&run)(const Options&)) {
  const auto command = [&](const char* name, const char* what, int (*f)(const Options&)) {
    CLI::App* sub = app.add_subcommand(name, what);
    sub->fallthrough();  // global options may follow the command
    sub->callback([&run, f] { run = f; });
    return sub;
  };
  using namespace paygate::wallet;
  CLI::App* reg =
      command("register", "Make keys and have them certified for your bank account", RunRegister);
  reg->add_option("--iban", o.iban, "Your account, without spaces")->required();
  reg->add_option("--code-file", o.code_file,
                  "File (0600) with the enrolment code from your bank; asked for otherwise");
  CLI::App* sell =
      command("sell", "Have a sale certified; prints the CSBLK for the buyer", RunSell);
  sell->add_option("goods", o.goods, "What is sold, as in \"Blue bicycle\"")->required();
  sell->add_option("amount", o.amount, "As in 120.00")->required();
  sell->add_option("currency", o.currency, "As in GBP")->required();
  sell->add_option("--buyer", o.buyer, "ID of the only buyer who may pay");
  sell->add_option("--out", o.output, "Write the CSBLK to this new file");
  CLI::Option* promise = sell->add_option(
      "--undertaking", o.undertaking,
      "Promise to repay if this does not hold, as in \"Delivered to your door\"; - reads it");
  sell->add_option("--deliver-by", o.deliver_by,
                   "Claims begin at the end of this day, as in 2027-03-31; in 30 days")
      ->needs(promise);
  sell->add_option("--claim-until", o.claim_until,
                   "And end with this day, at least 14 days later; 14 days later")
      ->needs(promise);
  CLI::App* show =
      command("show", "Say in words what a CSBLK says, verified; signs nothing", RunShow);
  show->add_option("csblk", o.csblk, "The CSBLK, a file, or - for standard input")->required();
  CLI::App* pay = command("pay", "Pay a CSBLK, after showing what to whom", RunPay);
  pay->add_option("csblk", o.csblk, "The CSBLK, a file, or - for standard input")->required();
  pay->add_flag("--yes", o.yes, "Pay without asking");
  CLI::App* cancel =
      command("cancel", "Take back an offer of yours that nobody has paid", RunCancel);
  cancel->add_option("csblk", o.csblk, "The CSBLK, its ID, a file, or - for standard input")
      ->required();
  CLI::App* refund =
      command("refund", "Give money of a completed payment back to its buyer", RunRefund);
  refund->add_option("payment", o.payment_id, "The payment's ID, from its confirmation")
      ->required();
  CLI::Option* amount = refund->add_option("amount", o.amount, "As in 12.50; all that is left");
  refund->add_option("currency", o.currency, "As in GBP")->needs(amount);
  refund->add_flag("--yes", o.yes, "Refund without asking");
  CLI::App* claim = command(
      "claim", "Ask for your money back by the seller's undertaking, once for a payment", RunClaim);
  claim->add_option("payment", o.payment_id, "The payment's ID, from its receipt")->required();
  claim->add_option("statement", o.text, "What was promised and not done; - reads it")->required();
  CLI::App* answer =
      command("answer", "Answer a buyer's claim, within 72 hours of its filing", RunAnswer);
  answer->add_option("claim", o.claim, "The claim's ID, from the inbox")->required();
  answer->add_option("evidence", o.text, "What proves that you kept your word; - reads it")
      ->required();
  CLI::App* inbox =
      command("inbox", "Fetch new receipts, confirmations, refunds, claims, decisions", RunInbox);
  inbox->add_option("--wait", o.wait_s, "Wait up to this many seconds for one (0 to 30)")
      ->check(CLI::Range(0, 30));
  command("renew", "New keys and certificates for the same ID and account", RunRenew);
  CLI::App* revoke = command("revoke", "End your certificates, for good", RunRevoke);
  revoke->add_option("--reason", o.reason,
                     "keyCompromise (stolen), cessationOfOperation, or superseded")
      ->required()
      ->check(CLI::IsMember({"keyCompromise", "cessationOfOperation", "superseded"}));
  revoke->add_flag("--yes", o.yes, "Revoke without asking");
  command("receipts", "Verify all results held, against the root, and show them", RunReceipts);
  command("resume", "Send again whatever was sent and not answered", RunResume);
}

}  // namespace

int main(int argc, char** argv) {
  paygate::base::MakeProcessUndumpable();
  paygate::base::InitLog("paygate-wallet", paygate::base::LogLevel::kWarning);
  CLI::App app{"A wallet for buyers and sellers who pay through a Paygate gateway."};
  app.footer(kFooter);
  app.require_subcommand(1);
  Options options;
  options.directory = paygate::wallet::DefaultDirectory();
  app.add_option("--dir", options.directory, "Where keys and results are kept")
      ->capture_default_str();
  app.add_option("--gateway", options.gateway_url, "https://host:port; remembered by register");
  app.add_option("--root", options.root_file,
                 "PEM file of the operator's root certificate; remembered by register");
  app.add_option("--passphrase-file", options.passphrase_file,
                 "File (0600) with the passphrase of the keys; asked for otherwise");
  app.add_flag("--json", options.json, "One line of JSON for each result, for programs");
  app.add_flag("--batch-signatures", options.batch_signatures,
               "Take the gateway's signatures in batches, where its token is slow");
  app.add_flag("--plain-http", options.plain_http, "Allow http:// to this machine's loopback");
  int (*run)(const Options&) = nullptr;
  AddCommands(app, options, run);
  try {
    paygate::tools::Parse(app, argc, argv);
  } catch (const CLI::ParseError& e) {
    return app.exit(e) == 0 ? paygate::wallet::kDone : paygate::wallet::kUsage;
  }
  return run(options);
}
