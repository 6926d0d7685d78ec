package localdev_test

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/secretsync/secretsync/internal/localdev"
	"github.com/secretsync/secretsync/internal/secret"
)

// fakeMiniflare is a stub of the package: it stores its values in a file, and records its
// arguments and environment. Like the real package it cannot run twice at the same time on
// one folder. The e2e tests use the real one.
const fakeMiniflare = `
const fs = require("node:fs"), path = require("node:path");
exports.Miniflare = class {
	constructor(o) {
		this.root = o.defaultPersistRoot;
		this.secrets = o.secretsStoreSecrets;
		this.file = path.join(this.root, "fake.json");
		fs.mkdirSync(this.root, { recursive: true });
		fs.mkdirSync(path.join(this.root, "busy"));
		fs.writeFileSync(path.join(this.root, "seen"), JSON.stringify([process.argv, process.env]));
	}
	all() { return fs.existsSync(this.file) ? JSON.parse(fs.readFileSync(this.file)) : {}; }
	async getSecretsStoreSecretAPI(binding) {
		const { store_id, secret_name } = this.secrets[binding];
		const all = () => this.all();
		const save = (x) => fs.writeFileSync(this.file, JSON.stringify(x));
		return () => ({
			create: async (value) => save({ ...all(), [store_id + "/" + secret_name]: value }),
			list: async () => Object.keys(all()).filter((k) => k.startsWith(store_id + "/")).map((k) => ({ name: k.split("/")[1], metadata: { uuid: k } })),
			delete: async (uuid) => { const x = all(); delete x[uuid]; save(x); },
		});
	}
	async getSecretsStoreSecret(binding) {
		const { store_id, secret_name } = this.secrets[binding];
		return { get: async () => this.all()[store_id + "/" + secret_name] };
	}
	async dispose() { fs.rmdirSync(path.join(this.root, "busy")); }
};`

// fakeMiniflare5 differs as Miniflare 5 does: it needs converted options, and loses values
// without its own option for the folder.
const fakeMiniflare5 = fakeMiniflare + `
const Base = exports.Miniflare;
exports.convertV4MiniflareOptions = (o) => ({ converted: true, resourcePersistencePath: o.resourcePersistencePath, s: o.secretsStoreSecrets });
exports.Miniflare = class extends Base {
	constructor(o) {
		if (!o.converted) throw new TypeError("Unrecognized keys: " + Object.keys(o));
		super({ defaultPersistRoot: o.resourcePersistencePath ?? fs.mkdtempSync("forgotten"), secretsStoreSecrets: o.s });
	}
};`

// project is a folder with a package miniflare.
func project(t *testing.T, miniflare string) localdev.Place {
	t.Helper()
	if _, err := exec.LookPath("node"); err != nil {
		t.Skip("Node.js is not installed: internal/localdev is not tested")
	}
	dir := t.TempDir()
	install(t, filepath.Join(dir, "node_modules", "miniflare"), "3.2.1", miniflare)
	return localdev.Place{Dir: dir}
}

func install(t *testing.T, at, version, code string) {
	t.Helper()
	write(t, filepath.Join(at, "index.js"), code)
	write(t, filepath.Join(at, "package.json"), `{"version": "`+version+`"}`)
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(text), 0o600)); err != nil {
		t.Fatal(err)
	}
}

func read(t *testing.T, p localdev.Place, name string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(filepath.Dir(p.Values()), name))
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// one is a secret "a" with this value.
func one(value string) []localdev.Secret {
	return []localdev.Secret{{StoreID: "s", Name: "a", Value: secret.New([]byte(value))}}
}

func TestPutAndClear(t *testing.T) {
	for name, miniflare := range map[string]string{
		"4.2025": strings.Replace(fakeMiniflare, "o.defaultPersistRoot", "path.dirname(o.secretsStorePersist)", 1), // wrangler 4.11
		"4":      fakeMiniflare,
		"5alpha": strings.Replace(fakeMiniflare, "o.defaultPersistRoot", "o.resourcePersistencePath", 1), // wrangler 4.117
		"5":      fakeMiniflare5,
	} {
		t.Run(name, func(t *testing.T) { putAndClear(t, project(t, miniflare)) })
	}
	t.Run("elsewhere", func(t *testing.T) {
		p := project(t, fakeMiniflare5)
		p.PersistTo = filepath.Join(t.TempDir(), "state")
		putAndClear(t, p)
		if _, err := os.Stat(filepath.Join(p.Dir, localdev.Folder)); err == nil {
			t.Error("something is in", localdev.Folder)
		}
	})
}

