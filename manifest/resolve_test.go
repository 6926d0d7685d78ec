package manifest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestFileIsExact(t *testing.T) {
	large := strings.Repeat("x", maxValue)
	for _, tt := range []struct{ name, content, options, want string }{
		{"line end", "a\n", "", "a\n"},
		{"CRLF inside and at the end", "a\r\nb\r\n", "", "a\r\nb\r\n"},
		{"emoji and BOM", "\ufeff😀\x00", "", "\ufeff😀\x00"},
		{"blanks", " a \t", "", " a \t"},
		{"trimmed", "a\n b \r\n\n", ", trim: true", "a\n b "},
		{"not trimmed", "a\n", ", trim: false", "a\n"},
		{"largest", large, "", large},
		{"largest when trimmed", large + "\n", ", trim: true", large},
	} {
		dir := write(t, map[string]string{"secretsync.yaml": one("from: {file: v" + tt.options + "}"), "v": tt.content})
		if got, err := resolveOne(t, dir, Options{}); err != nil || got != tt.want {
			t.Errorf("%s: %v; want the content", tt.name, err)
		}
	}
	dir := write(t, map[string]string{"secretsync.yaml": one("from: {file: v}"), "v": large + "x"})
	_, err := resolveOne(t, dir, Options{})
	wantError(t, err, "secretsync.yaml:5:11: the value is larger than 65536 bytes")
	if strings.Contains(err.Error(), "65537") {
		t.Error("the error tells the value's length")
	}
}

func TestEnv(t *testing.T) {
	dir := write(t, map[string]string{"secretsync.yaml": one("from: {env: TOKEN}")})
	got, err := resolveOne(t, dir, Options{LookupEnv: env(map[string]string{"TOKEN": " a\n"})})
	if err != nil || got != " a\n" {
		t.Errorf("%q, %v", got, err)
	}
	_, err = resolveOne(t, dir, Options{LookupEnv: env(map[string]string{"TOKEN": ""})})
	wantError(t, err, `"TOKEN" is not set, or empty`)
}

func TestPlaintextAllowed(t *testing.T) {
	dir := write(t, map[string]string{"secretsync.yaml": one(`value: "${vars.x} is no variable here"`)})
	got, err := resolveOne(t, dir, Options{AllowPlaintextValues: true})
	if err != nil || got != "${vars.x} is no variable here" {
		t.Errorf("%q, %v", got, err)
	}
}

func TestLinkWithAnAbsolutePath(t *testing.T) {
	dir := write(t, map[string]string{"secretsync.yaml": one("from: {file: abs}"), ".git/x": "", "sub/v": "value"})
	if err := os.Symlink(filepath.Join(dir, "sub", "v"), filepath.Join(dir, "abs")); err != nil {
		t.Skip(err)
	}
	wantError(t, mustLoad(t, dir, Options{}).Check(), ":5:11: ", "is reached by a link with an absolute path (below the repository a link has to be a relative one: ln -sfn sub/v "+filepath.Join(dir, "abs")+")")
}

func TestStaysInside(t *testing.T) {
	outside := write(t, map[string]string{"v": "value", "m.yaml": "stores: {s: {}}", "s.enc.yaml": "k: " + enc("value", "str")})
	for name, body := range map[string]string{
		"parent": "from: {file: ../v}", "far parent": "from: {file: a/../../v}", "absolute": "from: {file: '" + filepath.ToSlash(outside) + "/v'}",
		"link": "from: {file: link}", "folder link": "from: {file: dir/v}", "SOPS": "from: {sops: dir/s.enc.yaml, key: k}",
	} {
		dir := write(t, map[string]string{"repo/secretsync.yaml": one(body), "repo/.git": "", "v": "value"})
		repo := filepath.Join(dir, "repo")
		for link, to := range map[string]string{"link": filepath.Join(outside, "v"), "dir": outside} {
			if err := os.Symlink(to, filepath.Join(repo, link)); err != nil {
				t.Skip(err)
			}
		}
		m := mustLoad(t, repo, Options{})
		_, err := m.Resolve(t.Context())
		for _, err := range []error{m.Check(), err} {
			wantError(t, err, ":5:11: ", "lies outside the repository")
			if !errors.Is(err, ErrOutside) {
				t.Errorf("%v: not ErrOutside", err)
			}
		}
		if got, err := resolveOne(t, repo, Options{AllowOutside: true}); err != nil || got != "value" {
			t.Errorf("%s with --allow-outside: %v", name, err)
		}
	}
	for _, pattern := range []string{"../*.yaml", "../m.yaml", filepath.ToSlash(outside) + "/m.yaml"} {
		dir := write(t, map[string]string{"repo/secretsync.yaml": "version: 1\ninclude: ['" + pattern + "']\n", "repo/.git": "", "m.yaml": "stores: {s: {}}"})
		_, err := load(t, filepath.Join(dir, "repo"), Options{})
		wantError(t, err, ":2:11: ", "lies outside the repository")
		mustLoad(t, filepath.Join(dir, "repo"), Options{AllowOutside: true})
	}
}

