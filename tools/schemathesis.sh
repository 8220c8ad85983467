#!/usr/bin/env bash
# Lets schemathesis make up requests from the OpenAPI document that Weir serves,
# and holds the answers to that document. Weir is run as `weir dev`; schemathesis
# comes from the Python package index into .build. It needs python3 with venv.
set -euo pipefail
cd "$(dirname "$0")/.."

VERSION=4.32.5
# How many requests are made up for each operation, beside those for the edges
# of each parameter and field.
EXAMPLES=${EXAMPLES:-150}
SEED=${SEED:-20}

home=$PWD/.build/schemathesis
venv=$home/$VERSION
mkdir -p "$home"
if [ ! -x "$venv/bin/schemathesis" ]; then
	rm -rf "$venv"
	python3 -m venv "$venv"
	"$venv/bin/pip" install --quiet --disable-pip-version-check "schemathesis==$VERSION"
fi

go build -o "$home/weir" ./cmd/weir
read -r http grpc < <(python3 - <<-'PORTS'
	import socket
	held = [socket.create_server(("127.0.0.1", 0)) for _ in range(2)]
	print(*(f"127.0.0.1:{s.getsockname()[1]}" for s in held))
	PORTS
)
"$home/weir" dev --http "$http" --grpc "$grpc" --pace 20ms >"$home/weir.log" 2>&1 &
weir=$!
trap 'kill $weir 2>/dev/null; wait $weir 2>/dev/null || true' EXIT
if ! python3 tools/schemathesis/prepare.py "http://$http"; then
	tail -20 "$home/weir.log"
	exit 1
fi

if ! "$venv/bin/schemathesis" --config-file tools/schemathesis/schemathesis.toml run "http://$http/openapi.json" \
	--checks not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance,response_headers_conformance \
	--phases coverage,fuzzing --max-examples "$EXAMPLES" --seed "$SEED" --generation-database none \
	--suppress-health-check all --warnings off --request-timeout 20 --no-color >"$home/report.txt" 2>&1; then
	cat "$home/report.txt"
	exit 1
fi
# The last lines are the summary.
tail -n 25 "$home/report.txt"
if ! kill -0 $weir; then
	echo "weir has ended:"
	tail -20 "$home/weir.log"
	exit 1
fi
