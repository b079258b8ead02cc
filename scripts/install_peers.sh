#!/bin/sh
# Makes a Python environment with what `spinenav bench segment --peers` and
# `spinenav bench register --peers` measure beside SpineNav. Nothing else needs
# it. About 2 GB on disk.
#
#   scripts/install_peers.sh .venv
#   spinenav bench segment --peers .venv/bin/python
#
# Versions are pinned: a figure without the version of its rival means nothing.
# PyTorch of PyPI brings CUDA libraries on Linux (5 GB); set
#   PEERS_TORCH_INDEX=https://download.pytorch.org/whl/cpu
# to take the build for processors only.
set -eu

folder=${1:?usage: install_peers.sh FOLDER}
python=${PYTHON:-python3}

"$python" -m venv "$folder"
install() { "$folder/bin/python" -m pip install --quiet --disable-pip-version-check "$@"; }
if [ -n "${PEERS_TORCH_INDEX:-}" ]; then
    install --index-url "$PEERS_TORCH_INDEX" torch==2.15.0
else
    install torch==2.15.0
fi
install numpy==2.4.6 onnx==1.23.2 onnxruntime==1.31.1 openvino==2026.4.1
install small_gicp==1.0.1 open3d==0.19.0 scipy==1.17.1
"$folder/bin/python" - <<'PY'
import numpy, onnx, onnxruntime, openvino, torch
print("PyTorch", torch.__version__, "| ONNX Runtime", onnxruntime.__version__, "| OpenVINO", openvino.__version__.split("-")[0])
PY
