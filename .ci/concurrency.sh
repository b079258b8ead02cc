#!/usr/bin/env bash
# The engine's lock-free parts (latest-value cell, rings, wake-ups) under Miri,
# which finds undefined behaviour and weak-memory orders a processor does not
# show, and under ThreadSanitizer, which finds data races in long runs.
#
#     concurrency.sh CACHE_FOLDER [SEEDS]
#
# Needs a nightly compiler with miri and rust-src, and says so when it has none.
set -euo pipefail
cd "$(dirname "$0")/../engine/concurrency"
cache=$1
seeds=${2:-4}
toolchain=${SPINENAV_NIGHTLY:-nightly}
unset RUSTFLAGS CARGO_BUILD_RUSTFLAGS

if ! rustup component add --toolchain "$toolchain" miri rust-src >/dev/null 2>&1 &&
    ! rustup toolchain install "$toolchain" --profile minimal -c miri -c rust-src >/dev/null 2>&1; then
    echo "SKIPPED: Miri and ThreadSanitizer need a nightly compiler, and rustup could not get one"
    exit 0
fi
rustc "+$toolchain" --version
host=$(rustc "+$toolchain" -vV | sed -n 's/^host: //p')

echo "-- Miri, $seeds interleavings"
CARGO_TARGET_DIR=$cache/concurrency-miri MIRIFLAGS="-Zmiri-many-seeds=0..$seeds -Zmiri-disable-isolation" \
    cargo "+$toolchain" miri test --quiet

echo "-- ThreadSanitizer"
CARGO_TARGET_DIR=$cache/concurrency-tsan RUSTFLAGS=-Zsanitizer=thread RUSTDOCFLAGS=-Zsanitizer=thread \
    TSAN_OPTIONS="halt_on_error=1 second_deadlock_stack=1" \
    cargo "+$toolchain" test --quiet --release -Zbuild-std --target "$host" --lib
