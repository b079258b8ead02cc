#!/usr/bin/env bash
# `spinenav serve` against senders that are not ours: DCMTK's echoscu and
# storescu, and pynetdicom. A series of 275 slices, two series at once, slices
# twice and in disorder, an aborted and a killed sender, a stranger.
# Usage: dicom_network.sh SPINENAV WORK_FOLDER CACHE_FOLDER
set -euo pipefail
spinenav=$1
work=$2/dicom_network
mkdir -p "$3/dicom_network"
cache=$(cd "$3/dicom_network" && pwd)
here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$work"/{a,b}
trap 'kill $(jobs -p) 2>/dev/null || true' EXIT
source "$here/common.sh"
python_with "$cache" pynetdicom==3.0.4
python=$cache/venv/bin/python
SLAB=${SLAB:-275} python3 "$here/write_dicom_dumps.py" "$here/../nav_app/assets/lidc-idri-0001-spine-ct.nii.gz" "$work"
for dump in "$work"/dumps/*.dump; do
    dump2dcm +te "$dump" "$work/a/$(basename "$dump" .dump).dcm"
done
# The same slices as another series.
cp "$work"/a/*.dcm "$work/b"
dcmodify -nb -gin -gse "$work/b/0000.dcm"
series=$(dcmdump +P 0020,000e "$work/b/0000.dcm" | sed 's/.*\[\(.*\)\].*/\1/')
dcmodify -nb -gin -m "(0020,000e)=$series" "$work"/b/*.dcm
slices=$(find "$work/a" -name '*.dcm' | wc -l)

port=11$((RANDOM % 800 + 113))
RUST_LOG=warn "$spinenav" -q serve --out "$work/inbox" --dicom "127.0.0.1:$port" --allow STORESCU --allow ECHOSCU --allow PYNETDICOM \
    --quiet-s 1 --incomplete-s 3 --series 6 --seconds 600 --json > "$work/serve.json" &
serve=$!
for _ in $(seq 100); do echoscu -aec SPINENAV 127.0.0.1 "$port" 2>/dev/null && break; sleep 0.1; done
echoscu -aec SPINENAV 127.0.0.1 "$port"

started=$(date +%s%N)
storescu -aec SPINENAV --scan-directories 127.0.0.1 "$port" "$work/a"                       # 1: finished
echo "storescu sent $slices slices in $((($(date +%s%N) - started) / 1000000)) ms"
wait_for() { for _ in $(seq 600); do [ "$(ls "$work/inbox" | grep -c '^series-')" -ge "$1" ] && return; sleep 0.2; done; echo "series $1 never came"; exit 1; }
aside() { for _ in $(seq 300); do [ "$(ls "$work/inbox/set-aside" 2>/dev/null | wc -l)" -ge "$1" ] && return; sleep 0.2; done; echo "nothing was set aside"; exit 1; }
wait_for 1
storescu -aec SPINENAV --scan-directories 127.0.0.1 "$port" "$work/a" &                     # 2 and 3: both at once
first=$!
storescu -aec SPINENAV --scan-directories 127.0.0.1 "$port" "$work/b"
wait $first
wait_for 3
"$python" "$here/dicom_network_peer.py" "$port" "$work/a" stranger
"$python" "$here/dicom_network_peer.py" "$port" "$work/a" break                             # 4: set aside
aside 1
"$python" "$here/dicom_network_peer.py" "$port" "$work/b" die                               # 5: set aside
aside 2
"$python" "$here/dicom_network_peer.py" "$port" "$work/b" twice                             # 6: finished
wait $serve
python3 - "$work/serve.json" "$slices" <<'P'
import json, pathlib, sys
result, slices = json.load(open(sys.argv[1], encoding="utf-8")), int(sys.argv[2])
counts = result["counts"]
print(counts)
done = [s for s in result["series"] if s["is_finished"]]
assert [s["objects"] for s in done] == [slices] * 4, result["series"]
assert counts["finished"] == 4 and counts["set_aside"] == 2 and counts["broken"] == 2, counts
assert counts["duplicates"] == slices and counts["refused_objects"] == 0 and counts["refused"] == 1, counts
assert all(len(list(pathlib.Path(s["dicom"]).iterdir())) == slices for s in done)
P
echo "echoscu, storescu and pynetdicom were served; broken and killed senders were set aside"
