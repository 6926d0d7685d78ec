package main

import (
	"bytes"
	"crypto/md5"
	"crypto/rand"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"filippo.io/age"
	"github.com/secretsync/secretsync/internal/emulator"
	"github.com/secretsync/secretsync/internal/sopsfile/sopstest"
)

// canary is a random value that is looked for in everything that is written.
type canary struct {
	name  string // the source it comes from
	value string
}

// forms are the ways in which a value could be written down.
func (c canary) forms() map[string]string {
	v := []byte(c.value)
	sum1, sum256, sum5 := sha1.Sum(v), sha256.Sum256(v), md5.Sum(v)
	forms := map[string]string{
		"raw": c.value, "hex": hex.EncodeToString(v), "HEX": strings.ToUpper(hex.EncodeToString(v)),
		"URL-encoded": url.QueryEscape(c.value), "quoted": strings.Trim(fmt.Sprintf("%q", c.value), `"`),
		"decimal bytes": strings.Trim(fmt.Sprint(v), "[]"),
	}
	for name, sum := range map[string][]byte{"SHA-1": sum1[:], "SHA-256": sum256[:], "MD5": sum5[:]} {
		forms[name] = hex.EncodeToString(sum)
		forms[name+" in base64"] = strings.TrimRight(base64.StdEncoding.EncodeToString(sum), "=")
	}
	for shift := range 3 { // as part of a longer text, at every alignment
		for name, enc := range map[string]*base64.Encoding{"base64": base64.RawStdEncoding, "base64url": base64.RawURLEncoding} {
			text := enc.EncodeToString(append(make([]byte, shift), v...))
			forms[fmt.Sprintf("%s shifted by %d", name, shift)] = text[4 : len(text)-4]
		}
	}
	for i := 0; i+12 <= len(c.value); i++ { // a piece of it
		forms[fmt.Sprintf("characters %d to %d", i, i+12)] = c.value[i : i+12]
	}
	return forms
}

// haystack is everything that was written.
type haystack map[string][]byte

func (h haystack) search(canaries []canary) (leaks []string) {
	for _, c := range canaries {
		for form, text := range c.forms() {
			for place, content := range h {
				if bytes.Contains(content, []byte(text)) {
					leaks = append(leaks, fmt.Sprintf("%s holds the value of the %s source (%s)", place, c.name, form))
				}
			}
		}
	}
	return leaks
}

func randomValue() string {
	b := make([]byte, 24)
	rand.Read(b)
	return "can/ary+" + base64.StdEncoding.EncodeToString(b) + " ü\"\n"
}

// project is a folder with a manifest that has a canary in every source.
type project struct {
	dir      string
	canaries []canary
	env      map[string]string
	inputs   []string // files that hold values in clear, which the user made
}

func newProject(t *testing.T) *project {
	p := &project{dir: t.TempDir(), env: map[string]string{}}
	for _, name := range []string{"env", "file", "sops", "command", "inline"} {
		p.canaries = append(p.canaries, canary{name, randomValue()})
	}
	values := map[string]string{}
	for _, c := range p.canaries {
		values[c.name] = c.value
	}
	identity, err := age.GenerateX25519Identity()
	must(t, err)
	must(t, os.Mkdir(filepath.Join(p.dir, ".git"), 0o755))
	p.env["KEY"] = values["env"]
	t.Setenv("SOPS_AGE_KEY", identity.String()) // SOPS reads its keys from the process's environment
	p.write(t, "value.txt", values["file"])
	p.write(t, "command.txt", values["command"]+"\n")
	p.inputs = []string{"value.txt", "command.txt"}
	p.seal(t, identity, "values.json", fmt.Sprintf(`{"deep": {"key": %q}}`, values["sops"]), "")
	p.seal(t, identity, "secretsync.json", fmt.Sprintf(`{"version": 1, "stores": {"prod": {"secrets": {
		"env": {"from": {"env": "KEY"}}, "file": {"from": {"file": "value.txt"}},
		"sops": {"from": {"sops": "values.json", "key": "deep.key"}},
		"command": {"from": {"command": ["cat", "command.txt"]}}, "inline": {"value": %q}}}}}`, values["inline"]), "^value$")
	return p
}

func (p *project) seal(t *testing.T, identity *age.X25519Identity, name, plain, regex string) {
	t.Helper()
	sealed, err := sopstest.Encrypt(name, []byte(plain), regex, identity.Recipient().String())
	must(t, err)
	p.write(t, name, string(sealed))
}

