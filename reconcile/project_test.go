package reconcile

import (
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/secretsync/secretsync/lockfile"
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
			err = w.open().Check(t.Context())
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
	equal(t, "check", p.Check(t.Context()), error(nil))
}

// A variable overrides the manifest's.
func TestVars(t *testing.T) {
	w := newWorld(t, "vars: {name: one}\nstores: {prod: {name: \"${vars.name}\", secrets: {}}}\n")
	p := w.open(func(c *Config) { c.Vars = map[string]string{"name": "other"} })
	equal(t, "name", p.Manifest().Stores[0].Name, "other")
}

// A program without a guard and a listener can use it too.
func TestWithoutGuardAndNotify(t *testing.T) {
	w := newWorld(t, two)
	w.env["A"], w.env["B"] = "va", "vb"
	run := w.lock(func(c *Config) { c.Guard, c.Notify = nil, nil })
	report, err := run.Apply(t.Context(), planned(t, run))
	if err != nil || !report.Complete() {
		t.Errorf("%v, %v", report, err)
	}
}

func TestConfigDefaults(t *testing.T) {
	c := Config{Manifest: "x/secretsync.yaml"}.withDefaults()
	equal(t, "defaults", []any{c.Lockfile, c.Parallelism, c.RequestTimeout}, []any{"x/secretsync.lock", 50, 30 * time.Second})
	t.Setenv("SECRETSYNC_TEST", "set")
	if v, ok := c.LookupEnv("SECRETSYNC_TEST"); v != "set" || !ok {
		t.Errorf("LookupEnv: %q, %v", v, ok)
	}
	c.Notify(KeyNotPinned{}) // does not panic
	set := Config{Manifest: "m", Lockfile: "l", Parallelism: 1, RequestTimeout: time.Second}.withDefaults()
	equal(t, "what was set", []any{set.Lockfile, set.Parallelism, set.RequestTimeout}, []any{"l", 1, time.Second})
}

// Without a SOPS implementation, SOPS files are mistakes and nothing is sealed.
func TestWithoutSOPS(t *testing.T) {
	w := newWorld(t, "stores: {prod: {secrets: {a: {from: {sops: values.yaml, key: a}}}}}\n")
	w.write("values.yaml", "a: va n1\n")
	p := w.open(func(c *Config) { c.SOPS = nil })
	_, err := p.Plan(t.Context(), Mode{})
	var mistakes manifest.ErrorList
	if !errors.As(err, &mistakes) || !strings.Contains(err.Error(), "this program reads no SOPS files") {
		t.Errorf("a value: %v", err)
	}
	delete(w.env, "SECRETSYNC_FINGERPRINT_KEY")
	status := FindKey(t.Context(), Config{Manifest: "m", LookupEnv: w.config().LookupEnv}, lockfile.Key{ID: testKey.ID(), Sealed: []byte("{}")})
	if status.Err == nil || !strings.Contains(status.Err.Error(), "this program opens no sealed keys") {
		t.Errorf("a sealed key: %v", status.Err)
	}
	run := w.lock(func(c *Config) { c.SOPS = nil })
	created, err := run.CreateKey(t.Context())
	if err != nil || created.Status.From != w.path("secretsync.key") {
		t.Errorf("a new key: %+v, %v", created, err)
	}
}

// TestInputsThatChangeAfterThePlan: the approved plan was based on the earlier files, so nothing is
// sent if one of them has changed.
func TestInputsThatChangeAfterThePlan(t *testing.T) {
	const manifest = "stores: {prod: {secrets: {a: {from: {env: A}}}}}\n"
	for _, tt := range []struct {
		name   string
		keyed  bool // the lockfile names a fingerprint key already
		change func(w *world)
		want   string // the file that the error names; empty if the apply goes on
	}{
		{"nothing", true, func(*world) {}, ""},
		{"the manifest", true, func(w *world) { w.manifest(manifest + "# edited\n") }, "secretsync.yaml"},
		{"recipients for a new key", false, func(w *world) { w.write(".sops.yaml", "creation_rules: []\n") }, ".sops.yaml"},
		{"recipients for a new key, in the folder above", false, func(w *world) { w.write("../.sops.yaml", "creation_rules: []\n") }, ".sops.yaml"},
		{"recipients, where there is a key", true, func(w *world) { w.write(".sops.yaml", "creation_rules: []\n") }, ""},
		{"the key's file", true, func(w *world) { remove(w.t.(*testing.T), w.path("secretsync.key")) }, "secretsync.key"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := withoutKey(t, manifest)
			w.env["A"] = "va"
			if tt.keyed {
				w.applied()
				w.env["A"] = "vb"
			}
			run := w.lock()
			p := planned(t, run)
			w.live().Transcript()
			tt.change(w)
			_, err := run.Apply(t.Context(), p)
			sent := strings.Join(w.live().Transcript(), "\n")
			var changed *ChangedError
			switch {
			case tt.want == "" && (err != nil || sent == ""):
				t.Errorf("the apply stopped: %v", err)
			case tt.want != "" && (!errors.As(err, &changed) || len(changed.Files) != 1 || !strings.HasSuffix(changed.Files[0], tt.want)):
				t.Errorf("the error is %v", err)
			case tt.want != "" && sent != "":
				t.Errorf("sent nevertheless: %s", sent)
			}
		})
	}
}

// TestKeyFileRemovedDuringAnApply: without the key, all fingerprints would be worthless. It is in
// memory, and written again. A key that is not in a file is not written to one.
func TestKeyFileRemovedDuringAnApply(t *testing.T) {
	w := withoutKey(t, "stores: {prod: {secrets: {a: {from: {env: A}}}}}\n")
	w.env["A"] = "va"
	w.applied()
	w.env["A"] = "vb"
	key := read(t, w.path("secretsync.key"))
	w.live().Before = func(call string) error {
		if strings.HasPrefix(call, "update") {
			return os.Remove(w.path("secretsync.key"))
		}
		return nil
	}
	w.notified()
	w.apply()
	equal(t, "key", read(t, w.path("secretsync.key")), key)
	equal(t, "events", w.notified(), []Event{KeyFileRemoved{File: w.path("secretsync.key")}})
}
