#!/usr/bin/env bash
# Compares the proto files with those of a branch: fails where a change would
# break who uses them.
set -euo pipefail
cd "$(dirname "$0")/.."
base=$1
if ! git rev-parse --quiet --verify "$base^{commit}" >/dev/null; then
	base=origin/$base
	if ! git rev-parse --quiet --verify "$base^{commit}" >/dev/null; then
		echo "no branch ${base#origin/} here: nothing to compare the proto files with"
		exit 0
	fi
fi
if ! git cat-file -e "$base:proto" 2>/dev/null; then
	echo "$base has no proto files yet: nothing to break"
	exit 0
fi
against=.build/breaking
rm -rf "$against"
mkdir -p "$against/.build"
git archive "$base" buf.yaml proto | tar -x -C "$against"
cp -R .build/third_party "$against/.build/third_party"
buf breaking --against "$against"
