package reconcile

import (
	"encoding/base64"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/secretsync/secretsync/applier"
	"github.com/secretsync/secretsync/internal/keyring"
	"github.com/secretsync/secretsync/internal/secret"
	"github.com/secretsync/secretsync/lockfile"
	"github.com/secretsync/secretsync/planner"
	"github.com/secretsync/secretsync/reconcile/internal/enginetest"
	"github.com/secretsync/secretsync/reconcile/internal/records"
)

var newKey = base64.StdEncoding.EncodeToString([]byte("98765432109876543210987654321098"))

// fingerprints lists which records have a fingerprint of a value under a key.
func (w *world) fingerprints(key secret.Key, values map[string]string) []string {
	w.t.Helper()
	var all []string
	for k, st := range w.disk().All() {
		for name, sec := range st.All() {
			id := records.PlanKey(k).Secret(name)
			switch {
			case sec.Fingerprint == "":
				all = append(all, name+" none")
			case key.Matches(sec.Fingerprint, records.Subject(id), secret.New([]byte(values[name]))):
				all = append(all, name+" "+values[name])
			default:
				all = append(all, name+" of something else")
			}
		}
	}
	return all
}

// TestRekey: everything that can be recomputed is; what cannot is reported with the reason.
// No request is sent.
func TestRekey(t *testing.T) {
	w := newWorld(t, `stores:
  prod:
    secrets:
      kept: {from: {env: A}}
      edited: {from: {env: A}}
      forged: {from: {sops: values.yaml, key: forged}}
      drawn: {generate: {encoding: uuid}}
      was-given: {from: {env: A}}
      gone: {from: {env: A}}
      before: {from: {env: A}}
      external: {from: {env: A}}
`)
	w.env["A"] = "va"
	w.write("values.yaml", "forged: vf n1\n")
	w.applied()
	w.forge("forged")
	w.env["B"], w.env["NEW_KEY"] = "other", newKey
	w.manifest(`stores:
  prod:
    secrets:
      kept: {from: {env: A}}
      edited: {from: {env: B}}
      forged: {from: {sops: values.yaml, key: forged}}
      drawn: {generate: {encoding: uuid}}
      was-given: {generate: {encoding: uuid}}
      after: {from: {env: A}, renamed_from: before}
      external: {external: true}
`)
	run := w.lock()
	rekeyed, err := run.Rekey(t.Context(), "NEW_KEY")
	if err != nil {
		t.Fatal(err)
	}
	lost := func(name string, reason LostReason) LostFingerprint {
		return LostFingerprint{prod.Secret(name), reason}
	}
	equal(t, "result", rekeyed, &Rekeyed{
		Key: lockfile.Key{ID: enginetest.ParseKey(newKey).ID()}, Kept: 2, Lost: []LostFingerprint{
			lost("drawn", LostGenerated), lost("edited", LostValueDiffers), lost("external", LostNoValue), lost("forged", LostForged), lost("gone", LostNoValue),
			lost("was-given", LostGenerated),
		},
	})
	equal(t, "fingerprints", w.fingerprints(enginetest.ParseKey(newKey), map[string]string{"kept": "va", "before": "va"}), []string{
		"before va", "drawn none", "edited none", "external none", "forged none", "gone none", "kept va", "was-given none",
	})
	equal(t, "key", w.disk().Key, rekeyed.Key)
	equal(t, "calls", w.live().Transcript(), []string(nil))
	if !slices.Contains(w.guard.known, newKey) {
		t.Error("the guard does not know the new key")
	}
}

// A renamed secret has only its new name: a secret with its previous name is another one.
func TestRekeyAfterARename(t *testing.T) {
	w := newWorld(t, "stores: {prod: {secrets: {old: {from: {env: A}}, new: {from: {env: A}}}}}\n")
	w.env["A"], w.env["NEW_KEY"] = "va", newKey
	w.applied()
	w.manifest("stores: {prod: {secrets: {new: {from: {env: A}, renamed_from: old}}}}\n")
	rekeyed, err := w.lock().Rekey(t.Context(), "NEW_KEY")
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "lost", rekeyed.Lost, []LostFingerprint{{prod.Secret("old"), LostNoValue}})
	equal(t, "kept", rekeyed.Kept, 1)
}

// Without a variable the new key is random: in the key file, or sealed.
func TestRekeyToARandomKey(t *testing.T) {
	for _, recipients := range []int{0, 2} {
		w := withoutKey(t, "stores: {prod: {secrets: {a: {from: {env: A}}}}}\n")
		w.env["A"] = "va"
		w.sops.recipients = recipients
		w.applied()
		before := w.disk().Key
		run := w.lock()
		rekeyed, err := run.Rekey(t.Context(), "")
		if err != nil {
			t.Fatal(err)
		}
		if rekeyed.Key.ID == before.ID || rekeyed.Kept != 1 || len(rekeyed.Lost) > 0 {
			t.Errorf("%+v", rekeyed)
		}
		equal(t, "key", w.disk().Key, rekeyed.Key)
		if sealed := len(rekeyed.Key.Sealed) > 0; sealed != (recipients > 0) || onDisk(w.path("secretsync.key")) == sealed {
			t.Errorf("%d recipients: sealed %v", recipients, sealed)
		}
		run.Close()
		equal(t, "plan after it", actions(w.plan(Mode{}).Plan), []string(nil))
	}
}

