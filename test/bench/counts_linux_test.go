package bench

import (
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/secretsync/secretsync/internal/emulator"
	"github.com/secretsync/secretsync/internal/racetest"
	"github.com/secretsync/secretsync/test/program"
)

var update = flag.Bool("update", false, "rewrite testdata/counts.txt")

// counts are what a run of secretsync costs on any machine.
type counts struct {
	requests string // by method
	syncs    int    // of files and folders of the project
	written  int    // bytes, to files of the project
	allocations
}

// project has secrets whose values come from environment variables, and a server without stores.
type project struct {
	*program.Project
	emulator *emulator.Embedded
}

func newProject(t *testing.T, secrets int, latency time.Duration) *project {
	e := program.Emulator(t, emulator.Options{MaxSecrets: secrets, RateLimit: 1_000_000, Fault: func(*http.Request) emulator.Fault {
		time.Sleep(latency)
		return emulator.Fault{}
	}})
	p := &project{program.NewProject(t, e.BaseURL()), e}
	// The tracer sees the paths that the kernel knows.
	dir, err := filepath.EvalSymlinks(p.Dir)
	p.Dir = dir
	program.Must(t, err)
	p.Env["SECRETSYNC_FINGERPRINT_KEY"] = strings.Repeat("A", 43) + "="
	p.Env["FIRST"], p.Env["OTHERS"] = "value", "value"
	p.secrets(secrets)
	return p
}

// secrets writes a manifest of a number of secrets.
func (p *project) secrets(n int) {
	for name, text := range manifests(n) {
		p.Write(name, text)
	}
}

// counts runs a command, and returns what it cost.
func (p *project) counts(args ...string) counts {
	p.T.Helper()
	p.emulator.ResetRequests()
	report, output := filepath.Join(p.T.TempDir(), "allocations"), filepath.Join(p.T.TempDir(), "output")
	out, err := os.Create(output)
	program.Must(p.T, err)
	defer out.Close()
	cmd := p.Process("counted", args...)
	cmd.Env = append(cmd.Env, allocationsFile+"="+report)
	cmd.Stdout, cmd.Stderr = out, out
	var c counts
	status := program.Trace(p.T, cmd, func(call program.Call) bool {
		switch call.Number {
		case syscall.SYS_WRITE, syscall.SYS_PWRITE64:
			if p.has(call.File()) {
				c.written += int(call.Args[2])
			}
		case syscall.SYS_FSYNC, syscall.SYS_FDATASYNC:
			if p.has(call.File()) {
				c.syncs++
			}
		}
		return false
	})
	if status.ExitStatus() != program.OK {
		text, _ := os.ReadFile(output)
		p.T.Fatalf("%v: exit code %d\n%.2000s", args, status.ExitStatus(), text)
	}
	c.requests = p.requests()
	data, err := os.ReadFile(report)
	program.Must(p.T, err)
	program.Must(p.T, json.Unmarshal(data, &c.allocations))
	return c
}

func (p *project) has(path string) bool { return path == p.Dir || strings.HasPrefix(path, p.Dir+"/") }

// requests returns the requests since the last reset, such as "GET=2 POST=1".
func (p *project) requests() string {
	methods := map[string]int{}
	for _, r := range p.emulator.Requests() {
		methods[r.Method]++
	}
	var words []string
	for _, method := range slices.Sorted(maps.Keys(methods)) {
		words = append(words, fmt.Sprintf("%s=%d", method, methods[method]))
	}
	return strings.Join(words, " ")
}

// operations are the runs whose counts testdata/counts.txt has, each after the one before.
var operations = []struct {
	name    string
	prepare func(*project)
}{
	{"create 50", func(*project) {}},
	{"no-op", func(*project) {}},
	{"change 1", func(p *project) { p.Env["FIRST"] = "a new value" }},
	{"change 50", func(p *project) { p.Env["FIRST"], p.Env["OTHERS"] = "another value", "another value" }},
	{"delete 50", func(p *project) { p.secrets(0) }},
}

// TestCounts compares requests, syncs, bytes and allocations with testdata/counts.txt, which
// -update rewrites. Outcomes that come together are recorded together. To leave less of that to
// chance, requests are sent one at a time, and each outcome is recorded before the next comes.
func TestCounts(t *testing.T) {
	p := newProject(t, 50, 10*time.Millisecond)
	var table strings.Builder
	fmt.Fprintf(&table, "%-10s  %-15s  %5s  %7s  %11s  %15s\n", "run", "requests", "syncs", "written", "allocations", "bytes allocated")
	was := readCounts(t)
	for _, op := range operations {
		op.prepare(p)
		got := p.counts("apply", "--auto-approve", "--parallelism", "1")
		fmt.Fprintf(&table, "%-10s  %-15s  %5d  %7d  %11d  %15d\n", op.name, got.requests, got.syncs, got.written, got.Times, got.Bytes)
		for _, problem := range got.differs(was[op.name]) {
			if !*update {
				t.Errorf("%s: %s (if that is intended: go test ./test/bench -run TestCounts -update)", op.name, problem)
			}
		}
	}
	if *update {
		program.Must(t, os.WriteFile(countsFile, []byte(table.String()), 0o644))
	}
	t.Logf("\n%s", table.String())
}

const countsFile = "testdata/counts.txt"

// readCounts reads the expected counts, by operation.
func readCounts(t *testing.T) map[string]counts {
	data, err := os.ReadFile(countsFile)
	program.Must(t, err)
	expected := map[string]counts{}
	for _, line := range strings.Split(strings.TrimSpace(string(data)), "\n")[1:] {
		cells := slices.DeleteFunc(strings.Split(line, "  "), func(cell string) bool { return strings.TrimSpace(cell) == "" })
		var c counts
		if len(cells) == 6 {
			c.requests = strings.TrimSpace(cells[1])
			_, err = fmt.Sscan(strings.Join(cells[2:], " "), &c.syncs, &c.written, &c.Times, &c.Bytes)
		}
		if len(cells) != 6 || err != nil {
			t.Fatalf("%s: %q: %v", countsFile, line, err)
		}
		expected[strings.TrimSpace(cells[0])] = c
	}
	return expected
}

// differs says which counts are not as expected.
func (c counts) differs(want counts) (problems []string) {
	if c.requests != want.requests {
		problems = append(problems, fmt.Sprintf("requests %s, want %s", c.requests, want.requests))
	}
	within := func(what string, got, want int, below, above float64) {
		if g, w := float64(got), float64(want); g > (1+above)*w || g < (1-below)*w {
			problems = append(problems, fmt.Sprintf("%s: %d, want %d, or %.0f %% less to %.0f %% more", what, got, want, 100*below, 100*above))
		}
	}
	// A slow disk leads to fewer syncs, because more outcomes come together.
	within("syncs", c.syncs, want.syncs, 0.9, 0)
	within("bytes written", c.written, want.written, 0.2, 0.02)
	if racetest.Enabled {
		return problems
	}
	// These depend a little on the schedule of goroutines and on the version of Go. If they are
	// far fewer, the file is to be brought up to date.
	within("allocations", int(c.Times), int(want.Times), 0.3, 0.1)
	within("bytes allocated", int(c.Bytes), int(want.Bytes), 0.3, 0.1)
	return problems
}
