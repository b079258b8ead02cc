#!/usr/bin/env bash
# `spinenav serve` over TLS with senders that are not ours: DCMTK's echoscu and
# storescu, and pynetdicom; then peers with another authority's certificate,
# with none, without TLS, and such as break off inside the handshake.
# Usage: dicom_tls.sh SPINENAV WORK_FOLDER CACHE_FOLDER, where SPINENAV is built
# with the feature `tls` and WORK_FOLDER holds what dicom_network.sh wrote.
set -euo pipefail
spinenav=$1
slices=$2/dicom_network/a
work=$2/dicom_tls
mkdir -p "$work" "$3/dicom_network"
cache=$(cd "$3/dicom_network" && pwd)
here=$(cd "$(dirname "$0")" && pwd)
trap 'kill $(jobs -p) 2>/dev/null || true' EXIT
source "$here/common.sh"
need_packages openssl dcmtk python3
python_with "$cache" pynetdicom==3.0.4

authority "$work" ca; authority "$work" other
for name in theatre scanner; do certificate "$work" ca "$name"; done
certificate "$work" other outsider

port=$(free_port)
"$spinenav" -q serve --out "$work/inbox" --dicom "127.0.0.1:$port" --allow STORESCU --allow ECHOSCU --allow PYNETDICOM \
    --tls-authority "$work/ca.pem" --tls-certificate "$work/theatre.pem" --tls-key "$work/theatre.key" \
    --quiet-s 1 --series 2 --seconds 300 --json > "$work/serve.json" &
serve=$!
tls_as() { printf '%s\n' +tls "$work/$1.key" "$work/$1.pem" +cf "$work/ca.pem"; }
mapfile -t scanner < <(tls_as scanner)
mapfile -t outsider < <(tls_as outsider)
for _ in $(seq 100); do echoscu "${scanner[@]}" -aec SPINENAV 127.0.0.1 "$port" 2>/dev/null && break; sleep 0.1; done
echoscu "${scanner[@]}" -aec SPINENAV 127.0.0.1 "$port"

refused() { if "$@" > "$work/refused" 2>&1; then echo "FAILED: served: $*"; exit 1; fi; }
refused echoscu "${outsider[@]}" -aec SPINENAV 127.0.0.1 "$port"
refused echoscu +tla +cf "$work/ca.pem" -aec SPINENAV 127.0.0.1 "$port"
refused timeout 20 echoscu -aec SPINENAV 127.0.0.1 "$port"
python3 "$here/dicom_tls_peer.py" "$port" broken
started=$(date +%s%N)
storescu "${scanner[@]}" -aec SPINENAV --scan-directories 127.0.0.1 "$port" "$slices"
echo "storescu sent its slices over TLS in $((($(date +%s%N) - started) / 1000000)) ms"
for _ in $(seq 300); do [ "$(ls "$work/inbox" | grep -c '^series-')" -ge 1 ] && break; sleep 0.2; done
"$cache/venv/bin/python" "$here/dicom_tls_peer.py" "$port" send "$2/dicom_network/b" "$work"
wait $serve
python3 - "$work/serve.json" "$(find "$slices" -name '*.dcm' | wc -l)" <<'P'
import json, sys
result, slices = json.load(open(sys.argv[1], encoding="utf-8")), int(sys.argv[2])
print(result["counts"])
assert [s["objects"] for s in result["series"] if s["is_finished"]] == [slices] * 2, result["series"]
assert result["counts"]["refused"] >= 3 + 6 and result["counts"]["set_aside"] == 0, result["counts"]
P
echo "DCMTK and pynetdicom were served over TLS; others were not"
