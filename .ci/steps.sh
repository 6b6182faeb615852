# To be sourced: what the scripts of this folder share. They start at the root of the repository.
cd "$(dirname "${BASH_SOURCE[0]}")/.."
export CARGO_TERM_COLOR=never

# One folder for all workspaces, so that what they have in common is built once.
export CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-$PWD/target}"

# Each crate is built once, so incremental builds gain nothing. Backtraces need only line numbers.
# With the defaults the folder is four times as large, and fills a small disk.
export CARGO_INCREMENTAL=0 CARGO_PROFILE_DEV_DEBUG=line-tables-only

# `step NAME` begins a step, and says how long the one before took.
step() {
  took
  printf '\n== %s\n' "$*"
}
took() {
  [ -z "${began:-}" ] || printf -- '-- %d s\n' "$((SECONDS - began))"
  began=$SECONDS
}

# `debian PACKAGE...` installs Debian packages.
debian() {
  apt-get update -q
  DEBIAN_FRONTEND=noninteractive apt-get install -qy --no-install-recommends "$@"
}

# `tool NAME VERSION` installs a Rust tool if it is missing, and puts it first in PATH. It
# goes to a folder of hybi's own, so it replaces no other version of the tool. A debug build takes a
# third of the time of an optimised one, and is fast enough.
tool() {
  local tools=${XDG_CACHE_HOME:-$HOME/.cache}/hybi-tools
  env -u CARGO_TARGET_DIR cargo install --quiet --locked --debug --root "$tools" "$1@$2"
  export PATH="$tools/bin:$PATH"
}
