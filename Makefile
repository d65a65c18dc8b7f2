# Every target brings what it needs itself; what is fetched or built once is kept outside the checkout, by version.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
export SMELTER_CACHE ?= $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/smelter

SOURCES := $(shell find src -type f -not -path '*/.*')
# The headers that come with Node.js; where they are not beside it node-gyp fetches them.
NODE_PREFIX := $(shell node -p 'require("node:path").resolve(process.execPath, "../..")' 2>/dev/null)
NODE_DIR := $(if $(wildcard $(NODE_PREFIX)/include/node/node_api.h),--nodedir="$(NODE_PREFIX)")
ADDON := build/Release/smelter_native.node

.PHONY: help
help: ## Show the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 10

node_modules/.package-lock.json: package.json package-lock.json
	@scripts/require-node.sh
	npm ci --no-audit --no-fund
	@touch $@

$(ADDON): binding.gyp $(wildcard src/native/*) node_modules/.package-lock.json
	@scripts/install-packages.sh build
	node_modules/.bin/node-gyp configure build $(NODE_DIR) --silent
	@touch $@

dist/smelter.cache: $(SOURCES) package.json $(wildcard scripts/*.mjs scripts/*.cjs) bin/smelter node_modules/.package-lock.json $(ADDON)
	node scripts/bundle.mjs

.PHONY: build
build: dist/smelter.cache ## Bundle the program; bin/smelter runs it

.PHONY: lint
lint: node_modules/.package-lock.json ## Types, lint rules (also the direction of imports) and formatting
	node_modules/.bin/tsc -p .
	node_modules/.bin/oxlint --deny-warnings
	node_modules/.bin/prettier --check --log-level warn .

	node scripts/run-ts.mjs scripts/generate-crds.ts --check

.PHONY: manifests
manifests: node_modules/.package-lock.json ## Write manifests/crds, docs/schemas and docs/configuration.md from the schemas
	node scripts/run-ts.mjs scripts/generate-crds.ts

.PHONY: unit
unit: node_modules/.package-lock.json $(ADDON) ## Unit tests alone
	node_modules/.bin/vitest run --project 'unit*'

.PHONY: testbed
testbed: ## Packages, etcd and the Kubernetes programs that the tests talk to
	@scripts/install-packages.sh test
	@scripts/fetch-routers.sh
	@scripts/build-testbed.sh

.PHONY: test
test: build testbed ## All tests: lint, unit, and against the real peers (as root, on Linux)
	node scripts/run-tests.mjs

.PHONY: demo
demo: build ## Three nodes and a client in network namespaces: see an address served, then moved
	@scripts/install-packages.sh demo
	node scripts/run-ts.mjs test/demo/demo.ts

.PHONY: bench
bench: build testbed ## Speed as ratios to the machine's own; BENCH=arp runs one
	@node scripts/run-ts.mjs bench/run.ts $(BENCH)

RANDOM_TESTS := arp-responder ndp-responder bfd/ bgp/ convert-property discovered-peers election/several membership/failover membership/fuzz \
  kubernetes/http-answer membership/lzw membership/watch-messages random-life speaker/bfd- world/read

.PHONY: soak
soak: build testbed ## The random tests, SOAK=50 times as long, 60 kills of controllers, nonsense for a speaker of BGP and sessions of every kind with five makes of routers, fleets of MetalLB's speakers replaced and back, FAULTS=400 of nodes and MINUTES=30 of noise; SEED=… repeats a run
	SMELTER_SOAK=$(or $(SOAK),50) SMELTER_SEED=$(or $(SEED),1) node_modules/.bin/vitest run --project unit \
	  --testTimeout=3600000 $(RANDOM_TESTS)
	SMELTER_SOAK=$(or $(SOAK),50) node_modules/.bin/vitest run --project lab --testTimeout=3600000 several-controllers legacy-releases rolling-replacement bgp- bfd
	FAULTS=$(or $(FAULTS),400) MINUTES=$(or $(MINUTES),30) SEED=$(or $(SEED),1) node scripts/run-ts.mjs test/failover/soak.ts

.PHONY: clean
clean: ## Remove what was built in the checkout (the cache stays)
	rm -rf dist build node_modules
