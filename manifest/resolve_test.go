package manifest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
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

// manyFiles is a project with two secrets in each of several SOPS files.
func manyFiles(files int) map[string]string {
	project := map[string]string{}
	var text strings.Builder
	text.WriteString("version: 1\nstores:\n  s:\n    secrets:\n")
	for i := range files {
		name := fmt.Sprintf("f%02d.enc.yaml", i)
		project[name] = fmt.Sprintf("a: %q\nb: %q\n", enc(fmt.Sprint("a", i), "str"), enc(fmt.Sprint("b", i), "str"))
		for _, key := range []string{"a", "b"} {
			fmt.Fprintf(&text, "      %s%d: {from: {sops: %s, key: %s}}\n", key, i, name, key)
		}
	}
	project["secretsync.yaml"] = text.String()
	return project
}

// SOPS files are decrypted side by side, as many as the limit allows, and each once.
func TestSOPSFilesSideBySide(t *testing.T) {
	const files = 3 * maxDecrypting
	dir := write(t, manyFiles(files))
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		running, most, decrypted := 0, 0, 0
		count := func(begun int) {
			mu.Lock()
			defer mu.Unlock()
			running += begun
			most = max(most, running)
			decrypted += max(begun, 0)
		}
		fake := &fakeSOPS{decrypt: func(context.Context, string) error {
			count(1)
			time.Sleep(time.Second) // as a key server
			count(-1)
			return nil
		}}
		began := time.Now()
		values, err := mustLoad(t, dir, Options{SOPS: fake}).Resolve(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if most != maxDecrypting || time.Since(began) != 3*time.Second {
			t.Errorf("%d files at once, %v for all; want %d and 3 s", most, time.Since(began), maxDecrypting)
		}
		if decrypted != files || len(fake.opens) != files {
			t.Errorf("%d decryptions, %d files opened; want %d", decrypted, len(fake.opens), files)
		}
		for name, n := range fake.opens {
			if n != 1 {
				t.Errorf("%s was opened %d times", name, n)
			}
		}
		for i := range files {
			for _, key := range []string{"a", "b"} {
				if ref := (SecretRef{"s", fmt.Sprint(key, i)}); string(values[ref].Value.Reveal()) != ref.Secret {
					t.Errorf("another value of %s", ref.Secret)
				}
			}
		}
	})
}

// Every file that cannot be decrypted is reported once, in the manifest's order, whichever fails first.
func TestSOPSFilesFail(t *testing.T) {
	const files = 2 * maxDecrypting
	dir := write(t, manyFiles(files))
	synctest.Test(t, func(t *testing.T) {
		var n atomic.Int32
		fake := &fakeSOPS{decrypt: func(_ context.Context, name string) error {
			time.Sleep(time.Duration(files-n.Add(1)) * time.Second)
			return &Error{Pos: Position{File: name}, What: "no key fits"}
		}}
		_, err := mustLoad(t, dir, Options{SOPS: fake}).Resolve(t.Context())
		var list ErrorList
		if !errors.As(err, &list) || len(list) != files {
			t.Fatalf("%d mistakes; want %d: %v", len(list), files, err)
		}
		for i, e := range list {
			if want := 5 + 2*i; e.Pos.Line != want || !strings.HasPrefix(e.What, fmt.Sprintf("f%02d.enc.yaml: ", i)) {
				t.Errorf("mistake %d is %v, want it in line %d", i, e, want)
			}
		}
	})
}

// An interruption ends the decryptions that have begun, and lets no other begin.
func TestSOPSFilesInterrupted(t *testing.T) {
	dir := write(t, manyFiles(2*maxDecrypting))
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		fake := &fakeSOPS{decrypt: func(ctx context.Context, _ string) error {
			<-ctx.Done()
			return ctx.Err()
		}}
		_, err := mustLoad(t, dir, Options{SOPS: fake}).Resolve(ctx)
		if !errors.Is(err, context.DeadlineExceeded) || len(fake.opens) != maxDecrypting {
			t.Errorf("%v, %d files were opened; want %d", err, len(fake.opens), maxDecrypting)
		}
	})
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
