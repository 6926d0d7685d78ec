//go:build e2e

package e2e

import (
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// sessionFiles are two Workers in folders of their own: web gets the requests, and forwards
// requests for /api to api.
var sessionFiles = map[string]string{
	"web/wrangler.jsonc": `{
  "name": "web", "main": "index.js", "compatibility_date": "2026-01-01",
  "services": [{ "binding": "API", "service": "api" }],
  "secrets_store_secrets": [{ "binding": "WEB_KEY", "store_id": "0123456789abcdef0123456789abcdef", "secret_name": "web-key" }]
}`,
	"web/index.js": `export default {
	async fetch(request, env) {
		return new URL(request.url).pathname === "/from-api" ? env.API.fetch(request) : new Response(await env.WEB_KEY.get());
	},
};`,
	"api/wrangler.jsonc": `{
  "name": "api", "main": "index.js", "compatibility_date": "2026-01-01",
  "secrets_store_secrets": [{ "binding": "API_KEY", "store_id": "0123456789abcdef0123456789abcdef", "secret_name": "api-key" }]
}`,
	"api/index.js": `export default { fetch: async (request, env) => new Response(await env.API_KEY.get()) };`,
	"web.txt":      "value of web",
	"api.txt":      "value of api",
	"secretsync.yaml": `version: 1
workers: ["*/wrangler.jsonc"]
stores:
  default_secrets_store:
    secrets:
      web-key: {from: {file: web.txt}}
      api-key: {from: {file: api.txt}}
`,
}

// newSession is a place with those files, and packages that run on the PATH that it returns.
func newSession(t *testing.T, modules string) (p *place, path string) {
	_, path = newest(t)
	p = newPlace(t)
	p.install(modules)
	for _, dir := range []string{"web", "api"} {
		if err := os.Mkdir(filepath.Join(p.dir, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for name, text := range sessionFiles {
		p.write(name, text)
	}
	t.Setenv("PATH", path)
	return p, path
}

// wantValues requests what each Worker reads.
func (p *place) wantValues(url, web, api string) {
	p.Helper()
	for path, want := range map[string]string{"/": web, "/from-api": api} {
		if status, body := p.request(http.MethodGet, url+path, ""); body != want {
			p.Errorf("%s: HTTP %d, %.300q, want %q", path, status, body, want)
		}
	}
}

// TestDevSeveralConfigurations runs two Workers in one wrangler dev, found by a script, and
// then in a folder that only the manifest names.
func TestDevSeveralConfigurations(t *testing.T) {
	modules, _ := newest(t)
	p, path := newSession(t, modules)
	p.write("package.json", `{"scripts": {"dev": "wrangler dev -c web/wrangler.jsonc -c api/wrangler.jsonc"}}`)
	contains(t, p.run("", 0, secretsync, "dev"),
		`api/wrangler.jsonc looks in web/.wrangler/state (script "dev" of package.json)`, `web/wrangler.jsonc looks in web/.wrangler/state`)
	p.wantValues(p.wranglerDev(path, "-c", "web/wrangler.jsonc", "-c", "api/wrangler.jsonc"), "value of web", "value of api")

	p.write("api.txt", "moved")
	p.write("secretsync.yaml", strings.Replace(sessionFiles["secretsync.yaml"], `"*/wrangler.jsonc"`, `{file: "*/wrangler.jsonc", persist_to: local}`, 1))
	contains(t, p.run("", 0, secretsync, "dev"), "api/wrangler.jsonc looks in local (persist_to in secretsync.yaml)")
	p.wantValues(p.wranglerDev(path, "-c", "web/wrangler.jsonc", "-c", "api/wrangler.jsonc", "--persist-to", "local"), "value of web", "moved")
}

// TestDevVite runs both Workers under Vite, with the state in Vite's root and where the
// plugin's persistState says.
func TestDevVite(t *testing.T) {
	p, path := newSession(t, "node_modules")
	config := `import { cloudflare } from "@cloudflare/vite-plugin";
export default { plugins: [cloudflare({ configPath: "web/wrangler.jsonc", inspectorPort: false, auxiliaryWorkers: [{ configPath: "./api/wrangler.jsonc" }] })] };
`
	ready := regexp.MustCompile(`Local:\s+(http://[0-9.a-z]+:[0-9]+)`)
	vite := func() string { return p.serve(path, ready, "vite", "dev", "--host", "127.0.0.1", "--port", "0") }
	p.write("vite.config.mjs", config)
	contains(t, p.run("", 0, secretsync, "dev"), "api/wrangler.jsonc looks in .wrangler/state (vite.config.mjs)")
	url := vite()
	p.wantValues(url, "value of web", "value of api")
	p.write("api.txt", "changed")
	p.run("", 0, secretsync, "dev")
	p.wantValues(url, "value of web", "changed")
	contains(t, p.run("", 0, secretsync, "dev", "--clear"), "api/wrangler.jsonc: removed api-key", "web/wrangler.jsonc: removed web-key")

	p.write("vite.config.mjs", strings.Replace(config, "inspectorPort", `persistState: { path: "kept" }, inspectorPort`, 1))
	contains(t, p.run("", 0, secretsync, "dev"), "api/wrangler.jsonc looks in kept (vite.config.mjs)")
	p.wantValues(vite(), "value of web", "changed")
}

// TestVitest runs the recipe of docs/workers.md. While the tests run, the value is in the
// temporary folder of Vitest's own Miniflare, and afterwards in no file.
func TestVitest(t *testing.T) {
	p, _ := newSession(t, "node_modules")
	for _, dir := range []string{"src", "test", "tmp"} {
		if err := os.Mkdir(filepath.Join(p.dir, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	doc, err := os.ReadFile(filepath.Join("..", "docs", "workers.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, block := range regexp.MustCompile("(?s)```(?:js|ts)(?: title)? (\\S+)\n(.*?)```").FindAllStringSubmatch(string(doc), -1) {
		p.write(block[1], block[2])
	}
	p.write("wrangler.jsonc", `{
  "name": "shop", "main": "src/index.js", "compatibility_date": "2026-01-01",
  "secrets_store_secrets": [{ "binding": "STRIPE_KEY", "store_id": "0123456789abcdef0123456789abcdef", "secret_name": "stripe-key" }]
}`)
	p.write("test/again.test.js", `import { env } from "cloudflare:workers";
import { expect, it } from "vitest";
it("has the value in every file", async () => { await new Promise((r) => setTimeout(r, 500)); expect(await env.STRIPE_KEY.get()).toBe("sk_test_of_vitest"); });
`)
	p.write("stripe.txt", "sk_test_of_vitest")
	p.write("secretsync.yaml", `version: 1
workers: [wrangler.jsonc]
stores: {default_secrets_store: {secrets: {stripe-key: {from: {file: stripe.txt}}}}}
`)
	vitest := filepath.Join(p.dir, "node_modules", ".bin", "vitest")
	stop, seen := make(chan struct{}), make(chan []string, 1)
	go func() {
		var files []string
		for {
			files = append(files, p.having("sk_test_of_vitest")...)
			select {
			case <-stop:
				seen <- files
				return
			case <-time.After(50 * time.Millisecond):
			}
		}
	}()
	out := p.run("", 0, secretsync, "dev", "run", "--", "env", "TMPDIR="+filepath.Join(p.dir, "tmp"), vitest, "run")
	close(stop)
	contains(t, out, "2 passed")
	for _, file := range <-seen {
		if !strings.HasPrefix(file, filepath.Join("tmp", "miniflare-")) {
			t.Errorf("the value was in %s", file)
		}
	}
	if left := p.having("sk_test_of_vitest"); len(left) > 0 {
		t.Errorf("the value is left in %s", left)
	}
	contains(t, p.run("", 1, vitest, "run"), `Secret "stripe-key" not found`) // without the helper
}

// having returns the files in the folder that have a text, except the manifest's source and
// the test itself. node_modules is a link, and not searched.
func (p *place) having(text string) (found []string) {
	_ = filepath.WalkDir(p.dir, func(path string, d os.DirEntry, err error) error {
		name, _ := filepath.Rel(p.dir, path)
		if err == nil && d.Type().IsRegular() && name != "stripe.txt" && name != filepath.Join("test", "again.test.js") {
			if data, err := os.ReadFile(path); err == nil && strings.Contains(string(data), text) {
				found = append(found, name)
			}
		}
		return nil
	})
	return found
}
