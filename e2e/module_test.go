//go:build e2e

package e2e

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// newModule sets up the Worker in the folder module, with the module that secretsync
// generates for it and the values that dev stores.
func newModule(t *testing.T, modules string) *place {
	p := newPlace(t)
	if err := os.CopyFS(p.dir, os.DirFS("module")); err != nil {
		t.Fatal(err)
	}
	p.install(modules)
	p.write("stripe.txt", "sk_live_example")
	p.write("session.txt", "no name: $")
	contains(t, p.run("", 0, secretsync, "bindings", "generate", "--worker", "wrangler.jsonc", "--format", "module", "-o", "src/secrets-store.ts"),
		"Wrote src/secrets-store.ts: secrets 3.")
	return p
}

// TestModuleTypes compiles code that uses the module, with the types that wrangler generates
// and without Cloudflare's types. Each line that must be refused is marked with
// @ts-expect-error, which is an error itself if the line is accepted.
func TestModuleTypes(t *testing.T) {
	p := newModule(t, "node_modules")
	p.writeTwo()
	bin := filepath.Join(p.dir, "node_modules", ".bin")
	p.run("", 0, filepath.Join(bin, "wrangler"), "types")
	p.run("", 0, filepath.Join(bin, "tsc"), "--project", ".")
	p.run("", 0, filepath.Join(bin, "tsc"), "--project", "tsconfig.dom.json")

	// The suite notices a module without types.
	source, err := os.ReadFile(filepath.Join(p.dir, "src", "secrets-store.ts"))
	if err != nil {
		t.Fatal(err)
	}
	p.write("src/secrets-store.ts", strings.Replace(string(source), "get(name: Name): Promise<string>;", "get(name: string): Promise<string>;", 1))
	contains(t, p.run("", 2, filepath.Join(bin, "tsc"), "--project", "."), "Unused '@ts-expect-error' directive")
}

// TestModuleOfTwoStores reads from two stores that have a secret of the same name. Node.js
// runs the module as it is, without its types.
func TestModuleOfTwoStores(t *testing.T) {
	modules, path := newest(t)
	if modules == "node_modules" {
		t.Skip("no Node.js 22 or later is installed, which can run TypeScript")
	}
	p := newModule(t, modules)
	p.writeTwo()
	node := filepath.Join(filepath.SplitList(path)[0], "node")
	got := p.run("", 0, node, "--experimental-strip-types", "--no-warnings", "two.mjs")
	want := `value of C
value of D
value of A
value of B
The secret "stripe-key" needs its store: secretsStore(env, "main" or "shared")
This Worker has no binding for a secret "__proto__" of the store "main", or not in all environments
This Worker has no binding for a secret "constructor", or not in all environments
`
	if got != want {
		t.Errorf("got:\n%s\nwant:\n%s", got, want)
	}
}

// writeTwo generates the module of a Worker that binds secrets of two stores.
func (p *place) writeTwo() {
	p.Helper()
	contains(p.T, p.run("", 0, secretsync, "bindings", "generate", "-f", "two.yaml", "--worker", "two.jsonc", "--format", "module", "-o", "src/two.ts"),
		"Wrote src/two.ts: secrets 4.")
}

// TestModule runs the Worker under the real wrangler dev: its handlers and classes read
// secrets by their names in the manifest, and no error contains a value.
func TestModule(t *testing.T) {
	eachMiniflare(t, testModule)
}

func testModule(t *testing.T, modules, path string) {
	p := newModule(t, modules)
	contains(t, p.run("", 0, secretsync, "dev"), "stored prod-stripe-secret-key, prod-session-1")
	url := p.wranglerDev(path)
	for route, want := range map[string]string{
		"original": "sk_live_example", "store": "sk_live_example", "import": "sk_live_example", "direct": "no name: $", "others": "true",
		"object": "sk_live_example", "remote": "sk_live_example",
		"workflow": "created", "queue": "sent", "tail": "called",
		"cdn-cgi/handler/scheduled": "ok",
	} {
		if status, got := p.request(http.MethodGet, url+"/"+route, ""); status != http.StatusOK || got != want {
			t.Errorf("%s: HTTP %d %q, want %q", route, status, got, want)
		}
	}
	mail := "From: a@example.com\r\nTo: b@example.com\r\nMessage-ID: <1@example.com>\r\nSubject: x\r\n\r\nx\r\n"
	if status, got := p.request(http.MethodPost, url+"/cdn-cgi/handler/email?from=a@example.com&to=b@example.com", mail); status != http.StatusOK {
		t.Errorf("email: HTTP %d %q", status, got)
	}
	for _, handler := range []string{"scheduled", "queue", "email", "tail", "workflow"} {
		got := ""
		for range 100 { // queues and workflows run later
			if _, got = p.request(http.MethodGet, url+"/seen/"+handler, ""); got != "null" {
				break
			}
			time.Sleep(100 * time.Millisecond)
		}
		if got != "sk_live_example" {
			t.Errorf("the handler %q read %q", handler, got)
		}
	}

	const again = ` After changing bindings, run "secretsync bindings generate --format module", then deploy.`
	for route, want := range map[string]string{
		"absent":    `Secret "prod-absent" not found`, // bound, but without a value: the runtime's own message
		"unbound":   `This Worker has no binding for a secret "not-bound", or not in all environments.` + again,
		"inherited": `This Worker has no binding for a secret "toString", or not in all environments.` + again,
		"value":     `This Worker has no binding for a secret (not a name), or not in all environments.` + again,
		"string":    `The secret "stripe-secret-key" is read from env.PAYMENTS, which is not a Secrets Store binding.` + again,
		"missing":   `The secret "stripe-secret-key" is read from env.PAYMENTS, which is missing.` + again,
		"nostore":   `This Worker has no binding for a secret of a store "other".` + again,
		"taken":     `withSecretsStore: env.PAYMENTS exists already. Choose another name.`,
	} {
		if status, got := p.request(http.MethodGet, url+"/"+route, ""); status != http.StatusInternalServerError || got != want {
			t.Errorf("%s: HTTP %d %q, want %q", route, status, got, want)
		}
	}

	// A Worker in JavaScript imports the same file.
	url = p.wranglerDev(path, "--config", "plain.jsonc")
	if status, got := p.request(http.MethodGet, url, ""); status != http.StatusOK || got != "plain sk_live_example" {
		t.Errorf("plain.js: HTTP %d %q", status, got)
	}
}
