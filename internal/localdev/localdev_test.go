package localdev_test

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/secretsync/secretsync/internal/localdev"
	"github.com/secretsync/secretsync/internal/secret"
)

// fakeMiniflare stands in for the package: it keeps what it is given in a file, and
// writes down its arguments and environment. The real one is in the e2e tests.
const fakeMiniflare = `
const fs = require("node:fs"), path = require("node:path");
exports.Miniflare = class {
	constructor(o) {
		this.o = o;
		this.file = path.join(o.defaultPersistRoot, "fake.json");
		fs.mkdirSync(o.defaultPersistRoot, { recursive: true });
		fs.writeFileSync(path.join(o.defaultPersistRoot, "seen"), JSON.stringify([process.argv, process.env]));
	}
	async getSecretsStoreSecretAPI(binding) {
		const { store_id, secret_name } = this.o.secretsStoreSecrets[binding];
		const all = () => (fs.existsSync(this.file) ? JSON.parse(fs.readFileSync(this.file)) : {});
		const save = (x) => fs.writeFileSync(this.file, JSON.stringify(x));
		return () => ({
			create: async (value) => save({ ...all(), [store_id + "/" + secret_name]: value }),
			list: async () => Object.keys(all()).filter((k) => k.startsWith(store_id + "/")).map((k) => ({ name: k.split("/")[1], metadata: { uuid: k } })),
			delete: async (uuid) => { const x = all(); delete x[uuid]; save(x); },
		});
	}
	async dispose() {}
};`

func project(t *testing.T) string {
	t.Helper()
	if _, err := exec.LookPath("node"); err != nil {
		t.Skip("Node.js is not installed: internal/localdev is not tested")
	}
	dir := t.TempDir()
	at := filepath.Join(dir, "node_modules", "miniflare")
	if err := errors.Join(os.MkdirAll(at, 0o755), os.WriteFile(filepath.Join(at, "index.js"), []byte(fakeMiniflare), 0o600)); err != nil {
		t.Fatal(err)
	}
	return dir
}

func read(t *testing.T, dir, name string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(dir, localdev.Folder, "state", "v3", name))
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func TestPutAndClear(t *testing.T) {
	dir := project(t)
	t.Setenv("CLOUDFLARE_API_TOKEN", "token-canary")
	t.Setenv("SOPS_AGE_KEY", "age-canary")
	secrets := []localdev.Secret{
		{StoreID: "s1", Name: "a", Value: secret.New([]byte("value-canary \"quoted\"\n"))},
		{StoreID: "s2", Name: "b", Value: secret.New([]byte("😀"))},
	}
	if err := localdev.Put(t.Context(), dir, secrets); err != nil {
		t.Fatal(err)
	}
	if got, want := read(t, dir, "fake.json"), `{"s1/a":"value-canary \"quoted\"\n","s2/b":"😀"}`; got != want {
		t.Errorf("stored %s, want %s", got, want)
	}
	if seen := read(t, dir, "seen"); strings.Contains(seen, "canary") {
		t.Error("a value or a credential is in Node's arguments or environment")
	}
	if known, err := localdev.Recorded(dir); err != nil || len(known) != 2 || known[0].Name != "a" || known[0].Value.IsSet() {
		t.Errorf("recorded %v: %v", known, err)
	}
	gone, err := localdev.Clear(t.Context(), dir, []localdev.Secret{{StoreID: "s1", Name: "a"}, {StoreID: "s1", Name: "never"}}, true)
	if err != nil || len(gone) != 2 || gone[0].Name != "a" || gone[1].Name != "b" { // b by the record
		t.Errorf("cleared %d: %v", len(gone), err)
	}
	if got := read(t, dir, "fake.json"); got != `{}` {
		t.Errorf("left %s", got)
	}
	if known, err := localdev.Recorded(dir); err != nil || len(known) != 0 {
		t.Errorf("recorded %v: %v", known, err)
	}
}

// TestPlantedLinks: plain text goes nowhere else.
func TestPlantedLinks(t *testing.T) {
	for _, link := range []string{".wrangler", ".wrangler/state", ".wrangler/state/v3", ".wrangler/state/v3/secrets-store"} {
		dir, elsewhere := project(t), t.TempDir()
		at := filepath.Join(dir, link)
		if err := errors.Join(os.MkdirAll(filepath.Dir(at), 0o755), os.Symlink(elsewhere, at)); err != nil {
			t.Fatal(err)
		}
		err := localdev.Put(t.Context(), dir, []localdev.Secret{{StoreID: "s", Name: "a", Value: secret.New([]byte("v"))}})
		if files, _ := os.ReadDir(elsewhere); err == nil || len(files) > 0 {
			t.Errorf("%s: %v, %v", link, err, files)
		}
	}
}

func TestNothingInstalled(t *testing.T) {
	project(t) // for the skip
	if err := localdev.Put(t.Context(), t.TempDir(), nil); !errors.Is(err, localdev.ErrNoMiniflare) {
		t.Error(err)
	}
	t.Setenv("PATH", "")
	if err := localdev.Put(t.Context(), t.TempDir(), nil); !errors.Is(err, localdev.ErrNoNode) {
		t.Error(err)
	}
}

func TestMiniflareThatFailsShowsNothingOfIt(t *testing.T) {
	dir := project(t)
	at := filepath.Join(dir, "node_modules", "miniflare", "index.js")
	bad := `exports.Miniflare = class { constructor() { console.error("canary"); throw new Error("canary"); } };`
	if err := os.WriteFile(at, []byte(bad), 0o600); err != nil {
		t.Fatal(err)
	}
	err := localdev.Put(t.Context(), dir, []localdev.Secret{{StoreID: "s", Name: "a", Value: secret.New([]byte("canary"))}})
	if err == nil || strings.Contains(err.Error(), "canary") {
		t.Errorf("error %v", err)
	}
}
