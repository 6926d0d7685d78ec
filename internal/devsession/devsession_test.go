package devsession_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/secretsync/secretsync/internal/devsession"
)

// TestFind describes each project by its files; the Workers are in web and api.
func TestFind(t *testing.T) {
	plugin := `import { cloudflare } from "@cloudflare/vite-plugin"; `
	for _, test := range []struct {
		name, file, text string
		want             string // for each session: its state, or else its problem, and the files
	}{
		{"no script", "package.json", `{"scripts": {"dev": "wrangler deploy -c web/wrangler.toml"}}`, ""},
		{"damaged", "package.json", `{"scripts": {"dev": "wrangler dev -c web/wrangler.toml"`, ""},
		{"two configurations", "package.json", `{"scripts": {"dev": "wrangler dev -c api/wrangler.jsonc -c web/wrangler.toml"}}`, "api/.wrangler/state: api/wrangler.jsonc web/wrangler.toml"},
		{"equals signs", "package.json", `{"scripts": {"dev": "npx wrangler@4 --config=api/wrangler.jsonc dev --persist-to=st"}}`, "st: api/wrangler.jsonc"},
		{"chained", "package.json", `{"scripts": {"dev": "tsc && cd web && A=1 wrangler dev --env staging; echo"}}`, "web/.wrangler/state: web/wrangler.toml"},
		{"another folder", "package.json", `{"scripts": {"dev": "wrangler dev --cwd ./api -c wrangler.jsonc"}}`, "api/.wrangler/state: api/wrangler.jsonc"},
		{"concurrently", "package.json", `{"scripts": {"dev": "concurrently \"wrangler dev -c 'web/wrangler.toml'\" vite"}}`, "web/.wrangler/state: web/wrangler.toml"},
		{"in a Worker's folder", "api/package.json", `{"scripts": {"dev": "wrangler dev", "all": "wrangler dev -c ../web/wrangler.toml -c wrangler.jsonc"}}`,
			"web/.wrangler/state: web/wrangler.toml api/wrangler.jsonc\napi/.wrangler/state: api/wrangler.jsonc"},
		{"a variable", "package.json", `{"scripts": {"dev": "wrangler dev -c $APP/wrangler.toml -c web/wrangler.toml"}}`, ""},
		{"Pages", "package.json", `{"scripts": {"dev": "wrangler pages dev -c web/wrangler.toml"}}`, ""},
		{"another's Worker", "package.json", `{"scripts": {"dev": "wrangler dev -c other/wrangler.toml"}}`, ""},
		{"outside", "package.json", `{"scripts": {"dev": "wrangler dev -c web/wrangler.toml --persist-to ../x"}}`, "!, outside the project: web/wrangler.toml"},

		{"Vite without the plugin", "vite.config.ts", `export default {configPath: "web/wrangler.toml"}`, ""},
		{"Vite", "web/vite.config.mts", plugin + `cloudflare()`, "web/.wrangler/state: web/wrangler.toml"},
		{"auxiliary Workers", "web/vite.config.ts", plugin + "cloudflare({auxiliaryWorkers: [{configPath: `../api/wrangler.jsonc`}]})", "web/.wrangler/state: web/wrangler.toml api/wrangler.jsonc"},
		{"Vite's root", "vite.config.js", plugin + `export default {root: './web', plugins: [cloudflare()]}`, "web/.wrangler/state: web/wrangler.toml"},
		{"comments", "vite.config.js", plugin + "// cloudflare({configPath: 'web/wrangler.toml'})\n/* \"web/wrangler.toml\" */ it's\n\"api/wrangler.jsonc\" // \"", ".wrangler/state: api/wrangler.jsonc"},
		{"persistState", "web/vite.config.ts", plugin + `cloudflare({persistState: { path: "../kept" }})`, "kept: web/wrangler.toml"},
		{"persistState true", "web/vite.config.ts", plugin + `cloudflare({persistState: true})`, "web/.wrangler/state: web/wrangler.toml"},
		{"persistState false", "web/vite.config.ts", plugin + `cloudflare({persistState: false})`, "!it keeps no state (persistState: false), so that its Workers find no secret: web/wrangler.toml"},
		{"persistState computed", "web/vite.config.ts", plugin + `cloudflare({persistState})`, "!its persistState is not a literal path: web/wrangler.toml"},
	} {
		t.Run(test.name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "project")
			files := []string{filepath.FromSlash("api/wrangler.jsonc"), filepath.FromSlash("web/wrangler.toml")}
			for _, file := range append(files, filepath.FromSlash("other/wrangler.toml")) {
				write(t, filepath.Join(dir, file), "")
			}
			write(t, filepath.Join(dir, test.file), test.text)
			t.Chdir(dir)
			var got []string
			for _, s := range devsession.Find(".", files) {
				at := s.State
				if s.Problem != "" {
					at = "!" + s.Problem
				}
				if i := strings.Index(at, ", outside"); i > 0 {
					at = "!" + at[i:]
				}
				got = append(got, filepath.ToSlash(fmt.Sprintf("%s: %s", at, strings.Join(s.Files, " "))))
				if !strings.Contains(s.By, filepath.FromSlash(test.file)) {
					t.Errorf("found by %q, not %q", s.By, test.file)
				}
			}
			if got := strings.Join(got, "\n"); got != test.want {
				t.Errorf("got  %s\nwant %s", got, test.want)
			}
		})
	}
}

// TestAboveTheRoot: files above the project are not read.
func TestAboveTheRoot(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "package.json"), `{"scripts": {"dev": "wrangler dev -c project/wrangler.toml"}}`)
	write(t, filepath.Join(dir, "project", "wrangler.toml"), "")
	if found := devsession.Find(filepath.Join(dir, "project"), []string{filepath.Join(dir, "project", "wrangler.toml")}); len(found) > 0 {
		t.Errorf("found %+v", found)
	}
}

func FuzzFind(f *testing.F) {
	f.Add(`wrangler dev -c 'wrangler.toml' "`, "import \"@cloudflare/vite-plugin\" /* `\\")
	f.Fuzz(func(t *testing.T, script, config string) {
		dir := t.TempDir()
		write(t, filepath.Join(dir, "wrangler.toml"), "")
		write(t, filepath.Join(dir, "package.json"), fmt.Sprintf(`{"scripts": {"dev": %q}}`, script))
		write(t, filepath.Join(dir, "vite.config.js"), config)
		for _, s := range devsession.Find(dir, []string{filepath.Join(dir, "wrangler.toml")}) {
			if (s.State == "") == (s.Problem == "") {
				t.Errorf("%+v", s)
			}
		}
	})
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(text), 0o600)); err != nil {
		t.Fatal(err)
	}
}
