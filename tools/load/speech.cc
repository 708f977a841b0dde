#include <algorithm>

#include "base/clock.h"
#include "protocol/jws.h"
#include "tools/load/operation.h"

namespace paygate::load {
namespace {

constexpr std::chrono::milliseconds kFirstWait{100}, kLongestWait{2000};

Heard Broken(std::string why) { return {.what = Heard::What::kBroken, .words = std::move(why)}; }

}  // namespace

base::Result<std::string> Scene::Read(std::string_view jws, std::string_view typ) {
  const bool verify = Sample();
  // A CSBLK is read by buyers, who asked for nothing.
  auto payload = gateway.Read(jws, typ, verify,
                              typ == protocol::kTypCsblk ? protocol::JwsForms::kSingle : forms);
  if (verify && payload) ++stats.verified;
  return payload;
}

int64_t NumericNow() { return base::ToNumericDate(base::SystemClock().Now()); }

std::chrono::milliseconds BackOff(int attempt, int retry_after_s) {
  if (retry_after_s > 0) return std::min(kLongestWait, retry_after_s * kFirstWait * 10);
  return std::min(kLongestWait, kFirstWait * (1 << std::min(attempt, 10)));
}

base::Result<std::string> SealTo(Scene& scene, protocol::JweExtra extra, std::string_view body) {
  const Gateway& gateway = scene.gateway;
  extra.accept = scene.forms;
  if (scene.ahead.empty()) {
    return protocol::SealJwe(gateway.encryption_key, gateway.encryption_x5t, extra, body);
  }
  protocol::ContentKey key = std::move(scene.ahead.back());
  scene.ahead.pop_back();
  return protocol::SealJweUnder(std::move(key), gateway.encryption_key, gateway.encryption_x5t,
                                extra, body);
}

base::Result<std::string> SignAs(const Participant& who, std::string_view typ,
                                 std::string_view payload) {
  return protocol::SignJws(*who.signer, typ,
                           {.name = protocol::KeyName::kX5c, .x5c = {who.signature_certificate}},
                           payload);
}

Heard Hear(Scene& scene, const Participant& who, const HttpAnswer& answer,
           const std::string& digest) {
  if (answer.content_type == participant::kProblemType) {
    const auto problem = protocol::Problem::Parse(answer.body);
    return {.what = Heard::What::kProblem,
            .words = problem ? problem->code : "a problem of no known form"};
  }
  if (answer.content_type != participant::kJoseType) {
    return Broken("an answer of the type " + answer.content_type);
  }
  const auto jwe = protocol::ParseJwe(answer.body);
  if (!jwe || jwe->x5t_s256 != who.encryption_x5t || !jwe->extra.name.empty()) {
    return Broken("an answer that is not encrypted to who asked");
  }
  auto payload = protocol::OpenJwe(*jwe, *who.decrypter);
  if (!payload) return Broken("an answer that does not decrypt");
  if (!payload->starts_with("{\"refusal\"")) {
    if (answer.status < 200 || answer.status > 299) {
      return Broken("neither a result nor a refusal: " + std::to_string(answer.status));
    }
    return {.what = Heard::What::kPayload, .payload = std::move(*payload)};
  }
  const auto jws = protocol::ParseSingle(*payload, "refusal");
  const auto said = jws ? scene.Read(*jws, protocol::kTypRefusal) : jws;
  const auto refusal = said ? protocol::RefusalPayload::Parse(*said)
                            : base::Result<protocol::RefusalPayload>(std::unexpected(said.error()));
  if (!refusal) return Broken("a refusal that does not hold: " + refusal.error().message);
  if (refusal->iss != scene.gateway.id || refusal->sub != who.id || digest.empty() ||
      refusal->request != digest) {
    return Broken("a refusal of another message");
  }
  return {.what = Heard::What::kRefusal, .payload = {}, .words = refusal->code};
}

}  // namespace paygate::load
