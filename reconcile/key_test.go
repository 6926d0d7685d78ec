package reconcile

import (
	"context"
	"errors"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/secretsync/secretsync/internal/keyring"
	"github.com/secretsync/secretsync/lockfile"
)

func mkdir(path string) error { return os.Mkdir(path, 0o755) }

func remove(t *testing.T, path string) {
	t.Helper()
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
}

func read(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func onDisk(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

// withoutKey is a world without a fingerprint key.
func withoutKey(t *testing.T, manifest string) *world {
	w := newWorld(t, manifest)
	delete(w.env, "SECRETSYNC_FINGERPRINT_KEY")
	return w
}

// The first apply creates a key: in a file beside the lockfile, or sealed in the lockfile if
// the project has SOPS recipients.
func TestFirstApplyCreatesAKey(t *testing.T) {
	t.Run("in a file", func(t *testing.T) {
		w := withoutKey(t, "stores: {prod: {secrets: {a: {from: {env: A}}}}}\n")
		w.env["A"] = "va"
		w.apply()
		id := w.disk().Key.ID
		equal(t, "events", w.notified(), []Event{KeyCreated{ID: id, File: w.path("secretsync.key")}})
		if !slices.Contains(w.guard.known, strings.TrimSpace(read(t, w.path("secretsync.key")))) {
			t.Error("the guard does not know the key")
		}
		equal(t, "plan after it", actions(w.plan(Mode{}).Plan), []string(nil))
	})
	t.Run("sealed", func(t *testing.T) {
		w := withoutKey(t, "stores: {prod: {secrets: {a: {from: {env: A}}}}}\n")
		w.env["A"] = "va"
		w.sops.recipients = 3
		w.apply()
		id := w.disk().Key.ID
		equal(t, "events", w.notified(), []Event{KeySealed{3}, KeyCreated{ID: id}})
		equal(t, "sealed for", w.sops.sealed, []string{"secretsync.lock", "secretsync.yaml"})
		if len(w.disk().Key.Sealed) == 0 || onDisk(w.path("secretsync.key")) {
			t.Error("want the key in the lockfile and in no file")
		}
		equal(t, "plan after it", actions(w.plan(Mode{}).Plan), []string(nil))
		equal(t, "events of a plan", w.notified(), []Event{KeyNotPinned{id}})
	})
	t.Run("not sealed", func(t *testing.T) {
		w := withoutKey(t, "stores: {prod: {secrets: {a: {from: {env: A}}}}}\n")
		w.env["A"] = "va"
		w.sops.fail = errors.New("no recipients")
		run := w.lock()
		report, err := run.Apply(t.Context(), planned(t, run))
		if report != nil || !errors.Is(err, w.sops.fail) {
			t.Errorf("%v, %v", report, err)
		}
		equal(t, "events", w.notified(), []Event(nil))
		equal(t, "calls", w.live().Transcript(), []string{"list stores"})
	})
}

// checkedSOPS cannot seal a key, and knows that without one.
type checkedSOPS struct {
	*fakeSOPS
	bad error
}

func (s checkedSOPS) CheckSeal(context.Context, bool, string, string, ...string) error { return s.bad }

// A plan fails if its apply would fail to create a fingerprint key, and only then.
func TestPlanChecksANewKey(t *testing.T) {
	const manifest = "stores: {prod: {secrets: {a: {from: {env: A}}}}}\n"
	for name, tt := range map[string]struct {
		mode    Mode
		prepare func(*world)
		fails   bool
	}{
		"no key":                      {Mode{}, func(*world) {}, true},
		"a key in the environment":    {Mode{}, func(w *world) { w.env["SECRETSYNC_FINGERPRINT_KEY"] = string(testKey.Export().Reveal()) }, false},
		"a lockfile that names a key": {Mode{}, func(w *world) { w.applied(); w.env["A"] = "changed" }, false},
		"no key, planned without":     {Mode{Keyless: true}, func(*world) {}, true},
		"nothing to do": {Mode{}, func(w *world) {
			w.applied()
			w.manifest("stores: {prod: {secrets: {a: {external: true}}}}\n")
			remove(w.t.(*testing.T), w.path("secretsync.lock"))
		}, false},
		"a plan that cannot be applied": {Mode{}, func(w *world) {
			w.applied()
			remove(w.t.(*testing.T), w.path("secretsync.lock"))
		}, false},
		"a key file that cannot be used, planned without": {
			Mode{Keyless: true}, func(w *world) { w.write("secretsync.key", "short") }, false,
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := withoutKey(t, manifest)
			w.env["A"] = "va"
			tt.prepare(w)
			bad := errors.New("no creation rule matches")
			p, err := w.open(func(c *Config) { c.SOPS = checkedSOPS{w.sops, bad} }).Plan(t.Context(), tt.mode)
			if errors.Is(err, bad) != tt.fails || err == nil == tt.fails {
				t.Errorf("error %v", err)
			}
			p.Close()
		})
	}
}

// Project.Check reports what keeps a key from being sealed, where an apply would create one. It
// sends no request, so nothing is known of a lockfile in a bucket.
func TestCheckOfANewKey(t *testing.T) {
	const manifest = "stores: {prod: {secrets: {a: {from: {env: A}}}}}\n"
	for name, tt := range map[string]struct {
		prepare func(*world)
		fails   bool
	}{
		"no lockfile":                   {func(*world) {}, true},
		"a lockfile that names a key":   {func(w *world) { w.applied() }, false},
		"a lockfile that is damaged":    {func(w *world) { w.write("secretsync.lock", "{") }, false},
		"a lockfile in an object store": {func(w *world) { w.manifest("lockfile: s3://bucket/a.lock\n" + manifest) }, false},
	} {
		t.Run(name, func(t *testing.T) {
			w := withoutKey(t, manifest)
			w.env["A"] = "va"
			tt.prepare(w)
			bad := errors.New("no creation rule matches")
			err := w.open(func(c *Config) { c.SOPS = checkedSOPS{w.sops, bad} }).Check(t.Context())
			if errors.Is(err, bad) != tt.fails || err == nil == tt.fails {
				t.Errorf("error %v", err)
			}
		})
	}
}

func TestCreateKey(t *testing.T) {
	w := withoutKey(t, "stores: {prod: {secrets: {}}}\n")
	run := w.lock()
	created, err := run.CreateKey(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	id := w.disk().Key.ID
	equal(t, "created", created, CreatedKey{ID: id, Status: KeyStatus{From: w.path("secretsync.key"), ID: id, Fits: true}})
	equal(t, "events", w.notified(), []Event{KeyCreated{ID: id, File: w.path("secretsync.key")}})

	again, err := run.CreateKey(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	created.Existed = true
	equal(t, "created again", again, created)
	equal(t, "events", w.notified(), []Event(nil))
	equal(t, "key file", w.open().KeyFile(), w.path("secretsync.key"))
}

// An existing key, such as in the environment, is recorded, and none is created.
func TestCreateKeyOfTheEnvironment(t *testing.T) {
	w := newWorld(t, "stores: {prod: {secrets: {}}}\n")
	created, err := w.lock().CreateKey(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "created", created, CreatedKey{
		ID: testKey.ID(), Status: KeyStatus{From: "SECRETSYNC_FINGERPRINT_KEY", ID: testKey.ID(), Fits: true},
	})
	equal(t, "recorded", w.disk().Key, lockfile.Key{ID: testKey.ID()})
	equal(t, "events", w.notified(), []Event(nil))
}

func TestCreateKeyFails(t *testing.T) {
	for name, tt := range map[string]struct {
		change func(*world, *Run)
		kind   error
		text   string
	}{
		"not pinned":   {func(w *world, _ *Run) { w.env[keyring.PinVariable] = strings.Repeat("0", 16) }, keyring.ErrNotPinned, keyring.PinVariable},
		"bad pin":      {func(w *world, _ *Run) { w.env[keyring.PinVariable] = "x" }, keyring.ErrBadPin, "16 hexadecimal digits"},
		"no lock":      {func(_ *world, r *Run) { r.Close() }, nil, "the lockfile is closed"},
		"key file bad": {func(w *world, _ *Run) { w.write("secretsync.key", "short") }, nil, "not a fingerprint key"},
	} {
		t.Run(name, func(t *testing.T) {
			w := withoutKey(t, "stores: {prod: {secrets: {}}}\n")
			run := w.lock()
			tt.change(w, run)
			created, err := run.CreateKey(t.Context())
			if err == nil || !strings.Contains(err.Error(), tt.text) || tt.kind != nil && !errors.Is(err, tt.kind) {
				t.Errorf("%v", err)
			}
			equal(t, "created", created, CreatedKey{})
			equal(t, "recorded", w.disk().Key, lockfile.Key{})
		})
	}
}

// A key that is not the pinned one is refused by every plan, including keyless ones.
func TestPinnedKey(t *testing.T) {
	w := newWorld(t, "stores: {prod: {secrets: {a: {from: {env: A}}}}}\n")
	w.env["A"] = "va"
	w.applied()
	w.env[keyring.PinVariable] = testKey.ID()
	equal(t, "plan under the pinned key", actions(w.plan(Mode{}).Plan), []string(nil))
	w.env[keyring.PinVariable] = strings.Repeat("0", 16)
	for _, mode := range []Mode{{}, {Keyless: true}, {Offline: true}} {
		if _, err := w.open().Plan(t.Context(), mode); !errors.Is(err, keyring.ErrNotPinned) {
			t.Errorf("%+v: %v", mode, err)
		}
	}
	if _, err := w.open().Drift(t.Context()); !errors.Is(err, keyring.ErrNotPinned) {
		t.Errorf("drift: %v", err)
	}
}

// Warnings about a possibly planted key: only for a sealed one, and only without a pin.
func TestWarningsOfTheKey(t *testing.T) {
	w := withoutKey(t, "stores: {prod: {secrets: {a: {from: {env: A}}, b: {from: {env: B}}}}}\n")
	w.env["A"], w.env["B"] = "va", "vb"
	w.sops.recipients = 1
	w.applied()
	id := w.disk().Key.ID
	warnings := func(mode Mode) []Event {
		w.plan(mode)
		return w.notified()
	}
	equal(t, "one value changed", func() []Event { w.env["A"] = "x"; return warnings(Mode{}) }(), []Event{KeyNotPinned{id}})
	w.env["B"] = "x"
	equal(t, "all values changed", warnings(Mode{}), []Event{
		NoFingerprintMatches{Lockfile: w.path("secretsync.lock"), KeyID: id, Compared: 2}, KeyNotPinned{id},
	})
	w.env["B"] = "vb"
	w.write("secretsync.key", string(testKey.Export().Reveal()))
	equal(t, "another key beside", warnings(Mode{}), []Event{
		OtherKey{File: w.path("secretsync.key"), FileKeyID: testKey.ID(), Lockfile: w.path("secretsync.lock"), KeyID: id}, KeyNotPinned{id},
	})
	equal(t, "without keys", warnings(Mode{Keyless: true}), []Event(nil))
	w.env[keyring.PinVariable] = id
	equal(t, "pinned", warnings(Mode{}), []Event(nil))
}

// One changed value says nothing about the key.
func TestNoWarningOfOneFingerprint(t *testing.T) {
	w := withoutKey(t, "stores: {prod: {secrets: {a: {from: {env: A}}}}}\n")
	w.env["A"] = "va"
	w.sops.recipients = 1
	w.applied()
	w.env["A"] = "x"
	w.plan(Mode{})
	equal(t, "events", w.notified(), []Event{KeyNotPinned{w.disk().Key.ID}})
}

// The files that hold keys cannot be sources of secrets.
func TestKeyFilesArePrivate(t *testing.T) {
	for name, env := range map[string]string{
		"secretsync.key": "", "secretsync.key.new": "", "age.txt": "SOPS_AGE_KEY_FILE", "ssh": "SOPS_AGE_SSH_PRIVATE_KEY_FILE",
	} {
		w := newWorld(t, "stores: {prod: {secrets: {a: {from: {file: "+name+"}}}}}\n")
		w.write(name, "x")
		if env != "" {
			w.env[env] = w.path(name)
		}
		p, err := Open(t.Context(), w.config())
		if err == nil {
			_, err = p.Plan(t.Context(), Mode{})
		}
		if err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
