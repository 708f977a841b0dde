#include "tools/load/market.h"

#include <algorithm>
#include <thread>

#include "tools/load/errands.h"
#include "tools/load/trade.h"

namespace paygate::load {
namespace {

using base::ErrorCode;
using base::Fail;

constexpr uint32_t kErrandsAtOnce = 8;
constexpr double kBeginLimit_s = 600;

}  // namespace

base::Result<std::unique_ptr<Market>> Market::Open(const RunOptions& options,
                                                   const std::atomic<bool>* stop) {
  ASSIGN_OR_RETURN(auto gateway, LearnGateway(options.target.url, options.target.root_pem));
  if (options.batch_signatures && !gateway.batch_signatures) {
    return Fail(ErrorCode::kInvalidArgument, "this gateway does not offer batch signatures");
  }
  std::unique_ptr<Market> market(new Market(std::move(gateway)));
  market->options_ = options;
  ASSIGN_OR_RETURN(market->roster_, Roster::Open(options.directory, false));
  std::vector<hsm::KeyType> wanted;
  if (!options.algorithms.empty()) {
    ASSIGN_OR_RETURN(const auto names, ParseWeights(options.algorithms));
    for (const auto& [name, weight] : names) {
      ASSIGN_OR_RETURN(const auto type, KeyTypeOfAlgorithm(name));
      wanted.push_back(type);
    }
  }
  for (uint32_t i = 0; i < options.threads; ++i) {
    auto scene =
        std::make_unique<Scene>(Scene{.gateway = market->gateway_, .roster = *market->roster_});
    scene->amount = options.amount;
    scene->verify_share = options.verify_share;
    if (options.batch_signatures) scene->forms = protocol::JwsForms::kSingleOrBatch;
    scene->dice = Dice(options.plan.seed * 1000 + i);
    auto driver = std::make_unique<Driver>(
        *scene, Driver::Options{.number = i * 7, .sources = options.sources, .stop = stop});
    market->lanes_.push_back({std::move(scene), std::move(driver)});
  }
  size_t registered = 0, spare = 0;
  for (const auto& participant : market->roster_->participants()) {
    const bool named = std::ranges::find(wanted, participant->type) != wanted.end();
    if (!wanted.empty() && !named) continue;
    if (participant->registered() && participant->gateway_id == market->gateway_.id) {
      market->lanes_[registered++ % options.threads].scene->people.push_back(participant.get());
    } else if (!participant->registered()) {
      market->lanes_[spare++ % options.threads].scene->spare.push_back(participant.get());
    }
  }
  if (registered < 2 * options.threads) {
    return Fail(ErrorCode::kInvalidArgument,
                options.directory + " has " + std::to_string(registered) +
                    " participants of this gateway that can be used, and each thread needs two: "
                    "make some with paygate-load prepare");
  }
  return market;
}

template <typename Job>
void Market::OnAll(Job job) {
  std::vector<std::thread> threads;
  for (Lane& lane : lanes_) threads.emplace_back([&lane, &job] { job(lane); });
  for (std::thread& thread : threads) thread.join();
}

base::Status Market::Begin() {
  std::atomic<bool> all = true;
  OnAll([&](Lane& lane) {
    Scene& scene = *lane.scene;
    std::deque<Participant*> left(scene.people.begin(), scene.people.end());
    // Each operation has a connection of its own, which is kept.
    const auto connections = static_cast<uint32_t>(options_.connections / lanes_.size());
    for (size_t i = 0; left.size() < connections; ++i) left.push_back(left[i]);
    const auto cursors = [&]() -> std::unique_ptr<Operation> {
      if (left.empty()) return nullptr;
      Participant& who = *left.front();
      left.pop_front();
      return std::make_unique<Mailbox>(scene, who, Mailbox::Mode::kCount);
    };
    const uint32_t at_once = std::max(kErrandsAtOnce, connections);
    if (!lane.driver->Work(cursors, at_once, kBeginLimit_s)) all = false;
    size_t to_make = options_.stock / lanes_.size();
    const auto sales = [&]() -> std::unique_ptr<Operation> {
      if (to_make == 0) return nullptr;
      --to_make;
      Participant& seller = *scene.people[scene.Draw(scene.people.size())];
      return std::make_unique<Trade>(scene, Kind::kSale, seller, seller, std::nullopt);
    };
    if (!lane.driver->Work(sales, kErrandsAtOnce, kBeginLimit_s)) all = false;
    while (scene.ahead.size() < options_.ahead / lanes_.size()) {
      auto key = protocol::NewContentKey(gateway_.encryption_key);
      if (!key) break;  // what is not made ahead is made when it is needed
      scene.ahead.push_back(std::move(*key));
    }
  });
  if (!all) return Fail(ErrorCode::kTimeout, "the gateway did not answer before the run began");
  const Stats stats = Merged();
  if (!stats.broken.empty()) {
    return Fail(ErrorCode::kInternal, "before the run began: " + stats.broken.begin()->first);
  }
  return {};
}

double Market::Load(Plan plan, double settle_s, const std::function<void(double)>& meanwhile) {
  const auto start = base::SystemClock().Monotonic() + std::chrono::milliseconds(50);
  const auto share = static_cast<double>(lanes_.size());
  std::atomic<size_t> running = lanes_.size();
  std::vector<double> ends(lanes_.size());
  std::vector<std::thread> threads;
  for (size_t i = 0; i < lanes_.size(); ++i) {
    Plan part = plan;
    part.rate = plan.rate / share;
    part.seed = plan.seed * 1000 + i;
    const auto of = [&](uint32_t all) {
      return static_cast<uint32_t>(all / lanes_.size() + (i < all % lanes_.size() ? 1 : 0));
    };
    part.concurrency = std::max(1u, of(plan.concurrency));
    part.max_outstanding = std::max(1u, of(plan.max_outstanding));
    threads.emplace_back([&, i, part] {
      ends[i] = lanes_[i].driver->Load(part, start, settle_s);
      --running;
    });
  }
  while (running > 0) {
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
    meanwhile(std::chrono::duration<double>(base::SystemClock().Monotonic() - start).count());
  }
  for (std::thread& thread : threads) thread.join();
  return *std::ranges::min_element(ends);
}

bool Market::Settle(double limit_s) {
  std::atomic<bool> all = true;
  OnAll([&](Lane& lane) {
    Scene& scene = *lane.scene;
    std::deque<size_t> open;
    std::deque<Participant*> sellers;
    std::set<const Participant*> seen;
    for (size_t i = 0; i < scene.ledger.facts().size(); ++i) {
      const PaymentFact& fact = scene.ledger.at(i);
      if (fact.told == Told::kNothing || fact.told == Told::kPending) open.push_back(i);
      if (!seen.insert(fact.seller).second) continue;
      sellers.push_back(const_cast<Participant*>(fact.seller));
    }
    const auto ask = [&]() -> std::unique_ptr<Operation> {
      if (open.empty()) return nullptr;
      const size_t fact = open.front();
      open.pop_front();
      return std::make_unique<Inquiry>(scene, fact);
    };
    if (!lane.driver->Work(ask, kErrandsAtOnce, limit_s)) all = false;
    const auto read = [&]() -> std::unique_ptr<Operation> {
      if (sellers.empty()) return nullptr;
      Participant& who = *sellers.front();
      sellers.pop_front();
      return std::make_unique<Mailbox>(scene, who, Mailbox::Mode::kSettle);
    };
    const auto again = [&](Operation& operation, const Next&) {
      auto& mailbox = static_cast<Mailbox&>(operation);
      if (mailbox.more()) sellers.push_back(&mailbox.who());
    };
    if (!lane.driver->Work(read, kErrandsAtOnce, limit_s, again)) all = false;
  });
  return all;
}

Second Market::TakeRecent() {
  Second sum;
  for (const Lane& lane : lanes_) sum.Add(lane.driver->TakeRecent());
  return sum;
}

Stats Market::Merged() const {
  Stats sum;
  for (const Lane& lane : lanes_) sum.Merge(lane.scene->stats);
  return sum;
}

std::vector<const Ledger*> Market::Ledgers() const {
  std::vector<const Ledger*> all;
  for (const Lane& lane : lanes_) all.push_back(&lane.scene->ledger);
  return all;
}

void Market::ForgetStats() {
  for (const Lane& lane : lanes_) {
    Stats fresh;
    fresh.broken = std::move(lane.scene->stats.broken);  // fails the run, whenever it was
    lane.scene->stats = std::move(fresh);
  }
}

size_t Market::participants() const {
  size_t n = 0;
  for (const Lane& lane : lanes_) n += lane.scene->people.size();
  return n;
}

}  // namespace paygate::load
