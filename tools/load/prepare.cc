// `paygate-load prepare`: makes participants' keys, keeps them, and has them certified.
#include <cstdio>

#include "tools/load/errands.h"
#include "tools/load/market.h"
#include "tools/load/progress.h"

namespace paygate::load {
namespace {

using base::ErrorCode;
using base::Fail;

constexpr double kLimit_s = 3600;

// The types in the shares that were asked for, evenly mixed: the one that is most behind is next.
class Types {
 public:
  static base::Result<Types> Parse(const std::string& text) {
    Types types;
    ASSIGN_OR_RETURN(const auto weights, ParseWeights(text));
    for (const auto& [name, weight] : weights) {
      ASSIGN_OR_RETURN(const auto type, KeyTypeOfAlgorithm(name));
      if (weight > 0) types.shares_.push_back({type, weight, 0});
    }
    if (types.shares_.empty()) return Fail(ErrorCode::kInvalidArgument, "no algorithm is left");
    return types;
  }
  hsm::KeyType Next() {
    Share* behind = &shares_.front();
    for (Share& share : shares_) {
      if ((share.made + 1) / share.weight < (behind->made + 1) / behind->weight) behind = &share;
    }
    ++behind->made;
    return behind->type;
  }

 private:
  struct Share {
    hsm::KeyType type;
    double weight, made;
  };
  std::vector<Share> shares_;
};

size_t CountUnregistered(const Roster& roster) {
  size_t n = 0;
  for (const auto& participant : roster.participants()) n += !participant->registered();
  return n;
}

base::Status MakeKeys(Roster& roster, const PrepareOptions& options, size_t wanted) {
  if (roster.participants().size() >= wanted) return {};
  if (options.customers_file.empty()) {
    return Fail(ErrorCode::kInvalidArgument,
                "--customers is missing: accounts and enrolment codes, CSV or JSON");
  }
  ASSIGN_OR_RETURN(const auto customers, ReadCustomers(options.customers_file));
  ASSIGN_OR_RETURN(Types types, Types::Parse(options.algorithms));
  for (const CustomerRow& customer : customers) {
    if (roster.participants().size() >= wanted) return {};
    if (roster.Has(customer.iban)) continue;
    ASSIGN_OR_RETURN(const auto made, roster.Make(customer, types.Next()));
    (void)made;
  }
  if (roster.participants().size() >= wanted) return {};
  return Fail(ErrorCode::kInvalidArgument,
              options.customers_file + " has too few customers: " + std::to_string(wanted) +
                  " participants are wanted and " + std::to_string(roster.participants().size()) +
                  " can be made");
}

base::Status Register(Roster& roster, const PrepareOptions& options, Progress& progress) {
  ASSIGN_OR_RETURN(const Gateway gateway,
                   LearnGateway(options.target.url, options.target.root_pem));
  Scene scene{.gateway = gateway, .roster = roster};
  size_t registered = roster.participants().size() - CountUnregistered(roster), next = 0;
  size_t failed = 0;
  std::string why;
  Driver driver(scene, {});
  const auto make = [&]() -> std::unique_ptr<Operation> {
    for (; next < roster.participants().size(); ++next) {
      Participant& who = *roster.participants()[next];
      if (who.registered() || registered >= options.participants) continue;
      ++registered;
      ++next;
      return std::make_unique<Registration>(scene, who);
    }
    return nullptr;
  };
  const auto ended = [&](Operation&, const Next& end) {
    if (end.verdict == Verdict::kGood) return;
    ++failed;
    why = Printable(end.words);
  };
  const bool all = driver.Work(make, options.concurrency, kLimit_s, ended);
  RETURN_IF_ERROR(roster.Sync());
  if (!all) return Fail(ErrorCode::kTimeout, "the gateway did not register all in time");
  if (failed > 0) {
    return Fail(ErrorCode::kEnrolmentRefused,
                std::to_string(failed) + " were not registered, the last because of: " + why);
  }
  progress.Say(std::to_string(scene.people.size()) + " registered now, " +
               std::to_string(registered) + " in all, " +
               std::to_string(CountUnregistered(roster)) + " with keys alone");
  return {};
}

}  // namespace

int RunPrepare(const PrepareOptions& given) {
  Progress progress(false);
  PrepareOptions options = given;
  const auto all = [&]() -> base::Status {
    RETURN_IF_ERROR(Resolve(options.target));
    ASSIGN_OR_RETURN(const auto roster, Roster::Open(options.directory));
    RETURN_IF_ERROR(MakeKeys(*roster, options, options.participants + options.spare));
    RETURN_IF_ERROR(roster->Sync());
    return Register(*roster, options, progress);
  };
  const auto done = all();
  if (done) return kGood;
  progress.Say("paygate-load: " + done.error().message);
  return done.error().code == ErrorCode::kInvalidArgument ? kUsage : kTrouble;
}

}  // namespace paygate::load
