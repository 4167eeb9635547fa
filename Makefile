# paybeacon: what can be done here. "make" alone lists it.

GO      ?= go
BIN     := bin/paybeacon
TESTTAG := crashpoints
LINTER  := github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0
FUZZ    ?= 20s
# How often make test-radio changes the code in its check for leaks; CI does fewer.
ROTATIONS ?= $(if $(CI),1000,10000)

# How many stories of separate processes run beside one another. They follow the other
# tests, so that nothing else takes their processors.
STORIES ?= 6

.DEFAULT_GOAL := help
.PHONY: help build demo faults test test-radio test-ocpp race fuzz bench bench-rivals lint check cross clean

help: ## list the targets
	@awk -F':.*## ' '/^[a-z-]+:.*## /{printf "  make %-13s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# Without cgo there is nothing to link at each start, which a till's script pays for with
# every payment.
build: ## build bin/paybeacon
	CGO_ENABLED=0 $(GO) build -trimpath -o $(BIN) ./cmd/paybeacon

demo: build ## watch two people pay at a counter, a thief fail and a server come back
	@$(BIN) demo

faults: build ## watch a thief try a wormhole, a stolen phone, a stolen tag and used codes
	@$(BIN) demo --scenario faults

test: ## run every test, with separate processes and crash points
	$(GO) test -tags $(TESTTAG) -timeout 20m $$($(GO) list ./... | grep -v '/cmd/paybeacon$$')
	$(GO) test -tags $(TESTTAG) -parallel $(STORIES) -timeout 20m ./cmd/paybeacon

test-radio: ## boot Debian with its bluetoothd and pay over virtual radios
	@cd cmd/paybeacon && $(GO) test -tags vm -count=1 -timeout 40m -run '^TestRadio$$' . -args -vm.rotations=$(ROTATIONS)

test-ocpp: ## charge at a published charge point (needs node with npm, and their registry)
	@work=$$(mktemp -d) && trap 'rm -rf "$$work"' EXIT && \
	  cp cmd/paybeacon/pumps/ocpp/testdata/package.json cmd/paybeacon/pumps/ocpp/testdata/package-lock.json \
	    cmd/paybeacon/pumps/ocpp/testdata/charge-point.cjs "$$work" && \
	  npm ci --prefix "$$work" --silent --ignore-scripts --no-audit --no-fund && \
	  PAYBEACON_OCPP_CLIENT="$$work" $(GO) test -tags ocpp -count=1 -timeout 5m -run '^TestPublished' ./cmd/paybeacon/pumps/ocpp

race: ## run the packages' tests and some stories under the race detector
	$(GO) test -race -short -timeout 20m $$($(GO) list ./... | grep -v '/cmd/paybeacon$$')
	GORACE=atexit_sleep_ms=0 $(GO) test -race -short -parallel 4 -timeout 20m -run 'TestScripts/^(charge|devices|link|nearby|offline|rules|twochannel)$$' ./cmd/paybeacon

fuzz: ## fuzz each parser for FUZZ (20s)
	@for pkg in $$($(GO) list ./...); do \
	  dir=$$($(GO) list -f '{{.Dir}}' $$pkg); \
	  for f in $$(grep -hoE '^func Fuzz[A-Za-z0-9]+' $$dir/*_test.go 2>/dev/null | sed 's/func //'); do \
	    echo "fuzz $$pkg $$f"; $(GO) test -run '^$$' -fuzz "^$$f$$" -fuzztime $(FUZZ) $$pkg || exit 1; \
	  done; done

bench: build ## print the figures of this machine
	@$(BIN) bench

bench-rivals: build ## the same payments on PostgreSQL, by turns (needs Debian's postgresql)
	cd cmd/paybeacon/bench/rival && $(GO) build -trimpath -o ../../../../bin/rival .
	@$(BIN) bench --rival bin/rival pay

lint: ## vet, formatting and the linter
	@test -z "$$(gofmt -l $$(git ls-files '*.go'))" || { gofmt -l $$(git ls-files '*.go'); echo "run gofmt on these"; exit 1; }
	$(GO) vet -tags $(TESTTAG),vm,ocpp ./...
	cd cmd/paybeacon/bench/rival && $(GO) vet ./...
	$(GO) run $(LINTER) run

cross: ## build for the other systems we promise
	GOOS=linux GOARCH=arm64 $(GO) build -o /dev/null ./cmd/paybeacon
	GOOS=darwin GOARCH=arm64 $(GO) build -o /dev/null ./cmd/paybeacon

check: lint test race cross ## everything before a commit

clean: ## remove what was built
	rm -rf bin
