#!/usr/bin/env bash
# Installs Node.js 24 for the tests into the cache, from its pinned lock file, and prints the path of its binary.
set -euo pipefail
top=$(cd "$(dirname "$0")/.." && pwd)
cache=${SMELTER_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/smelter}
digest=$(sha256sum "$top/test/node24/package-lock.json" | cut -c1-16)
folder=$cache/node24-$digest
if [ ! -e "$folder/.complete" ]; then
  mkdir -p "$folder"
  cp "$top/test/node24/package.json" "$top/test/node24/package-lock.json" "$folder/"
  (cd "$folder" && npm ci --no-audit --no-fund --silent >&2)
  touch "$folder/.complete"
fi
for binary in "$folder"/node_modules/node-linux-*/bin/node; do
  [ -x "$binary" ] && echo "$binary" && exit 0
done
echo "Cannot test on Node.js 24: no binary for $(uname -m) came with npm: see test/node24/package.json" >&2
exit 1
