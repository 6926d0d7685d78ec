package preview_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/secretsync/secretsync/internal/emulator"
)

// fakeMiniflare is a stub of the package: its Workers answer with what they were given. The
// real one is in the e2e tests.
const fakeMiniflare = `
const http = require("node:http");
exports.Miniflare = class {
	constructor({ workers: [worker, ...others] }) {
		const values = (this.values = {});
		this.server = http.createServer(async (req, res) => {
			let body = "";
			for await (const chunk of req) body += chunk;
			res.end(JSON.stringify({
				pid: process.pid, env: process.env, args: process.argv.concat(process.execArgv), values,
				bound: Object.keys(worker.secretsStoreSecrets), unreadable: Object.keys(worker.serviceBindings), others: others.map((o) => o.modules[0].contents),
				texts: worker.bindings, main: worker.modules[0].contents, date: worker.compatibilityDate,
				method: req.method, url: req.url, token: req.headers["cf-workers-preview-token"], body,
			}));
		});
		this.ready = new Promise((resolve) => this.server.listen(0, "127.0.0.1", () => resolve(new URL("http://127.0.0.1:" + this.server.address().port))));
	}
	async getSecretsStoreSecretAPI(binding) { return () => ({ create: async (value) => { this.values[binding] = value; } }); }
	async dispose() { this.server.close(); }
};`

// seen is what a Worker of fakeMiniflare answers.
type seen struct {
	PID               int
	Env               map[string]string
	Args              []string
	Values            map[string]string
	Bound, Unreadable []string
	Others            []string
	Texts             map[string]string
	Main, Date        string
	Method, URL       string
	Token             *string
	Body              string
}

// project is a folder with a package miniflare.
func project(t *testing.T, miniflare string) []string {
	t.Helper()
	if _, err := exec.LookPath("node"); err != nil {
		t.Skip("Node.js is not installed: how previews run in workerd is not tested")
	}
	dir := t.TempDir()
	at := filepath.Join(dir, "node_modules", "miniflare")
	if err := os.MkdirAll(at, 0o700); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"index.js": miniflare, "package.json": `{"version": "4.1.1"}`} {
		if err := os.WriteFile(filepath.Join(at, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return []string{t.TempDir(), dir} // nothing is installed in the first one
}

func (c *client) look(token, path, body string) seen {
	c.Helper()
	status, text := c.visit("shop", token, path, body)
	var s seen
	if err := json.Unmarshal([]byte(text), &s); status != http.StatusOK || err != nil {
		c.Fatalf("%d %s", status, text)
	}
	return s
}

// TestWorkerd: a Worker gets its bindings and requests, and neither credentials nor a place
// that others can read.
func TestWorkerd(t *testing.T) {
	t.Setenv("CLOUDFLARE_API_TOKEN", "canary")
	c := newClient(t, emulator.Options{KeepValues: true, Miniflare: project(t, fakeMiniflare)})
	c.create("one", "kilo\nlima 😀")
	c.create("empty", "")
	c.create("gone", "3")
	c.create("scoped", "4")
	token := c.preview("export default {}", []string{"one", "empty", "gone", "scoped"}, map[string]string{"TEXT": "a text"})
	c.do("DELETE", c.secrets()+"/"+c.ids["gone"], nil, nil, nil)
	c.patch("scoped", `{"scopes":["dex"]}`)

	s := c.look(token, "a/b?c=d", "hello")
	if got := fmt.Sprint(s.Method, s.URL, s.Body, s.Main, s.Date, s.Texts, s.Bound, s.Unreadable); got != "POST/a/b?c=dhelloexport default {}2025-09-01map[TEXT:a text] [one empty gone] [scoped]" {
		t.Errorf("it sees %s", got)
	}
	if len(s.Values) != 2 || s.Values["one"] != "kilo\nlima 😀" || s.Values["empty"] != "" {
		t.Errorf("it reads %q", s.Values)
	}
	if len(s.Others) != 1 || !strings.Contains(s.Others[0], `does not have the scope workers`) {
		t.Errorf("the reason for the other one is in %q", s.Others)
	}
	if s.Token != nil {
		t.Error("it sees the preview's token")
	}
	if strings.Contains(fmt.Sprint(s.Env, s.Args), "canary") || strings.Contains(fmt.Sprint(s.Args), "kilo") {
		t.Error("a value or credential is in the environment or arguments")
	}
	if info, err := os.Stat(s.Env["TMPDIR"]); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("its files are in a folder of mode %v: %v", info.Mode(), err)
	}
	if again := c.look(token, "", ""); again.PID != s.PID {
		t.Error("it was started again without a reason")
	}
}

// TestWorkerdRestarts: a value that changes takes effect, and a Worker that died starts again.
func TestWorkerdRestarts(t *testing.T) {
	c := newClient(t, emulator.Options{KeepValues: true, Miniflare: project(t, fakeMiniflare)})
	c.create("one", "1")
	token := c.preview("export default {}", []string{"one"}, nil)
	first := c.look(token, "", "")
	c.patch("one", `{"value":"2"}`)
	second := c.look(token, "", "")
	if first.PID == second.PID || second.Values["one"] != "2" {
		t.Errorf("after a change it reads %q", second.Values)
	}
	c.gone(first)
	process, err := os.FindProcess(second.PID)
	if err == nil {
		err = process.Kill()
	}
	if err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		status, text := c.visit("shop", token, "", "")
		if status == http.StatusOK && !strings.Contains(text, fmt.Sprintf(`"pid":%d,`, second.PID)) {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("it does not start again: %d %s", status, text)
		}
	}
}

