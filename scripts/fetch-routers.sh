#!/usr/bin/env bash
# Unpacks Debian's packages of BGP routers into the cache, for tests to run in namespaces of their own: installing them would
# start daemons on this machine. Prints nothing when all is there. test/lab/places.ts knows the folder.
set -euo pipefail
packages=(bird2 libssh-gcrypt-4 frr libyang2 libjson-c5 libpcre2-8-0 libcap2 libreadline8 libc-ares2 gobgpd exabgp python3-exabgp python3-pkg-resources openbgpd libevent-2.1-7)
cache=${SMELTER_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/smelter}
folder=$cache/testbed/routers
[ "$(cat "$folder/.complete" 2>/dev/null)" = "${packages[*]}" ] && exit 0

if ! command -v apt-get >/dev/null || ! command -v dpkg >/dev/null; then
  echo "Cannot test BGP: missing ${packages[*]}: unpack these packages into $folder, or run on Debian to have it done" >&2
  exit 1
fi
echo "fetching: ${packages[*]} (once)" >&2
mkdir -p "$cache/testbed"
work=$(mktemp -d "$cache/testbed/.fetching-XXXXXX")
trap 'rm -rf "$work"' EXIT
download() { (cd "$work" && apt-get -qq -o APT::Sandbox::User=root download "${packages[@]}" >&2); }
download || { apt-get update -qq >&2 && download; }
for package in "$work"/*.deb; do dpkg -x "$package" "$work/root"; done
echo "${packages[*]}" >"$work/root/.complete"
rm -rf "$folder"
mv -T "$work/root" "$folder" 2>/dev/null || [ -e "$folder/.complete" ] # another run may have been faster
