#!/usr/bin/env bash
# Exports of one case, opened by trimesh, pynrrd, nibabel, highdicom and pydicom
# and compared with the label map. Usage: export_peers.sh SPINENAV LABELS.nii.gz WORK_FOLDER
set -euo pipefail
spinenav=$1
labels=$2
work=$3/export_peers
here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$work"

python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q trimesh scipy networkx numpy pynrrd nibabel highdicom pydicom

for format in stl ply obj gltf nrrd nifti dicom-seg markups; do
    "$spinenav" -q export "$labels" --format "$format" --out "$work/$format"
done
"$spinenav" -q export "$labels" --format stl --printable --triangles 200000 --out "$work/printable"
printf '0 -1 0 10\n1 0 0 -20\n0 0 1 5\n0 0 0 1\n' > "$work/pose.txt"
"$spinenav" -q export "$labels" --format tfm --transform "$work/pose.txt" --out "$work/tfm"

"$work/venv/bin/python" "$here/export_peers.py" "$work" "$labels"
echo "every export opens elsewhere and is what it was"
