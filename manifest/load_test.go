package manifest

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/secretsync/secretsync/internal/repo"
)

// describe writes a manifest without positions.
func describe(m *Manifest) string {
	var b strings.Builder
	if m.Safety.MaxDeletes != nil {
		fmt.Fprintf(&b, "max deletes %d\n", *m.Safety.MaxDeletes)
	}
	if m.Safety.StrictBindings {
		b.WriteString("strict bindings\n")
	}
	for _, w := range m.sources.workers {
		fmt.Fprintf(&b, "worker %s\n", filepath.ToSlash(repo.Join(w.from, w.pattern)))
	}
	for _, s := range m.Stores {
		fmt.Fprintf(&b, "store %s account=%q token=%q name=%s prefix=%q unmanaged=%s", s.Label, s.AccountID, s.TokenEnv, s.Name, s.Prefix, s.Unmanaged)
		if s.Create {
			b.WriteString(" create")
		}
		b.WriteByte('\n')
		for _, sec := range s.Secrets {
			comment := "unmanaged"
			if sec.Comment != nil {
				comment = fmt.Sprintf("%q", *sec.Comment)
			}
			fmt.Fprintf(&b, "  %s = %s %v comment=%s delete=%v from %s\n", sec.Label, sec.Name, sec.Scopes, comment, sec.Delete, sec.Source)
		}
	}
	return b.String()
}

const full = `max deletes 5
strict bindings
worker testdata/good/apps/*/wrangler.jsonc
store prod account="0123456789abcdef0123456789abcdef" token="PROD_TOKEN" name=default_secrets_store prefix="production-" unmanaged=ignore create
  stripe = production-stripe [ai_gateway workers] comment="Stripe eu ${literal}" delete=false from sops eu/prod.enc.yaml#stripe."secret.key"
  plain = production-plain [dex workers] comment=unmanaged delete=true from file eu.key
store other account="" token="" name=other prefix="" unmanaged=fail
  api-key = api-key [dex workers] comment=unmanaged delete=false from env LEGACY_TOKEN
  API_KEY = API_KEY [dex workers] comment="" delete=false from env LEGACY_TOKEN
`

func TestFormatsAgree(t *testing.T) {
	for _, ext := range []string{"yaml", "toml", "json"} {
		m := mustLoad(t, "", Options{File: "testdata/good/full." + ext})
		if diff := cmp.Diff(full, describe(m)); diff != "" {
			t.Errorf("%s: %s", ext, diff)
		}
		if len(m.Warnings) > 0 {
			t.Errorf("%s: %v", ext, m.Warnings)
		}
		for _, s := range m.Stores {
			for _, sec := range s.Secrets {
				if sec.Pos.Line < 2 || sec.Source.Pos.Line < sec.Pos.Line || filepath.Base(sec.Pos.File) != "full."+ext {
					t.Errorf("%s at %s, source at %s", sec.Label, sec.Pos, sec.Source.Pos)
				}
			}
		}
	}
}

func TestDefaults(t *testing.T) {
	m := mustLoad(t, write(t, map[string]string{"secretsync.yaml": one("from: {env: A}")}), Options{})
	want := "store s account=\"\" token=\"\" name=s prefix=\"\" unmanaged=report\n  k = k [workers] comment=unmanaged delete=true from env A\n"
	if diff := cmp.Diff(want, describe(m)); diff != "" {
		t.Error(diff)
	}
}

// An account id may be written in capitals: it is the same account.
func TestAccountIDsInCapitals(t *testing.T) {
	const id = "0123456789abcdef0123456789abcdef"
	text := "version: 1\naccounts:\n  a: {id: " + strings.ToUpper(id) + "}\n  b: {id: " + id + "}\nstores:\n" +
		"  s: {account: a, name: prod, secrets: {k: {from: {env: A}}}}\n"
	m := mustLoad(t, write(t, map[string]string{"secretsync.yaml": text}), Options{})
	if m.Stores[0].AccountID != id {
		t.Errorf("account %q, want %q", m.Stores[0].AccountID, id)
	}
	_, err := load(t, write(t, map[string]string{"secretsync.yaml": text + "  t: {account: b, name: prod, secrets: {k: {from: {env: A}}}}\n"}), Options{})
	wantError(t, err, `two secrets are named "k" in the same Cloudflare store`)
}

// The working directory does not change the description of a source.
func TestDescriptionsStay(t *testing.T) {
	dir := write(t, map[string]string{
		"app/secretsync.yaml": "version: 1\ninclude: [../lib/*.yaml]\n",
		"lib/a.yaml":          "stores: {s: {secrets: {k: {from: {file: x.key}}}}}\n",
	})
	for _, cwd := range []string{dir, filepath.Join(dir, "app"), t.TempDir()} {
		t.Chdir(cwd)
		file := filepath.Join(dir, "app", "secretsync.yaml")
		if rel, err := filepath.Rel(cwd, file); err == nil {
			file = rel
		}
		m := mustLoad(t, "", Options{File: file})
		if got := m.Stores[0].Secrets[0].Source.String(); got != "file ../lib/x.key" {
			t.Errorf("from %s: %s", cwd, got)
		}
	}
}

