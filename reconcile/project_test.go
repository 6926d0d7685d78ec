package reconcile

import (
	"errors"
	"strings"
	"testing"

	"github.com/secretsync/secretsync/manifest"
)

// Open reports all mistakes at once, including those in wrangler configurations. It reads no
// value and sends no request.
func TestOpenReportsAllMistakes(t *testing.T) {
	w := newWorld(t, "workers: [wrangler.json]\nstores: {prod: {secrets: {a: {from: {env: A}, typo: 1}, b: {typo: 2, from: {env: B}}}}}\n")
	w.write("wrangler.json", "{")
	_, err := Open(t.Context(), w.config())
	var mistakes manifest.ErrorList
	if !errors.As(err, &mistakes) || len(mistakes) != 3 {
		t.Fatalf("want three mistakes: %v", err)
	}
	for i, want := range []string{"typo", "typo", "wrangler.json"} {
		if !strings.Contains(mistakes[i].Error(), want) {
			t.Errorf("mistake %d: %v", i, mistakes[i])
		}
	}
	if len(w.api.Tokens) > 0 {
		t.Errorf("an account was asked for: %v", w.api.Tokens)
	}
}

func TestOpenNothing(t *testing.T) {
	w := newWorld(t, two)
	remove(t, w.path("secretsync.yaml"))
	if _, err := Open(t.Context(), w.config()); err == nil || !strings.Contains(err.Error(), "secretsync.yaml") {
		t.Errorf("%v", err)
	}
}

// Commands, plaintext values and files outside the repository are refused unless allowed.
func TestAllow(t *testing.T) {
	for name, tt := range map[string]struct {
		secret string
		allow  Allow
		kind   error
	}{
		"command":  {"{from: {command: [echo]}}", Allow{Commands: true}, manifest.ErrCommand},
		"in clear": {"{value: v}", Allow{PlaintextValues: true}, manifest.ErrPlaintext},
		"outside":  {"{from: {file: /etc/hostname}}", Allow{Outside: true}, manifest.ErrOutside},
	} {
		w := newWorld(t, "stores: {prod: {secrets: {a: "+tt.secret+"}}}\n")
		c := w.config()
		c.Values = true
		_, err := Open(t.Context(), c)
		if err == nil { // some are refused only when the value is read
			err = w.open().Check()
		}
		if !errors.Is(err, tt.kind) {
			t.Errorf("%s: %v", name, err)
		}
		c.Allow = tt.allow
		if _, err := Open(t.Context(), c); err != nil {
			t.Errorf("%s, allowed: %v", name, err)
		}
	}
}

// Remarks about the manifest are events.
func TestManifestWarnings(t *testing.T) {
	w := newWorld(t, "stores: {prod: {secrets: {a: {from: {env: A}, scopes: [satellites]}}}}\n")
	w.open()
	events := w.notified()
	if e, ok := events[0].(ManifestWarning); !ok || len(events) != 1 || !strings.Contains(e.Mistake.Error(), "satellites") {
		t.Errorf("events: %+v", events)
	}
}

func TestProject(t *testing.T) {
	w := newWorld(t, two)
	p := w.open(func(c *Config) { c.Lockfile = w.path("other.lock") })
	equal(t, "paths", []string{p.Lockfile(), p.KeyFile(), p.Manifest().File}, []string{
		w.path("other.lock"), w.path("other.key"), w.path("secretsync.yaml"),
	})
	run, err := p.Lock(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer run.Close()
	if run.Project() != p {
		t.Error("the run is of another project")
	}
	equal(t, "check", p.Check(), error(nil))
}

// A variable overrides the manifest's.
func TestVars(t *testing.T) {
	w := newWorld(t, "vars: {name: one}\nstores: {prod: {name: \"${vars.name}\", secrets: {}}}\n")
	p := w.open(func(c *Config) { c.Vars = map[string]string{"name": "other"} })
	equal(t, "name", p.Manifest().Stores[0].Name, "other")
}
