#!/bin/sh
# Builds the released binary twice, with sources and packages in different directories, and fails unless both have the same bytes.
# The binary is then in the package of its platform, as after release.sh.
#   ./reproduce.sh x64|arm64 [directory with packages that release.sh has unpacked]
set -eu

here=$(cd "$(dirname "$0")" && pwd)
arch=${1:?usage: ./reproduce.sh x64|arm64 [directory with packages]}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# Copy both source trees first: the sources may change during the first build.
for name in one another; do
  mkdir -p "$work/$name/sources" "$work/$name/packages"
  (cd "$here" && cp -r Cargo.toml Cargo.lock NOTICES.md src ./*.mjs release.sh "$work/$name/sources")
done

# build NAME: prints the checksum.
build() {
  for unpacked in root "root-$arch"; do
    [ ! -d "$packages/$unpacked" ] || cp -r "$packages/$unpacked" "$work/$1/packages"
  done
  "$work/$1/sources/release.sh" "$arch" "$work/$1/packages" >&2
  cat "$work/$1/supervisor-linux-$arch/SHA256SUMS"
}

packages=${2:-$work/none}
first=$(build one)
# Downloaded once.
packages=$work/one/packages
second=$(build another)
printf '%s\n%s\n' "$first" "$second"
[ "$first" = "$second" ] || { echo 'reproduce.sh: the builds differ' >&2; exit 1; }
node "$work/one/sources/stage.mjs" "$arch" "$work/one/supervisor-linux-$arch/bgtask-supervisor" "$here/../supervisor-linux-$arch"
