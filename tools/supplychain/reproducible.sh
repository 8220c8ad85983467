#!/usr/bin/env bash
# Builds weir in two directories and compares the binaries: they may depend on
# nothing but the sources, the release of Go, and the version.
set -euo pipefail
cd "$(dirname "$0")/../.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
for copy in first second; do
	mkdir -p "$work/$copy"
	git ls-files -z -- cmd control gateway agent sandbox flink gen openjson internal go.mod go.sum '*.go' | tar --null -cf - -T - | tar -xf - -C "$work/$copy"
	(cd "$work/$copy" && go build -trimpath -buildvcs=false -ldflags '-s -w -X main.version=reproducible' -o weir ./cmd/weir)
done
if ! cmp "$work/first/weir" "$work/second/weir"; then
	echo "two builds of the same sources differ"
	exit 1
fi
echo "two builds of the same sources are equal: $(sha256sum "$work/first/weir" | cut -d' ' -f1)"
