#!/usr/bin/env bash
# Says what is missing before npm fails for a less clear reason.
set -euo pipefail
if ! command -v node >/dev/null || ! command -v npm >/dev/null; then
  echo "Cannot build: node or npm is not on the PATH: install Node.js 20.19 or newer" >&2
  exit 1
fi
node -e '
  const [major, minor] = process.versions.node.split(".").map(Number);
  if (major > 20 || (major === 20 && minor >= 19)) process.exit(0);
  console.error(`Cannot build: node is ${process.version}: install Node.js 20.19 or newer`);
  process.exit(1);
'
