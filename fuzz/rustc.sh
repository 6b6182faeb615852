#!/usr/bin/env bash
# The compiler, as `run.sh` has Cargo call it: hybi and the bodies are instrumented for coverage and what they depend upon is not, so
# that a new edge is one of ours.
set -euo pipefail
case " $* " in
  *' --crate-name hybi '* | *' --crate-name hybi_fuzz '*)
    # What cargo-fuzz asks of the compiler, too.
    set -- "$@" -Cpasses=sancov-module -Ccodegen-units=1
    for option in level=4 inline-8bit-counters pc-table trace-compares; do
      set -- "$@" "-Cllvm-args=-sanitizer-coverage-$option"
    done
    ;;
esac
exec "$@"
