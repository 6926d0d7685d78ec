package main_test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/secretsync/secretsync/internal/buildinfo"
)

// TestStartUp counts what the program does before and in main, as the Go runtime reports it. It
// measures no time, so a slow machine does not matter.
func TestStartUp(t *testing.T) {
	if testing.Short() {
		t.Skip("builds the program")
	}
	dir := t.TempDir()
	program := filepath.Join(dir, "secretsync")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-ldflags=-s -w", "-o", program, ".").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	write := func(secrets string) {
		manifest := "version: 1\naccounts: {main: {id: 0123456789abcdef0123456789abcdef}}\nstores: {prod: {secrets: {A: {from: {env: A}}" + secrets + "}}}\n"
		if err := os.WriteFile(filepath.Join(dir, "secretsync.yaml"), []byte(manifest), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("")
	// A repository, and a git that leaves a trace: there is nothing to ask it about.
	if err := os.Mkdir(filepath.Join(dir, ".git"), 0o700); err != nil {
		t.Fatal(err)
	}
	git := filepath.Join(dir, "git")
	if err := os.WriteFile(git, []byte("#!/bin/sh\ntouch "+filepath.Join(dir, "git-ran")+"\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	run := func(args ...string) started {
		cmd := exec.CommandContext(t.Context(), program, args...)
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), "GODEBUG=inittrace=1,gctrace=1", "GOGC=100", "PATH="+dir+string(os.PathListSeparator)+os.Getenv("PATH"))
		var stdout, stderr strings.Builder
		cmd.Stdout, cmd.Stderr = &stdout, &stderr
		if err := cmd.Run(); err != nil {
			t.Fatalf("%v: %v\n%s", args, err, &stderr)
		}
		return read(t, stdout.String(), stderr.String())
	}

	// Those that need neither the command line nor SOPS end before either is initialised.
	for line, most := range map[string]int{"--help": 60, "completion bash": 60, "version": 300} {
		s := run(strings.Fields(line)...)
		if n := len(s.allocs); n > most || n < 10 || s.has("/internal/cli") || s.has("getsops/sops/v3/keyservice") {
			t.Errorf("%s initialises %d packages, want at most %d and not SOPS", line, n, most)
		}
		if line == "version" && !strings.HasSuffix(s.out, strings.TrimPrefix(buildinfo.Line(), "secretsync "+buildinfo.Version())+"\n") {
			t.Errorf("version prints %q", s.out)
		}
	}

	s := run("validate")
	if !strings.Contains(s.out, "is valid") || !s.has("/internal/cli") {
		t.Errorf("validate printed %q and initialised %d packages", s.out, len(s.allocs))
	}
	if _, err := os.Stat(filepath.Join(dir, "git-ran")); err == nil {
		t.Error("validate ran git, for files that do not exist")
	}
	if len(s.collections) != 0 {
		t.Errorf("validate collected garbage %d times", len(s.collections))
	}
	for pkg, n := range s.allocs {
		if strings.HasPrefix(pkg, "github.com/secretsync/") && n > mostAllocs {
			t.Errorf("%s allocates %d times when it is initialised, want at most %d: do it when it is first needed", pkg, n, mostAllocs)
		}
	}

	// Only the first collection is delayed: from the third on, the heap may double, as GOGC=100 says.
	var large strings.Builder
	for i := range 100_000 {
		fmt.Fprintf(&large, ", A%d: {from: {env: A}}", i)
	}
	write(large.String())
	s = run("validate")
	if len(s.collections) < 4 {
		t.Fatalf("validate of 100,000 secrets collected garbage %d times", len(s.collections))
	}
	for i, c := range s.collections[2:] {
		if before := s.collections[i+1]; c.goal > 5*before.live/2 {
			t.Errorf("collection %d was for a heap of %d MB, where %d MB were in use after the one before", i+3, c.goal, before.live)
		}
	}
}

// mostAllocs is how often a package of this project may allocate before main.
const mostAllocs = 1000

// started has the measurements of one run.
type started struct {
	out         string
	allocs      map[string]int // of each package that was initialised
	collections []collection   // of garbage
}

// collection is one garbage collection: the megabytes in use after it, and the heap size at which it
// was due.
type collection struct{ live, goal int }

// has reports whether a package was initialised, by the end of its path.
func (s started) has(suffix string) bool {
	for pkg := range s.allocs {
		if strings.HasSuffix(pkg, suffix) {
			return true
		}
	}
	return false
}

