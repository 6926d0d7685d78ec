package leaks

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"filippo.io/age"
	"github.com/secretsync/secretsync/internal/cli"
	"github.com/secretsync/secretsync/internal/redact"
	"github.com/secretsync/secretsync/internal/sopsfile/sopstest"
	"github.com/secretsync/secretsync/internal/visible"
	"github.com/secretsync/secretsync/test/program"
)

// leakProject is a folder with a manifest that has canaries in every source, an API that can
// echo what it receives, and a search of everything written.
type leakProject struct {
	t      *testing.T
	base   string // the folder that holds all others
	dir    string
	values []canary
	from   map[string]string // each value's source
	env    map[string]string
	server *echoServer
	// recipient can decrypt the values; node says whether dev can run here.
	recipient string
	node      bool
	watch     *watch
	search    *search
	notified  *atomic.Int32 // messages to webhooks
}

// The user's values in plain text are in this folder. Only this folder is not searched.
const inputs = "inputs"

func newLeakProject(t *testing.T, n int) *leakProject {
	base := t.TempDir()
	p := &leakProject{t: t, base: base, dir: filepath.Join(base, "project"), values: newCanaries(n), from: map[string]string{}, notified: new(atomic.Int32)}
	tmp, home := filepath.Join(base, "tmp"), filepath.Join(base, "home")
	for _, dir := range []string{filepath.Join(p.dir, ".git"), filepath.Join(p.dir, inputs), tmp, home} {
		program.Must(t, os.MkdirAll(dir, 0o755))
	}
	for name, value := range map[string]string{"TMPDIR": tmp, "HOME": home, "XDG_CONFIG_HOME": home, "XDG_CACHE_HOME": home} {
		t.Setenv(name, value)
	}
	t.Chdir(p.dir)
	key := func() string {
		b := make([]byte, 32)
		rand.Read(b)
		return base64.StdEncoding.EncodeToString(b)
	}
	credentials := []canary{newCredential("token", newToken()), newCredential("key", key()), newCredential("next key", key()), newCredential("AWS secret key", newToken()), newCredential("AWS session token", newToken()), newCredential("webhook", newToken())}
	p.search = newSearch(append(credentials, p.values...))
	p.env = map[string]string{
		"CLOUDFLARE_ACCOUNT_ID": program.Account, "CLOUDFLARE_API_TOKEN": credentials[0].value,
		"SECRETSYNC_FINGERPRINT_KEY": credentials[1].value, "NEXT_KEY": credentials[2].value, "GITHUB_STEP_SUMMARY": filepath.Join(p.dir, "summary.md"),
	}
	for name, value := range map[string]string{
		"AWS_REGION": "us-east-1", "AWS_ACCESS_KEY_ID": "leaks", "AWS_SECRET_ACCESS_KEY": credentials[3].value, "AWS_SESSION_TOKEN": credentials[4].value,
		"AWS_CONFIG_FILE": os.DevNull, "AWS_SHARED_CREDENTIALS_FILE": os.DevNull,
	} {
		p.env[name] = value
		t.Setenv(name, value) // AWS's SDK reads the process's environment
	}
	p.webhooks(credentials[5].value)
	p.watchAndServe(tmp, home)
	p.fill()
	return p
}

func (p *leakProject) watchAndServe(dirs ...string) {
	kept := p.dir + ".kept"
	program.Must(p.t, os.Mkdir(kept, 0o755))
	p.watch = newWatch(p.t, kept, append(dirs, p.dir)...)
	p.server = newEchoServer(p.t, p.watch, p.search)
	api := httptest.NewServer(p.server)
	p.t.Cleanup(api.Close)
	p.env["CLOUDFLARE_API_BASE_URL"] = api.URL + "/client/v4"
}

// webhooks makes drift send what it finds to servers that search it: one for each service, and one
// that refuses everything and repeats it.
func (p *leakProject) webhooks(token string) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil || !bytes.Contains(body, []byte("drift")) {
			p.t.Errorf("a message %q: %v", body, err)
		}
		p.search.look("a message to a webhook", body)
		p.notified.Add(1)
		if strings.HasPrefix(r.URL.Path, "/refuse/") {
			http.Error(w, r.URL.String()+" "+string(body), http.StatusNotFound)
		}
	}))
	p.t.Cleanup(server.Close)
	for _, service := range []string{"slack", "discord", "teams", "generic"} {
		p.env["SECRETSYNC_NOTIFY"] += service + "+" + server.URL + "/accept/" + token + " "
	}
	p.env["SECRETSYNC_NOTIFY"] += server.URL + "/refuse/" + token
}

