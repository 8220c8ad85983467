# The commands of this repository; `make help` lists them. Nothing but Go and
# git is needed: every other tool is built from the module in tools/. Only
# `make conformance` needs python3 as well, and `make flink` and `make e2e` need
# Java 17, Maven and pip.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.PHONY: help run build test lint generate integration conformance flink kafka operator e2e bench bench-growth fuzz clean \
	vulncheck sbom reproducible lint-format lint-go lint-proto lint-breaking lint-generated

TOOLS := $(CURDIR)/.build/tools
export PATH := $(TOOLS):$(PATH)

# The release, or the last tag and what came after it.
VERSION := $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)
REVISION := $(shell git rev-parse HEAD 2>/dev/null || echo unknown)
LDFLAGS := -s -w -X main.version=$(VERSION) -X main.revision=$(REVISION)

# What the proto files may not break.
BASE ?= main
# How long each fuzz target runs.
FUZZTIME ?= 10s

# The releases of Flink that Weir is tested with.
FLINK ?= 1.20.3 2.2.0
# The release of the Flink operator whose definitions are fetched.
OPERATOR ?= 1.10.0
empty :=
space := $(empty) $(empty)

MODULES := . tools integration

help: ## List the commands.
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' Makefile

run: ## Run the whole of Weir in one process, with sandbox clusters.
	go run ./cmd/weir dev $(ARGS)

build: ## Build bin/weir.
	go build -trimpath -ldflags '$(LDFLAGS)' -o bin/weir ./cmd/weir

test: ## Run the unit and system tests with the race detector, and check imports.
	go test -race -timeout 10m ./...

lint: lint-format lint-go lint-proto lint-breaking lint-generated ## Check format, code, proto and generated code.

lint-format:
	@unformatted=$$(git ls-files '*.go' ':!gen' | xargs gofmt -l -s); \
	if [ -n "$$unformatted" ]; then echo "not formatted by gofmt -s:"; echo "$$unformatted"; exit 1; fi

lint-go: $(TOOLS)/.golangci.stamp
	@for module in $(MODULES); do \
		echo "golangci-lint in $$module"; \
		(cd $$module && golangci-lint run --allow-parallel-runners); \
	done

lint-proto: $(TOOLS)/.stamp
	tools/third_party.sh
	buf lint
	buf format --diff --exit-code proto

lint-breaking: $(TOOLS)/.stamp
	tools/third_party.sh
	tools/breaking.sh $(BASE)

lint-generated: generate
	@git diff --exit-code -- gen || { echo "gen/ is stale: run make generate and commit it"; exit 1; }
	@untracked=$$(git ls-files --others --exclude-standard gen); \
	if [ -n "$$untracked" ]; then echo "generated but not committed:"; echo "$$untracked"; exit 1; fi

generate: $(TOOLS)/.stamp ## Generate gen/ from proto/.
	tools/third_party.sh
	buf generate

# The tests of conformance/ are left to `make conformance`, so that CI runs them once.
integration: ## Run the tests against real kube-apiservers, etcd and processes, without those of conformance.
	cd integration && go test -count=1 -timeout 45m $$(go list ./... | grep -v '/conformance$$')

conformance: ## Hold a running Weir to the REST contract, and to its own OpenAPI document.
	cd integration && go test -count=1 -timeout 15m ./conformance
	tools/schemathesis.sh

flink: ## Make Flink distributions in .build/flink, from published packages.
	tools/flink/assemble.sh $(FLINK)

kafka: ## Make a Kafka broker and a schema registry in .build/kafka, from published packages.
	tools/kafka/assemble.sh

operator: ## Fetch what is published of the Flink operator into .build/operator.
	tools/operator/assemble.sh $(OPERATOR)

e2e: flink kafka operator ## Run the tests on real Flink, in every release of FLINK, and on the operator's definitions.
	cd integration && WEIR_FLINK_HOMES="$(subst $(space),:,$(addprefix $(CURDIR)/.build/flink/,$(FLINK)))" \
		WEIR_KAFKA_HOME="$(CURDIR)/.build/kafka" \
		go test -count=1 -timeout 45m -tags flink -p 1 ./realflink/...
	cd integration && WEIR_OPERATOR_HOME="$(CURDIR)/.build/operator/$(OPERATOR)" \
		go test -count=1 -timeout 15m -tags flink -run '^TestReleasedDefinitions$$' ./scenario

bench: ## Measure REST and gRPC beside a kube-apiserver and bare etcd.
	cd integration && go run ./bench $(ARGS)

bench-growth: ## Measure what grows with the number of applications.
	cd integration && go run ./bench/growth $(ARGS)

fuzz: ## Run every fuzz target for FUZZTIME.
	tools/fuzz.sh $(FUZZTIME)

vulncheck: $(TOOLS)/.vulncheck.stamp ## Look for known vulnerabilities in the dependencies of all modules.
	cd tools/supplychain && go mod download golang.org/x/vulndb
	vulncheck -db "$$(cd tools/supplychain && go list -m -f '{{.Dir}}' golang.org/x/vulndb)/data/osv" $(MODULES)

sbom: build $(TOOLS)/.sbom.stamp ## Write the software bill of materials of bin/weir to bin/weir.cdx.json (CycloneDX).
	cyclonedx-gomod bin -json -output-version 1.6 -version $(VERSION) -output bin/weir.cdx.json bin/weir

reproducible: ## Build weir twice, in two directories, and compare.
	tools/supplychain/reproducible.sh

clean: ## Remove what was built.
	rm -rf .build bin

# The tools are pinned in tools/go.mod and rebuilt only when it changes.
$(TOOLS)/.stamp: tools/go.mod tools/go.sum $(wildcard tools/*/*.go)
	@mkdir -p $(TOOLS)
	cd tools && go build -o $(TOOLS)/ tool
	@touch $@

# The database of vulnerabilities is a module too, so its release is pinned there:
# of golang.org/x/vulndb only the data are used, and no tool is built.
$(TOOLS)/.vulncheck.stamp: tools/supplychain/go.mod tools/supplychain/go.sum $(wildcard tools/supplychain/*/*.go)
	@mkdir -p $(TOOLS)
	cd tools/supplychain && go vet ./... && go test ./... && go build -o $(TOOLS)/ golang.org/x/vuln/cmd/govulncheck ./vulncheck
	@touch $@

$(TOOLS)/.sbom.stamp: tools/supplychain/go.mod tools/supplychain/go.sum
	@mkdir -p $(TOOLS)
	cd tools/supplychain && go build -o $(TOOLS)/ github.com/CycloneDX/cyclonedx-gomod/cmd/cyclonedx-gomod
	@touch $@

# golangci-lint takes minutes to build, and only lint-go needs it.
$(TOOLS)/.golangci.stamp: tools/golangci/go.mod tools/golangci/go.sum
	@mkdir -p $(TOOLS)
	cd tools/golangci && go build -o $(TOOLS)/ tool
	@touch $@
