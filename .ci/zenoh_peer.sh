#!/usr/bin/env bash
# The stream with a program that is not ours: PyPI eclipse-zenoh reads snapshots,
# the description and a surface as docs/stream.md says, over TCP on this machine,
# through a router, and over TLS with client certificates made here. The engine,
# the router and our own viewer are the commands of `spinenav`.
#
#     zenoh_peer.sh CACHE_FOLDER SPINENAV CASE
#
# SPINENAV is built with the feature `stream`; CASE is a label map.
set -euo pipefail
cd "$(dirname "$0")/.."
mkdir -p "$1/zenoh"
cache=$(cd "$1/zenoh" && pwd)
spinenav=$2
case=$3
out=$(mktemp -d)
trap 'kill $(jobs -p) 2>/dev/null || true; rm -rf "$out"' EXIT

source .ci/common.sh
need_packages openssl python3
python_with "$cache" eclipse-zenoh==1.10.2
python=("$cache/venv/bin/python" .ci/zenoh_peer.py)

passed() { printf '%-48s ok  %s\n' "$1" "$2"; }
# engine NAME OPTION...: starts one and waits until it says where it is heard.
engine() {
    local name=$1
    shift
    timeout 300 "$spinenav" engine --case "$case" --tracker sim:// --seconds 250 "$@" < /dev/null > "$out/$name" 2> "$out/$name.err" &
    started=$!
    for _ in $(seq 1200); do
        if grep -q 'is heard at' "$out/$name.err"; then return 0; fi
        kill -0 "$started" 2>/dev/null || break
        sleep 0.05
    done
    echo "FAILED: the engine did not start"; cat "$out/$name.err"; exit 1
}
listens() {
    for _ in $(seq 400); do
        if (exec 3<> "/dev/tcp/127.0.0.1/$1") 2>/dev/null; then return 0; fi
        sleep 0.05
    done
    echo "FAILED: nothing listens on port $1"; exit 1
}

port=$(free_port); routed=$(free_port)
engine engine --listen "tcp/127.0.0.1:$port" --intent-key "$out/intent.key"
engine=$started
passed "eclipse-zenoh reads the engine" "$(timeout 60 "${python[@]}" watch "tcp/127.0.0.1:$port")"

# Our own viewer, from outside: lines of JSON, and one intent with the session's key.
"$spinenav" view --json --connect "tcp/127.0.0.1:$port" --hz 20 --seconds 2 > "$out/lines"
passed "spinenav view prints what may be shown" "$("${python[@]}" lines "$out/lines")"
"$spinenav" view --connect "tcp/127.0.0.1:$port" --intent acknowledge-tools --intent-key "$out/intent.key" > "$out/intent"
passed "an intent with the session's key is taken" "$(cat "$out/intent")"
printf '%064d\n' 0 > "$out/wrong.key"
if "$spinenav" view --connect "tcp/127.0.0.1:$port" --intent stop --intent-key "$out/wrong.key" > /dev/null 2> "$out/refused"; then
    echo "FAILED: an intent with another key was taken"; exit 1
fi
grep -q 'read-only' "$out/refused" || { echo "FAILED: the refusal does not say why"; cat "$out/refused"; exit 1; }
passed "one with another key is refused" "$(cat "$out/refused")"

timeout 120 "$spinenav" view --connect "tcp/127.0.0.1:$port" --route "tcp/127.0.0.1:$routed" > /dev/null &
listens "$routed"
passed "eclipse-zenoh reads through our router" "$(timeout 60 "${python[@]}" watch "tcp/127.0.0.1:$routed")"

timeout 60 "${python[@]}" watch "tcp/127.0.0.1:$port" until-gone > "$out/watch" &
watching=$!
for _ in $(seq 400); do grep -q waits "$out/watch" && break; sleep 0.05; done
# The engine itself, not the `timeout` around it.
pkill -KILL -P "$engine"
wait "$watching" || { echo "FAILED: the end of a killed engine was not seen"; cat "$out/watch"; exit 1; }
passed "eclipse-zenoh sees that the engine was killed" "$(tail -1 "$out/watch")"

# An authority, the engine, an observer, a console, and somebody nobody named;
# and an outsider with another authority's certificate.
authority "$out" ca; authority "$out" other
for name in theatre observer console stranger; do certificate "$out" ca "$name"; done
certificate "$out" other outsider
port=$(free_port)
engine remote --listen "tls/127.0.0.1:$port" --observer observer --operator console \
    --tls-authority "$out/ca.pem" --tls-certificate "$out/theatre.pem" --tls-key "$out/theatre.key"
for name in observer console; do
    passed "eclipse-zenoh reads over TLS as $name" "$(timeout 60 "${python[@]}" watch "tls/127.0.0.1:$port" "$out" "$name")"
done
for name in stranger outsider; do
    passed "over TLS a $name sees nothing" "$(timeout 60 "${python[@]}" outsider "tls/127.0.0.1:$port" "$out" "$name")"
done
passed "without TLS nobody sees anything" "$(timeout 60 "${python[@]}" outsider "tcp/127.0.0.1:$port")"