// clone is a project with the same values, its own server, and nothing applied yet. It can
// run in parallel with others.
func (p *leakProject) clone(t *testing.T, name string) *leakProject {
	q := *p
	q.t, q.dir, q.env = t, filepath.Join(p.base, name), maps.Clone(p.env)
	program.Must(t, os.CopyFS(q.dir, os.DirFS(p.dir)))
	_ = os.Remove(filepath.Join(q.dir, "secretsync.lock"))
	q.watchAndServe()
	return &q
}

// fill writes the manifest and its sources, each with its share of the values.
func (p *leakProject) fill() {
	identity, err := age.GenerateX25519Identity()
	program.Must(p.t, err)
	p.t.Setenv("SOPS_AGE_KEY", identity.String()) // SOPS reads its keys from the process's environment
	p.write("inputs/show.sh", `#!/bin/sh
cat "$1"; echo
{ tr '\0' ' ' </proc/$$/cmdline; tr '\0' ' ' </proc/$PPID/cmdline; echo "$CLOUDFLARE_API_TOKEN $SECRETSYNC_FINGERPRINT_KEY $SOPS_AGE_KEY"; } >>argv.txt
`)
	program.Must(p.t, os.Chmod(filepath.Join(inputs, "show.sh"), 0o755))
	secrets, sealed, yaml := map[string]any{"generated": m{"generate": m{"bytes": 32, "encoding": "hex"}}}, m{}, ""
	for i, c := range p.values {
		kinds := []string{"env", "file", "sops JSON", "sops YAML", "inline"}
		kind := kinds[i%len(kinds)]
		if i%50 == 7 {
			kind = "command"
		}
		p.from[c.name] = kind
		switch input := "inputs/" + c.name + ".txt"; kind {
		case "env":
			p.env["LEAK_"+c.name] = c.value
			secrets[c.name] = m{"from": m{"env": "LEAK_" + c.name}}
		case "file":
			p.write(input, c.value)
			secrets[c.name] = m{"from": m{"file": input}}
		case "command":
			p.write(input, c.value)
			secrets[c.name] = m{"from": m{"command": []string{"inputs/show.sh", input}}}
		case "sops JSON":
			sealed[c.name] = c.value
			secrets[c.name] = m{"from": m{"sops": "values.json", "key": "deep." + c.name}}
		case "sops YAML":
			yaml += "  " + c.name + ": " + string(visible.JSON(asJSON(c.value))) + "\n" // YAML does not allow DEL
			secrets[c.name] = m{"from": m{"sops": "values.yaml", "key": "deep." + c.name}}
		case "inline":
			secrets[c.name] = m{"value": c.value}
		}
	}
	p.recipient = identity.Recipient().String()
	p.worker()
	p.seal("values.json", string(asJSON(m{"deep": sealed})), "", p.recipient)
	p.seal("values.yaml", "deep:\n"+yaml, "", p.recipient)
	p.seal("secretsync.json", string(asJSON(m{"version": 1, "workers": []string{inputs + "/app/wrangler.json"}, "stores": m{"prod": m{"secrets": secrets}}})), "^value$", p.recipient)
}