// gone checks that a Worker's process and its files are gone.
func (c *client) gone(s seen) {
	c.Helper()
	deadline := time.Now().Add(10 * time.Second)
	for {
		_, err := os.Stat(s.Env["TMPDIR"])
		if errors.Is(err, fs.ErrNotExist) {
			return
		}
		if time.Now().After(deadline) {
			c.Fatalf("the files of a Worker that ended are still there: %v", err)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// TestWorkerdEnds: no process outlives the emulator or its preview, and not too many run.
func TestWorkerdEnds(t *testing.T) {
	var clock clock
	c := newClient(t, emulator.Options{Now: clock.now, PreviewFor: time.Minute, Miniflare: project(t, fakeMiniflare)})
	var running []seen
	var pids []int
	for range 9 {
		running = append(running, c.look(c.preview("export default {}", nil, nil), "", ""))
		if slices.Contains(pids, running[len(running)-1].PID) {
			t.Error("two previews share a process")
		}
		pids = append(pids, running[len(running)-1].PID)
	}
	c.gone(running[0])
	clock.add(time.Hour)
	last := c.look(c.preview("export default {}", nil, nil), "", "")
	for _, s := range running {
		c.gone(s)
	}
	c.Stop()
	if _, err := os.Stat(last.Env["TMPDIR"]); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the emulator stopped before its Worker: %v", err)
	}
}

// TestWorkerdFails: if a Worker does not start, its requests fail. Without a Miniflare that has a
// Secrets Store, the double answers for the witness.
func TestWorkerdFails(t *testing.T) {
	for _, tt := range []struct{ miniflare, want string }{
		{strings.Replace(fakeMiniflare, "new Promise(", "Promise.reject(", 1), "500"},
		{"process.exit(7)", "500"},
		{"exports.Miniflare = class {};", "match"},
	} {
		c := newClient(t, emulator.Options{KeepValues: true, Miniflare: project(t, tt.miniflare)})
		c.create("one", "1")
		got := ""
		if tt.want == "match" {
			got = c.ask(map[string]string{"one": "1"}, "one")
		} else {
			status, _ := c.visit("shop", c.preview("export default {}", nil, nil), "", "")
			got = fmt.Sprint(status)
		}
		if got != tt.want {
			t.Errorf("%s: %s, want %s", tt.miniflare, got, tt.want)
		}
	}
	c := newClient(t, emulator.Options{KeepValues: true, Miniflare: []string{t.TempDir()}})
	c.create("one", "1")
	if got := c.ask(map[string]string{"one": "2"}, "one"); got != "mismatch" {
		t.Error(got)
	}
	t.Setenv("PATH", "")
	if got := c.ask(map[string]string{"one": "1"}, "one"); got != "match" {
		t.Error(got)
	}
}
