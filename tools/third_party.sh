#!/usr/bin/env bash
# Copies the proto files that ours import out of published Go modules, pinned
# here, into .build/third_party. The go command verifies their checksums.
set -euo pipefail
cd "$(dirname "$0")/.."
dest=.build/third_party
googleapis=github.com/grpc-ecosystem/grpc-gateway@v1.16.0
protovalidate=github.com/bufbuild/protovalidate@v1.2.2
stamp="$googleapis $protovalidate"
[ "$(cat "$dest/.stamp" 2>/dev/null)" = "$stamp" ] && exit 0
dir() { (cd tools && go mod download -json "$1") | sed -n 's/^\t"Dir": "\(.*\)",$/\1/p'; }
rm -rf "$dest"
mkdir -p "$dest/google/api" "$dest/buf/validate"
cp "$(dir $googleapis)"/third_party/googleapis/google/api/{annotations,http}.proto "$dest/google/api/"
cp "$(dir $protovalidate)"/proto/protovalidate/buf/validate/validate.proto "$dest/buf/validate/"
chmod -R u+w "$dest"
echo "$stamp" > "$dest/.stamp"
