#!/usr/bin/env bash
# Fetches a Kafka broker and a schema registry from Maven, without containers:
#
#   tools/kafka/assemble.sh
#
# They are left in .build/kafka, or $KAFKA_HOME: broker/ has Apache Kafka's jars,
# registry/ has Apicurio Registry, which keeps its schemas in memory. Nothing is
# done where both are there already, made by the same version of this script.
# Every file that is fetched must have the checksum that tools/kafka/SHA256SUMS
# names.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
home=${KAFKA_HOME:-$(cd "$here/../.." && pwd)/.build/kafka}
registry=apicurio-registry-app
release=2.6.13.Final

fail() {
	echo "kafka: $*" >&2
	exit 1
}

for tool in java mvn tar sha256sum; do
	command -v "$tool" >/dev/null || fail "$tool is needed and was not found"
done

recipe=$(cat "$0" "$here/pom.xml" "$here/SHA256SUMS" | sha256sum | cut -d' ' -f1)
if [ "$(cat "$home/.recipe" 2>/dev/null)" = "$recipe" ]; then
	echo "kafka: $home is there"
	exit 0
fi
mkdir -p "$(dirname "$home")"
work=$(mktemp -d "$(dirname "$home")/.kafka.XXXXXX")
trap 'rm -rf "$work"' EXIT

# maven runs a goal, and says what it was for where that fails.
maven() {
	if ! mvn --quiet --batch-mode "${@:2}" >"$work/mvn.log" 2>&1; then
		cat "$work/mvn.log" >&2
		fail "the Maven repository did not give $1"
	fi
}

maven "Apache Kafka" --file "$here/pom.xml" dependency:copy-dependencies -DincludeScope=runtime -DoutputDirectory="$work/made/broker"
maven "Apicurio Registry" dependency:copy -Dartifact="io.apicurio:$registry:$release:tar.gz:all" -DoutputDirectory="$work/fetched"

(
	mkdir "$work/all"
	ln "$work"/made/broker/*.jar "$work/fetched/$registry-$release-all.tar.gz" "$work/all/"
	cd "$work/all"
	sha256sum --quiet --strict --check "$here/SHA256SUMS" >&2 || fail "a file is not what was published when tools/kafka/SHA256SUMS was written"
	unknown=$(ls | while read -r name; do grep -q " $name\$" "$here/SHA256SUMS" || echo "$name"; done)
	[ -z "$unknown" ] || fail "tools/kafka/SHA256SUMS has no checksum of" $unknown
)

mkdir "$work/made/registry"
tar -xzf "$work/fetched/$registry-$release-all.tar.gz" -C "$work/made/registry"
echo "$recipe" >"$work/made/.recipe"
rm -rf "${home:?}"
mv "$work/made" "$home"
echo "kafka: made $home"
