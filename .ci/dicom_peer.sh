#!/usr/bin/env bash
# Interoperability with DCMTK: it writes the same CT series uncompressed, RLE
# and lossless JPEG; SpineNav must read the same voxels from all three and from
# NIfTI. Usage: dicom_peer.sh SPINENAV WORK_FOLDER
set -euo pipefail
spinenav=$1
work=$2/dicom_peer
here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$work"/{plain,rle,jpeg}

python3 "$here/write_dicom_dumps.py" "$here/../nav_app/assets/lidc-idri-0001-spine-ct.nii.gz" "$work"
for dump in "$work"/dumps/*.dump; do
    name=$(basename "$dump" .dump)
    dump2dcm +te "$dump" "$work/plain/$name.dcm"
    dcmcrle "$work/plain/$name.dcm" "$work/rle/$name.dcm"
    dcmcjpeg +e1 "$work/plain/$name.dcm" "$work/jpeg/$name.dcm"
done

for form in plain rle jpeg; do
    "$spinenav" -q segment "$work/$form" --model threshold --out "$work/case_$form" --json > "$work/$form.json"
    gzip -dc "$work/case_$form/labels.nii.gz" | sha256sum > "$work/$form.sha256"
done
cmp "$work/plain.sha256" "$work/rle.sha256"
cmp "$work/plain.sha256" "$work/jpeg.sha256"

"$spinenav" -q segment "$work/slab.nii" --model threshold --out "$work/case_nifti" --truth "$work/case_plain/labels.nii.gz" --json > "$work/nifti.json"
python3 - "$work/nifti.json" <<'P'
import json, sys
result = json.load(open(sys.argv[1], encoding="utf-8"))
dice = result["column"]["dice"]
print(f"NIfTI against DICOM: Dice {dice:.4f}")
sys.exit(0 if dice >= 0.999 else 1)
P
echo "DCMTK's uncompressed, RLE and JPEG series read alike"
