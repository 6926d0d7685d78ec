package preview_test

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/secretsync/secretsync/internal/emulator"
	"github.com/secretsync/secretsync/internal/emulator/faultrule"
	"github.com/secretsync/secretsync/internal/witness"
)

// TestSteps follows docs/cloudflare-api.md §15. A session's token serves with and without the
// exchange.
func TestSteps(t *testing.T) {
	c := newClient(t, emulator.Options{KeepValues: true})
	var subdomain struct{ Subdomain string }
	if c.do("GET", "/workers/subdomain", nil, nil, &subdomain); subdomain.Subdomain != "emulator" {
		t.Errorf("the subdomain is %q", subdomain.Subdomain)
	}
	first, exchangeURL := c.session()
	status, text := c.get(exchangeURL)
	if status != http.StatusOK || !strings.HasPrefix(text, `{"token":"`) {
		t.Fatalf("%d %s", status, text)
	}
	second := strings.Split(text, `"`)[3]
	if status, _ := c.get(exchangeURL); status != http.StatusForbidden {
		t.Errorf("a second exchange: %d", status)
	}
	if status, _ := c.get(strings.ReplaceAll(exchangeURL, first, second)); status != http.StatusForbidden {
		t.Errorf("an exchange of what was exchanged: %d", status)
	}
	for _, token := range []string{first, second} {
		if status, text := c.upload(token, c.worker("export default {}", nil, nil)...); status != http.StatusOK {
			t.Errorf("%d %s", status, text)
		}
	}
	if status, text := c.upload("another", c.worker("export default {}", nil, nil)...); status != http.StatusBadRequest || !strings.Contains(text, "10049") {
		t.Errorf("without a session: %d %s", status, text)
	}
}

// TestEnds: sessions and previews end by themselves.
func TestEnds(t *testing.T) {
	var clock clock
	c := newClient(t, emulator.Options{Now: clock.now, PreviewFor: time.Minute})
	session, exchangeURL := c.session()
	clock.add(59 * time.Second)
	token := c.preview(string(witness.Module()), nil, nil)
	clock.add(2 * time.Second)
	if status, text := c.upload(session, c.worker("export default {}", nil, nil)...); !strings.Contains(text, "10049") {
		t.Errorf("an upload in a session that ended: %d %s", status, text)
	}
	if status, _ := c.get(exchangeURL); status != http.StatusForbidden {
		t.Errorf("the exchange of a session that ended: %d", status)
	}
	for range 2 {
		if status, _ := c.visit("shop", token, "", ""); status != http.StatusForbidden { // the witness answers so
			t.Errorf("a preview that has not ended: %d", status)
		}
		for name, token := range map[string]string{"other": token, "shop": "", "": token} {
			if status, text := c.visit(name, token, "", ""); status != http.StatusBadRequest || !strings.Contains(text, "Invalid Workers Preview configuration") {
				t.Errorf("%q with the token %q: %d %s", name, token, status, text)
			}
		}
	}
	clock.add(time.Minute)
	if status, text := c.visit("shop", token, "", ""); status != http.StatusBadRequest || !strings.Contains(text, "Invalid Workers Preview configuration") {
		t.Errorf("a preview that ended: %d %s", status, text)
	}
}

