#!/bin/sh
# Makes a Python environment with what `spinenav bench calibrate --peers`
# measures beside SpineNav. Nothing else needs it. About 500 MB on disk.
#
#   scripts/install_calib_peers.sh .venv-calib
#   spinenav bench calibrate --peers .venv-calib/bin/python
#
# Versions are pinned: a figure without the version of its rival means nothing.
# OpenCV 5 has no calibrateHandEye in its Python package.
set -eu

folder=${1:?usage: install_calib_peers.sh FOLDER}
python=${PYTHON:-python3}

"$python" -m venv "$folder"
install() { "$folder/bin/python" -m pip install --quiet --disable-pip-version-check "$@"; }
install numpy==2.2.6 scipy==1.17.1 opencv-contrib-python-headless==4.12.0.88
# Without its notebooks and plots, which the calibrations do not use.
install --no-deps scikit-surgerycalibration==1.2.6 scikit-surgerycore==0.8.3 scikit-surgeryimage==1.1.0
install matplotlib
"$folder/bin/python" - <<'PY'
import cv2
import sksurgerycalibration.algorithms.pivot

print("OpenCV", cv2.__version__, "| scikit-surgerycalibration is there")
PY