func putAndClear(t *testing.T, p localdev.Place) {
	t.Setenv("CLOUDFLARE_API_TOKEN", "token-canary")
	t.Setenv("SOPS_AGE_KEY", "age-canary")
	secrets := []localdev.Secret{
		{StoreID: "s1", Name: "a", Value: secret.New([]byte("value-canary \"quoted\"\n"))},
		{StoreID: "s2", Name: "b", Value: secret.New([]byte("😀"))},
	}
	if err := localdev.Put(t.Context(), p, secrets); err != nil {
		t.Fatal(err)
	}
	if got, want := read(t, p, "fake.json"), `{"s1/a":"value-canary \"quoted\"\n","s2/b":"😀"}`; got != want {
		t.Errorf("stored %s, want %s", got, want)
	}
	if seen := read(t, p, "seen"); strings.Contains(seen, "canary") {
		t.Error("a value or a credential is in Node's arguments or environment")
	}
	if known, err := localdev.Recorded(p); err != nil || len(known) != 2 || known[0].Name != "a" || known[0].Value.IsSet() {
		t.Errorf("recorded %v: %v", known, err)
	}
	gone, err := localdev.Clear(t.Context(), p, []localdev.Secret{{StoreID: "s1", Name: "a"}, {StoreID: "s1", Name: "never"}}, nil, true)
	if err != nil || len(gone) != 2 || gone[0].Name != "a" || gone[1].Name != "b" { // b by the record
		t.Errorf("cleared %d: %v", len(gone), err)
	}
	if got := read(t, p, "fake.json"); got != `{}` {
		t.Errorf("left %s", got)
	}
	if known, err := localdev.Recorded(p); err != nil || len(known) != 0 {
		t.Errorf("recorded %v: %v", known, err)
	}
}

// TestPlantedLinks: plain text is written nowhere else.
func TestPlantedLinks(t *testing.T) {
	values := ".wrangler/state/v3/secrets-store"
	for _, link := range []string{
		".wrangler", ".wrangler/state", ".wrangler/state/v3", values,
		values + "/0123", values + "/0123/blobs", values + "/miniflare-secrets-store-KVNamespaceObject",
	} {
		t.Run(link, func(t *testing.T) { planted(t, project(t, fakeMiniflare), link) })
	}
	t.Run("--persist-to", func(t *testing.T) {
		p := project(t, fakeMiniflare)
		t.Chdir(p.Dir)
		p.PersistTo = filepath.Join("build", "state")
		planted(t, p, "build")
	})
}

func planted(t *testing.T, p localdev.Place, link string) {
	elsewhere := t.TempDir()
	at := filepath.Join(p.Dir, link)
	if err := errors.Join(os.MkdirAll(filepath.Dir(at), 0o755), os.Symlink(elsewhere, at)); err != nil {
		t.Fatal(err)
	}
	err := localdev.Put(t.Context(), p, one("v"))
	if files, _ := os.ReadDir(elsewhere); !errors.Is(err, localdev.ErrLink) || len(files) > 0 {
		t.Errorf("%v, %v", err, files)
	}
}

func TestNothingInstalled(t *testing.T) {
	project(t, "") // skips the test if Node.js is missing
	p := localdev.Place{Dir: t.TempDir()}
	if err := localdev.Put(t.Context(), p, one("v")); !errors.Is(err, localdev.ErrNoMiniflare) {
		t.Error(err)
	}
	wantNoRecord(t, p)
	t.Setenv("PATH", "")
	if err := localdev.Put(t.Context(), p, one("v")); !errors.Is(err, localdev.ErrNoNode) {
		t.Error(err)
	}
	wantNoRecord(t, p)
	if gone, err := localdev.Clear(t.Context(), p, one(""), nil, true); err != nil || len(gone) > 0 { // nothing was stored
		t.Errorf("cleared %d: %v", len(gone), err)
	}
}

func wantNoRecord(t *testing.T, p localdev.Place) {
	t.Helper()
	if known, err := localdev.Recorded(p); err != nil || len(known) > 0 {
		t.Errorf("recorded %d: %v", len(known), err)
	}
}

func TestTooOld(t *testing.T) {
	p := project(t, `exports.Miniflare = class {};`)
	err := localdev.Put(t.Context(), p, one("v"))
	if !errors.Is(err, localdev.ErrUnsupported) || !strings.Contains(err.Error(), "miniflare 3.2.1") {
		t.Error(err)
	}
	wantNoRecord(t, p)
}

// TestWranglersOwnMiniflare: wrangler dev does not use another version beside wrangler.
func TestWranglersOwnMiniflare(t *testing.T) {
	p := project(t, `throw new Error("the wrong one")`)
	at := filepath.Join(p.Dir, "node_modules", "wrangler")
	install(t, at, "4.0.0", "")
	install(t, filepath.Join(at, "node_modules", "miniflare"), "4.1.1", fakeMiniflare)
	if err := localdev.Put(t.Context(), p, one("v")); err != nil {
		t.Error(err)
	}
}

