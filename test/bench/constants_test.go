//go:build bench && linux

package bench

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/secretsync/secretsync/test/program"
)

// constants compare benchmarks of packages with a library that does the minimum of the same work: it
// reads the file into values, without checking them or remembering their positions. Most bounds the
// ratio, or is 0. A loaded file has been checked; its syntax alone is nodes with positions.
var constants = []struct {
	what, pkg, ours, library, theirs string
	most                             float64
}{
	{"manifest of 20,000 secrets, JSON", "manifest", "Load/json/20000/load", "encoding/json", "Load/json/20000/baseline", 2.5},
	{"manifest of 20,000 secrets, YAML", "manifest", "Load/yaml/20000/load", "yaml.v3, nodes", "Load/yaml/20000/baseline", 0},
	{"its syntax alone", "manifest", "Load/yaml/20000/parse", "yaml.v3, nodes", "Load/yaml/20000/baseline", 1.3},
	{"manifest of 20,000 secrets, TOML", "manifest", "Load/toml/20000/load", "BurntSushi/toml", "Load/toml/20000/baseline", 2},
	{"lockfile of 100,000 secrets", "lockfile", "Parse/100000", "encoding/json", "EncodingJSON/100000", 2.5},
	{"SOPS file of 4,000 values, YAML", "internal/sopsfile", "Tree/s.yaml/secretsync", "SOPS's library", "Tree/s.yaml/sops", 0},
	{"SOPS file of 4,000 values, JSON", "internal/sopsfile", "Tree/s.json/secretsync", "SOPS's library", "Tree/s.json/sops", 0},
	{"SOPS file of 4,000 values, dotenv", "internal/sopsfile", "Tree/s.env/secretsync", "SOPS's library", "Tree/s.env/sops", 0},
	{"plan of 1,000,000 secrets", "planner", "Build/1000000", "", "", 0}, // at most 6 s and 2 GB
}

// measureConstants runs those benchmarks in turn, each alone.
func measureConstants(t *testing.T, r *results) {
	binaries := map[string]string{}
	for _, c := range constants {
		if binaries[c.pkg] == "" {
			binaries[c.pkg] = filepath.Join(tools.dir, filepath.Base(c.pkg)+".test")
			output(t, ".", "go", "test", "-c", "-o", binaries[c.pkg], "../../"+c.pkg)
		}
	}
	for round := range *rounds {
		for _, c := range constants {
			r.Constants = append(r.Constants, benchmark(t, c.pkg, binaries[c.pkg], c.ours, measurement{Name: "secretsync", Operation: c.what}))
			if c.library != "" {
				r.Constants = append(r.Constants, benchmark(t, c.pkg, binaries[c.pkg], c.theirs, measurement{Name: c.library, Operation: c.what}))
			}
		}
		t.Logf("%d/%d constant factors", round+1, *rounds)
	}
}

// benchmark runs one benchmark of a package for a second. The time is that of one operation, and the
// peak memory is the heap, if the benchmark reports that.
func benchmark(t *testing.T, pkg, binary, name string, m measurement) measurement {
	t.Helper()
	out := output(t, "../../"+pkg, binary, "-test.run=^$", "-test.bench=^Benchmark"+strings.ReplaceAll(name, "/", "$/^")+"$")
	for line := range strings.Lines(out) {
		if !strings.HasPrefix(line, "Benchmark"+name) {
			continue
		}
		fields := strings.Fields(line) // its name, how often it ran, and pairs of a number and its unit
		for i := 2; i+1 < len(fields); i += 2 {
			n, err := strconv.ParseFloat(fields[i], 64)
			program.Must(t, err)
			switch fields[i+1] {
			case "ns/op":
				m.Wall = time.Duration(n)
			case "heap-MB":
				m.Peak = int64(n * 1e6)
			}
		}
	}
	if m.Wall == 0 {
		t.Fatalf("%s: no result of %s in\n%s", pkg, name, out)
	}
	return m
}

// output runs a program in a folder, and returns what it prints.
func output(t *testing.T, dir, name string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), name, args...)
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s", cmd, err, out)
	}
	return string(out)
}

func (r *results) constantsTable(b *strings.Builder) {
	b.WriteString("| what | secretsync | library | its time | ratio | bound |\n|---|---|---|---|---|---|\n")
	for _, c := range constants {
		ours, ok := median(r.Constants, "secretsync", c.what, 0)
		if !ok {
			continue
		}
		time, ratio, bound := "", "", ""
		if theirs, ok := median(r.Constants, c.library, c.what, 0); ok {
			time, ratio = seconds(theirs.Wall), fmt.Sprintf("%.2f", ours.Wall.Seconds()/theirs.Wall.Seconds())
		}
		if c.most > 0 {
			bound = fmt.Sprint(c.most)
		}
		fmt.Fprintf(b, "| %s | %s | %s | %s | %s | %s |\n", c.what, ours.inAll(), c.library, time, ratio, bound)
	}
}

// inAll is the time of a measurement and, if it is known, the memory.
func (m measurement) inAll() string {
	if m.Peak == 0 {
		return seconds(m.Wall)
	}
	return fmt.Sprintf("%s, heap %.0f MB", seconds(m.Wall), megabytes(m.Peak))
}