func TestMerge(t *testing.T) {
	dir := write(t, map[string]string{
		"secretsync.yaml": `version: 1
vars: {env: prod}
defaults: {scopes: [dex]}
include: ["teams/*/s.yaml", teams/a/s.yaml]
stores:
  one: {prefix: "${vars.env}-", secrets: {a: {from: {env: A}}}}
`,
		"teams/a/s.yaml":    "version: 1\nstores: {one: {prefix: prod-, unmanaged: fail, secrets: {b: {from: {file: k}}}}}\n",
		"teams/b/s.yaml":    "include: [more.toml]\ndefaults: {scopes: [access], delete: false}\nstores: {one: {secrets: {c: {from: {env: C}}}}}\n",
		"teams/b/more.toml": "[stores.two]\nname = \"one\"\nsecrets.a.from.env = \"A\"\n",
	})
	t.Chdir(dir)
	m := mustLoad(t, "", Options{File: "secretsync.yaml"})
	want := `store one account="" token="" name=one prefix="prod-" unmanaged=fail
  a = prod-a [dex] comment=unmanaged delete=true from env A
  b = prod-b [dex] comment=unmanaged delete=true from file teams/a/k
  c = prod-c [access] comment=unmanaged delete=false from env C
store two account="" token="" name=one prefix="" unmanaged=fail
  a = a [dex] comment=unmanaged delete=true from env A
`
	if diff := cmp.Diff(want, describe(m)); diff != "" {
		t.Error(diff)
	}
	if got := m.Stores[0].Secrets[1].Pos.String(); got != filepath.FromSlash("teams/a/s.yaml")+":2:58" {
		t.Errorf("position %s", got)
	}
}

func TestVarsPrecedence(t *testing.T) {
	dir := write(t, map[string]string{"secretsync.yaml": "version: 1\nvars: {my-env: manifest, n: 5, b: true}\nstores: {s: {name: \"${vars.my-env}-${vars.n}-${vars.b}\", secrets: {}}}\n"})
	vars := map[string]string{"SECRETSYNC_VAR_MY_ENV": "environment"}
	for _, tt := range []struct {
		o    Options
		want string
	}{
		{Options{}, "manifest-5-true"},
		{Options{LookupEnv: env(vars)}, "environment-5-true"},
		{Options{LookupEnv: env(vars), Vars: map[string]string{"my-env": "flag"}}, "flag-5-true"},
	} {
		if got := mustLoad(t, dir, tt.o).Stores[0].Name; got != tt.want {
			t.Errorf("%s, want %s", got, tt.want)
		}
	}
	_, err := load(t, dir, Options{Vars: map[string]string{"my_env": "x"}})
	wantError(t, err, `the variable "my_env"`, `did you mean "my-env"?`)
	_, err = load(t, write(t, map[string]string{"secretsync.yaml": one("from: {env: A}")}), Options{Vars: map[string]string{"x": "y"}})
	wantError(t, err, `the variable "x"`)
}

func TestUnknownScopeWarns(t *testing.T) {
	m := mustLoad(t, write(t, map[string]string{"secretsync.yaml": one("from: {env: A}, scopes: [queues, dex]")}), Options{})
	if len(m.Warnings) != 1 || !strings.Contains(m.Warnings[0].Error(), `:5:36: unknown scope "queues" (known: "workers", `) {
		t.Errorf("%v", m.Warnings)
	}
}

func TestFind(t *testing.T) {
	dir := t.TempDir()
	if _, err := Find(dir); !errors.Is(err, ErrNone) {
		t.Errorf("%v; want ErrNone for an empty folder", err)
	}
	dir = write(t, map[string]string{"secretsync.toml": "", "secretsync.yaml/x": ""})
	if name, err := Find(dir); err != nil || name != filepath.Join(dir, "secretsync.toml") {
		t.Errorf("%s, %v", name, err)
	}
	dir = write(t, map[string]string{"secretsync.toml": "", "secretsync.json": ""})
	_, err := Find(dir)
	wantError(t, err, "secretsync.toml", "secretsync.json")
	if !errors.Is(err, ErrSeveral) {
		t.Errorf("%v; want ErrSeveral", err)
	}
}

