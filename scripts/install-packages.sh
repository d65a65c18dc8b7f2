#!/usr/bin/env bash
# Installs the Debian packages that a target needs, and only those whose command is not there yet.
# Usage: install-packages.sh build|demo|test
set -euo pipefail

case "${1:-}" in
  build) wanted=(gcc:gcc g++:g++ make:make python3:python3) ;;
  demo) wanted=(ip:iproute2 nft:nftables) ;;
  test) wanted=(ip:iproute2 nft:nftables tcpdump:tcpdump arping:iputils-arping conntrack:conntrack curl:curl) ;;
  *) echo "usage: install-packages.sh build|demo|test" >&2; exit 2 ;;
esac

missing=()
for entry in "${wanted[@]}"; do
  PATH="$PATH:/usr/sbin:/sbin" command -v "${entry%%:*}" >/dev/null || missing+=("${entry#*:}")
done
[ ${#missing[@]} -eq 0 ] && exit 0

if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null; then
  [ "$1" = demo ] && [ "$(id -u)" -ne 0 ] && exit 0 # the demo runs without the wire then, and says so
  echo "Cannot go on: missing ${missing[*]}: install them, or run as root on Debian to have it done here" >&2
  exit 1
fi
echo "installing: ${missing[*]}" >&2
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq >&2 || echo "apt-get update failed; trying with the lists at hand" >&2
apt-get install -y -qq --no-install-recommends "${missing[@]}" >&2
