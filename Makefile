# drydock: `make build` first, `make demo` to see it work, `make test` to check it all.

SHIM_TAGS := netgo osusergo seccomp runc_nocriu
VERSION   := $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
COMMIT    := $(shell git rev-parse --short=12 HEAD 2>/dev/null)
LDFLAGS   := -s -w -X main.version=$(VERSION) -X main.commit=$(COMMIT)
PREFIX    ?= /usr/local
# NVIDIA's header deprecates much that go-nvml wraps; the warnings are nobody's here.
export CGO_CFLAGS ?= -g -O2 -Wno-deprecated-declarations
FUZZTIME  ?= 10s
# Of build: where the programs go, and what else is built in (TAGS=failpoint,
# for the tests that kill them at every step).
BIN       ?= bin
TAGS      ?=

.PHONY: build test test-docker test-v2 soak-v2 check bench fuzz-short image demo clean docs idl install

build: ## both programs into bin/ (BIN=)
	@scripts/need build
	@# lazy: NVIDIA's functions are not there before its library is loaded (gpu/nvml)
	go build -trimpath -tags "urfave_cli_no_docs $(TAGS)" -ldflags "$(LDFLAGS) -extldflags -Wl,-z,lazy" -o $(BIN)/drydock .
	@# not inlined: less text, and every page of it counts in each shim's resident memory
	go build -trimpath -tags "$(SHIM_TAGS) $(TAGS)" -gcflags=all=-l -ldflags "-s -w -extldflags -static" -o $(BIN)/drydock-shim ./sandbox/native/shim

test: build ## everything, in lanes, with the seconds of each
	@scripts/need zoo sdk guest docker
	DRYDOCK_BIN=$(CURDIR)/bin go run ./internal/lanes

test-docker: build ## the lanes with container engines alone
	@scripts/need docker
	DRYDOCK_BIN=$(CURDIR)/bin go run ./internal/lanes docker image

test-v2: build ## the v2 lane alone; RUN=TestConformance/C1 for some of it
	@scripts/need guest zoo
	DRYDOCK_BIN=$(CURDIR)/bin go test ./integration/guest -count=1 -parallel 3 -timeout 25m -v -guest.run='$(RUN)'

soak-v2: build ## the same with full counts: hours
	@scripts/need guest zoo
	DRYDOCK_BIN=$(CURDIR)/bin go test ./integration/guest -count=1 -parallel 3 -timeout 6h -v -guest.soak -guest.run='$(RUN)'

check: ## format, generated code, vet, static analysis, layers, docs current
	@scripts/need build
	@scripts/gofmt
	@scripts/idl --check
	go vet ./...
	go vet -tags "$(SHIM_TAGS)" ./sandbox/native/...
	go vet -tags failpoint ./internal/failpoint
	@# these build anywhere: a program on another system may describe tasks and read what came of them
	GOOS=darwin go build ./executor/... ./resources/...
	go tool staticcheck ./...
	go tool staticcheck -tags "$(SHIM_TAGS)" ./sandbox/native/...
	go test -count=1 . ./internal/cli ./internal/fidelity -run 'TestLayers|TestPackageComments|TestReference|TestHelp|TestGoldenPage'

bench: build ## benchmarks
	go test -run '^$$' -bench . -benchmem ./...

fuzz-short: ## every fuzz target for a few seconds
	@scripts/fuzz $(FUZZTIME)

image: build ## a container image with both programs; BASE=debian:bookworm-slim
	@command -v docker >/dev/null || { echo "make image: there is no docker command (Debian: docker.io); 'podman build --build-arg BASE=IMAGE .' after make build does the same" >&2; exit 1; }
	docker build $(if $(BASE),--build-arg BASE=$(BASE)) -t drydock:$(VERSION) .

demo: build ## a program that runs out of memory, is explained, and succeeds with more
	@scripts/need demo
	@examples/oom/demo.sh

docs: ## write the generated parts of docs/ and the golden files
	go test ./internal/cli ./internal/fidelity ./internal/report ./internal/timeline ./internal/top -run 'TestReference|TestHelp|TestGolden|TestStart' -update

idl: ## write the Go code of the Flyte protocol
	scripts/idl

install: build ## into $(PREFIX)/bin
	install -D -m 755 -t $(DESTDIR)$(PREFIX)/bin bin/drydock bin/drydock-shim

clean:
	rm -rf bin