func TestRekeyFails(t *testing.T) {
	var values *ValuesError
	for _, tt := range []struct {
		name     string
		variable string
		change   func(*world)
		check    func(error) bool
	}{
		{"no key yet", "", func(w *world) { remove(t, w.path("secretsync.lock")) }, func(err error) bool { return errors.Is(err, ErrNoKey) }},
		{"old key not available", "", func(w *world) { delete(w.env, keyring.Variable) }, func(err error) bool { return errors.Is(err, keyring.ErrUnavailable) }},
		{"value not available", "", func(w *world) { delete(w.env, "A") }, func(err error) bool { return errors.As(err, &values) }},
		{"variable not set", "NEW_KEY", func(*world) {}, func(err error) bool { return strings.Contains(err.Error(), "NEW_KEY is not set") }},
		{
			"the same key", "NEW_KEY", func(w *world) { w.env["NEW_KEY"] = w.env[keyring.Variable] },
			func(err error) bool { return strings.Contains(err.Error(), "has already") },
		},
		{"not sealed", "", func(w *world) { w.sops.fail = enginetest.ErrDown }, func(err error) bool { return errors.Is(err, enginetest.ErrDown) }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t, "stores: {prod: {secrets: {a: {from: {env: A}}}}}\n")
			w.env["A"] = "va"
			w.applied()
			tt.change(w)
			before := enginetest.Records(w.disk(), "va")
			run := w.lock()
			if rekeyed, err := run.Rekey(t.Context(), tt.variable); rekeyed != nil || err == nil || !tt.check(err) {
				t.Errorf("%+v, %v", rekeyed, err)
			}
			equal(t, "records", enginetest.Records(w.disk(), "va"), before)
		})
	}
	t.Run("lockfile not written", func(t *testing.T) {
		w := newWorld(t, "stores: {prod: {secrets: {a: {from: {env: A}}}}}\n")
		w.env["A"], w.env["NEW_KEY"] = "va", newKey
		w.applied()
		run := w.lock()
		run.Close()
		if rekeyed, err := run.Rekey(t.Context(), "NEW_KEY"); rekeyed != nil || err == nil {
			t.Errorf("%+v, %v", rekeyed, err)
		}
	})
}

// The value of a secret that is still to be renamed is found under both names.
func TestRecordedValues(t *testing.T) {
	value := secret.New([]byte("v"))
	d := &desired{
		stores: []planner.DesiredStore{{Key: prod, Secrets: []planner.DesiredSecret{
			{Name: "a"}, {Name: "b", RenamedFrom: "b-old"}, {Name: "c", RenamedFrom: "c-old"}, {Name: "d", External: true, RenamedFrom: "d-old"},
		}}},
		secrets: map[planner.SecretKey]records.Want{},
	}
	for _, name := range []string{"a", "b", "c", "d"} {
		d.secrets[prod.Secret(name)] = records.Want{Value: value}
	}
	lock := &lockfile.File{}
	lock.PutStore(records.LockKey(prod), "st1").PutSecret("b", lockfile.Secret{ID: "id-b"})
	var names []string
	for k, v := range d.recordedValues(lock) {
		if !v.Equal(value) {
			t.Errorf("%s has another value", k.Name)
		}
		names = append(names, k.Name)
	}
	slices.Sort(names)
	equal(t, "names", names, []string{"a", "b", "c", "c-old"})
}

// The fingerprint of a value whose creation was interrupted is also recomputed under the new key, so
// that the next apply recognizes the value that was sent.
func TestRekeyDuringACreation(t *testing.T) {
	w := newWorld(t, two)
	w.env["A"], w.env["B"], w.env["NEW_KEY"] = "va", "vb", newKey
	w.live().Put("prod")
	w.live().Before = func(call string) error {
		if strings.HasPrefix(call, "create") {
			return applier.ErrOutcomeUnknown
		}
		return nil
	}
	w.apply()
	w.live().Before = nil
	run := w.lock()
	if _, err := run.Rekey(t.Context(), "NEW_KEY"); err != nil {
		t.Fatal(err)
	}
	run.Close()
	for name, value := range map[string]string{"a": "va", "b": "vb"} {
		p := w.disk().Stores[records.LockKey(prod)].Secret(name).Pending
		if p == nil || !enginetest.ParseKey(newKey).Matches(p.Fingerprint, records.Subject(prod.Secret(name)), secret.New([]byte(value))) {
			t.Errorf("%s: pending %+v", name, p)
		}
	}
}

// An interrupted rename has a record under the new name without id and fingerprint: the
// value is still recorded under the previous name.
func TestRekeyDuringARename(t *testing.T) {
	w := newWorld(t, "stores: {prod: {secrets: {old: {from: {env: A}}}}}\n")
	w.env["A"], w.env["NEW_KEY"] = "va", newKey
	w.applied()
	w.clock = start.Add(time.Hour)
	w.manifest("stores: {prod: {secrets: {new: {from: {env: A}, renamed_from: old}}}}\n")
	w.live().Before = func(call string) error {
		if strings.HasPrefix(call, "duplicate") {
			return applier.ErrOutcomeUnknown
		}
		return nil
	}
	equal(t, "the rename", actionsOf(w.apply()), []string{"rename prod/new unknown"})
	w.live().Before = nil
	run := w.lock()
	rekeyed, err := run.Rekey(t.Context(), "NEW_KEY")
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "kept", rekeyed.Kept, 1)
	equal(t, "lost", rekeyed.Lost, []LostFingerprint(nil))
	run.Close()
	w.env[keyring.Variable] = newKey
	lines(t, "plan", actions(w.plan(Mode{}).Plan), "rename prod/new from old renamed interrupted")
}
