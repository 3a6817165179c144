GO        ?= go
BIN       := bin/kzfast
FUZZTIME  ?= 30s
STATICCHECK := honnef.co/go/tools/cmd/staticcheck@v0.8.2
BENCHSTAT := golang.org/x/perf/cmd/benchstat@v0.0.0-20260908200009-22c9c6c9d4da
BASE      ?= main
BENCHFLAGS ?=
PACKAGES  := ./...
UNIT      := $(shell $(GO) list ./... 2>/dev/null | grep -v /e2e)

.PHONY: help build demo run test short e2e check lint fmt tidy cover golden cross fuzz autobahn bench benchquick benchcmp js clean FORCE

help: ## list the targets
	@awk -F':.*## ' '/^[a-z0-9]+:.*## /{printf "  %-10s %s\n",$$1,$$2}' $(MAKEFILE_LIST)

build: $(BIN) ## build bin/kzfast

$(BIN): FORCE
	$(GO) build -o $@ ./cmd/kzfast

demo: build ## run two members on this machine (Ctrl-C ends it)
	$(BIN) demo

run: build ## run one member: make run CONFIG=member.xml
	$(BIN) -config $(CONFIG)

test: build js ## everything a change must pass but lint: unit tests with the race detector, clients, then e2e
	$(GO) test -race -shuffle=on -timeout 280s $(UNIT)
	$(GO) test -shuffle=on -timeout 280s ./cluster
	$(GO) test -count=1 -parallel 8 -timeout 280s ./e2e/...

js: ## the JavaScript client's tests, where npm is
	@if command -v npm >/dev/null; then cd client/js && npm ci --silent --no-audit --no-fund && npm test --silent; \
	else echo "client/js: no npm here, tests skipped"; fi

short: ## the tests that need neither time nor processes
	$(GO) test -short $(UNIT)

e2e: build ## real processes and real clients only
	$(GO) test -count=1 -v -parallel 8 -timeout 280s ./e2e/...

check: lint test cross ## what CI runs

lint: ## vet, staticcheck (pinned) and formatting
	$(GO) vet $(PACKAGES)
	$(GO) run $(STATICCHECK) $(PACKAGES)
	@test -z "$$(gofmt -l $$(git ls-files '*.go'))" || { gofmt -l $$(git ls-files '*.go'); echo "run make fmt"; exit 1; }

fmt: ## format the code
	gofmt -w $$(git ls-files '*.go')

tidy: ## tidy the module
	$(GO) mod tidy

cover: ## coverage of the unit tests, as bin/cover.html
	@mkdir -p bin
	$(GO) test -coverprofile=bin/cover.out $(UNIT)
	$(GO) tool cover -html=bin/cover.out -o bin/cover.html

golden: ## rewrite the golden files of the configuration tests
	$(GO) test ./conf -update

cross: ## build and vet for the other systems
	GOOS=darwin GOARCH=arm64 $(GO) vet ./engine ./cmd/kzfast
	GOOS=darwin GOARCH=arm64 $(GO) build -o /dev/null ./cmd/kzfast
	GOOS=freebsd GOARCH=amd64 $(GO) vet ./engine ./cmd/kzfast
	GOOS=freebsd GOARCH=amd64 $(GO) build -o /dev/null ./cmd/kzfast
	GOOS=linux GOARCH=arm64 $(GO) build -o /dev/null ./cmd/kzfast

fuzz: ## every fuzz target for FUZZTIME each
	@for pkg in $$($(GO) list ./...); do \
	  for f in $$($(GO) test -list '^Fuzz' $$pkg | grep '^Fuzz'); do \
	    echo "== $$pkg $$f"; $(GO) test -run '^$$' -fuzz "^$$f$$" -fuzztime $(FUZZTIME) $$pkg || exit 1; \
	  done; \
	done

autobahn: ## the RFC 6455 cases of our own table tests: framing, control, fragments, UTF-8, closing, compression
	$(GO) test -count=1 -v -run 'Decoder|Text|Close|Mask|Header|Inflate|Deflate|Echo|Failures|Compress|Abuse' ./wsproto ./session

bench: ## measure against floors and peers, into BENCHMARKS.md (an hour; the machine must be quiet)
	$(GO) run ./bench/cmd/bench -out BENCHMARKS.md $(BENCHFLAGS)

benchquick: ## does every benchmark work? (minutes)
	$(GO) run ./bench/cmd/bench -quick $(BENCHFLAGS)

benchcmp: ## this commit against BASE (main), interleaved runs by benchstat; refuses a dirty tree
	@test -z "$$(git status --porcelain)" || { echo "benchcmp: commit or remove your changes first"; exit 1; }
	rm -rf bin/base && git clone -q . bin/base && git -C bin/base checkout -q $(BASE)
	$(GO) run ./bench/cmd/bench -root bin/base -only kzfast -json bin/base.json $(BENCHFLAGS)
	$(GO) run ./bench/cmd/bench -only kzfast -json bin/head.json $(BENCHFLAGS)
	$(GO) run $(BENCHSTAT) bin/base.txt bin/head.txt

clean: ## remove what was built
	rm -rf bin
