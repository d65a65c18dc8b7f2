#!/usr/bin/env bash
# Installs the Debian packages that a target needs, and only those whose command is not there yet.
# Usage: install-packages.sh build|demo|test
set -euo pipefail
export PATH=$PATH:/usr/sbin:/sbin # where ip and nft are, also for users whose PATH leaves it out

target=${1:-}
case $target in
  build) wanted=(gcc:gcc g++:g++ make:make python3:python3) ;;
  demo) wanted=(ip:iproute2 nft:nftables setpriv:util-linux) ;;
  test) wanted=(ip:iproute2 nft:nftables setpriv:util-linux cc:gcc g++:g++ ndisc6:ndisc6 arping:iputils-arping) ;; # g++ brings the C library's headers
  *)
    echo "usage: install-packages.sh build|demo|test" >&2
    exit 2
    ;;
esac

missing=()
for entry in "${wanted[@]}"; do
  command -v "${entry%%:*}" >/dev/null || missing+=("${entry#*:}")
done
[ ${#missing[@]} -eq 0 ] && exit 0

[ "$target" = demo ] && [ "$(id -u)" -ne 0 ] && exit 0 # the demo runs without the wire then, and says so
if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null; then
  echo "Cannot $target: missing ${missing[*]}: install them, or run as root on Debian to have it done here" >&2
  exit 1
fi
echo "installing: ${missing[*]}" >&2
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq >&2 || echo "apt-get update failed; trying with the lists at hand" >&2
apt-get install -y -qq --no-install-recommends "${missing[@]}" >&2
