#!/usr/bin/env bash
# The CUDA kernels on a machine without a GPU: lints with the feature on, the
# committed machine code rebuilt and compared with no spill allowed, the tests
# on a processor's model of a GPU, and the same kernels under sanitizers.
#
#     cuda.sh CACHE_FOLDER
set -euo pipefail
cd "$(dirname "$0")/.."
export SPINENAV_CUDA_WHEELS=$1/cuda-wheels

cargo clippy -p kernels --all-targets --features cuda-emulator -- -D warnings
cargo test -p kernels --features cuda-emulator --lib --test cuda_emulated --test cuda_volume
python3 kernels/cuda/build_cubins.py --check
bash kernels/cuda/sanitize.sh