func TestIncludeLimits(t *testing.T) {
	many := map[string]string{"secretsync.yaml": "version: 1\ninclude: [p/*.yaml]\n"}
	for i := range 21 {
		many[fmt.Sprintf("p/%04d.yaml", i)] = fmt.Sprintf("stores: {s%d: {}}\n", i)
	}
	dir := write(t, many)
	if m := mustLoad(t, dir, Options{MaxFiles: 21, MaxStores: 21}); len(m.Stores) != 21 {
		t.Errorf("%d stores", len(m.Stores))
	}
	_, err := load(t, dir, Options{MaxFiles: 20})
	wantError(t, err, `:2:11: more than 20 files match "p/*.yaml"`)
	_, err = load(t, dir, Options{MaxStores: 20})
	wantError(t, err, "p/0020.yaml:1:10: more than 20 stores")
	apart := write(t, map[string]string{
		"secretsync.yaml": "version: 1\ninclude: [a.yaml, b.yaml, c.yaml, d.yaml]\n",
		"a.yaml":          "stores: {a: {}}\n", "b.yaml": "stores: {b: {}}\n", "c.yaml": "stores: {c: {}}\n", "d.yaml": "stores: {d: {}}\n",
	})
	_, err = load(t, apart, Options{MaxFiles: 2})
	if wantError(t, err, ":2:27: more than 2 files are included"); strings.Contains(err.Error(), ":2:35:") {
		t.Errorf("reported for each file: %v", err)
	}

	deep := map[string]string{"secretsync.yaml": "version: 1\ninclude: [1.yaml]\n"}
	for i := range maxIncludeDepth + 1 {
		deep[fmt.Sprintf("%d.yaml", i+1)] = fmt.Sprintf("include: [%d.yaml]\n", i+2)
	}
	_, err = load(t, write(t, deep), Options{})
	wantError(t, err, "16.yaml:1:11: includes are nested more than 16 deep")
}

func TestIncludeFromOddFolder(t *testing.T) {
	dir := write(t, map[string]string{
		"a[b]*/secretsync.yaml": "version: 1\ninclude: [\"[xy].yaml\"]\n", "a[b]*/x.yaml": "stores: {s: {}}\n",
	})
	m := mustLoad(t, "", Options{File: filepath.Join(dir, "a[b]*", "secretsync.yaml")})
	if len(m.Stores) != 1 {
		t.Errorf("%d stores", len(m.Stores))
	}
}

func TestSplitKey(t *testing.T) {
	for text, want := range map[string]string{
		"a": "a", "a.b": "a|b", `"a.b".c`: "a.b|c", `a."b \"q\" \\ .".c`: `a|b "q" \ .|c`, "l.0.x y": "l|0|x y",
		".a": "!", "a.": "!", "a..b": "!", `"a`: "!", `"a"b`: "!", `a"b"`: "!", `"a\`: "!", `""`: "!",
	} {
		parts, ok := splitKey(text)
		got := strings.Join(parts, "|")
		if !ok {
			got = "!"
		}
		if got != want {
			t.Errorf("%s: %s, want %s", text, got, want)
		}
	}
}

// The parts of a key can be found in it again: none is empty, and quoted they form the same
// path.
func FuzzSplitKey(f *testing.F) {
	for _, seed := range []string{"a.b", `"a.b".c`, `a."b \"q\" \\ .".c`, "a..b", `"a`, `"\`, ".", "é.\xff", `a"b"`} {
		f.Add(seed)
	}
	quote := strings.NewReplacer(`\`, `\\`, `"`, `\"`)
	f.Fuzz(func(t *testing.T, text string) {
		parts, ok := splitKey(text)
		if !ok {
			return
		}
		quoted := make([]string, len(parts))
		for i, part := range parts {
			if part == "" {
				t.Fatalf("%q has an empty part", text)
			}
			quoted[i] = `"` + quote.Replace(part) + `"`
		}
		again, ok := splitKey(strings.Join(quoted, "."))
		if diff := cmp.Diff(parts, again); !ok || diff != "" {
			t.Errorf("%q: %s", text, diff)
		}
	})
}

func FuzzLoadYAML(f *testing.F) { fuzz(f, ".yaml") }
func FuzzLoadTOML(f *testing.F) { fuzz(f, ".toml") }

// fuzz reads manifests from bytes: nothing panics, and every mistake has a position.
func fuzz(f *testing.F, ext string) {
	good, err := filepath.Glob("testdata/*/*" + ext)
	if err != nil || len(good) < 2 {
		f.Fatal("no seeds", err)
	}
	for _, name := range good {
		f.Add(readFile(f, name))
	}
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, data []byte) {
		o := Options{File: filepath.Join(dir, "m"+ext), LookupEnv: noEnv, SOPS: &fakeSOPS{}, AllowPlaintextValues: true, AllowCommands: true}
		m, err := newLoader(o).load(t.Context(), data)
		if err != nil {
			var bad *LoadError
			if !errors.As(err, &bad) || len(bad.Mistakes) == 0 || m != nil {
				t.Fatalf("%v, %T; want a filled LoadError alone", m, err)
			}
			for _, e := range bad.Mistakes {
				if e.Pos.File == "" || e.What == "" {
					t.Errorf("%+v", e)
				}
			}
			return
		}
		for _, s := range m.Stores {
			for _, sec := range s.Secrets {
				if !IsName(sec.Name) || len(sec.Scopes) == 0 || sec.Source.Kind == "" {
					t.Errorf("%+v", sec)
				}
			}
		}
	})
}