func TestRefusedUploads(t *testing.T) {
	c := newClient(t, emulator.Options{})
	c.create("one", "1")
	c.create("dex", "1", "dex")
	binding := func(name string) string {
		return fmt.Sprintf(`{"main_module":"index.js","bindings":[{"type":"secrets_store_secret","name":"B","store_id":%q,"secret_name":%q}]}`, c.store, name)
	}
	const module = "application/javascript+module"
	file := part{name: "index.js", file: "index.js", kind: module, content: "export default {}"}
	config := part{name: "wrangler-session-config", content: workersDev}
	metadata := func(text string) part { return part{name: "metadata", content: text} }
	for _, tt := range []struct {
		want  string
		parts []part
	}{
		{"", []part{metadata(binding("one")), config, file}},
		{"", []part{metadata(`{"main_module":"./index.js"}`), config, {name: "o", file: "o.txt", kind: "text/plain"}, file}},
		{"10182 'B' references store '" + c.store + "' and secret 'gone' which were not found", []part{metadata(binding("gone")), config, file}},
		{"10021 Secrets store binding authorization failed", []part{metadata(binding("dex")), config, file}},
		{"10021 the metadata has no main_module", []part{config, file}},
		{"10021 the metadata has no main_module", []part{metadata("{}"), config, file}},
		{"10021 the metadata is not JSON", []part{metadata("{"), config, file}},
		{`10021 the main module \"index.js\" was not uploaded`, []part{metadata(binding("one")), config}},
		{"10021 wrangler-session-config does not ask for workers_dev", []part{metadata(binding("one")), file}},
		{"10021 wrangler-session-config does not ask for workers_dev", []part{metadata(binding("one")), {name: config.name, content: "{}"}, file}},
		{`10021 the part \"index.js\" is not a module`, []part{metadata(binding("one")), config, {name: "index.js", file: "index.js", content: "x"}}},
		{`10021 the part \"index.js\" is not a module`, []part{metadata(binding("one")), config, {name: "index.js", kind: module, content: "x"}}},
		{`bindings of type \"kv_namespace\"`, []part{metadata(`{"main_module":"index.js","bindings":[{"type":"kv_namespace","name":"B"}]}`), config, file}},
		{`two bindings are called \"B\"`, []part{metadata(`{"main_module":"index.js","bindings":[{"type":"secret_text","name":"B"},{"type":"plain_text","name":"B"}]}`), config, file}},
	} {
		session, _ := c.session()
		status, text := c.upload(session, tt.parts...)
		code, message, _ := strings.Cut(tt.want, " ")
		if tt.want == "" && status != http.StatusOK || tt.want != "" && (status == http.StatusOK || !strings.Contains(text, code) || !strings.Contains(text, message)) {
			t.Errorf("%q: %d %s", tt.want, status, text)
		}
	}
	session, _ := c.session()
	for _, kind := range []string{"", "text/plain", "multipart/form-data; boundary=x"} {
		header := http.Header{"Content-Type": {kind}, "Cf-Preview-Upload-Config-Token": {session}}
		if status, text := c.do("POST", "/workers/scripts/shop/edge-preview", header, []byte("--x"), nil); status != http.StatusBadRequest {
			t.Errorf("%q: %d %s", kind, status, text)
		}
	}
}

// TestSubdomain: without a workers.dev subdomain there are no previews.
func TestSubdomain(t *testing.T) {
	c := newClient(t, emulator.Options{NoSubdomain: true})
	for path, want := range map[string]string{"/workers/subdomain": "10007", "/workers/subdomain/edge-preview": "10063"} {
		if status, text := c.do("GET", path, nil, nil, nil); status == http.StatusOK || !strings.Contains(text, want) {
			t.Errorf("%s: %d %s", path, status, text)
		}
	}
}

// TestReads: the witness reads the values that are live, with the reasons why it cannot.
func TestReads(t *testing.T) {
	var clock clock
	c := newClient(t, emulator.Options{KeepValues: true, Now: clock.now, PendingFor: time.Minute})
	for name, value := range map[string]string{"same": "1", "empty": "", "other": "2", "gone": "3"} {
		c.create(name, value)
	}
	clock.add(time.Hour)
	c.create("pending", "4")
	want := map[string]string{"same": "1", "other": "1", "gone": "3", "pending": "4"}
	names := []string{"same", "empty", "other", "gone", "pending"}
	if got := c.ask(want, names...); got != "match, match, mismatch, match, not found" {
		t.Error(got)
	}
	c.patch("same", `{"value":"changed"}`)
	c.patch("other", `{"value":"1"}`)
	c.do("POST", c.secrets()+"/"+c.ids["same"]+"/duplicate", nil, []byte(`{"name":"copy","scopes":["workers"]}`), &struct{}{})
	clock.add(time.Minute)
	want["copy"] = "changed"
	if got := c.ask(want, append(names, "copy")...); got != "mismatch, match, match, match, match, match" {
		t.Error(got)
	}
}

// TestLiveReads: a preview that was uploaded before a change sees it.
func TestLiveReads(t *testing.T) {
	c := newClient(t, emulator.Options{KeepValues: true})
	for _, name := range []string{"changed", "deleted", "scoped", "same"} {
		c.create(name, "1")
	}
	upload := &late{client: c, between: func() {
		c.patch("changed", `{"value":"2"}`)
		c.patch("scoped", `{"scopes":["dex"]}`)
		c.do("DELETE", c.secrets()+"/"+c.ids["deleted"], nil, nil, nil)
	}}
	want := map[string]string{"changed": "1", "deleted": "1", "scoped": "1", "same": "1"}
	if got := c.askBy(upload, want, "changed", "deleted", "scoped", "same"); got != "mismatch, not found, rejected, match" {
		t.Error(got)
	}
}

