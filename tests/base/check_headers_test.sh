#!/bin/bash
# Plants one breach of each rule of check_headers.sh in a small tree of rooms and sees each found;
# the tree without breaches passes. Usage: check_headers_test.sh CXX CC
set -u
check=$(cd "$(dirname "$0")" && pwd)/check_headers.sh
CXX=$1 CC=$2
tree=$(mktemp -d)
trap 'rm -rf "$tree"' EXIT
cd "$tree" || exit 2

failed=0
fail() { printf 'FAILED: %s\n' "$*"; failed=1; }
write() { mkdir -p "$(dirname "$1")" && cat >"$1"; }
line() { write "$1" <<<"$2"; }
columns() { printf '// é%0*d\n' "$1" 0; }  # in all: 4 + $1 columns, one byte more

# A tree that keeps every rule, at the very edge of the limits.
for room in base protocol hsm audit storage bank participant gateway tools; do
  line "$room/$room.h" '#pragma once'
done
line base/clock.cc '#include <chrono>
auto a = std::chrono::system_clock::now();'
line base/crypto.cc 'int b = RAND_bytes(nullptr, 0);'
line bank/include/bank_adapter.h 'int paygate_bank_adapter(void);'
line hsm/pkcs11/internal/module.h '#include <openssl/evp.h>'
line hsm/pkcs11/module.cc '#include "hsm/pkcs11/internal/module.h"'
line hsm/token/client.h '#pragma once'
line gateway/engine/app.cc '#include "hsm/token/client.h"'
line gateway/front/server.cc '#include "base/base.h"'
line tests/hsm/module_test.cc '#include "hsm/pkcs11/internal/module.h"'
{ columns 96; yes '//' | head -399; } | write tools/long.cc

out=$("$check" . "$CXX" "$CC" 2>&1) || fail "a tree that keeps the rules is refused: $out"

# Breaches: the file, its text, and what must be said.
breaches=()
plant() {
  line "$1" "$2"
  breaches+=("$1|$3")
}
plant protocol/foreign.h '#include <openssl/evp.h>' 'protocol/foreign.h (c++) shows types'
plant storage/rocksdb/shown.h '#include <toml++/toml.h>' 'storage/rocksdb/shown.h (c++) shows types'
line gateway/engine/reader.cc '#include "storage/rocksdb/shown.h"'
plant hsm/alone.h 'std::string s;' 'hsm/alone.h (c++) does not compile alone'
plant bank/include/bank_adapter.h 'class C {};' 'bank/include/bank_adapter.h (c) does not compile'
plant base/door.cc '#include "protocol/protocol.h"' 'base knows nothing of ours:'
plant protocol/door.cc '#  include <storage/storage.h>' 'protocol includes base and hsm interfaces'
plant protocol/door2.cc '#include "hsm/token/client.h"' 'protocol includes base and hsm interfaces'
plant hsm/door.cc '#include "protocol/protocol.h"' 'hsm includes base only:'
plant audit/door.cc '#include "storage/storage.h"' 'audit includes base, protocol and hsm'
plant storage/door.cc '#include "bank/bank.h"' 'storage includes base, protocol and audit only:'
plant bank/door.cc '#include "hsm/hsm.h"' 'bank includes base only:'
plant participant/door.cc '#include "gateway/gateway.h"' 'participant includes base, protocol and hsm'
plant gateway/door.cc '#include "tools/tools.h"' 'the gateway needs no participant'
plant gateway/front/door.cc '#include "storage/storage.h"' 'the front has no keys and no store:'
plant gateway/engine/door.cc '#include "hsm/token/client.h"' 'app.cc alone sees implementations:'
plant tools/door.cc '#include "../base/base.h"' 'headers are named from the top of the tree:'
plant tools/door2.cc '#include "hsm/pkcs11/internal/module.h"' 'is internal to hsm/pkcs11'
plant protocol/thread.cc '#include <thread>' 'protocol and audit are pure:'
plant base/time.cc 'auto t = Steady::now();' 'time comes from base::Clock only:'
plant hsm/time.cc 'auto t = clock.now();' 'time comes from base::Clock only:'
plant gateway/time.h 'auto t = std::time(nullptr);' 'time comes from base::Clock only:'
plant tools/time.cc 'int x = clock_gettime(0, 0);' 'time comes from base::Clock only:'
plant base/chance.cc 'int c = RAND_bytes(0, 0);' 'randomness comes from base/crypto.h only:'
plant bank/chance.cc 'std::random_device d;' 'randomness comes from base/crypto.h only:'
plant gateway/chance.cc 'int c = std::rand();' 'randomness comes from base/crypto.h only:'
plant storage/chance.cc 'auto f = open("/dev/urandom", 0);' 'randomness comes from base/crypto.h only:'
plant tests/wide.cc "$(columns 97)" 'more than 100 columns'
plant participant/tall.cc "$(yes '//' | head -401)" '401 lines, more than 400'

out=$("$check" . "$CXX" "$CC" 2>&1) && fail 'a tree with breaches passes'
for breach in "${breaches[@]}"; do
  file=${breach%%|*} said=${breach#*|}
  grep -qF -- "$said" <<<"$out" || fail "'$said' was not said"
  grep -qF -- "$file" <<<"$out" || fail "$file was not named"
done

if ((failed)); then
  printf '%s\n' "$out"
  exit 1
fi
echo "each of ${#breaches[@]} planted breaches was found"
