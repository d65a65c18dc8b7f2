#!/usr/bin/env bash
# Builds etcd and the Kubernetes programs that tests run, into the cache, once for each version of their modules.
# Prints nothing when all is there. The folder is $SMELTER_CACHE/testbed/<digest of go.mod and go.sum>.
set -euo pipefail
top=$(cd "$(dirname "$0")/.." && pwd)
cache=${SMELTER_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/smelter}

build() { # name, version for messages, go build arguments…
  local name=$1 version=$2; shift 2
  local source=$top/test/lab/$name
  local digest folder work
  digest=$(cat "$source/go.mod" "$source/go.sum" | sha256sum | cut -c1-16)
  folder=$cache/testbed/$name-$version-$digest
  [ -e "$folder/.complete" ] && return 0
  if ! command -v go >/dev/null; then
    echo "Cannot build $name $version for the tests: go is not on the PATH: install Go 1.26 or newer" >&2
    exit 1
  fi
  echo "building $name $version (once; minutes the first time)" >&2
  mkdir -p "$cache/testbed"
  work=$(mktemp -d "$cache/testbed/.building-XXXXXX")
  trap 'rm -rf "$work"' RETURN
  (cd "$source" && CGO_ENABLED=0 GOFLAGS=-mod=mod go build -o "$work/" "$@" >&2)
  touch "$work/.complete"
  rm -rf "$folder"
  mv "$work" "$folder"
}

kubernetes=v1.36.3
build etcd v3.6.12 go.etcd.io/etcd/server/v3
build kubernetes $kubernetes -ldflags \
  "-s -w -X k8s.io/component-base/version.gitVersion=$kubernetes -X k8s.io/component-base/version.gitMajor=1 -X k8s.io/component-base/version.gitMinor=36" \
  ./kube-apiserver ./kube-proxy
