#!/usr/bin/env python3
"""Cuts a lumbar slab out of the CT that ships and writes it twice: as dumps
that DCMTK's dump2dcm turns into a CT series, and as an uncompressed NIfTI.

Usage: write_dicom_dumps.py CT.nii.gz FOLDER. Standard library only.
"""
import array
import gzip
import os
import pathlib
import struct
import sys

SLAB = int(os.environ.get("SLAB", "110"))  # slices from the caudal end
DUMP = """(0008,0016) UI =CTImageStorage
(0008,0018) UI [1.2.826.0.1.3680043.10.1234.1.{number}]
(0008,0060) CS [CT]
(0010,0010) PN [PHANTOM^PUBLIC]
(0010,0020) LO [LIDC-IDRI-0001]
(0018,0050) DS [{thickness:.6f}]
(0020,000d) UI [1.2.826.0.1.3680043.10.1234.2]
(0020,000e) UI [1.2.826.0.1.3680043.10.1234.3]
(0020,0013) IS [{number}]
(0020,0032) DS [{x:.6f}\\{y:.6f}\\{z:.6f}]
(0020,0037) DS [{sx:d}\\0\\0\\0\\{sy:d}\\0]
(0020,0052) UI [1.2.826.0.1.3680043.10.1234.4]
(0028,0002) US 1
(0028,0004) CS [MONOCHROME2]
(0028,0010) US {rows}
(0028,0011) US {columns}
(0028,0030) DS [{dy:.6f}\\{dx:.6f}]
(0028,0100) US 16
(0028,0101) US 16
(0028,0102) US 15
(0028,0103) US 1
(0028,1052) DS [0]
(0028,1053) DS [1]
(7fe0,0010) OW ={raw}
"""


def main() -> None:
    data = gzip.open(sys.argv[1], "rb").read()
    folder = pathlib.Path(sys.argv[2])
    nx, ny, nz = struct.unpack_from("<3h", data, 42)
    offset = int(struct.unpack_from("<f", data, 108)[0])
    rows = [struct.unpack_from("<4f", data, 280 + 16 * i) for i in range(3)]
    # RAS of the file to the LPS of DICOM; the file's axes are its own.
    affine = [[-v for v in rows[0]], [-v for v in rows[1]], list(rows[2])]
    if any(affine[r][c] != 0 for r in range(3) for c in range(3) if r != c):
        sys.exit("this script expects a CT stored along the patient's axes")
    dx, dy, dz = affine[0][0], affine[1][1], affine[2][2]
    slab = min(SLAB, nz)
    (folder / "dumps").mkdir(parents=True, exist_ok=True)
    for k in range(slab):
        pixels = array.array("h", data[offset + 2 * k * nx * ny : offset + 2 * (k + 1) * nx * ny])
        raw = folder / "dumps" / f"{k:04d}.raw"
        raw.write_bytes(pixels.tobytes())
        text = DUMP.format(
            number=k + 1, thickness=abs(dz), x=affine[0][3], y=affine[1][3], z=affine[2][3] + k * dz,
            rows=ny, columns=nx, dx=abs(dx), dy=abs(dy), raw=raw,
            sx=1 if dx > 0 else -1, sy=1 if dy > 0 else -1,
        )
        (folder / "dumps" / f"{k:04d}.dump").write_text(text, encoding="ascii")
    header = bytearray(data[:offset])
    struct.pack_into("<h", header, 46, slab)
    (folder / "slab.nii").write_bytes(bytes(header) + data[offset : offset + 2 * nx * ny * slab])


if __name__ == "__main__":
    main()