// Mistakes that an option would permit can be distinguished from others, one by one.
func TestRefusals(t *testing.T) {
	kinds := []error{ErrOutside, ErrCommand, ErrPlaintext}
	for body, want := range map[string]error{
		"from: {file: ../../v}": ErrOutside, "from: {command: [op]}": ErrCommand, "value: canary": ErrPlaintext, "from: {file: none}": nil,
	} {
		m, err := load(t, write(t, map[string]string{"secretsync.yaml": one(body)}), Options{Values: true})
		if err == nil {
			err = m.Check()
		}
		if err == nil {
			t.Errorf("%s: no error", body)
		}
		for _, kind := range kinds {
			if errors.Is(err, kind) != (kind == want) {
				t.Errorf("%s: %v is %v: %v", body, err, kind, kind != want)
			}
		}
	}
}

// The repository is the root, not the manifest's folder; links inside it are fine.
func TestRepositoryIsRoot(t *testing.T) {
	dir := write(t, map[string]string{"a/b/secretsync.yaml": one("from: {file: ../link}"), "v": "value"})
	if err := os.Symlink("../v", filepath.Join(dir, "a", "link")); err != nil {
		t.Skip(err)
	}
	if got, err := resolveOne(t, filepath.Join(dir, "a", "b"), Options{}); err != nil || got != "value" {
		t.Errorf("%q, %v", got, err)
	}
}

