// The first byte chooses the record; what is decoded must encode to the same bytes.
#include "storage/rocksdb/packed.h"
#include "storage/rocksdb/records.h"
#include "tests/fuzz/fuzz.h"

using namespace paygate;
using namespace paygate::storage::rocksdb;

namespace {

// False if `value` is no such record or encodes to the same bytes again.
template <typename Decoded, typename Encode>
void Same(const base::Result<Decoded>& decoded, Encode encode, std::string_view value) {
  if (decoded) Require(encode(*decoded) == value, "one spelling of a record");
}

// A record with packed text, which an older store has unpacked: one spelling of what is written.
template <typename Decode, typename Encode>
void SameOnceWritten(Decode decode, Encode encode, std::string_view value) {
  const auto decoded = decode(value);
  if (!decoded) return;
  const std::string written = encode(*decoded);
  const auto again = decode(written);
  Require(again && encode(*again) == written, "what is written is read as it was");
}

constexpr char kId[] = "AAECAwQFBgcICQoLDA0ODw";

}  // namespace

void Fuzz(std::string_view input) {
  switch (Choose(input, 24)) {
    case 0:
      return SameOnceWritten([](auto v) { return DecodeIntent(kId, v); }, EncodeIntent, input);
    case 1: return SameOnceWritten(DecodeSettlement, EncodeSettlement, input);
    case 2: return Same(DecodeFate(input), EncodeFate, input);
    case 3:
      return SameOnceWritten([](auto v) { return DecodeCsblk(kId, v); }, EncodeCsblk, input);
    case 4: return Same(DecodeCsblkStatus(input), EncodeCsblkStatus, input);
    case 5: return SameOnceWritten(DecodeRegistration, EncodeRegistration, input);
    case 6: return Same(DecodePair(kId, input), EncodePair, input);
    case 7: return Same(DecodePairReference(input), EncodePairReference, input);
    case 8: return Same(DecodeBytes(input), EncodeBytes, input);
    case 9: return Same(DecodeNumber(input), EncodeNumber, input);
    case 10: {
      auto entry = ParseOpenKey(input);
      if (entry) Require(OpenKey(entry->recorded_at, entry->payment_id) == input, "one open key");
      return;
    }
    case 11: {
      auto entry = ParseAckKey(input);
      if (entry) {
        Require(AckKey(entry->at, entry->participant_id, entry->cursor) == input, "one ack key");
      }
      return;
    }
    case 13: return Same(DecodeStanding(input), EncodeStanding, input);
    case 14: {
      auto id = ParseParticipant(input);
      if (id) Require(input.starts_with(ParticipantPrefix(*id)), "one participant's key");
      return;
    }
    case 15: return Same(DecodeRevocation(input), EncodeRevocation, input);
    case 17:
      return Same(DecodeRefund(kId, input), EncodeRefund, input);
    case 22: return Same(DecodeClaim(kId, input), EncodeClaim, input);
    case 18: {
      auto id = ParseSecondId(input);
      if (!id) return;
      const size_t length = static_cast<unsigned char>(input[0]);
      return Require(PairOfIds(input.substr(1, length), *id) == input, "one pair of IDs");
    }
    case 19: return Same(DecodeBooking(kId, input), EncodeBooking, input);
    case 20: return Same(DecodePosition(input), EncodePosition, input);
    case 21: return Same(DecodeSince(input), EncodeSince, input);
    case 23: {
      const auto text = Unpack(Pack(input));
      Require(text && *text == input, "packed text comes back");
      const auto read = Unpack(input);
      return Require(!read || *Unpack(Pack(*read)) == *read, "what was read is written as it was");
    }
    case 16: {
      auto entry = ParseRevocationKey(input);
      if (!entry) return;
      const size_t length = static_cast<unsigned char>(input[0]);
      Require(RevocationKey(input.substr(1, length), entry->at, entry->serial) == input,
              "one revocation key");
      return;
    }
    default:
      (void)ParseMailCursor(input);
  }
}
