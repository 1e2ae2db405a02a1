#!/bin/sh
# Installs what some tests need beyond Node and npm, from Debian's packages. Without root or apt-get it does nothing:
# those tests then say what they lack.
set -eu

packages='bsdutils chromium-headless-shell fish neovim perl python3 python3-msgpack tmux util-linux zsh'

missing=''
for package in $packages; do
  dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing="$missing $package"
done
[ -n "$missing" ] || exit 0

if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
  echo "Not installed, as that takes root and apt-get:$missing" >&2
  exit 0
fi

export DEBIAN_FRONTEND=noninteractive
apt-get update -q
# shellcheck disable=SC2086 # a list of names
apt-get install -q -y --no-install-recommends $missing
