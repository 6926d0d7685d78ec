package docs

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/secretsync/secretsync/internal/licences"
)

var versionsTable = regexp.MustCompile(`\| module \| version used \| last release on [0-9-]{10} \| licence \|\n\|---\|---\|---\|---\|\n`)

// unknown is the last release of a module for which the proxy has no list of versions.
const unknown = "not known"

// TestDependencies: dependencies.md says what each direct dependency is for, and its table of
// versions, dates and licences agrees with go.mod and the module cache. With -update, the table
// is rewritten, with the last releases that the module proxy knows today.
func TestDependencies(t *testing.T) {
	page, err := os.ReadFile("dependencies.md")
	if err != nil {
		t.Fatal(err)
	}
	head := versionsTable.FindIndex(page)
	if head == nil {
		t.Fatal("dependencies.md has no table of versions")
	}
	before := string(page[:head[0]])
	table, after, _ := strings.Cut(string(page[head[1]:]), "\n\n")
	modules := direct(t)
	last := lastReleases(t, table, modules)
	used := versionsUsed(table, modules)
	var rows []string
	for _, m := range modules {
		if !strings.Contains(before+after, "`"+m.Path+"`") && !strings.Contains(before+after, "`"+strings.TrimPrefix(m.Path, "github.com/aws/aws-sdk-go-v2/")+"`") {
			t.Errorf("dependencies.md does not say what %s is for", m.Path)
		}
		ids, err := m.Licences()
		if err != nil {
			t.Error(err)
		}
		rows = append(rows, fmt.Sprintf("| `%s` | %s | %s | %s |", m.Path, used[m.Path], last[m.Path], strings.Join(ids, ", ")))
	}
	want := strings.Join(rows, "\n")
	if *update {
		title := "| module | version used | last release on " + time.Now().UTC().Format(time.DateOnly) + " | licence |\n|---|---|---|---|\n"
		if err := os.WriteFile("dependencies.md", []byte(before+title+want+"\n\n"+after), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(strings.Split(want, "\n"), strings.Split(table, "\n")); diff != "" {
		t.Errorf("the versions in dependencies.md are not those of go.mod; go test ./docs -update rewrites them:\n%s", diff)
	}
}

// direct are the modules that go.mod requires for packages of this module.
func direct(t *testing.T) []licences.Module {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "go", "mod", "edit", "-json").Output()
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Require []struct {
			Path     string
			Indirect bool
		}
	}
	if err := json.Unmarshal(out, &file); err != nil {
		t.Fatal(err)
	}
	var paths []string
	for _, r := range file.Require {
		if !r.Indirect {
			paths = append(paths, r.Path)
		}
	}
	slices.Sort(paths)
	modules, err := licences.List(t.Context(), ".", paths...)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range modules {
		if m.Dir == "" || m.Time.IsZero() {
			t.Fatalf("%s@%s is not in the module cache, or not its date: go mod download gets them", m.Path, m.Version)
		}
	}
	return modules
}

// dated is a version with its date.
func dated(m licences.Module) string {
	return fmt.Sprintf("%s (%s)", m.Version, m.Time.UTC().Format(time.DateOnly))
}

// versionsUsed is the column of the table, by module. The date of a version may be a day off:
// module proxies do not agree on it (cobra v1.10.2 is of December 3 or 4).
func versionsUsed(table string, modules []licences.Module) map[string]string {
	used := map[string]string{}
	for _, m := range modules {
		used[m.Path] = dated(m)
		for _, days := range []int{-1, 1} {
			other := m
			other.Time = m.Time.AddDate(0, 0, days)
			if !*update && strings.Contains(table, fmt.Sprintf("| `%s` | %s |", m.Path, dated(other))) {
				used[m.Path] = dated(other)
			}
		}
	}
	return used
}

// lastReleases returns the table's column of last releases, by module. It was true on the day of the
// last -update, so the test can only check that no release is older than the version in use.
func lastReleases(t *testing.T, table string, modules []licences.Module) map[string]string {
	t.Helper()
	last := map[string]string{}
	if !*update {
		for row := range strings.Lines(table) {
			cells := strings.Split(row, " | ")
			if len(cells) == 4 {
				last[strings.Trim(cells[0], "|` ")] = cells[2]
			}
		}
		for _, m := range modules {
			if last[m.Path] == unknown {
				continue
			}
			_, date, _ := strings.Cut(last[m.Path], " (")
			released, err := time.Parse(time.DateOnly, strings.TrimSuffix(date, ")"))
			if used := m.Time.UTC().Truncate(24*time.Hour).AddDate(0, 0, -1); err != nil || released.Before(used) {
				t.Errorf("the last release of %s is %q, and %s of %s is used", m.Path, last[m.Path], m.Version, used.Format(time.DateOnly))
			}
		}
		return last
	}
	var paths []string
	for _, m := range modules {
		paths = append(paths, m.Path)
	}
	newest, err := licences.List(t.Context(), ".", append([]string{"-e", "-u"}, paths...)...)
	if err != nil {
		t.Fatal(err)
	}
	known := 0
	for _, m := range newest {
		if m.Error != nil {
			last[m.Path] = unknown
			continue
		}
		known++
		if m.Update != nil {
			m = *m.Update
		}
		last[m.Path] = dated(m)
	}
	if known == 0 {
		t.Fatal("the module proxy cannot be asked for the last releases")
	}
	return last
}
