#!/bin/bash
# Relative links in every page lead somewhere, decisions are numbered once each, and the page of the
# configuration names every key that the program reads, and every test that a page names is there.
# Usage: check_docs.sh SOURCE
set -u
cd "$1" || exit 2
failed=0
fail() { printf '%s\n' "$*"; failed=1; }

while IFS= read -r page; do
  while IFS= read -r link; do
    target=${link%%#*}
    [[ -z $target || -e $(dirname "$page")/$target ]] || fail "$page: link to $link leads nowhere"
  done < <(grep -oE '\]\([^) ]+\)' "$page" | sed -E 's/^\]\((.*)\)$/\1/' | grep -vE '^[a-z]+:')
done < <(find . -name '*.md' -not -path './build/*' -not -path './.git/*')

twice=$(find docs/decisions -name '*.md' -printf '%f\n' | cut -c1-4 | sort | uniq -d)
[[ -z $twice ]] || fail "docs/decisions: number given twice: $twice"
odd=$(find docs/decisions -type f -printf '%f\n' | grep -vE '^([0-9]{4}-[a-z0-9-]+|README)\.md$')
[[ -z $odd ]] || fail "docs/decisions: not named NNNN-words.md: $odd"
while IFS= read -r page; do
  number=$(basename "$page" | grep -oE '^[0-9]{4}') || continue
  grep -qE "^# 0*$((10#$number))[. ]" "$page" || fail "$page: its title has not its number"
done < <(find docs/decisions -name '*.md')

configuration=docs/operations/configuration.md
keys=$(grep -oE '[a-z]\.[A-Z][A-Za-z]*\("[a-z0-9_]+"' gateway/config.cc | cut -d'"' -f2 | sort -u)
[[ $(wc -l <<<"$keys") -gt 20 ]] || fail "gateway/config.cc: found no keys; mend this test"
while IFS= read -r key; do
  grep -qE "\b$key\b" "$configuration" || fail "$configuration: does not mention $key"
done <<<"$keys"

tests=$(grep -rhoE '^TEST(_[FP])?\([A-Za-z0-9]+, [A-Za-z0-9]+\)' tests --include='*.cc' |
  sed -E 's/^[A-Z_]+\(([A-Za-z0-9]+), ([A-Za-z0-9]+)\)/\1.\2/')
while IFS= read -r name; do
  grep -qxF "$name" <<<"$tests" || fail "docs/attacks.md: there is no test $name"
done < <(grep -oE '`[A-Z][A-Za-z0-9]+\.[A-Z][A-Za-z0-9]+`' docs/attacks.md | tr -d '`')
exit $failed