// TestValuesThatAreNotKept: a value that the next Miniflare does not find is an error.
func TestValuesThatAreNotKept(t *testing.T) {
	forgets := strings.Replace(fakeMiniflare, "async dispose() {", "async dispose() { fs.rmSync(this.file, { force: true });", 1)
	p := project(t, strings.Replace(forgets, "get: async () => ", "get: async () => { throw new Error('Secret not found') }, no: async () => ", 1))
	err := localdev.Put(t.Context(), p, one("canary"))
	if !errors.Is(err, localdev.ErrLost) || !strings.HasSuffix(err.Error(), ": a") || strings.Contains(err.Error(), "canary") {
		t.Error(err)
	}
}

// TestCause: errors give the reason unless it could contain a value.
func TestCause(t *testing.T) {
	starting := `exports.Miniflare = class { constructor() { console.error("canary"); throw Object.assign(new TypeError("%"), { code: "ERR_X" }); } getSecretsStoreSecretAPI() {} getSecretsStoreSecret() {} };`
	creating := strings.Replace(fakeMiniflare, "create: async (value) => ", "create: async (value) => { throw Object.assign(new RangeError('got ' + value.slice(0, 3)), { code: 'ERR_Y' }); }, no: async (value) => ", 1)
	for _, test := range []struct{ name, miniflare, want string }{
		{"starting", strings.Replace(starting, "%", `Unrecognized\n keys`, 1), ": TypeError: ERR_X: Unrecognized keys"},
		{"a value", strings.Replace(starting, "%", "it is canary", 1), ""},
		{"part of a value", creating, ": RangeError: ERR_Y"},
		{"reading", strings.Replace(fakeMiniflare, "get: async () => ", "get: async () => { throw new TypeError('can') }, no: async () => ", 1), ": TypeError"},
		{"loading", `throw new SyntaxError("too new")`, ": SyntaxError: too new"},
		{"dying", `process.exit(7)`, "Node.js ended without an answer: exit status 7"},
	} {
		t.Run(test.name, func(t *testing.T) {
			err := localdev.Put(t.Context(), project(t, test.miniflare), one("canary"))
			if !errors.Is(err, localdev.ErrFailed) || !strings.HasSuffix(err.Error(), test.want) {
				t.Errorf("%v, want %q", err, test.want)
			}
			if strings.Contains(err.Error(), "canary") || strings.Contains(err.Error(), "got") {
				t.Errorf("shows a value: %v", err)
			}
		})
	}
}

// TestNoise: other output does not hide the answer.
func TestNoise(t *testing.T) {
	p := project(t, fakeMiniflare)
	write(t, filepath.Join(p.Dir, "noise.cjs"), `console.log("noise"); process.on("exit", () => process.stdout.write("more"));`)
	t.Setenv("NODE_OPTIONS", "--require ./noise.cjs")
	if err := localdev.Put(t.Context(), p, one("v")); err != nil {
		t.Error(err)
	}
}

func TestDamagedRecord(t *testing.T) {
	p := project(t, fakeMiniflare)
	write(t, p.Record(), "{")
	if err := localdev.Put(t.Context(), p, one("v")); !errors.Is(err, localdev.ErrDamaged) || !strings.Contains(err.Error(), p.Record()) {
		t.Error(err)
	}
	if _, err := localdev.Clear(t.Context(), p, nil, nil, true); !errors.Is(err, localdev.ErrDamaged) {
		t.Error(err)
	}
}

// TestInterrupted: Miniflare has time to finish what it started.
func TestInterrupted(t *testing.T) {
	p := project(t, strings.Replace(fakeMiniflare, "create: async (value) => ", "create: () => new Promise((r) => setTimeout(r, 60000)), no: async (value) => ", 1))
	ctx, cancel := context.WithCancel(t.Context())
	busy := filepath.Join(filepath.Dir(p.Values()), "busy")
	go func() {
		defer cancel()
		for range 500 {
			if _, err := os.Stat(filepath.Join(filepath.Dir(busy), "seen")); err == nil {
				break
			}
			time.Sleep(20 * time.Millisecond)
		}
	}()
	if err := localdev.Put(ctx, p, one("v")); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if _, err := os.Stat(busy); err == nil {
		t.Error("Miniflare was not ended")
	}
}

// TestSeveralAtOnce: they run one after the other.
func TestSeveralAtOnce(t *testing.T) {
	p := project(t, fakeMiniflare)
	var group sync.WaitGroup
	for _, name := range []string{"a", "b", "c", "d"} {
		group.Go(func() {
			if err := localdev.Put(t.Context(), p, []localdev.Secret{{StoreID: "s", Name: name, Value: secret.New([]byte(name))}}); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	var stored map[string]string
	if err := json.Unmarshal([]byte(read(t, p, "fake.json")), &stored); err != nil || len(stored) != 4 {
		t.Errorf("stored %v: %v", stored, err)
	}
	if known, err := localdev.Recorded(p); err != nil || len(known) != 4 {
		t.Errorf("recorded %d: %v", len(known), err)
	}
}
