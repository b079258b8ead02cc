#!/usr/bin/env bash
# OpenIGTLink with programs that are not ours, over live connections both ways:
# the C++ library of Debian (TRANSFORM, TDATA after STT_TDATA, IMAGE, POLYDATA)
# and pyigtl (TRANSFORM, IMAGE, POINT, STRING; header version 2 from pyigtl).
#
#     openigtlink_peer.sh CACHE_FOLDER [OUR_PEER]
#
# OUR_PEER is built from engine/examples/openigtlink_peer.rs unless given.
set -euo pipefail
cd "$(dirname "$0")/.."
mkdir -p "$1/openigtlink"
cache=$(cd "$1/openigtlink" && pwd)
out=$(mktemp -d)
trap 'kill $(jobs -p) 2>/dev/null || true; rm -rf "$out"' EXIT

source .ci/common.sh
need_packages libopenigtlink-dev g++
python_with "$cache" pyigtl==0.3.4
if ! [ "$cache/peer" -nt .ci/openigtlink_peer.cpp ]; then
    g++ -std=c++17 -O1 -I/usr/include/openigtlink .ci/openigtlink_peer.cpp -lOpenIGTLink -lpthread -o "$cache/peer"
fi
ours=${2:-}
if [ -z "$ours" ]; then
    # With nav_app, so that the features are those of the build that is there: engine alone would be built anew.
    cargo build -q -p engine -p nav_app --example openigtlink_peer
    ours=${CARGO_TARGET_DIR:-target}/debug/examples/openigtlink_peer
fi
cpp=("$cache/peer")
python=("$cache/venv/bin/python" .ci/openigtlink_peer.py)

# exchange NAME KIND EXPECTED SERVER... -- CLIENT...: what the client prints.
exchange() {
    local name=$1 kind=$2 expected=$3 server=() port="" got
    shift 3
    while [ "$1" != -- ]; do server+=("$1"); shift; done
    shift
    timeout 30 "${server[@]}" serve "$kind" > "$out/server" &
    local running=$!
    for _ in $(seq 300); do
        port=$(sed -n 's/.*"port": *\([0-9]*\).*/\1/p' "$out/server" 2>/dev/null || true)
        [ -z "$port" ] || break
        sleep 0.05
    done
    case $name in
        *"to ours") got=$(timeout 30 "$@" receive "127.0.0.1:$port" "$kind") ;;
        *) got=$(timeout 30 "$@" receive "$port" "$kind") ;;
    esac || { echo "FAILED $name: $kind (nothing came)"; exit 1; }
    if [ "$got" != "$expected" ]; then
        printf 'FAILED %s: %s\n  expected %s\n  got      %s\n' "$name" "$kind" "$expected" "$got"
        exit 1
    fi
    printf '%-20s %-10s ok\n' "$name" "$kind"
    if [ "$name" = "C++ to ours" ] && [ "$kind" = TDATA ]; then
        wait "$running" || { echo "FAILED: the C++ peer did not get STT_TDATA and STP_TDATA"; exit 1; }
    else
        kill "$running" 2>/dev/null || true
        wait "$running" 2>/dev/null || true
    fi
    : > "$out/server"
}

pose='0.000 -1.000 0.000 1.500 1.000 0.000 0.000 -2.250 0.000 0.000 1.000 3.125'
unit='1.000 0.000 0.000 0.000 0.000 1.000 0.000 0.000 0.000 0.000 1.000 0.000'
# As JSON prints them.
rows='[0.0,-1.0,0.0,1.5,1.0,0.0,0.0,-2.25,0.0,0.0,1.0,3.125,0.0,0.0,0.0,1.0]'
units='[1.0,0.0,0.0,0.0,0.0,1.0,0.0,0.0,0.0,0.0,1.0,0.0,0.0,0.0,0.0,1.0]'
json() { printf '{"content":%s,"device":"%s","type":"%s","version":%s}' "$2" "$3" "$1" "$4"; }

cpp_to_ours() { exchange "C++ to ours" "$1" "$(json "$1" "$2" Reference 1)" "${cpp[@]}" -- "$ours"; }
cpp_to_ours TRANSFORM "$rows"
cpp_to_ours TDATA "[[\"Reference\",$units],[\"Stylus\",$rows]]"
cpp_to_ours POLYDATA '{"lps":[[0.0,0.0,0.0],[-1.0,0.0,0.0],[0.0,-1.0,0.0],[0.0,0.0,1.0]],"polygons":[[0,1,2],[0,1,3]]}'
# Centre (10, 20, 30) RAS, first voxel half an image before it, then LPS.
cpp_to_ours IMAGE '{"bytes":48,"lps_from_index":[-0.5,0.0,0.0,-9.25,0.0,-0.75,0.0,-19.25,0.0,0.0,2.5,28.75,0.0,0.0,0.0,1.0],"second":[1,0],"size":[4,3,2]}'

ours_to_cpp() { exchange "ours to C++" "$1" "$1 SpineNav $2" "$ours" -- "${cpp[@]}"; }
ours_to_cpp TRANSFORM "$pose"
ours_to_cpp TDATA "Reference $unit Stylus $pose"
ours_to_cpp POLYDATA '0,0,0 1,0,0 0,1,0 0,0,1 2'
ours_to_cpp IMAGE '4 3 2 0.50 0.75 2.50 1.000 0.000 0.000 10.000 0.000 1.000 0.000 20.000 0.000 0.000 1.000 30.000 1 23'

python_to_ours() { exchange "pyigtl to ours" "$1" "$(json "$1" "$2" Python 2)" "${python[@]}" -- "$ours"; }
python_to_ours TRANSFORM "$rows"
python_to_ours IMAGE '{"bytes":48,"lps_from_index":[0.5,0.0,0.0,10.0,0.0,0.75,0.0,20.0,0.0,0.0,2.5,30.0,0.0,0.0,0.0,1.0],"second":[1,0],"size":[4,3,2]}'
python_to_ours POINT '[["L1-tip",[-1.0,-2.0,3.0]]]'
python_to_ours STRING '"hello"'

ours_to_python() { exchange "ours to pyigtl" "$1" "$1 $2" "$ours" -- "${python[@]}"; }
ours_to_python TRANSFORM "$pose"
ours_to_python IMAGE "ras (2, 3, 4) 276 0.500 0.000 0.000 9.250 0.000 0.750 0.000 19.250 0.000 0.000 2.500 28.750"
ours_to_python POINT "['L1-tip'] 1.000 2.000 3.000 ['CT']"
ours_to_python STRING hello
