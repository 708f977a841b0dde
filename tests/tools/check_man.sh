#!/bin/bash
# Each program's options and subcommands are in its manual page, and the other way round.
# Usage: check_man.sh DOCS_MAN BIN_DIR PROGRAM...
set -u
man=$1 bin=$2
shift 2
failed=0

# Options and subcommands of a program's --help, those of its subcommands too.
of_help() {
  local text command
  text=$("$@" --help)
  grep -oE '^  (-[a-z],)?--[a-z][a-z-]*' <<<"$text" | grep -oE -- '--[a-z-]+$' | grep -vx -- --help
  for command in $(awk '/^[A-Z]/ { on = /^Subcommands:/ } on && /^  [a-z]/ { print $1 }' <<<"$text")
  do
    echo "$command"
    of_help "$@" "$command"
  done
}
of_page() { grep -oE -- '--[a-z][a-z-]*' <<<"$1" | grep -vx -- --help; }

for program; do
  page=$(ls "$man/$program".[18]) || { failed=1; continue; }
  text=$(LC_ALL=C MANWIDTH=200 man -P cat -l "$page" | sed 's/.\x08//g')
  help=$(of_help "$bin/$program" | sort -u)
  difference=$(diff <(grep -e ^-- <<<"$help") <(of_page "$text" | sort -u)) || {
    printf '%s: < is in --help only, > in the manual page only:\n%s\n' "$program" "$difference"
    failed=1
  }
  for command in $(grep -v ^-- <<<"$help"); do
    grep -qw -- "$command" <<<"$text" || { echo "$program: $command is not in the page"; failed=1; }
  done
  warnings=$(man --warnings -l "$page" 2>&1 >/dev/null)
  [[ -z $warnings ]] || { printf '%s\n' "$page: $warnings"; failed=1; }
done
exit $failed
