GO        ?= go
BIN       := bin/kzfast
FUZZTIME  ?= 30s
STATICCHECK := honnef.co/go/tools/cmd/staticcheck@v0.8.2
GOVULNCHECK := golang.org/x/vuln/cmd/govulncheck@latest
PACKAGES  := ./...
UNIT      := $(shell $(GO) list ./... 2>/dev/null | grep -v /e2e)

.PHONY: help build demo run test short e2e check lint fmt tidy cover golden cross fuzz autobahn bench benchcmp clean FORCE

help: ## list the targets
	@awk -F':.*## ' '/^[a-z0-9]+:.*## /{printf "  %-10s %s\n",$$1,$$2}' $(MAKEFILE_LIST)

build: $(BIN) ## build bin/kzfast

$(BIN): FORCE
	$(GO) build -o $@ ./cmd/kzfast

demo: build ## run two members on this machine (Ctrl-C ends it)
	$(BIN) demo

run: build ## run one member: make run CONFIG=member.xml
	$(BIN) -config $(CONFIG)

test: build ## everything a change must pass but lint: unit tests with the race detector, then e2e
	$(GO) test -race -shuffle=on -timeout 280s $(UNIT)
	$(GO) test -count=1 -timeout 280s ./e2e/...

short: ## the tests that need neither time nor processes
	$(GO) test -short $(UNIT)

e2e: build ## real processes and real clients only
	$(GO) test -count=1 -v -timeout 280s ./e2e/...

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

autobahn: ## the RFC 6455 cases of our own table tests
	$(GO) test -count=1 -v -run 'Autobahn|RFC6455' ./wsproto ./session

bench: build ## the tables of BENCHMARKS.md (long; machine must be quiet)
	$(GO) run ./bench/cmd/bench -kzfast $(BIN) -out BENCHMARKS.md

clean: ## remove what was built
	rm -rf bin
