#!/usr/bin/env bash
# Prints the path of a Go command that can build the modules of test/lab. One of 1.21 or newer fetches what a go.mod
# asks for by itself; an older one (Debian's) is told here to fetch its successor, once, into the cache.
set -euo pipefail
export PATH=$PATH:/usr/local/go/bin
toolchain=go1.26.8
cache=${SMELTER_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/smelter}
fetched=$cache/toolchain/$toolchain/bin/go

if [ -x "$fetched" ]; then
  echo "$fetched"
  exit 0
fi
if ! command -v go >/dev/null; then
  if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null; then
    echo "Cannot build the programs for the tests: go is not on the PATH: install Go 1.26 or newer" >&2
    exit 1
  fi
  echo "installing: golang-go" >&2
  apt-get update -qq >&2 || echo "apt-get update failed; trying with the lists at hand" >&2
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends golang-go ca-certificates >&2
fi
minor=$(go version | sed -E 's/^go version go1\.([0-9]+).*/\1/')
if [ "$minor" -ge 21 ]; then
  command -v go
  exit 0
fi

echo "fetching $toolchain (once)" >&2
mkdir -p "$cache/toolchain"
work=$(mktemp -d "$cache/toolchain/.fetching-XXXXXX")
trap 'chmod -R u+w "$work"; rm -rf "$work"' EXIT
module=golang.org/toolchain@v0.0.1-$toolchain.$(go env GOOS)-$(go env GOARCH)
(cd "$work" && GOFLAGS='' GOMODCACHE=$work go mod download "$module" >&2)
chmod -R u+w "$work/$module"
chmod +x "$work/$module"/bin/* "$work/$module"/pkg/tool/*/* # the files of a module come without this
mv -T "$work/$module" "$cache/toolchain/$toolchain" 2>/dev/null || [ -x "$fetched" ] # another run may have been faster
echo "$fetched"