var initLine = regexp.MustCompile(`(?m)^init (\S+) @.* (\d+) allocs$`)

var gcLine = regexp.MustCompile(`(?m)^gc \d+ @.* \d+->\d+->(\d+) MB, (\d+) MB goal`)

// read parses what the runtime wrote.
func read(t *testing.T, stdout, stderr string) started {
	t.Helper()
	s := started{out: stdout, allocs: map[string]int{}}
	for _, m := range initLine.FindAllStringSubmatch(stderr, -1) {
		n, err := strconv.Atoi(m[2])
		if err != nil {
			t.Fatal(err)
		}
		s.allocs[m[1]] = n
	}
	for _, m := range gcLine.FindAllStringSubmatch(stderr, -1) {
		live, err := strconv.Atoi(m[1])
		goal, err2 := strconv.Atoi(m[2])
		if err := errors.Join(err, err2); err != nil {
			t.Fatal(err)
		}
		s.collections = append(s.collections, collection{live, goal})
	}
	return s
}

// TestAWSPackages compares the packages of AWS's SDK that buckets need with those that SOPS links
// anyway: none adds initialisation at the start of every command, or makes the program larger.
func TestAWSPackages(t *testing.T) {
	linked := packages(t, "github.com/getsops/sops/v3/config", "github.com/aws/")
	needed := packages(t, "github.com/secretsync/secretsync/objectstore/s3", "github.com/aws/")
	if len(needed) < 10 {
		t.Errorf("objectstore/s3 needs %d packages of AWS's SDK", len(needed))
	}
	for pkg := range needed {
		if !linked[pkg] {
			t.Errorf("objectstore/s3 needs %s, which SOPS does not import", pkg)
		}
	}
}

// TestReleaseKeyTypes: what a release is built with has SOPS's code for every type of key, and the
// client of its server.
func TestReleaseKeyTypes(t *testing.T) {
	release := packages(t, ".", "", "-tags", releaseTags(t))
	for keyType, needed := range map[string][]string{
		"age":      {"github.com/getsops/sops/v3/age", "filippo.io/age", "filippo.io/age/plugin"},
		"pgp":      {"github.com/getsops/sops/v3/pgp", "github.com/ProtonMail/go-crypto/openpgp"},
		"kms":      {"github.com/getsops/sops/v3/kms", "github.com/aws/aws-sdk-go-v2/service/kms"},
		"gcp_kms":  {"github.com/getsops/sops/v3/gcpkms", "cloud.google.com/go/kms/apiv1", "google.golang.org/grpc"},
		"azure_kv": {"github.com/getsops/sops/v3/azkv", "github.com/Azure/azure-sdk-for-go/sdk/security/keyvault/azkeys"},
		"hc_vault": {"github.com/getsops/sops/v3/hcvault", "github.com/hashicorp/vault/api"},
		"hckms":    {"github.com/getsops/sops/v3/hckms", "github.com/huaweicloud/huaweicloud-sdk-go-v3/services/kms/v2"},
	} {
		for _, pkg := range needed {
			if !release[pkg] {
				t.Errorf("%s: a release lacks %s", keyType, pkg)
			}
		}
	}
	for pkg := range release {
		if name, ok := strings.CutPrefix(pkg, "google.golang.org/grpc/xds"); ok {
			t.Errorf("a release has gRPC's xds%s: the tag has no effect any more", name)
		}
	}
}

// releaseTags returns the build tags of make build.
func releaseTags(t *testing.T) string {
	t.Helper()
	makefile, err := os.ReadFile("../../Makefile")
	if err != nil {
		t.Fatal(err)
	}
	m := regexp.MustCompile(`(?m)^RELEASE = .* -tags (\S+) `).FindSubmatch(makefile)
	if m == nil {
		t.Fatal("the Makefile does not say which tags a release is built with")
	}
	return string(m[1])
}

// packages returns the packages that one imports, also through others, and whose paths begin with
// a prefix.
func packages(t *testing.T, of, prefix string, flags ...string) map[string]bool {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", append(append([]string{"list", "-deps"}, flags...), of)...)
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: %v", cmd, err)
	}
	found := map[string]bool{}
	for line := range strings.Lines(string(out)) {
		if strings.HasPrefix(line, prefix) {
			found[strings.TrimSpace(line)] = true
		}
	}
	return found
}