func TestSOPSFiles(t *testing.T) {
	fake := &fakeSOPS{}
	dir := write(t, map[string]string{
		"secretsync.yaml": "version: 1\nstores: {s: {secrets: {a: {from: {sops: x.enc.yaml, key: k.a}}, b: {from: {sops: x.enc.yaml, key: k.b}}}}}\n",
		"x.enc.yaml":      fmt.Sprintf("k: {a: %q, b: %q}\n", enc("line\r\n", "str"), enc("😀", "str")),
	})
	m := mustLoad(t, dir, Options{SOPS: fake})
	if err := m.Check(); err != nil || fake.reads > 0 {
		t.Fatalf("Check: %v, %d values decrypted", err, fake.reads)
	}
	fake.opens = nil
	values, err := m.Resolve(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	a, b := values[SecretRef{"s", "a"}], values[SecretRef{"s", "b"}]
	if string(a.Value.Reveal()) != "line\r\n" || string(b.Value.Reveal()) != "😀" {
		t.Error("other values")
	}
	if a.Digest == "" || a.Digest == b.Digest {
		t.Errorf("digests %q and %q", a.Digest, b.Digest)
	}
	if fake.opens["x.enc.yaml"] != 1 {
		t.Errorf("opened %v", fake.opens)
	}
	// A mistake of the whole file is reported once.
	fake.fail = ErrorList{{Pos: Position{File: "x.enc.yaml"}, What: "no key fits"}}
	_, err = m.Resolve(t.Context())
	wantError(t, err, "secretsync.yaml:2:28: x.enc.yaml: no key fits")
	if strings.Count(err.Error(), "\n") > 0 {
		t.Errorf("several errors: %v", err)
	}
	// Errors of other kinds are not shown.
	fake.fail = errors.New("canary")
	_, err = m.Resolve(t.Context())
	wantError(t, err, ":2:28: the SOPS file cannot be decrypted")
	if strings.Contains(err.Error(), "canary") {
		t.Error(err)
	}
}

func TestNoSOPS(t *testing.T) {
	dir := write(t, map[string]string{"secretsync.yaml": one("from: {sops: a.yaml, key: k}"), "a.yaml": "k: v"})
	m, err := Load(t.Context(), Options{File: filepath.Join(dir, "secretsync.yaml")})
	if err != nil {
		t.Fatal(err)
	}
	wantError(t, m.Check(), "SOPS files cannot be read here")
}

func TestInterrupted(t *testing.T) {
	dir := write(t, map[string]string{"secretsync.yaml": one("from: {sops: a.yaml, key: k}"), "a.yaml": "k: " + enc("v", "str")})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := mustLoad(t, dir, Options{}).Resolve(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("%v; want context.Canceled", err)
	}
}

// Values in an encrypted manifest are decrypted when they are resolved, everything
// else when it is loaded.
func TestSealedValues(t *testing.T) {
	for name, content := range map[string]string{
		"m.yaml": one("value: '"+enc("hunter\n", "str")+"'") + "sops: {mac: x}\n",
		"m.json": `{"version": 1, "stores": {"s": {"secrets": {"k": {"value": "` + enc("hunter\n", "str") + `"}}}}, "sops": {"mac": "x"}}`,
	} {
		fake := &fakeSOPS{}
		dir := write(t, map[string]string{name: content})
		o := Options{File: filepath.Join(dir, name), SOPS: fake}
		m := mustLoad(t, dir, o)
		if err := m.Check(); err != nil || fake.reads > 0 {
			t.Errorf("%s: %v, %d values decrypted without need", name, err, fake.reads)
		}
		if got, err := resolveOne(t, dir, o); err != nil || got != "hunter\n" {
			t.Errorf("%s: %v", name, err)
		}
	}
}

const whole = `version: %s
stores:
  s:
    prefix: %s
    secrets:
      k:
        value: %s
        scopes: [%s, %s]
        comment: %s
        delete: %s
sops: {mac: x, version: 3.13.3}
`

func TestWhollySealed(t *testing.T) {
	content := fmt.Sprintf(whole, enc("1", "int"), enc("p-", "str"), enc("v", "str"), enc("workers", "str"), enc("dex", "str"), enc("hi", "str"), enc("False", "bool"))
	content = strings.ReplaceAll(content, "ENC[", `"ENC[`)
	content = strings.ReplaceAll(strings.ReplaceAll(strings.ReplaceAll(content, ":str]", `:str]"`), ":int]", `:int]"`), ":bool]", `:bool]"`)
	dir := write(t, map[string]string{"secretsync.yaml": content})
	fake := &fakeSOPS{}
	m := mustLoad(t, dir, Options{SOPS: fake})
	want := "store s account=\"\" token=\"\" name=s prefix=\"p-\" unmanaged=report\n  k = p-k [dex workers] comment=\"hi\" delete=false from inline\n"
	if got := describe(m); got != want {
		t.Errorf("%s\nwant %s", got, want)
	}
	if got := m.Stores[0].Secrets[0].Pos; got.Line != 6 || got.Column != 7 {
		t.Errorf("position %v", got)
	}
	if fake.opens["secretsync.yaml"] != 1 {
		t.Errorf("opened %v", fake.opens)
	}
	fake.fail = &Error{What: "no key fits"}
	_, err := load(t, dir, Options{SOPS: fake})
	wantError(t, err, "secretsync.yaml:1:10: no key fits")
	if strings.Count(err.Error(), "\n") > 0 {
		t.Errorf("several errors: %v", err)
	}
}

// The digest of a source covers what its description leaves out; it reveals nothing about
// encrypted arguments.
func TestSourceDigest(t *testing.T) {
	digest := func(body, sops string) string {
		dir := write(t, map[string]string{"secretsync.yaml": one(body) + sops})
		m := mustLoad(t, dir, Options{SOPS: &fakeSOPS{}, AllowCommands: true})
		return m.Stores[0].Secrets[0].Source.Digest()
	}
	seen := map[string]string{"": "from: {env: E}"}
	for _, body := range []string{
		"from: {command: [p, a]}", "from: {command: [p, b]}", "from: {command: [p, a, '']}", "from: {command: ['p a']}",
		"from: {file: f, trim: true}", "from: {command: [p, '" + enc("a", "str") + "']}",
	} {
		sops := ""
		if strings.Contains(body, "ENC") {
			sops = "sops: {mac: x}\n"
		}
		got := digest(body, sops)
		if other, dup := seen[got]; dup {
			t.Errorf("%s has the digest of %s", body, other)
		}
		if seen[got] = body; got != digest(body, sops) {
			t.Errorf("%s has two digests", body)
		}
	}
	for _, body := range []string{"from: {env: E}", "from: {file: f}", "generate: {encoding: uuid}"} {
		if digest(body, "") != "" {
			t.Errorf("%s has a digest", body)
		}
	}
}

// Nothing that can be printed of a manifest shows a value or the arguments of a command.
func TestPrintsNoValue(t *testing.T) {
	dir := write(t, map[string]string{"secretsync.yaml": "version: 1\nstores: {s: {secrets: {a: {value: canary1}, b: {from: {command: [op, canary2]}}}}}\n"})
	m := mustLoad(t, dir, Options{AllowPlaintextValues: true, AllowCommands: true})
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x"} {
		out := fmt.Sprintf(verb, *m) + fmt.Sprintf(verb, m.Stores)
		for _, needle := range []string{"canary", fmt.Sprintf("%x", "canary")} {
			if strings.Contains(out, needle) {
				t.Errorf("%s shows %s", verb, needle)
			}
		}
	}
	if got := m.Stores[0].Secrets[1].Source.String(); got != "command op ..." {
		t.Error(got)
	}
}