// TestLag: a Worker's reads lag as others do.
func TestLag(t *testing.T) {
	var clock clock
	c := newClient(t, emulator.Options{KeepValues: true, Now: clock.now, Lag: time.Minute})
	c.create("one", "1")
	clock.add(time.Hour)
	c.patch("one", `{"value":"2"}`)
	for _, want := range []string{"mismatch", "match"} {
		if got := c.ask(map[string]string{"one": "2"}, "one"); got != want {
			t.Errorf("%s, want %s", got, want)
		}
		clock.add(2 * time.Minute)
	}
}

// TestKeptValues: values are kept only with KeepValues, in a file that only this user can
// read, and not beyond its use.
func TestKeptValues(t *testing.T) {
	file := filepath.Join(t.TempDir(), "state.json")
	const value, inFile = "a made-up value", "YSBtYWRlLXVwIHZhbHVl"
	want := map[string]string{"one": value, "two": value}
	plain := func() bool {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(data), value) {
			t.Error("the value is in the file as it is")
		}
		return strings.Contains(string(data), inFile)
	}
	start := func(keep bool) *client { return newClient(t, emulator.Options{StateFile: file, KeepValues: keep}) }

	c := start(false)
	c.create("one", value)
	if got := c.ask(want, "one"); got != "rejected" || plain() {
		t.Errorf("without KeepValues: %s", got)
	}
	c.Stop()
	c = start(true)
	c.create("two", value)
	if got := c.ask(want, "one", "two"); got != "rejected, match" || !plain() {
		t.Errorf("with KeepValues: %s", got)
	}
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the file has mode %v: %v", info.Mode(), err)
	}
	c.Stop()
	c = start(true)
	if got := c.ask(want, "one", "two"); got != "rejected, match" {
		t.Errorf("started again: %s", got)
	}
	c.Stop()
	c = start(false)
	if plain() {
		t.Error("without KeepValues the file still has the value")
	}
	if got := c.ask(want, "one", "two"); got != "rejected, rejected" || !c.HasValue(account, "prod", "two", []byte(value)) {
		t.Errorf("in the end: %s", got)
	}
}

// TestUploadMoves: with DeployMoves a preview moves the modification times of what it binds.
func TestUploadMoves(t *testing.T) {
	for _, moves := range []bool{false, true} {
		c := newClient(t, emulator.Options{DeployMoves: moves})
		c.create("one", "1")
		var before, after struct{ Modified string }
		c.do("GET", c.secrets()+"/"+c.ids["one"], nil, nil, &before)
		c.preview("export default {}", []string{"one"}, nil)
		c.do("GET", c.secrets()+"/"+c.ids["one"], nil, nil, &after)
		if moved := before != after; moved != moves {
			t.Errorf("DeployMoves %v: moved %v", moves, moved)
		}
	}
}

// TestPreviewFaults: every step can fail.
func TestPreviewFaults(t *testing.T) {
	for rule, step := range map[string]func(c *client) int{
		"GET /subdomain 403": func(c *client) int { s, _ := c.do("GET", "/workers/subdomain", nil, nil, nil); return s },
		"GET /edge-preview 500": func(c *client) int {
			s, _ := c.do("GET", "/workers/subdomain/edge-preview", nil, nil, nil)
			return s
		},
		"GET /__exchange/* 502": func(c *client) int { _, at := c.session(); s, _ := c.get(at); return s },
		"POST /edge-preview 503": func(c *client) int {
			session, _ := c.session()
			s, _ := c.upload(session, c.worker("export default {}", nil, nil)...)
			return s
		},
		"POST /__preview/*/ 502": func(c *client) int {
			s, _ := c.visit("shop", c.preview(string(witness.Module()), nil, nil), "", "")
			return s
		},
	} {
		fault, err := faultrule.Parse(rule)
		if err != nil {
			t.Fatal(err)
		}
		status := step(newClient(t, emulator.Options{Fault: fault}))
		if want := rule[strings.LastIndex(rule, " ")+1:]; fmt.Sprint(status) != want {
			t.Errorf("%s: %d", rule, status)
		}
	}
}

// TestOtherWorker: without workerd, nothing but the witness is run.
func TestOtherWorker(t *testing.T) {
	c := newClient(t, emulator.Options{})
	if status, text := c.visit("shop", c.preview("export default {}", nil, nil), "", ""); status != http.StatusNotImplemented || !strings.Contains(text, "Node.js") {
		t.Errorf("%d %s", status, text)
	}
}