func (p *project) write(t *testing.T, name, text string) {
	t.Helper()
	must(t, os.WriteFile(filepath.Join(p.dir, name), []byte(text), 0o600))
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// run runs secretsync and keeps all it printed.
func (p *project) run(t *testing.T, seen haystack, wantCode int, args ...string) {
	t.Helper()
	var out, errs bytes.Buffer
	t.Chdir(p.dir)
	args = append([]string{"--log-level", "debug", "--allow-commands"}, args...)
	code := run(t.Context(), args, streams{strings.NewReader(""), &out, &errs}, func(name string) (string, bool) {
		v, ok := p.env[name]
		return v, ok
	})
	if code != wantCode {
		t.Fatalf("%v: exit code %d, want %d\n%s%s", args, code, wantCode, out.Bytes(), errs.Bytes())
	}
	key := fmt.Sprintf("run %d %v", len(seen), args)
	seen[key+" stdout"], seen[key+" stderr"] = out.Bytes(), errs.Bytes()
}

// files adds every file below dirs, but those that the user made.
func (p *project) files(t *testing.T, seen haystack, dirs ...string) {
	t.Helper()
	for _, dir := range dirs {
		must(t, filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			for _, input := range p.inputs {
				if path == filepath.Join(p.dir, input) {
					return nil
				}
			}
			seen[path], err = os.ReadFile(path)
			return err
		}))
	}
}

// TestCanaries puts a random value into every source and looks for it, in every
// form, in all that plan, apply, drift and their errors print and write.
func TestCanaries(t *testing.T) {
	p := newProject(t)
	tmp := t.TempDir()
	t.Setenv("TMPDIR", tmp)
	failing := false
	e, err := emulator.Listen(t.Context(), "127.0.0.1:0", emulator.Options{
		StateFile: filepath.Join(p.dir, "emulator.json"),
		Fault: func(r *http.Request) emulator.Fault {
			if failing && r.Method != http.MethodGet {
				return emulator.Fault{Kind: emulator.FaultForbidden}
			}
			return emulator.Fault{}
		},
	})
	must(t, err)
	t.Cleanup(e.Stop)
	p.env["CLOUDFLARE_API_BASE_URL"], p.env["CLOUDFLARE_API_TOKEN"] = e.BaseURL(), "canary-token-of-the-test"
	p.env["CLOUDFLARE_ACCOUNT_ID"] = testAccount
	p.canaries = append(p.canaries, canary{"token", p.env["CLOUDFLARE_API_TOKEN"]})

	seen := haystack{}
	p.run(t, seen, exitOK, "validate")
	p.run(t, seen, exitChanges, "plan", "--detailed-exitcode")
	failing = true
	p.run(t, seen, exitIncomplete, "apply", "--auto-approve")
	failing = false
	p.run(t, seen, exitOK, "apply", "--auto-approve")
	for _, c := range p.canaries[:5] {
		if !e.HasValue(testAccount, "prod", c.name, []byte(c.value)) {
			t.Errorf("the value of the %s source did not arrive byte for byte", c.name)
		}
	}
	p.run(t, seen, exitOK, "drift")
	p.run(t, seen, exitOK, "plan", "--detailed-exitcode")

	// Mistakes of every source.
	old := p.env["KEY"]
	p.env["KEY"] = old + "\xff"
	p.run(t, seen, exitError, "plan")
	p.env["KEY"] = old + strings.Repeat("x", 65536)
	p.run(t, seen, exitError, "plan")
	p.env["KEY"] = old
	plainManifest := filepath.Join(p.dir, "plain.yaml")
	p.write(t, "plain.yaml", "version: 1\nstores: {prod: {secrets: {a: {value: "+fmt.Sprintf("%q", old)+"}}}}\n")
	p.inputs = append(p.inputs, filepath.Base(plainManifest))
	p.run(t, seen, exitError, "plan", "-f", "plain.yaml")
	p.write(t, "plain.yaml", "version: 1\nstores: {prod: {secrets: {a: {value: 'can/ary+ not closed}}}\n"+old)
	p.run(t, seen, exitError, "validate", "-f", "plain.yaml")

	p.files(t, seen, p.dir, tmp)
	for _, leak := range seen.search(p.canaries) {
		t.Error(leak)
	}
	if seen[filepath.Join(p.dir, "secretsync.lock")] == nil {
		t.Error("there is no lockfile to search")
	}
}

// TestTheCanarySearchFinds shows that the search above would see a leak.
func TestTheCanarySearchFinds(t *testing.T) {
	c := canary{"test", randomValue()}
	sum := sha256.Sum256([]byte(c.value))
	for name, leak := range map[string]string{
		"raw":     "error: cannot use " + c.value,
		"a piece": "one_" + c.value[10:30],
		"base64":  base64.StdEncoding.EncodeToString([]byte("user:" + c.value)),
		"JSON":    fmt.Sprintf("%q", c.value),
		"hex":     fmt.Sprintf("% x", sum) + hex.EncodeToString([]byte("k="+c.value)),
		"digest":  fmt.Sprintf("%X", sum) + hex.EncodeToString(sum[:]),
		"query":   url.Values{"v": {c.value}}.Encode(),
		"bytes":   fmt.Sprint([]byte(c.value)),
	} {
		if len((haystack{"x": []byte(leak)}).search([]canary{c})) == 0 {
			t.Errorf("a leak as %s is not found", name)
		}
	}
	if leaks := (haystack{"x": []byte("nothing of it")}).search([]canary{c}); len(leaks) > 0 {
		t.Errorf("found where there is nothing: %v", leaks)
	}
}

func newToken() string { return "tok_" + rand.Text() }
