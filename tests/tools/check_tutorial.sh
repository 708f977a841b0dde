#!/bin/bash
# Follows the tutorial of docs/adapters.md literally: its pieces of code are the example, and its
# commands, run one after another in an empty directory, end well.
# Usage: check_tutorial.sh SOURCE BIN_DIR
set -eu
export PAYGATE=$1 PATH=$2:$PATH
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
cd "$scratch"

blocks() { awk -v open="^\`\`\`$1\$" '/^```$/ { on = 0 } on; $0 ~ open { on = 1 }' "$2"; }

blocks cpp "$PAYGATE/docs/adapters.md" > adapter.cc
diff adapter.cc "$PAYGATE/bank/adapters/example/adapter.cc" ||
  { echo 'docs/adapters.md: the pieces of code are not the example'; exit 1; }
lines=$(wc -l < adapter.cc)
[[ $lines -lt 200 ]] || { echo "the example has $lines lines; keep it under 200"; exit 1; }
blocks sh "$PAYGATE/docs/adapters.md" > commands
[[ $(wc -l < commands) -gt 5 ]] || { echo 'docs/adapters.md: no commands; mend this test'; exit 1; }
bash -eux commands > out 2>&1 || { cat out; exit 1; }
grep -q '^kept     load ' out || { cat out; exit 1; }
