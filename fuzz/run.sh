#!/usr/bin/env bash
# Fuzzes, with the stable compiler and without cargo-fuzz: all that is needed is instrumentation for coverage (rustc.sh), as there is
# no unsafe code of ours to watch.
#
#   fuzz/run.sh                                    every target for three minutes
#   fuzz/run.sh handshake_pair -max_total_time=60  one target, with any options of libFuzzer
#   fuzz/run.sh handshake_pair FILE                one input once more
#   fuzz/run.sh handshake_pair -merge=1 fuzz/corpus/handshake_pair fuzz/artifacts/handshake_pair-corpus
#                                                  what widens coverage, into the corpus
#   fuzz/run.sh short                              a few thousand runs of every target, always the same
#
# What is new goes into fuzz/artifacts/TARGET-corpus, what fails to fuzz/artifacts/TARGET-crash-*.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
targets=(header server client pair relay negotiate inflate server_handshake client_handshake
  handshake_pair request_fields response_fields export)
profile=release built=release
[ "${1:-}" != short ] || { profile=dev built=debug; }

# A folder of its own, as Cargo does not notice how its compiler was called.
export RUSTC_WRAPPER=$PWD/fuzz/rustc.sh CARGO_TARGET_DIR=$PWD/fuzz/target/instrumented
mkdir -p fuzz/artifacts
(cd fuzz && cargo build --locked --profile "$profile")

run() {
  local target=$1
  shift
  local options=(-max_len=1024 -timeout=10 -artifact_prefix="fuzz/artifacts/$target-")
  case $target in
    *handshake* | *_fields) options+=(-dict=fuzz/handshake.dict) ;;
    inflate) options+=(-max_len=512) ;;
  esac
  "$CARGO_TARGET_DIR/$built/$target" "${options[@]}" "$@"
}
fuzz() {
  local target=$1
  shift
  mkdir -p "fuzz/artifacts/$target-corpus"
  run "$target" -print_final_stats=1 "$@" "fuzz/artifacts/$target-corpus" "fuzz/corpus/$target"
}

case "${1:-}" in
  '') for target in "${targets[@]}"; do fuzz "$target" -max_total_time=180; done ;;
  short)
    scratch=$(mktemp -d)
    trap 'rm -r "$scratch"' EXIT
    for target in "${targets[@]}"; do
      runs=10000
      case $target in pair | inflate) runs=1000 ;; esac
      mkdir "$scratch/$target"
      run "$target" -seed=1 -runs="$runs" "$scratch/$target" "fuzz/corpus/$target" >"$scratch/log" 2>&1 || {
        cat "$scratch/log"
        exit 1
      }
      echo "$target: $(tail -n 1 "$scratch/log")"
    done
    ;;
  *)
    target=$1
    shift
    # A corpus is added only where there is nothing but options that fuzz.
    if [ $# -eq 0 ] || [[ "$*" != *-merge=1* && ! -e "${*: -1}" ]]; then fuzz "$target" "$@"; else run "$target" "$@"; fi
    ;;
esac
