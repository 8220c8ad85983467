#!/usr/bin/env bash
# Runs every fuzz target of the root module for the time given; go test takes
# only one at a time.
set -euo pipefail
cd "$(dirname "$0")/.."
duration=$1
go list -f '{{if or .TestGoFiles .XTestGoFiles}}{{.Dir}}{{end}}' ./... | while read -r dir; do
	{ grep -hoE '^func Fuzz[A-Za-z0-9_]+' "$dir"/*_test.go || true; } | while read -r _ target; do
		echo "$target in ${dir#"$PWD"/}"
		go test -run '^$' -fuzz "^$target\$" -fuzztime "$duration" "$dir"
	done
done
