#!/bin/sh
# Installs what bgtask is compared with (Debian, as root), and what draws the plots. What fails is named; the rest is measured.
cd "$(dirname "$0")" || exit
export DEBIAN_FRONTEND=noninteractive
missing=
apt-get update -qq || echo 'apt-get update failed' >&2
for package in supervisor tmux dtach task-spooler runit; do
  apt-get install -y -qq --no-install-recommends "$package" >/dev/null || missing="$missing $package"
done
npm ci --ignore-scripts --no-audit --no-fund --loglevel error || missing="$missing pm2+vega"
[ -z "$missing" ] && exit
echo "not installed:$missing" >&2
exit 1
