package manifest_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/secretsync/secretsync/internal/racetest"
	"github.com/secretsync/secretsync/manifest"
)

// TestBounds: small hostile repositories that would cost much time or memory are refused.
// The errors show that this happened early, so the test needs no clock.
func TestBounds(t *testing.T) {
	many := func(n int, line string) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, line, i)
		}
		return b.String()
	}
	for name, c := range map[string]struct{ text, want string }{
		"a variable, many times": {
			"version: 1\nvars: {a: " + strings.Repeat("x", 1<<16-1) + "}\nstores: {s: {secrets: {k: {from: {env: K}, comment: \"" + strings.Repeat("${vars.a}", 100000) + "\"}}}}\n",
			`"comment" is too long once its variables are replaced`,
		},
		"many texts with a variable": {
			"version: 1\nvars: {a: " + strings.Repeat("x", 60000) + "}\nstores: {s: {secrets: {" + many(400, "k%d: {from: {env: K}, comment: \"${vars.a}\"}, ") + "}}}\n",
			`is too long once its variables are replaced`,
		},
		"conditions that match a pattern": {
			"version: 1\nvars: {r: " + strings.Repeat("e", 60000) + "}\nstores: {s: {secrets: {" + many(200, "k%d: {from: {env: K}, when: 'vars.r matches \""+strings.Repeat("(e?){900}", 90)+"\"'}, ") + "}}}\n",
			`"when" cannot have the operator "matches"`,
		},
		"conditions over ranges": {
			"version: 1\nvars: {n: 900000}\nstores: {s: {secrets: {" + many(10000, "k%d: {from: {env: K}, when: (1..vars.n) == (1..vars.n)}, ") + "}}}\n",
			`"when" cannot have the operator ".."`,
		},
		"conditions over long variables": {
			"version: 1\nvars: {a: " + strings.Repeat("x", 60000) + "}\nstores: {s: {secrets: {" + many(10000, "k%d: {from: {env: K}, when: vars.a contains vars.a + vars.a + \"%[1]d\"}, ") + "}}}\n",
			`the variables in "when" are too long`,
		},
		"many variables": {"version: 1\nvars: {" + many(2000, "v%d: x, ") + "}\nstores: {s: {}}\n", "more than 1000 variables"},
		"many stores":    {"version: 1\nstores: {" + many(200000, "s%06d: {}, ") + "}\n", "more than 10000 stores"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			mistake(t, t.TempDir(), c.text, c.want)
		})
	}
}

// TestMaxSecrets: the number of secrets is bounded as the caller says, and by default well above
// what one account has.
func TestMaxSecrets(t *testing.T) {
	racetest.Large(t)
	file := filepath.Join(t.TempDir(), "secretsync.yaml")
	var text strings.Builder
	text.WriteString("version: 1\nstores: {s: {secrets: {")
	for i := range 25_000 {
		fmt.Fprintf(&text, "k%d: {from: {env: K}}, ", i)
	}
	text.WriteString("}}}\n")
	if err := os.WriteFile(file, []byte(text.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	for most, want := range map[int]string{0: "", 25_000: "", 24_999: "more than 24999 secrets"} {
		_, err := manifest.Load(t.Context(), manifest.Options{File: file, MaxSecrets: most})
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("with at most %d secrets: %.300v, want %q", most, err, want)
		}
	}
}

// TestMaxFileSize: the caller can limit the size of the manifest, of included files and of SOPS
// files. The default is well above the size of 100,000 secrets.
func TestMaxFileSize(t *testing.T) {
	racetest.Large(t)
	dir := t.TempDir()
	write := func(name, text string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	comment := "# " + strings.Repeat("x", 10<<20) + "\n"
	stores := "version: 1\nstores: {s: {secrets: {k: {from: {sops: values.enc.env, key: K}}}}}\n"
	write("values.enc.env", comment)
	write("long.yaml", stores+comment)
	write("short.yaml", stores)
	write("includes.yaml", "version: 1\ninclude: [part1.yaml, part2.yaml]\n")
	write("part1.yaml", "version: 1\nstores: {}\n"+comment)
	write("part2.yaml", stores+comment)
	for _, c := range []struct {
		file string
		most int
		want string // "" for a file that can be read
	}{
		{"long.yaml", 0, ""},
		{"long.yaml", 11 << 20, ""},
		{"long.yaml", 10 << 20, `long.yaml" is larger than 10485760 bytes`},
		{"includes.yaml", 0, ""},
		{"includes.yaml", 19 << 20, "the included files have more than 19922944 bytes together"},
		{"includes.yaml", 10 << 20, `part1.yaml" is larger than 10485760 bytes`},
		{"short.yaml", 10 << 20, `values.enc.env" is larger than 10485760 bytes`},
	} {
		m, err := manifest.Load(t.Context(), manifest.Options{File: filepath.Join(dir, c.file), MaxFileSize: c.most})
		if err == nil && c.want != "" {
			err = m.Check()
		}
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s, at most %d bytes: %.300v, want %q", c.file, c.most, err, c.want)
		}
	}
}

// TestMaxEntries: a small file can have very many values, each of which takes far more memory than
// text. How many it may have grows with the number of secrets.
func TestMaxEntries(t *testing.T) {
	racetest.Large(t)
	file := filepath.Join(t.TempDir(), "secretsync.yaml")
	text := "version: 1\nstores: {s: {secrets: {k: {from: {env: K}, scopes: [" + strings.Repeat("workers,", 200_000) + "]}}}}\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	for most, want := range map[int]string{0: "the scope \"workers\" is given twice", 1000: "secretsync.yaml: has more than 112000 entries"} {
		_, err := manifest.Load(t.Context(), manifest.Options{File: file, MaxSecrets: most})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("with at most %d secrets: %.300v, want %q", most, err, want)
		}
	}
}

// TestLinksInCircles: a few links make a pattern match without end.
func TestLinksInCircles(t *testing.T) {
	for _, allowOutside := range []bool{false, true} {
		dir := t.TempDir()
		for i := range 10 {
			if err := os.Symlink(".", filepath.Join(dir, fmt.Sprintf("l%d", i))); err != nil {
				t.Skip(err)
			}
		}
		const pattern = "*/*/*/*/*/*/*/*/*.yaml"
		for _, text := range []string{"include: [\"" + pattern + "\"]", "workers: [\"" + pattern + "\"]\nstores: {s: {}}"} {
			want := `too many files and folders to look at for "` + pattern + `"`
			err := load(t, dir, "version: 1\n"+text+"\n", allowOutside)
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%s: %v, want %s", text, err, want)
			}
		}
	}
}

func load(t *testing.T, dir, text string, allowOutside bool) error {
	t.Helper()
	file := filepath.Join(dir, "secretsync.yaml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	m, err := manifest.Load(t.Context(), manifest.Options{File: file, AllowOutside: allowOutside, LookupEnv: func(string) (string, bool) { return "", false }})
	if err == nil {
		_, mistakes := m.WorkerFiles()
		err = manifest.ErrorList(mistakes).Err()
	}
	return err
}

func mistake(t *testing.T, dir, text, want string) {
	t.Helper()
	if err := load(t, dir, text, false); err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("%.300v, want %s", err, want)
	}
}
