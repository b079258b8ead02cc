#!/bin/sh
# The CUDA kernels under AddressSanitizer and ThreadSanitizer, without a GPU:
# tests of `cuda_emulated` and `cuda_volume` again, with the kernels and the
# emulator built with a sanitizer. Finds reads and writes outside device and
# shared memory, and races between the threads of a block.
#
#     sanitize.sh [FILTER...]     tests of `cuda_emulated` whose names contain a filter; default: smallest
#
# Of `cuda_volume` all tests run for addresses, and those below for races.
#
# Needs g++ and cargo. First checks that planted faults are found.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
filters=${*:-smallest}
# Small tests that between them use every volume kernel with atomics or shared
# memory but the Gaussian, which alone takes minutes.
races="sliding:: components::an_empty components::crumbs grids::boxes points::the_lowest radiograph::air surface::broken"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
compiler=${CXX:-g++}

cd "$here/../.."
executable() {
    found=$(cargo test -p kernels --features cuda-emulator --test "$1" --no-run 2>&1 | tee "$work/log" |
        sed -n 's/.*Executable.*(\(.*\))$/\1/p')
    [ -n "$found" ] || { cat "$work/log" >&2; exit 1; }
    realpath "$found"
}
networks=$(executable cuda_emulated)
volumes=$(executable cuda_volume)
tests=$networks

# build NAME FLAGS FLAGS_OF_THE_KERNELS: the emulator with a sanitizer. Only the kernels are
# watched for races: the emulator's own fibers share memory on purpose.
build() {
    mkdir -p "$work/$1"
    for file in block driver fiber kernels launch tensor_core; do
        flags=$2
        if [ "$file" = kernels ]; then flags=$3; fi
        # shellcheck disable=SC2086
        "$compiler" -std=c++17 -O1 -g -fPIC -DCUDA_EMULATOR -Wno-unknown-pragmas -I "$here/emu" $flags \
            -c "$here/emu/$file.cpp" -o "$work/$1/$file.o"
    done
    "$compiler" -shared -pthread -Wl,-soname,libcuda.so.1 ${4:-} -o "$work/$1/libcuda.so.1" "$work/$1"/*.o
}

# run NAME RUNTIME ARGUMENTS...: the tests with that emulator in place of the usual one.
run() {
    name=$1 runtime=$("$compiler" -print-file-name="$2")
    shift 2
    env LD_LIBRARY_PATH="$work/$name" LD_PRELOAD="$runtime" \
        ASAN_OPTIONS=detect_leaks=0:detect_stack_use_after_return=0 TSAN_OPTIONS=halt_on_error=1:ignore_noninstrumented_modules=1 \
        "$tests" --test-threads=1 "$@"
}

# expect NAME RUNTIME TEST WORDS: the sanitizer must report a planted fault.
expect() {
    if run "$1" "$2" --ignored --exact "conformance::$3" >"$work/report" 2>&1 || ! grep -q "$4" "$work/report"; then
        cat "$work/report"
        echo "sanitize.sh: the planted fault '$3' was not found; the sanitizer does not see the kernels" >&2
        exit 1
    fi
    echo "found the planted fault: $(grep -m1 "$4" "$work/report")"
}

build address "-fsanitize=address" "-fsanitize=address"
expect address libasan.so planted_overrun heap-buffer-overflow
# shellcheck disable=SC2086
run address libasan.so $filters
tests=$volumes
run address libasan.so
tests=$networks

build thread "-DEMU_TSAN" "-DEMU_TSAN -fsanitize=thread" -fsanitize=thread
expect thread libtsan.so planted_race "data race"
# shellcheck disable=SC2086
run thread libtsan.so $filters
tests=$volumes
# shellcheck disable=SC2086
run thread libtsan.so $races
echo "no faults"
