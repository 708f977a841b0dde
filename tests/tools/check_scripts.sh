#!/bin/bash
# What the scripts say to those who ask, and to those who type something wrong.
# Usage: check_scripts.sh SOURCE BIN_DIR
set -u
cd "$1" || exit 2
bin=$2
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
failed=0

# expect EXIT-STATUS TEXT COMMAND...: ends so, and says so on either stream.
expect() {
  local status=$1 text=$2 out got
  shift 2
  out=$("$@" 2>&1 </dev/null)
  got=$?
  [[ $got == "$status" ]] || { echo "$*: exit status $got, not $status: $out"; failed=1; }
  grep -qF -- "$text" <<<"$out" || { echo "$*: does not say '$text': $out"; failed=1; }
}

for script in demo check scratch-gateway scratch-network install-deps; do
  expect 0 "Usage: tools/$script" "tools/$script" --help
  expect 2 "Usage: tools/$script" "tools/$script" --no-such-option
done
for option in --dir --port; do expect 2 'Usage: tools/demo' tools/demo $option; done
expect 2 'Usage: tools/demo' tools/demo --stop
expect 1 'no demo was left running' tools/demo --stop --dir "$scratch"
expect 2 'Usage: tools/check' tools/check --jobs

expect 0 'softhsm2: a token in software' tools/install-deps --list
while IFS= read -r line; do
  [[ $line =~ ^[a-z0-9.+-]+:\ [^\ ] ]] || { echo "install-deps --list: odd line '$line'"; failed=1; }
done < <(tools/install-deps --list)

expect 2 'Usage: tools/scratch-gateway' tools/scratch-gateway
for option in --bin --port --customers --key-type --keys --engine --token --program; do
  expect 2 'Usage: tools/scratch-gateway' tools/scratch-gateway "$scratch/new" $option
done
expect 1 'build them first' tools/scratch-gateway "$scratch/new" --bin "$scratch"
expect 1 'no scratch gateway in' tools/scratch-gateway "$scratch/new" --bin "$bin" --keys "$scratch"
[[ ! -e $scratch/new ]] || { echo 'a refused scratch-gateway made something'; failed=1; }
touch "$scratch/mine"
expect 1 'is not empty' tools/scratch-gateway "$scratch" --bin "$bin"
[[ $(ls -A "$scratch") == mine ]] || { echo 'scratch-gateway wrote into a full directory'; failed=1; }
exit $failed
