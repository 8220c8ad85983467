#!/usr/bin/env bash
# Fetches what is published of a release of the Flink Kubernetes Operator: the
# jar of its API, and out of it the custom resource definitions that the release
# installs. The operator itself is not among it: its container image alone has
# it where the Maven repository does not serve the artifact
# flink-kubernetes-operator.
#
#   tools/operator/assemble.sh [1.10.0]
#
# The release is left in .build/operator/<release>, or $OPERATOR_HOMES/<release>:
# the jar, and crds/. A release that is there already, made by the same version
# of this script, is left alone. The jar must have the checksum that
# tools/operator/SHA256SUMS names.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
homes=${OPERATOR_HOMES:-$(cd "$here/../.." && pwd)/.build/operator}
release=${1:-1.10.0}

fail() {
	echo "operator: $*" >&2
	exit 1
}

for tool in java mvn unzip sha256sum; do
	command -v "$tool" >/dev/null || fail "$tool is needed and was not found (Debian has it in the package $(
		case $tool in java) echo openjdk-17-jre-headless ;; mvn) echo maven ;; sha256sum) echo coreutils ;; *) echo "$tool" ;; esac
	))"
done

jar=flink-kubernetes-operator-api-$release.jar
want=$(awk -v name="$jar" '$2 == name { print $1 }' "$here/SHA256SUMS")
[ -n "$want" ] || fail "tools/operator/SHA256SUMS has no checksum of $jar"
recipe=$(cat "$0" "$here/SHA256SUMS" | sha256sum | cut -d' ' -f1)
if [ "$(cat "$homes/$release/.recipe" 2>/dev/null)" = "$recipe" ]; then
	echo "operator: $homes/$release is there"
	exit
fi

mkdir -p "$homes"
work=$(mktemp -d "$homes/.assemble.XXXXXX")
trap 'rm -rf "$work"' EXIT
artifact=org.apache.flink:flink-kubernetes-operator-api:$release
if ! mvn --quiet --batch-mode dependency:copy -Dartifact="$artifact" -DoutputDirectory="$work" -Dmdep.useBaseVersion=true >"$work/mvn.log" 2>&1; then
	cat "$work/mvn.log" >&2
	fail "the Maven repository did not give $artifact"
fi
got=$(sha256sum "$work/$jar" | cut -d' ' -f1)
[ "$got" = "$want" ] || fail "$jar has the checksum $got instead of $want; it is not what was published when this was written"

# The jar has each definition in the two versions of Kubernetes' own API; only
# v1 is still served.
mkdir "$work/crds"
unzip -qj "$work/$jar" 'META-INF/fabric8/*.flink.apache.org-v1.yml' -d "$work/crds" || fail "$jar has no custom resource definitions"
chmod 755 "$work"
rm "$work/mvn.log"
echo "$recipe" >"$work/.recipe"
rm -rf "${homes:?}/$release"
mv "$work" "$homes/$release"
trap - EXIT
echo "operator: made $homes/$release"
