# Strata. `make` shows the targets.
GO      ?= go
TIMEOUT ?= 10m
SEEDS   ?= 200
BIN     := bin/strata

.DEFAULT_GOAL := help
.PHONY: help build test race lint fmt cross arm64 fuzz bench devnet accept stream soak killed zoo-main interop endure generate-check bench-objects web web-check clean

help: ## show the targets
	@awk -F':.*## ' '/^[a-z0-9-]+:.*## /{printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

build: ## build bin/strata
	CGO_ENABLED=0 $(GO) build -trimpath -o $(BIN) ./cmd/strata

test: ## run all tests (at most 10 minutes on two cores)
	$(GO) test -timeout $(TIMEOUT) ./...

race: ## run all tests under the race detector
	$(GO) test -race -timeout 30m ./...

lint: ## formatting, go vet, staticcheck
	@test -z "$$(gofmt -l $$(git ls-files '*.go'))" || { gofmt -l $$(git ls-files '*.go'); echo "not gofmt-clean: run make fmt"; exit 1; }
	$(GO) vet ./...
	$(GO) tool -modfile=tools/go.mod staticcheck ./...

fmt: ## format all Go files
	gofmt -w $$(git ls-files '*.go')

cross: ## build for every supported system
	@for t in linux/amd64 linux/arm64 darwin/amd64 darwin/arm64 windows/amd64; do \
	  echo "build $$t"; \
	  CGO_ENABLED=0 GOOS=$${t%/*} GOARCH=$${t#*/} $(GO) build -trimpath -o /dev/null ./cmd/strata || exit 1; \
	done

arm64: ## the rules on arm64, emulated (needs qemu-user-static)
	CGO_ENABLED=0 GOARCH=arm64 $(GO) test -exec qemu-aarch64-static ./score ./health ./placement ./allocation ./yuma
	CGO_ENABLED=0 GOARCH=arm64 $(GO) test -exec qemu-aarch64-static -run Vector ./seal
	CGO_ENABLED=0 GOARCH=arm64 $(GO) test -exec qemu-aarch64-static -run 'Root|Nodes|Kernel' ./merkle

fuzz: ## run every fuzz target for 20 s
	@for p in $$($(GO) list ./...); do \
	  for f in $$($(GO) test -list '^Fuzz' $$p | grep '^Fuzz'); do \
	    echo "$$p $$f"; $(GO) test -run '^$$' -fuzz "^$$f$$" -fuzztime 20s -fuzzminimizetime 1x $$p || exit 1; \
	  done; \
	done

bench: ## run the Go benchmarks
	$(GO) test -run '^$$' -bench . -benchtime 1s ./...

devnet: ## a whole network on this machine
	$(GO) run ./cmd/strata devnet

accept: ## store 100 MiB, kill two of six miners, read it back
	$(GO) run ./cmd/strata devnet --exec scripts/accept.sh

stream: ## 2 GiB through a network and back, within 256 MiB of memory (Linux)
	$(GO) run ./cmd/strata devnet --space 1600MiB --exec scripts/stream.sh

soak: ## SEEDS seeds of 2,000 operations against a model, miners losing power, the gateway killed
	$(GO) test -count=1 -timeout 0 -v -run '^TestSoak$$' ./devnet -soak.ops 2000 -soak.seeds $(SEEDS)

killed: ## the gateway killed at each of its writes, persisted and not
	$(GO) test -count=1 -run '^TestKilledAtEveryWrite$$' ./object -everywrite

zoo-main: ## a week of the cheaters whose crime is time, by the main network's rules
	$(GO) run ./cmd/strata bench cheaters --rules main

interop: ## the Python SDK and polkadot.js against a devnet (needs python3, node, npm)
	interop/run.sh

endure: ## ten minutes with a node that is killed, hangs and is upgraded (Unix)
	STRATA_ENDURE=10m $(GO) test -count=1 -timeout 20m -v -run '^TestEndurance$$' ./devnet

generate-check: ## fail if the committed assembly differs from its generator
	$(GO) -C tools test -count=1 ./sealasm ./merkleasm

bench-objects: ## files up and down through thirty miners
	$(GO) run ./cmd/strata bench objects

web: ## rebuild the page (needs Node)
	cd web && npm ci && npm run build

web-check: web ## fail if the committed page differs from its source
	git diff --exit-code -- web/dist

clean: ## remove what was built
	rm -rf bin