// worker writes a Worker for dev and bindings, and a stub of Miniflare that records its
// arguments and environment.
func (p *leakProject) worker() {
	modules := filepath.Join(inputs, "app", "node_modules", "miniflare")
	program.Must(p.t, os.MkdirAll(modules, 0o755))
	p.write(inputs+"/app/wrangler.json", `{"name": "app"}`)
	p.write(filepath.Join(modules, "index.js"), `
const fs = require("node:fs"), path = require("node:path"), values = {};
fs.appendFileSync(path.join(process.cwd(), "child.txt"), JSON.stringify([process.argv, process.env]) + "\n");
exports.Miniflare = class {
	constructor(o) { this.o = o; fs.mkdirSync(o.defaultPersistRoot, { recursive: true }); }
	async getSecretsStoreSecretAPI(binding) {
		const { store_id, secret_name } = this.o.secretsStoreSecrets[binding], key = store_id + "/" + secret_name;
		return () => ({
			create: async (value) => { values[key] = value; },
			list: async () => Object.keys(values).map((k) => ({ name: k.split("/")[1], metadata: { uuid: k } })),
			delete: async (uuid) => { delete values[uuid]; },
		});
	}
	async getSecretsStoreSecret(binding) {
		const { store_id, secret_name } = this.o.secretsStoreSecrets[binding];
		return { get: async () => values[store_id + "/" + secret_name] };
	}
	async dispose() {}
};
`)
	_, noGit := exec.LookPath("git")
	_, noNode := exec.LookPath("node")
	if p.node = noGit == nil && noNode == nil; p.node {
		p.write(".gitignore", ".wrangler\n")
		program.Must(p.t, exec.CommandContext(p.t.Context(), "git", "init", "-q", p.dir).Run())
	}
}

type m = map[string]any

func asJSON(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return b
}

func (p *leakProject) seal(name, plain, regex, recipient string) {
	p.t.Helper()
	sealed, err := sopstest.Encrypt(name, []byte(plain), regex, recipient)
	program.Must(p.t, err)
	p.write(name, string(sealed))
}

func (p *leakProject) write(name, text string) {
	p.t.Helper()
	program.Must(p.t, os.WriteFile(filepath.Join(p.dir, name), []byte(text), 0o600))
}

// run runs secretsync, and searches all its output and every file that appeared meanwhile.
// Output that the last line of defence had to withhold counts as a leak too.
func (p *leakProject) run(args ...string) int {
	p.t.Helper()
	return p.runIn(p.t.Context(), args...)
}

func (p *leakProject) runIn(ctx context.Context, args ...string) int {
	p.t.Helper()
	p.search.running(args)
	return p.runAs(func(a *cli.App) int { return a.Run(ctx, args) }, args...)
}

func (p *leakProject) runAs(do func(*cli.App) int, args ...string) int {
	p.t.Helper()
	var out, errs bytes.Buffer
	a := program.Program{Env: p.env, Out: &out, Err: &errs}.App()
	start := time.Now()
	code := do(a)
	p.searched(args, out.Bytes(), errs.Bytes())
	if bytes.Contains(errs.Bytes(), []byte("error: unknown flag")) {
		p.t.Errorf("%v: nothing is searched: %s", args, errs.Bytes())
	}
	if n := a.Filter.Hits(); n > 0 {
		p.search.leak("%v: the last resort withheld %d values:\n%s%s", args, n, out.Bytes(), errs.Bytes())
	}
	p.t.Logf("%v: exit code %d, %d and %d bytes, %v", args, code, out.Len(), errs.Len(), time.Since(start).Round(time.Millisecond))
	return code
}

func (p *leakProject) searched(args []string, out, errs []byte) {
	p.search.runs.Add(1)
	p.search.look(fmt.Sprintf("stdout of %v", args), out)
	p.search.look(fmt.Sprintf("stderr of %v", args), errs)
	p.watch.search(p.search)
}

// exec runs the program in its own process.
func (p *leakProject) exec(args ...string) {
	p.t.Helper()
	cmd := exec.CommandContext(p.t.Context(), "secretsync", args...)
	cmd.Env = os.Environ()
	for name, value := range p.env {
		cmd.Env = append(cmd.Env, name+"="+value)
	}
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	_ = cmd.Run() // its output is searched, whatever the exit code
	p.searched(args, out.Bytes(), errs.Bytes())
	if text := out.String() + errs.String(); strings.Contains(text, redact.Withheld) {
		p.search.leak("%v: the last resort withheld a value:\n%s", args, text)
	}
}

// files searches every file that exists now.
func (p *leakProject) files() {
	program.Must(p.t, filepath.WalkDir(p.base, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.Name() == inputs:
			return filepath.SkipDir
		case d.Type().IsRegular():
			data, err := os.ReadFile(path)
			p.search.look("the file "+path, data)
			return err
		}
		return nil
	}))
}
