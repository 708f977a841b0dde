// The head of a stranger's HTTP request: what is accepted has one length, a path and a method that
// the front serves.
#include "gateway/front/http.h"
#include "tests/fuzz/fuzz.h"

using namespace paygate;
using namespace paygate::gateway;

void Fuzz(std::string_view input) {
  auto head = front::ParseHead(input);
  if (!head) return;
  Require(!head->path.empty() && head->path.front() == '/', "a path begins with a slash");
  Require(head->path.size() <= kMaxPathBytes, "a path has its bound");
  Require(head->content_length <= kMaxRequestBytes, "a body has its bound");
  Require(head->path.find_first_of("\r\n ?") == head->path.npos, "a path is one word");
}
