//go:build bench && linux

package bench

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/secretsync/secretsync/test/program"
)

var (
	quick  = flag.Bool("quick", false, "without the clients that need Node.js, and for up to 10,000 secrets")
	rounds = flag.Int("rounds", 5, "how often each operation is measured")
	before = flag.String("before", "", "another build of secretsync to compare with: a program, or a commit of this repository")
	page   = flag.String("page", "../../docs/performance.md", "the page to write the tables to")
	only   = flag.String("only", "builds,peers,scale,accounts,limits,constants", "the parts of the suite to run; the page keeps the others as they are")
	which  = flag.String("clients", "", "of the peers, only those whose names match this regular expression")
)

// latency is the delay of each request when times are compared.
const latency = 50 * time.Millisecond

// tools are the programs that the suite runs.
var tools struct{ dir, measure, floor, secretsync, before string }

// TestBench measures everything, and writes the page, the lines that benchstat reads, and the
// results that the charts are drawn from.
func TestBench(t *testing.T) {
	dir, err := filepath.Abs("../../.tools/bench")
	program.Must(t, err)
	if *quick {
		dir = filepath.Join(dir, "quick")
	}
	program.Must(t, os.MkdirAll(dir, 0o755))
	tools.dir = dir
	left, err := filepath.Glob(filepath.Join(dir, "place-*")) // of a suite that was killed
	program.Must(t, err)
	for _, place := range left {
		program.Must(t, os.RemoveAll(place))
	}
	tools.measure = build(t, ".", "measure", "./measure")
	tools.floor = build(t, ".", "floor", "./floor")
	tools.secretsync = build(t, "../..", "secretsync", "./cmd/secretsync")
	if *before != "" {
		tools.before = earlier(t, *before)
	}
	r := earlierResults(t)
	for _, part := range r.parts() {
		if strings.Contains(*only, part.name) {
			*part.all, r.How[part.name] = nil, how(t)
			part.run(t, r)
			r.save(t) // what is measured is kept if a later part fails
		}
	}
	r.writePage(t, *page)
}

// build builds a program as a release is built.
func build(t *testing.T, dir, name, pkg string) string {
	t.Helper()
	file := filepath.Join(tools.dir, name)
	cmd := exec.CommandContext(t.Context(), "go", "build", "-tags", "disable_grpc_modules", "-trimpath", "-ldflags", "-s -w -buildid=", "-o", file, pkg)
	cmd.Dir, cmd.Env = dir, append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", cmd, err, out)
	}
	return file
}

// earlier returns the program that a path names, or builds a commit's program.
func earlier(t *testing.T, name string) string {
	t.Helper()
	path := name
	if !filepath.IsAbs(path) {
		path = filepath.Join("../..", path)
	}
	if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() {
		path, err = filepath.Abs(path)
		program.Must(t, err)
		return path
	}
	dir := filepath.Join(t.TempDir(), "before")
	output(t, ".", "git", "worktree", "add", "--detach", dir, name)
	defer output(t, ".", "git", "worktree", "remove", "--force", dir)
	return build(t, dir, "secretsync-before", "./cmd/secretsync")
}

// killGroup makes the end of the command's context end all processes that it started.
func killGroup(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = 10 * time.Second
}

// builds are the builds of secretsync: the one under test and, if there is one, the one before.
func builds() []client {
	all := []client{secretsyncClient("secretsync", tools.secretsync)}
	if tools.before != "" {
		all = append(all, secretsyncClient("secretsync before", tools.before))
	}
	return all
}

// compareBuilds compares builds of secretsync with the floor. It takes seconds, so that little
// else happens on the machine meanwhile.
func compareBuilds(t *testing.T, r *results) {
	r.Builds = compare(t, append([]client{floorClient}, builds()...))
}

// comparePeers compares secretsync with clients that take minutes.
func comparePeers(t *testing.T, r *results) {
	if *quick {
		return
	}
	peers := []client{wranglerClient, alchemyClient("alchemy, Secret", "secrets"), alchemyClient("alchemy, SecretsStore", "store")}
	chosen, err := regexp.Compile(*which)
	program.Must(t, err)
	peers = slices.DeleteFunc(peers, func(c client) bool { return !chosen.MatchString(c.name) })
	r.Peers = compare(t, append([]client{floorClient, builds()[0]}, peers...))
}

// compare runs each operation in each client in turn, so that what else the machine does affects
// all of them.
func compare(t *testing.T, clients []client) (all []measurement) {
	for round := range *rounds {
		places := make([]*place, len(clients))
		for i, c := range clients {
			places[i] = newPlace(t, newDistant(t, latency, unlimited(100)))
			c.prepare(places[i])
		}
		for _, operation := range compared {
			for i, c := range clients {
				u := places[i].counted(func() usage { return c.run(places[i], operation) })
				if u.Problem == "" {
					u.Problem = places[i].left(operation)
				}
				all = append(all, measurement{Name: c.name, Operation: operation, usage: u})
				t.Logf("%d/%d %s %s: %s", round+1, *rounds, operation, c.name, u)
			}
		}
	}
	return all
}

func (u usage) String() string {
	return fmt.Sprintf("%d requests, %.2f s, CPU %.2f s, %.0f MB, %.2f MB written, %d times 429 %s",
		u.Requests, u.Wall.Seconds(), u.CPU.Seconds(), megabytes(u.Peak), megabytes(u.Written), u.Busy, u.Problem)
}

func megabytes(n int64) float64 { return float64(n) / 1e6 }
