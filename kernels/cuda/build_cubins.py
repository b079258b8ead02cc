#!/usr/bin/env python3
"""Makes cuda/prebuilt: the machine code of all kernels, for machines without nvcc.

    build_cubins.py            compile, gate registers and spills, write cuda/prebuilt
    build_cubins.py --check    the same, but compare with cuda/prebuilt instead

Uses the compiler of CUDA_HOME if its release is the pinned one; otherwise
installs the pinned wheels from PyPI into a virtual environment beside the
build folder. The result is the same bytes on every machine.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

HERE = Path(__file__).resolve().parent
RELEASE = "V13.0.88"
WHEELS = [
    "nvidia-cuda-nvcc==13.0.88",
    "nvidia-nvvm==13.0.88",
    "nvidia-cuda-crt==13.0.88",
    "nvidia-cuda-cccl==13.0.85",
    "nvidia-cuda-runtime==13.0.96",
    "nvidia-cuda-cuobjdump==13.5.37",
]
# Machine code for these, and PTX of the first for later GPUs (as in build.rs).
ARCHITECTURES = ["80", "86", "89", "90", "100", "120"]
MAX_IMAGE_BYTES = 3_000_000
COMPILE_IN = Path("/tmp/spinenav-cuda-sources")


def toolkit():
    """The folder that holds bin/nvcc of the pinned release."""
    home = os.environ.get("CUDA_HOME")
    if home and RELEASE in run([f"{home}/bin/nvcc", "--version"]):
        return Path(home)
    folder = Path(os.environ.get("SPINENAV_CUDA_WHEELS", Path(tempfile.gettempdir()) / "spinenav-cuda-wheels"))
    found = list(folder.glob("lib/python*/site-packages/nvidia/cu13"))
    if not found:
        venv.create(folder, with_pip=True)
        subprocess.check_call([folder / "bin/python", "-m", "pip", "install", "--quiet", "--no-deps", *WHEELS])
        found = list(folder.glob("lib/python*/site-packages/nvidia/cu13"))
    return found[0]


def run(command):
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{' '.join(map(str, command))} failed:\n{done.stdout}{done.stderr}")
    return done.stdout + done.stderr


def source_hash():
    """FNV-1a over names and contents, as build.rs computes it."""
    value = 0xCBF29CE484222325
    for file in sorted(file for file in HERE.iterdir() if file.suffix in (".cu", ".cuh")):
        for byte in file.name.encode() + file.read_bytes():
            if byte != ord("\r"):
                value = (value ^ byte) * 0x100000001B3 & 0xFFFFFFFFFFFFFFFF
    return f"{value:016x}\n"


def compile_image(home, image):
    targets = [f"arch=compute_{a},code=sm_{a}" for a in ARCHITECTURES] + ["arch=compute_80,code=compute_80"]
    flags = [part for target in targets for part in ("-gencode", target)]
    command = [home / "bin/nvcc", "-std=c++17", "-O3", "-fatbin", "-Xfatbin", "-compress-all", "--threads", "2", *flags]
    # The compiler hashes the folder into internal names: the same bytes need the same folder.
    shutil.rmtree(COMPILE_IN, ignore_errors=True)
    COMPILE_IN.mkdir()
    for file in HERE.iterdir():
        if file.suffix in (".cu", ".cuh"):
            shutil.copy(file, COMPILE_IN)
    subprocess.check_call([str(part) for part in command] + ["-o", str(image), "kernels.cu"], cwd=COMPILE_IN)
    shutil.rmtree(COMPILE_IN)


def resources(home, image):
    """Registers, static shared memory and stack of every kernel for every architecture."""
    report = run([home / "bin/cuobjdump", "--dump-resource-usage", image])
    table, architecture, kernel = {}, None, None
    for line in report.splitlines():
        if found := re.search(r"arch = sm_(\d+)", line):
            architecture = found[1]
        elif found := re.search(r"Function (\w+):", line):
            kernel = found[1]
        elif found := re.search(r"REG:(\d+) STACK:(\d+) SHARED:(\d+) LOCAL:(\d+)", line):
            table[kernel, architecture] = tuple(map(int, found.groups()))
    return table


def gate(table):
    """Prints the registers; a stack or local memory means spills and fails."""
    faults = [f"{kernel} on sm_{a}: stack {r[1]}, local {r[3]}" for (kernel, a), r in table.items() if r[1] or r[3]]
    for kernel in sorted({kernel for kernel, _ in table}):
        print(f"{kernel:32}", *(f"{table[kernel, a][0]:6}" for a in ARCHITECTURES))
    if faults or not table:
        sys.exit("kernels with local memory (registers spilled):\n" + "\n".join(faults))


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--check", action="store_true", help="compare with cuda/prebuilt, change nothing")
    check = arguments.parse_args().check
    home = toolkit()
    prebuilt = HERE / "prebuilt"
    with tempfile.TemporaryDirectory() as folder:
        image = Path(folder) / "kernels.fatbin"
        compile_image(home, image)
        print(f"{'registers per thread':32}", *(f"{'sm_' + a:>6}" for a in ARCHITECTURES))
        gate(resources(home, image))
        built = image.read_bytes()
    print(f"{len(built)} bytes, sources {source_hash().strip()}")
    if len(built) > MAX_IMAGE_BYTES:
        sys.exit(f"the image is larger than {MAX_IMAGE_BYTES} bytes")
    if check:
        recorded = (prebuilt / "sources.hash").read_text()
        if built != (prebuilt / "kernels.fatbin").read_bytes() or recorded != source_hash():
            sys.exit("cuda/prebuilt differs from what these sources give; run kernels/cuda/build_cubins.py")
        print("cuda/prebuilt is up to date")
        return
    prebuilt.mkdir(exist_ok=True)
    (prebuilt / "kernels.fatbin").write_bytes(built)
    (prebuilt / "sources.hash").write_text(source_hash())


if __name__ == "__main__":
    main()
