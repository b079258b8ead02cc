#!/usr/bin/env bash
# Exports of one case, opened by trimesh, pynrrd, nibabel, highdicom and pydicom
# and compared with the label map.
# Usage: export_peers.sh SPINENAV LABELS.nii.gz WORK_FOLDER CACHE_FOLDER
set -euo pipefail
spinenav=$1
labels=$2
work=$3/export_peers
here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$work" "$4/exports"
cache=$(cd "$4/exports" && pwd)
source "$here/common.sh"
python_with "$cache" trimesh==5.2.0 scipy==1.17.1 networkx==3.6.1 numpy==2.4.6 pynrrd==1.1.3 nibabel==5.4.2 \
    highdicom==0.28.2 pydicom==3.0.2

for format in stl ply obj gltf nrrd nifti dicom-seg markups; do
    "$spinenav" -q export "$labels" --format "$format" --out "$work/$format"
done
"$spinenav" -q export "$labels" --format stl --printable --triangles 200000 --out "$work/printable"
"$spinenav" -q export "$labels" --format stl --printable --hollow-mm 3 --out "$work/hollow"
printf '0 -1 0 10\n1 0 0 -20\n0 0 1 5\n0 0 0 1\n' > "$work/pose.txt"
"$spinenav" -q export "$labels" --format tfm --transform "$work/pose.txt" --out "$work/tfm"

"$cache/venv/bin/python" "$here/export_peers.py" "$work" "$labels"
echo "every export opens elsewhere and is what it was"
