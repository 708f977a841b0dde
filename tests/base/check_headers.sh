#!/bin/bash
# Keeps the doors between rooms as docs and headers say. Usage: check_headers.sh SOURCE CXX CC
#   1. every public header compiles alone and names no foreign library
#   2. rooms include only whom they may; protocol is pure; time and chance come from base
#   3. files and lines stay within their limits
set -u
cd "$1" || exit 2
CXX=$2 CC=$3
export CXX CC
failures=$(mktemp)
trap 'rm -f "$failures"' EXIT

public_headers() {
  find base protocol hsm storage bank participant gateway -maxdepth 1 -name '*.h'
  find hsm/pkcs11/key_admin.h hsm/token/client.h bank/include/bank_adapter.h
}

check_one() {
  local foreign='/(openssl|p11-kit(-1)?|rocksdb|event2|libpq|postgresql|sodium|spdlog|fmt'
  foreign+='|toml\+\+|nlohmann|curl|systemd)/|/(sodium|simdjson|libpq-fe|event|evhttp|pkcs11)\.h'
  local compile=("$CXX" -std=c++23 -x c++) deps named
  [[ $2 == c ]] && compile=("$CC" -std=c11 -Wall -Wextra -Wpedantic -Werror -x c)
  # -H lists every header read, in one run with the check; "." lines are headers.
  if ! deps=$("${compile[@]}" -H -fsyntax-only -I. - <<<"#include \"$1\"" 2>&1); then
    echo "$1 ($2) does not compile alone:"
    grep -v '^\.' <<<"$deps" | head -20
  elif named=$(grep -E '^\.' <<<"$deps" | grep -E "$foreign"); then
    echo "$1 ($2) shows types of a foreign library:"
    head -3 <<<"$named"
  fi
}
export -f check_one

{ public_headers | sed 's/$/ c++/'; echo bank/include/bank_adapter.h c; } |
  xargs -P2 -n2 bash -c 'check_one "$@"' _ >>"$failures"

# forbid WHAT PATTERN PATH...: no source in these paths has a line with this pattern.
forbid() {
  local what=$1 pattern=$2 hits
  shift 2
  if hits=$(grep -rnE --include='*.cc' --include='*.h' "$pattern" "$@"); then
    { echo "$what:"; echo "$hits"; } >>"$failures"
  fi
}

forbid 'base knows nothing of ours' '#include "(protocol|hsm|storage|bank|gateway|participant)/' base
forbid 'protocol includes base and hsm interfaces only' \
  '#include "(storage|bank|gateway|participant|hsm/.*/)' protocol
forbid 'hsm includes base only' '#include "(protocol|storage|bank|gateway|participant)/' hsm
forbid 'storage includes base and protocol only' '#include "(hsm|bank|gateway|participant)/' storage
forbid 'bank includes base only' '#include "(protocol|hsm|storage|gateway|participant)/' bank
forbid 'protocol is pure: no threads, sockets or files' \
  '#include <(thread|mutex|condition_variable|future|fstream|sys/socket\.h|unistd\.h|fcntl\.h)>' \
  protocol

rooms=(protocol hsm storage bank gateway participant tools)
forbid 'time comes from base::Clock only' \
  '(system_clock|steady_clock|high_resolution_clock)::now|[^_a-z](time|gettimeofday)\((nullptr|NULL|&)' \
  "${rooms[@]}"
forbid 'randomness comes from base/crypto.h only' \
  '[^_a-zA-Z:](s?rand|random|drand48)\(|std::(s?rand|mt19937|random_device)' base "${rooms[@]}"

while IFS= read -r file; do
  LC_ALL=C awk -v f="$file" '
    # Characters, not bytes: a UTF-8 continuation byte takes no column.
    { line = $0; gsub(/[\200-\277]/, "", line)
      if (length(line) > 100) print f ":" FNR ": more than 100 columns" }
    END { if (FNR > 400) print f ": " FNR " lines, more than 400" }' "$file"
done < <(find base tests "${rooms[@]}" -name '*.cc' -o -name '*.h') >>"$failures"

if [[ -s $failures ]]; then
  cat "$failures"
  exit 1
fi
echo "public headers, room doors and sizes are as the architecture says"
