#!/usr/bin/env bash
# Makes a folder of programs that `spinenav bench latency --rivals` measures
# beside SpineNav: a relay of the C++ OpenIGTLink library and one of pyigtl.
#
#   scripts/make_latency_rivals.sh rivals
#   spinenav bench latency --rivals rivals --report rivals.html
#
# Needs g++, Debian's libopenigtlink-dev and python3-venv. Another program can
# be put into the folder: it is called with the tracker's port, prints
# {"port": N} and sends every TRANSFORM on to whoever connects to that port.
set -euo pipefail
folder=${1:?usage: make_latency_rivals.sh FOLDER}
here=$(cd "$(dirname "$0")/latency_rivals" && pwd)
mkdir -p "$folder"
folder=$(cd "$folder" && pwd)

g++ -std=c++17 -O2 -I/usr/include/openigtlink "$here/libopenigtlink.cpp" -lOpenIGTLink -lpthread -o "$folder/libopenigtlink"

python=${PYTHON:-python3}
[ -x "$folder/.venv/bin/python" ] || "$python" -m venv "$folder/.venv"
"$folder/.venv/bin/python" -m pip install --quiet --disable-pip-version-check pyigtl==0.3.4
{ printf '#!%s\n' "$folder/.venv/bin/python"; cat "$here/pyigtl.py"; } > "$folder/pyigtl"
chmod +x "$folder/pyigtl"
# The name of the program must not hide the package.
"$folder/.venv/bin/python" -c 'import pyigtl; print("pyigtl", pyigtl.__version__)'
echo "made $folder/libopenigtlink and $folder/pyigtl"
