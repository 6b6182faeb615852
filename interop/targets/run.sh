#!/usr/bin/env bash
# Builds and tests hybi for other processors; see README.md in this folder.
#
#   interop/targets/run.sh build   builds the core for targets without an operating system
#   interop/targets/run.sh test    runs the tests on 32 bits and on a big-endian processor
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/../../.ci/steps.sh"

need() { dpkg-query --show "$@" >/dev/null 2>&1 || debian "$@"; }
# Only Debian's compiler comes with the source of its standard library, which Cargo builds for each
# target. That is unstable, so it takes the compiler's bootstrap switch.
need rustc-web cargo-web rust-web-src
export RUSTC_BOOTSTRAP=1 RUSTC=/usr/bin/rustc RUSTDOC=/usr/bin/rustdoc
export CARGO_TARGET_DIR=$CARGO_TARGET_DIR/targets CARGO_PROFILE_DEV_DEBUG=0
cargo=/usr/bin/cargo

build() {
  local target=$1
  shift
  step "$target: the core builds"
  "$cargo" build --locked -Z build-std=core,alloc --target "$target" --lib \
    --no-default-features "$@"
}

run_tests() {
  local target=$1
  step "$target: tests"
  # The properties take long on an emulated processor.
  "$cargo" test --locked --no-fail-fast -Z build-std --target "$target" --all-features --lib \
    --test allocation --test blocking --test conformance --test core --test deflate \
    --test handshake --test security -- --skip properties::
}

case "${1:-}" in
  build)
    build wasm32-unknown-unknown
    build thumbv7em-none-eabihf
    # No compare-and-swap, and a single core, as the flag says.
    CARGO_TARGET_THUMBV6M_NONE_EABI_RUSTFLAGS="--cfg portable_atomic_unsafe_assume_single_core" \
      build thumbv6m-none-eabi --features extra-platforms
    ;;
  test)
    need gcc-i686-linux-gnu libc6-dev-i386-cross gcc-s390x-linux-gnu libc6-dev-s390x-cross qemu-user
    # Optimised a little, because the tests run emulated; linked statically, to need no libraries.
    export CARGO_PROFILE_DEV_OPT_LEVEL=1
    export CARGO_TARGET_I686_UNKNOWN_LINUX_GNU_LINKER=i686-linux-gnu-gcc
    export CARGO_TARGET_I686_UNKNOWN_LINUX_GNU_RUSTFLAGS="-C target-feature=+crt-static"
    export CARGO_TARGET_S390X_UNKNOWN_LINUX_GNU_LINKER=s390x-linux-gnu-gcc
    export CARGO_TARGET_S390X_UNKNOWN_LINUX_GNU_RUSTFLAGS="-C target-feature=+crt-static"
    export CARGO_TARGET_S390X_UNKNOWN_LINUX_GNU_RUNNER=qemu-s390x
    run_tests i686-unknown-linux-gnu
    run_tests s390x-unknown-linux-gnu
    ;;
  *)
    sed -n '2,5s/^# \{0,1\}//p' "$0"
    exit 2
    ;;
esac
took
