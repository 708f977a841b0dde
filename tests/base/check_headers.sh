#!/bin/bash
# Keeps the doors between rooms as docs and headers say. Usage: check_headers.sh SOURCE CXX CC
#   1. every public header compiles alone and names no foreign library
#   2. rooms include only whom they may; protocol is pure; time and chance come from base
#   3. files and lines stay within their limits
# check_headers_test.sh plants one breach of each rule and sees it found.
set -u
cd "$1" || exit 2
CXX=$2 CC=$3
export CXX CC
failures=$(mktemp)
trap 'rm -f "$failures"' EXIT

rooms=(base protocol hsm audit storage bank participant gateway)
sources=("${rooms[@]}" tools)

# includes PATH...: "FILE HEADER" for each header of ours that a source in these paths includes.
includes() {
  grep -rnoE --include='*.cc' --include='*.h' --include='*.c' \
    '#[[:space:]]*include[[:space:]]*["<][^">]+/[^">]+\.h[">]' "$@" |
    sed -E 's/^([^:]+):[0-9]+:.*["<]([^">]+)[">]/\1 \2/' |
    grep -E " ($(IFS='|'; echo "${sources[*]}"))/"
}

# Public is what lies at the top of a room, and what another folder reads. What lies in a folder
# called `internal` is its parent folder's alone.
public_headers() {
  find "${rooms[@]}" -maxdepth 1 -name '*.h'
  includes "${sources[@]}" | awk '
    { folder = $1; sub(/\/[^\/]*$/, "", folder); home = $2; sub(/\/[^\/]*$/, "", home)
      if (folder != home && home !~ /\/internal$/) print $2 }'
}

check_one() {
  local foreign='/(openssl|p11-kit(-1)?|rocksdb|event2|libpq|postgresql|sodium|spdlog|fmt|CLI'
  foreign+='|toml\+\+|nlohmann|curl|systemd)/|/(sodium|simdjson|libpq-fe|event|evhttp|pkcs11)\.h'
  local compile=("$CXX" -std=c++23 -x c++) deps named
  [[ $2 == c ]] && compile=("$CC" -std=c11 -Wall -Wextra -Wpedantic -Werror -x c)
  # -H lists every header read, in one run with the check; "." lines are headers.
  if ! deps=$("${compile[@]}" -H -fsyntax-only -I. - <<<"#include \"$1\"" 2>&1); then
    echo "$1 ($2) does not compile alone:"
    grep -v '^\.' <<<"$deps" | head -20
  elif named=$(grep -E '^\.' <<<"$deps" | grep -E "^\.+ /.*$foreign"); then
    echo "$1 ($2) shows types of a foreign library:"
    head -3 <<<"$named"
  fi
}
export -f check_one

{ public_headers | sort -u | sed 's/$/ c++/'; echo bank/include/bank_adapter.h c; } |
  xargs -P2 -n2 bash -c 'check_one "$@"' _ >>"$failures"

# forbid WHAT PATTERN PATH...: no source in these paths has a line with this pattern.
forbid() {
  local what=$1 pattern=$2 hits
  shift 2
  if hits=$(grep -rnE --include='*.cc' --include='*.h' --include='*.c' "$pattern" "$@"); then
    { echo "$what:"; echo "$hits"; } >>"$failures"
  fi
}

# no_door WHAT HEADERS PATH...: no source in these paths includes a header whose name begins so.
no_door() {
  local what=$1 headers=$2
  shift 2
  forbid "$what" "#[[:space:]]*include[[:space:]]*[\"<]$headers" "$@"
}

no_door 'headers are named from the top of the tree' '[^">]*\.\./' "${sources[@]}" tests
no_door 'base knows nothing of ours' '(protocol|hsm|audit|storage|bank|gateway|participant|tools)/' base
no_door 'protocol includes base and hsm interfaces only' \
  '(audit|storage|bank|gateway|participant|tools|hsm/[^">]*)/' protocol
no_door 'hsm includes base only' '(protocol|audit|storage|bank|gateway|participant|tools)/' hsm
no_door 'audit includes base, protocol and hsm interfaces only' \
  '(storage|bank|gateway|participant|tools|hsm/[^">]*)/' audit
no_door 'storage includes base, protocol and audit only' '(hsm|bank|gateway|participant|tools)/' storage
no_door 'bank includes base only' '(protocol|hsm|audit|storage|gateway|participant|tools)/' bank
no_door 'participant includes base, protocol and hsm interfaces only' \
  '(audit|storage|bank|gateway|tools|hsm/[^">]*)/' participant
no_door 'the gateway needs no participant and no tool' '(participant|tools)/' gateway
no_door 'the front has no keys and no store' '(protocol|hsm|audit|storage|bank|gateway/engine)/' \
  gateway/front
# app.cc wires the implementations; keys.cc asks the token processes for several things at once, and
# reloader.cc for new keys.
mapfile -t engine < <(find gateway/engine \
  -name '*.cc' ! -name app.cc ! -name keys.cc ! -name reloader.cc -o -name '*.h')
no_door 'the engine knows interfaces; app.cc alone sees implementations' \
  '(storage/|hsm/|bank/)(rocksdb|postgres|pkcs11|token|host|adapters)/' "${engine[@]}" /dev/null

while read -r file header; do
  home=${header%/internal/*}
  [[ $file == "$home"/* || $file == tests/"${home%%/*}"/* ]] ||
    echo "$file: $header is internal to $home"
done < <(includes "${sources[@]}" tests | grep '/internal/[^ ]*$') >>"$failures"

no_door 'protocol and audit are pure: no threads, sockets or files' \
  '(thread|mutex|condition_variable|future|fstream|sys/socket\.h|unistd\.h|fcntl\.h)>' protocol audit

mapfile -t timed < <(find "${sources[@]}" '(' -name '*.cc' -o -name '*.h' -o -name '*.c' ')' \
  ! -path base/clock.cc)
forbid 'time comes from base::Clock only' \
  '(::|\.|->)now\(\)|[^_a-zA-Z](time\((nullptr|NULL|0|&)|gettimeofday\(|clock_gettime\()' "${timed[@]}"
mapfile -t drawing < <(printf '%s\n' "${timed[@]}" | grep -v '^base/crypto\.cc$'; echo base/clock.cc)
chance='[^_a-zA-Z](s?rand|random|[dlm]rand48|getrandom|getentropy|arc4random[a-z_]*)\('
chance+='|RAND_[a-z_]+\(|randombytes_|/dev/u?random'
chance+='|std::(mt19937|minstd_rand|default_random_engine|random_device)'
forbid 'randomness comes from base/crypto.h only' "$chance" "${drawing[@]}"

while IFS= read -r file; do
  LC_ALL=C awk -v f="$file" '
    # Characters, not bytes: a UTF-8 continuation byte takes no column.
    { line = $0; gsub(/[\200-\277]/, "", line)
      if (length(line) > 100) print f ":" FNR ": more than 100 columns" }
    END { if (FNR > 400) print f ": " FNR " lines, more than 400" }' "$file"
done < <(find tests "${sources[@]}" -name '*.cc' -o -name '*.h' -o -name '*.c') >>"$failures"

if [[ -s $failures ]]; then
  cat "$failures"
  exit 1
fi
echo "public headers, room doors and sizes are as the architecture says"
