#!/usr/bin/env bash
# Makes the reference messages anew, to see that they are what the peers send:
#
#     make_golden.sh FOLDER [PYTHON_WITH_PYIGTL]
#
# Needs Debian's libopenigtlink-dev (1.11) and, for *_2.bin, pyigtl 0.3.4.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$1" && cd "$1"
g++ -std=c++17 -O1 -I/usr/include/openigtlink "$here/make_golden.cpp" -lOpenIGTLink -lpthread -o make_golden
# The library leaves the reserved byte of an element as it finds it: zero here.
MALLOC_PERTURB_=255 ./make_golden
rm make_golden
"${2:-python3}" "$here/make_golden.py"
