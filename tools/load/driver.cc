#include "tools/load/driver.h"

#include <event2/event.h>

#include <algorithm>
#include <cmath>

#include "tools/load/errands.h"
#include "tools/load/trade.h"

namespace paygate::load {
namespace {

constexpr double kTick_s = 0.002;

uint64_t Micros(double seconds) {
  return static_cast<uint64_t>(std::llround(std::max(0.0, seconds) * 1e6));
}

timeval After(double seconds) {
  const uint64_t micros = Micros(seconds);
  return {static_cast<time_t>(micros / 1'000'000), static_cast<suseconds_t>(micros % 1'000'000)};
}

bool HasPayment(Kind kind) { return kind == Kind::kPurchase || kind == Kind::kPayment; }

}  // namespace

struct Driver::Flight {
  Driver* driver = nullptr;
  std::unique_ptr<Operation> operation;
  Connection* connection = nullptr;
  Ask ask;
  double sent_at = 0;
  event* later = nullptr;  // asks again
};

Driver::Driver(Scene& scene, Options options) : scene_(scene), options_(options) {
  event_config* config = event_config_new();
  event_config_set_flag(config, EVENT_BASE_FLAG_PRECISE_TIMER);
  base_ = event_base_new_with_config(config);
  event_config_free(config);
}

Driver::~Driver() {
  for (const auto& flight : flights_) {
    if (flight->later != nullptr) event_free(flight->later);
    flight->operation.reset();
  }
  connections_.clear();
  event_base_free(base_);
}

double Driver::Elapsed() const {
  return std::chrono::duration<double>(base::SystemClock().Monotonic() - start_).count();
}

bool Driver::Work(Maker make, uint32_t at_once, double limit_s, Ended ended) {
  loading_ = false;
  start_ = base::SystemClock().Monotonic();
  make_ = std::move(make);
  on_ended_ = std::move(ended);
  at_once_ = at_once;
  limit_ = limit_s;
  RunLoop();
  const bool all = active_ == 0;
  Abandon();
  make_ = {};
  on_ended_ = {};
  return all;
}

double Driver::Load(const Plan& plan, base::MonotonicTime start, double settle_s) {
  loading_ = true;
  start_ = start;
  plan_ = plan;
  end_ = plan.phases.end();
  begun_at_ = 0;
  limit_ = end_ + settle_s;
  if (plan.open_loop) {
    arrivals_.emplace(plan.phases, plan.rate, plan.even, plan.seed);
    next_due_ = arrivals_->Next();
  }
  RunLoop();
  Abandon();
  arrivals_.reset();
  return end_;
}

void Driver::RunLoop() {
  ended_ = false;
  tick_due_ = Elapsed() + kTick_s;
  event* tick = event_new(
      base_, -1, EV_PERSIST, [](int, short, void* self) { static_cast<Driver*>(self)->OnTick(); },
      this);
  const timeval interval = After(kTick_s);
  event_add(tick, &interval);
  StartMore();
  if (!Over()) event_base_dispatch(base_);
  event_free(tick);
}

// What has not ended when the time is over: its end stays unknown.
void Driver::Abandon() {
  for (const auto& flight : flights_) {
    if (!flight->operation) continue;
    if (flight->later != nullptr) evtimer_del(flight->later);
    flight->connection->Abandon();
    flight->connection->user = nullptr;
    idle_.push_back(flight->connection);
    free_.push_back(flight.get());
    flight->operation.reset();
  }
  active_ = 0;
}

bool Driver::Over() const {
  const double now = Elapsed();
  if (now >= limit_) return true;
  if (loading_) return now >= end_ && active_ == 0;
  return active_ == 0 && ended_;
}

void Driver::OnTick() {
  const double now = Elapsed();
  auto& latest = scene_.stats.latest_tick_us;
  if (loading_ && now > 0) latest = std::max(latest, Micros(now - tick_due_));
  tick_due_ = now + kTick_s;
  if (loading_ && options_.stop != nullptr && options_.stop->load() && now < end_) {
    limit_ -= end_ - std::max(now, 0.0);
    end_ = std::max(now, 0.0);
  }
  if (loading_ && now >= 0 && now < end_) {
    scene_.stats.At(now).outstanding = static_cast<uint32_t>(active_);
  }
  StartMore();
  if (Over()) event_base_loopbreak(base_);
}

void Driver::StartMore() {
  if (!loading_) {
    while (!ended_ && active_ < at_once_) {
      auto operation = make_();
      if (!operation) {
        // More may come from what is under way.
        ended_ = active_ == 0;
        return;
      }
      Launch(std::move(operation), Elapsed());
    }
    return;
  }
  const double now = Elapsed();
  if (now < 0) return;
  if (plan_.open_loop) return StartArrivals();  // beyond the end: counts what was not begun in time
  if (now >= end_) return;
  const uint32_t wanted = ConcurrencyAt(plan_.phases, plan_.concurrency, now);
  while (active_ + sleeping_ < wanted) {
    ++scene_.stats.At(now).due;
    if (plan_.phases.IsSteady(now)) ++scene_.stats.due;
    Launch(Draw(), now);
  }
}

// A tester that is late begins no longer than it has read answers since: it would otherwise only
// begin, and measure itself.
void Driver::StartArrivals() {
  const double from = Elapsed(), at_most = std::max(kTick_s, from - begun_at_);
  for (double now = from; next_due_ && *next_due_ <= now && *next_due_ < end_; now = Elapsed()) {
    if (now - from > at_most && now < end_) break;
    const double due = *next_due_;
    const bool steady = plan_.phases.IsSteady(due);
    next_due_ = arrivals_->Next();
    Second& second = scene_.stats.At(due);
    ++second.due;
    scene_.stats.due += steady;
    if (active_ < plan_.max_outstanding && now < end_) {
      Launch(Draw(), due);
      continue;
    }
    ++second.not_started;
    scene_.stats.not_started += steady;
    base::MutexLock lock(mutex_);
    ++recent_.not_started;
  }
  begun_at_ = Elapsed();
}

Participant& Driver::Someone(const Participant* but) {
  auto& people = scene_.people;
  size_t index = scene_.Draw(people.size());
  if (people[index] == but) index = (index + 1) % people.size();
  return *people[index];
}

std::unique_ptr<Operation> Driver::Draw() {
  double sum = 0;
  for (const double weight : plan_.mix) sum += weight;
  double at = std::uniform_real_distribution<double>(0, sum)(scene_.dice);
  auto kind = Kind::kPurchase;
  for (size_t i = 0; i < kKinds; ++i) {
    if (plan_.mix[i] <= 0) continue;
    kind = static_cast<Kind>(i);
    if (at < plan_.mix[i]) break;
    at -= plan_.mix[i];
  }
  if (kind == Kind::kHostile) return DrawHostile();
  if (kind == Kind::kRegistration && !scene_.spare.empty()) {
    Participant& who = *scene_.spare.back();
    scene_.spare.pop_back();
    return std::make_unique<Registration>(scene_, who);
  }
  if (kind == Kind::kMailbox) {
    Participant& who = Someone();
    if (!scene_.mailboxes[&who].busy) return std::make_unique<Mailbox>(scene_, who);
  }
  if (kind == Kind::kPayment && !scene_.stock.empty()) {
    Offer offer = std::move(scene_.stock.front());
    scene_.stock.pop_front();
    Participant& seller = *offer.seller;
    return std::make_unique<Trade>(scene_, kind, seller, Someone(&seller), std::move(offer));
  }
  // What has nothing to work on is a purchase instead.
  Participant& seller = Someone();
  const bool sale = kind == Kind::kSale;
  return std::make_unique<Trade>(scene_, sale ? kind : Kind::kPurchase, seller, Someone(&seller),
                                 std::nullopt);
}

std::unique_ptr<Operation> Driver::DrawHostile() {
  auto attack = static_cast<Attack>(1 + scene_.Draw(kAttacks - 1));
  std::optional<Offer> offer;
  Participant* seller = &Someone();
  if (attack == Attack::kPayAgain) {
    if (scene_.paid.empty()) {
      attack = Attack::kForgedSignature;
    } else {
      offer = scene_.paid[scene_.Draw(scene_.paid.size())];
      seller = offer->seller;
    }
  }
  return std::make_unique<Trade>(scene_, Kind::kHostile, *seller, Someone(seller), std::move(offer),
                                 attack);
}

void Driver::Launch(std::unique_ptr<Operation> operation, double due) {
  if (free_.empty()) {
    flights_.push_back(std::make_unique<Flight>());
    free_.push_back(flights_.back().get());
  }
  Flight& flight = *free_.back();
  free_.pop_back();
  ++active_;
  flight.driver = this;
  flight.operation = std::move(operation);
  flight.operation->due = flight.operation->half_from = due;
  if (idle_.empty()) {
    connections_.push_back(std::make_unique<Connection>(base_, scene_.gateway.endpoint, *this,
                                                        connections_.size() + options_.number,
                                                        options_.sources));
    idle_.push_back(connections_.back().get());
  }
  flight.connection = idle_.back();
  idle_.pop_back();
  flight.connection->user = &flight;
  Follow(flight, flight.operation->Begin());
}

void Driver::Send(Flight& flight) {
  ++scene_.stats.requests;
  flight.sent_at = Elapsed();
  flight.connection->Send(flight.ask.path, flight.ask.body, flight.ask.type);
}

void Driver::Follow(Flight& flight, Next next) {
  Operation& operation = *flight.operation;
  if (next.half && operation.kind() == Kind::kPurchase && loading_ &&
      plan_.phases.IsSteady(operation.due)) {
    const double now = Elapsed();
    scene_.stats.Of(*next.half).latency.Record(Micros(now - operation.half_from));
    operation.half_from = now;
  }
  switch (next.what) {
    case Next::What::kAsk:
      flight.ask = std::move(next.ask);
      return Send(flight);
    case Next::What::kAskLater:
      return AskAgain(flight, next.wait);
    case Next::What::kDone:
      return Finish(flight, next);
  }
}

void Driver::AskAgain(Flight& flight, std::chrono::milliseconds wait) {
  if (flight.later == nullptr) {
    flight.later = evtimer_new(
        base_,
        [](int, short, void* data) {
          auto* again = static_cast<Flight*>(data);
          if (again->operation) again->driver->Send(*again);
        },
        &flight);
  }
  const timeval after = After(std::chrono::duration<double>(wait).count());
  evtimer_add(flight.later, &after);
}

void Driver::OnAnswer(Connection& connection, HttpAnswer answer) {
  auto* flight = static_cast<Flight*>(connection.user);
  if (flight == nullptr || !flight->operation) return;
  if (loading_ && plan_.phases.IsSteady(flight->operation->due)) {
    const bool refused = IsBusy(answer.status);
    Histogram& of = refused ? scene_.stats.refusals
                            : scene_.stats.steps[static_cast<size_t>(flight->ask.step)];
    of.Record(Micros(Elapsed() - flight->sent_at));
  }
  Follow(*flight, flight->operation->OnAnswer(answer));
}

void Driver::OnLost(Connection& connection, const std::string& why) {
  auto* flight = static_cast<Flight*>(connection.user);
  if (flight == nullptr || !flight->operation) return;
  Follow(*flight, flight->operation->OnLost(why));
}

void Driver::Finish(Flight& flight, const Next& next) {
  if (next.verdict == Verdict::kBroken || next.verdict == Verdict::kAccepted) {
    CountWord(scene_.stats.broken, next.words);
  } else if (!next.words.empty() && flight.operation->kind() != Kind::kHostile) {
    CountWord(scene_.stats.codes, next.words);
  }
  if (loading_) Count(flight, next);
  if (on_ended_) on_ended_(*flight.operation, next);
  const std::unique_ptr<Operation> gone = std::move(flight.operation);
  flight.connection->user = nullptr;
  idle_.push_back(flight.connection);
  free_.push_back(&flight);
  --active_;
  if (loading_ && !plan_.open_loop && next.retry_after_s > 0) {
    // Who is told to wait waits.
    ++sleeping_;
    const timeval after = After(next.retry_after_s);
    event_base_once(
        base_, -1, EV_TIMEOUT,
        [](int, short, void* self) { --static_cast<Driver*>(self)->sleeping_; }, this, &after);
  }
  // The next is started by the tick if this call is within StartMore() itself.
  if (!loading_ || !plan_.open_loop) {
    event_base_once(
        base_, -1, EV_TIMEOUT,
        [](int, short, void* self) { static_cast<Driver*>(self)->StartMore(); }, this, nullptr);
  }
}

void Driver::Count(const Flight& flight, const Next& next) {
  const Operation& operation = *flight.operation;
  const Kind kind = operation.kind();
  const double now = Elapsed();
  const uint64_t latency = Micros(now - operation.due);
  const bool good = next.verdict == Verdict::kGood || next.verdict == Verdict::kPending;
  const bool paid = next.verdict == Verdict::kGood && HasPayment(kind);
  if (plan_.phases.IsSteady(operation.due)) {
    KindStats& stats = scene_.stats.Of(kind);
    ++stats.ended[static_cast<size_t>(next.verdict)];
    if (good) stats.latency.Record(latency);
  }
  if (plan_.phases.IsSteady(now) && now < end_) {
    scene_.stats.good_within += good;
    scene_.stats.payments_within += paid;
  }
  Second one{.good = good, .payments = paid};
  one.bad = next.verdict == Verdict::kBroken || next.verdict == Verdict::kAccepted;
  one.refused = !good && one.bad == 0;
  if (good && HasPayment(kind)) one.micros.push_back(static_cast<uint32_t>(latency));
  scene_.stats.At(now).Add(one);
  base::MutexLock lock(mutex_);
  recent_.Add(one);
  recent_.outstanding = static_cast<uint32_t>(active_);
}

Second Driver::TakeRecent() {
  base::MutexLock lock(mutex_);
  return std::exchange(recent_, {});
}

}  // namespace paygate::load
