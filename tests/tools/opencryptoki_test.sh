#!/bin/bash
# The probe, a ceremony and a token process on opencryptoki's soft token (RSA only), with a pkcsslotd,
# shared memory and token directory of its own, which are gone afterwards.
# Usage: opencryptoki_test.sh BIN_DIR
set -euo pipefail
module=/usr/lib/x86_64-linux-gnu/opencryptoki/libopencryptoki.so.0
if [[ ${2:-} != inside ]]; then
  command -v pkcsslotd pkcs11-tool > /dev/null && [[ -r $module ]] ||
    { echo "opencryptoki is not installed: tools/install-deps"; exit 77; }
  [[ $(id -u) -eq 0 ]] && unshare --mount --ipc --pid --fork true 2> /dev/null ||
    { echo "namespaces of one's own are not allowed here"; exit 77; }
  exec unshare --mount --ipc --pid --fork --kill-child --mount-proc "$0" "$1" inside
fi

bin=$1
# The module leaks, and is unloaded before a leak could be laid at its door.
export ASAN_OPTIONS=${ASAN_OPTIONS:+$ASAN_OPTIONS:}detect_leaks=0
mount -t tmpfs -o mode=0755 tmpfs /run
mkdir -p /run/lock
mount -t tmpfs -o mode=0770 tmpfs /run/lock
kept=$(mktemp -d /run/opencryptoki.XXXX)
cp -a /var/lib/opencryptoki/. "$kept"
mount -t tmpfs -o mode=0770 tmpfs /var/lib/opencryptoki
cp -a "$kept/." /var/lib/opencryptoki
rm -rf /var/lib/opencryptoki/swtok/* # an operator's token is not what is tested
mkdir -p /var/lib/opencryptoki/swtok/TOK_OBJ /run/lock/opencryptoki/{swtok,tpm,ccatok,icsf,ep11tok,lite,icatok}
chgrp -R pkcs11 /var/lib/opencryptoki /run/lock/opencryptoki

pkcsslotd
work=$(mktemp -d /run/work.XXXX)
tool() { pkcs11-tool --module "$module" "$@" > /dev/null; }
tool --slot 3 --init-token --label paygate-ock --so-pin 87654321
tool --slot 3 --init-pin --so-pin 87654321 --pin 12345678
install -m 600 /dev/null "$work/pin"
echo 12345678 > "$work/pin"
uri=pkcs11:token=paygate-ock

fail() { echo "opencryptoki_test: $*"; exit 1; }
"$bin/paygate-ceremony" probe $uri --module "$module" --pin-file "$work/pin" --json \
  > "$work/probe.json" || fail "the probe found it unfit: $(cat "$work/probe.json")"
for works in "RSA-2048 signs" "RSA-2048 unwraps"; do
  jq -e --arg what "$works" '.findings[] | select(.what == $what).seen | startswith("yes")' \
    "$work/probe.json" > /dev/null || fail "$works: $(cat "$work/probe.json")"
done

# The keys of a gateway, made by a ceremony, served by a token process.
key() { printf '[[key]]\nlabel = "%s"\ntoken = "gateway"\ntype = "RSA-2048"\nusage = "%s"\n' "$@"; }
certificate() {
  printf '[[certificate]]\nfile = "%s.pem"\nprofile = "%s"\nkey = "%s"\ndays = %s\n' $1 $1 $1 $2
  [[ -z ${3:-} ]] || printf 'issuer = "%s"\n' "$3"
}
openssl rand -hex 16 > "$work/passphrase"
chmod 600 "$work/passphrase"
{
  cat <<EOF
ceremony = "complete"
output_directory = "$work/pki"
[operator]
name = "test"
key_file = "$work/operator.pem"
passphrase_file = "$work/passphrase"
EOF
  "$bin/paygate-ceremony" signatory --out "$work/operator.pem" --passphrase-file "$work/passphrase"
  printf '[token.gateway]\nmodule = "%s"\nuri = "%s"\npin_file = "%s"\n' "$module" $uri "$work/pin"
  for label in root issuing-ca gateway-signature; do key $label sign; done
  for label in gateway-encryption storage-wrapping; do key $label decrypt; done
  certificate root 7300
  certificate issuing-ca 3650 root.pem
  certificate gateway-signature 1095 issuing-ca.pem
  certificate gateway-encryption 1095 issuing-ca.pem
  printf '[[crl]]\nfile = "root.crl"\nissuer = "root.pem"\ndays = 365\n'
} > "$work/ceremony.toml"
"$bin/paygate-ceremony" run --yes "$work/ceremony.toml" > "$work/log" 2>&1 || fail "$(cat "$work/log")"
"$bin/paygate-token" --module "$module" --token-uri $uri --pin-file "$work/pin" \
  --socket "$work/socket" --key gateway-signature:jws --key gateway-encryption:decrypt \
  --key issuing-ca:certificate,crl > "$work/log" 2>&1 &
for ((i = 0; i < 200; i++)); do
  [[ -S $work/socket ]] && break
  sleep 0.1 # nothing else says that it serves
done
[[ -S $work/socket ]] || fail "the token process does not serve: $(cat "$work/log")"
[[ $(grep -c key.proved "$work/log") -eq 3 ]] || fail "keys: $(cat "$work/log")"
kill -TERM $!
wait $! || fail "the token process ended with $?: $(cat "$work/log")"
echo "opencryptoki's soft token served a gateway's keys"
