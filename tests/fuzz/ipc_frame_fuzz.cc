// The first byte: frames from a real socket, or one frame's content under the decoder.
#include <sys/socket.h>
#include <unistd.h>

#include "base/codec.h"
#include "base/ipc.h"
#include "tests/fuzz/fuzz.h"

using namespace paygate;

namespace {

// The kernel's buffer takes this much without a reader, so that one thread can do both ends.
constexpr size_t kMaxStream = 32u << 10;

void FuzzChannel(std::string_view stream) {
  stream = stream.substr(0, kMaxStream);
  int ends[2];
  Require(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0, "a socket pair");
  Require(write(ends[1], stream.data(), stream.size()) == static_cast<ssize_t>(stream.size()),
          "the stream fits the socket");
  close(ends[1]);
  base::Channel channel(ends[0]);
  size_t consumed = 0;
  for (;;) {
    auto frame = channel.Receive();
    if (!frame) break;
    Require(!frame->empty(), "no frame is empty");
    consumed += 4 + frame->size();
    Require(consumed <= stream.size(), "frames are made of what was sent");
  }
}

// Reads as the script in the first half says, from the second.
void FuzzDecoder(std::string_view input) {
  const std::string_view script = input.substr(0, input.size() / 2);
  const std::string_view content = input.substr(input.size() / 2);
  base::Decoder decoder(content);
  base::Encoder encoder;
  for (const char op : script) {
    switch (op & 3) {
      case 0: encoder.U8(decoder.U8()); break;
      case 1: encoder.U32(decoder.U32()); break;
      case 2: encoder.I64(decoder.I64()); break;
      case 3: encoder.Bytes(decoder.Bytes()); break;
    }
    if (!decoder.ok()) return;
  }
  if (decoder.Finish()) Require(encoder.Take() == content, "what was read prints the same");
}

}  // namespace

void Fuzz(std::string_view input) {
  if (Choose(input, 2) == 0) {
    FuzzChannel(input);
  } else {
    FuzzDecoder(input);
  }
}
