#!/usr/bin/env bash
# Builds etcd, the Kubernetes programs and the MetalLB releases that tests run, into the cache, once for each version of their modules.
# Prints nothing when all is there. The folders are $SMELTER_CACHE/testbed/NAME-VERSION-DIGEST, where DIGEST is the
# first 16 hex digits of the SHA-256 of go.mod, go.sum and, where there is one, main.go; test/lab/places.ts finds them
# by the same rule.
set -euo pipefail
top=$(cd "$(dirname "$0")/.." && pwd)
cache=${SMELTER_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/smelter}

go=
work=
trap '[ -z "$work" ] || rm -rf "$work"' EXIT # also when a build fails in the middle

# Puts the packages of other releases beside a copy of a module: internal ones, which it may not import otherwise. The
# digests stand in its go.mod, since not every sum database knows releases that old.
add_releases() { # the folder of the copy
  sed -n 's|^//release ||p' "$1/go.mod" | while read -r release sum; do
    local module=go.universe.tf/metallb@$release downloaded
    downloaded=$(cd "$1" && GOSUMDB=off "$go" mod download -json "$module")
    if [[ $downloaded != *"\"Sum\": \"$sum\""* ]]; then
      echo "Cannot use $module: its digest is not $sum, which go.mod has: $downloaded" >&2
      return 1
    fi
    mkdir "$1/$release"
    cp "$(sed -n 's|.*"Dir": "\(.*\)".*|\1|p' <<<"$downloaded")"/internal/config/*.go "$1/$release/"
  done
}

build() { # name of the module's folder, its main module; the remaining arguments go to go build
  local name=$1 module=$2
  shift 2
  local source=$top/test/lab/$name version digest folder
  [ -e "$source" ] || source=$top/test/peers/$name
  version=$(awk -v module="$module" '{ sub(/^require /, "") } $1 == module { print $2; exit }' "$source/go.mod")
  local parts=("$source/go.mod" "$source/go.sum")
  [ ! -e "$source/main.go" ] || parts+=("$source/main.go")
  digest=$(cat "${parts[@]}" | sha256sum | cut -c1-16)
  folder=$cache/testbed/$name-$version-$digest
  [ "$(cat "$folder/.complete" 2>/dev/null)" = "$*" ] && return 0
  [ -n "$go" ] || go=$("$top/scripts/find-go.sh")
  echo "building $name $version (once; minutes the first time)" >&2
  mkdir -p "$cache/testbed"
  work=$(mktemp -d "$cache/testbed/.building-XXXXXX")
  if grep -q '^//release ' "$source/go.mod"; then
    cp -r "$source" "$work/source"
    source=$work/source
    add_releases "$source"
  fi
  local minor=${version#v*.}
  (cd "$source" && CGO_ENABLED=0 "$go" build -o "$work/" -ldflags "-s -w
    -X k8s.io/component-base/version.gitVersion=$version
    -X k8s.io/component-base/version.gitMajor=1
    -X k8s.io/component-base/version.gitMinor=${minor%%.*}" "$@" >&2)
  [ ! -e "$work/server" ] || mv "$work/server" "$work/etcd" # go names a program after its package's last part
  chmod -R u+w "$work" && rm -rf "$work/source" # files of a module come read-only
  # One by one, and the mark last: another run may be doing the same, and a program may be in use already.
  mkdir -p "$folder"
  mv -f "$work"/* "$folder/"
  echo "$*" >"$work/.complete"
  mv -f "$work/.complete" "$folder/.complete"
  rm -rf "$work"
}

build etcd go.etcd.io/etcd/server/v3 go.etcd.io/etcd/server/v3
build kubernetes k8s.io/kubernetes ./kube-apiserver ./kube-proxy ./kubectl
build legacy-parsers gopkg.in/yaml.v2 .
build metallb-v0.11 go.universe.tf/metallb go.universe.tf/metallb/controller go.universe.tf/metallb/speaker
build metallb-v0.14 go.universe.tf/metallb go.universe.tf/metallb/controller go.universe.tf/metallb/speaker
build memberlist github.com/hashicorp/memberlist .
build memberlist-v0.1 github.com/hashicorp/memberlist .
