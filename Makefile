# multinic: `make demo` and `make test` are all a newcomer needs; `make help` lists the rest.
SHELL := /bin/bash
.DEFAULT_GOAL := help
BUN_VERSION := 1.4.5
BUN := node_modules/.bin/bun
VERSION := $(shell git describe --tags --always --dirty 2>/dev/null || echo 0.0.0)
# --cwd: Multus' daemon starts plugins in a folder outside their root, where the runtime's getcwd fails; this path never does.
BUILD := $(BUN) build --compile --minify --splitting --bytecode --format=esm --sourcemap=none \
	--no-compile-autoload-dotenv --no-compile-autoload-bunfig --no-compile-autoload-tsconfig --no-compile-autoload-package-json \
	--compile-exec-argv=--cwd=/proc/self/cwd \
	--define process.env.NODE_ENV='"production"' --define MULTINIC_VERSION='"$(VERSION)"'
# What the runtime would obey from the environment of whoever starts us (docs/security.md).
SEAL := $(BUN) test/support/seal.ts
SOURCES := $(shell find src -name '*.ts' 2>/dev/null) package.json bun.lock test/support/seal.ts

.PHONY: help
help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  %-12s %s\n", $$1, $$2}'

node_modules/.installed: package.json bun.lock
	npx -y bun@$(BUN_VERSION) install --frozen-lockfile
	@touch $@

dist/multinic: $(SOURCES) node_modules/.installed
	@mkdir -p dist/cni
	$(BUILD) src/main.ts --outfile dist/multinic
	@$(SEAL) dist/multinic
	@for n in multi-nic multi-nic-ipam aws-ipvlan; do ln -sfn ../multinic dist/cni/$$n; done
	@ln -sfn multinic dist/kubectl-multinic

.PHONY: build
build: dist/multinic ## compile dist/multinic and its symlinks

.PHONY: build-all
build-all: build ## also compile for x64 without AVX2 and for arm64
	$(BUILD) --target=bun-linux-x64-baseline src/main.ts --outfile dist/multinic-x64-baseline
	$(BUILD) --target=bun-linux-arm64 src/main.ts --outfile dist/multinic-arm64
	@$(SEAL) dist/multinic-x64-baseline dist/multinic-arm64

.PHONY: format
format: node_modules/.installed ## rewrite sources in the project's format
	node_modules/.bin/biome check --write src test

.PHONY: lint
lint: node_modules/.installed
	node_modules/.bin/biome check src test
	node_modules/.bin/tsc -p .

.PHONY: check
check: lint ## format, lint, types, unit tests: before every commit
	$(BUN) test --only-failures --timeout=60000 test/lib test/commands test/layers.test.ts

.PHONY: manifests
manifests: node_modules/.installed ## write manifests/crd/ from the kinds' schemas
	@$(BUN) test/support/manifests.ts

.PHONY: third-party
third-party: node_modules/.installed ## write docs/third-party.md: packages in the programs, and their licences
	@$(BUN) test/support/third-party.ts

.PHONY: audit
audit: node_modules/.installed ## ask the registry for known holes in what is shipped; offline it says so and passes
	@$(BUN) test/support/audit.ts

.PHONY: image
image: build ## build the container image, without a registry: dist/multinic.oci.tar (BASE=…, FINAL=… name base images)
	@test/support/packages buildah mmdebstrap /usr/lib/podman/netavark
	@BASE="$(BASE)" FINAL="$(FINAL)" test/support/image

.PHONY: packages
packages: ## install the Debian packages that demo and tests use (those that are missing)
	@test/support/packages ip ping iperf3 unshare nsenter gcc etcd kubectl containerd runc buildah /usr/lib/podman/netavark mmdebstrap busybox setpriv iptables /usr/lib/cni/macvlan

.PHONY: test
test: packages build lint ## everything that CI checks, in tiers; TIERS="unit netns" picks some
	@$(BUN) test/support/tiers.ts $(TIERS)

.PHONY: torture
torture: packages build ## long attacks, two hours, a file after another; FILES="churn reboots" picks some, MULTINIC_SOAK_MINUTES=60
	@command -v faketime >/dev/null || apt-get install -y -qq --no-install-recommends faketime >/dev/null
	@test/torture/run $(FILES)

.PHONY: demo
demo: build ## three hosts, two NICs each, planned, routed, filled with pods, tested, taken down
	@test/support/packages ip ping iperf3 unshare nsenter
	@dist/multinic lab demo

.PHONY: bench
bench: packages build ## compare with the reference plugins, on this machine, in one run
	@$(BUN) test/bench/main.ts

.PHONY: contract
contract: node_modules/.installed ## the API contract: embedded server (KUBECONFIG=… for another)
	$(BUN) test --only-failures test/contract

.PHONY: test-cluster
test-cluster: packages build ## the API contract against a real kube-apiserver (builds it once, minutes)
	$(BUN) test --only-failures --timeout=1200000 test/cluster

.PHONY: control-plane
control-plane: node_modules/.installed ## run etcd, kube-apiserver and its controllers until Ctrl-C
	$(BUN) test/cluster/run-control-plane.ts

.PHONY: cluster
cluster: packages build ## start a real cluster of two nodes (builds it once, minutes) and print what to export
	@test/cluster/up

.PHONY: cluster-down
cluster-down: ## end that cluster and remove all of it
	@test/cluster/up down

.PHONY: visit
visit: node_modules/.installed ## try the cluster of KUBECONFIG, where multinic is installed, in a namespace of its own (docs/install.md)
	@test/support/packages kubectl
	@[ -n "$$KUBECONFIG" ] || { echo "make visit: set KUBECONFIG" >&2; exit 1; }
	$(BUN) test --timeout=1200000 test/cluster/nodes.test.ts

.PHONY: clean
clean: ## remove what the build made
	rm -rf dist coverage .uml-out
