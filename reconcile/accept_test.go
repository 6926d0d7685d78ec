package reconcile

import (
	"errors"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/secretsync/secretsync/planner"
	"github.com/secretsync/secretsync/reconcile/internal/enginetest"
	"github.com/secretsync/secretsync/reconcile/internal/records"
)

// outside has another client change a value.
func (w *world) outside(store, name, value string) {
	w.t.Helper()
	st := w.live().Put(store)
	sec, ok := st.Secrets[name]
	if !ok {
		w.t.Fatalf("there is no %s/%s", store, name)
	}
	w.clock = w.clock.Add(time.Minute)
	sec.Modified = planner.Modified(w.api.Clock().UTC().Format(time.RFC3339Nano))
	st.Secrets[name], st.Values[name] = sec, value
}

// accept accepts the live state of secrets, which has to be possible.
func (w *world) accept(patterns ...string) *Acceptable {
	w.t.Helper()
	run := w.lock()
	defer run.Close()
	found := acceptable(w.t, run, patterns...)
	if err := run.Accept(found); err != nil {
		w.t.Fatal(err)
	}
	return found
}

func acceptable(t testing.TB, run *Run, patterns ...string) *Acceptable {
	t.Helper()
	found, err := run.FindAcceptable(t.Context(), patterns...)
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// driftedWorld has four secrets, of which another client changed three. It needs neither the
// values nor the key any more.
func driftedWorld(t *testing.T) *world {
	w := newWorld(t, `stores:
  prod:
    secrets:
      changed: {from: {sops: values.yaml, key: changed}}
      drawn: {generate: {encoding: uuid}}
      replaced: {from: {env: A}, scopes: [workers], comment: ours}
      same: {from: {env: A}}
`)
	w.env["A"] = "va"
	w.write("values.yaml", "changed: vc n1\n")
	w.applied()
	w.outside("prod", "changed", "theirs")
	w.outside("prod", "drawn", "theirs")
	st := w.live().Put("prod")
	delete(st.Secrets, "replaced")
	w.live().Create(st, "replaced", "theirs", []string{"dex"}, "")
	return w
}

// TestAccept: the live state is recorded, and no value is sent or generated until it changes at
// its source.
func TestAccept(t *testing.T) {
	w := driftedWorld(t)
	before := enginetest.Records(w.disk(), "vc", "va")
	key := w.env["SECRETSYNC_FINGERPRINT_KEY"]
	delete(w.env, "SECRETSYNC_FINGERPRINT_KEY")
	delete(w.env, "A")
	found := w.accept("prod/*")
	lines(t, "calls", w.live().Transcript(), "list secrets st1\nget st1/id3")
	equal(t, "named, to be accepted, refused", []int{found.Named, len(found.Accept), len(found.Refuse)}, []int{4, 3, 0})
	for _, a := range found.Accept {
		if !a.ValueUnknown {
			t.Errorf("the value of %s counts as known", a.Key.Name)
		}
	}
	w.env["SECRETSYNC_FINGERPRINT_KEY"], w.env["A"] = key, "va"

	after := enginetest.Records(w.disk(), "vc", "va")
	equal(t, "what did not drift", after[4], before[4])
	for i, want := range []string{"prod st1", "changed id1 from=sops_values.yaml#changed value=vc", "drawn id2 from=generate_uuid", "replaced id5 from=env_A value=va"} {
		if !strings.HasPrefix(after[i], want) {
			t.Errorf("the record is %q, want %q", after[i], want)
		}
	}
	for _, mode := range []Mode{{}, {Keyless: true}, {Offline: true}} {
		plan := w.plan(mode).Plan
		lines(t, "plan", actions(plan), "update prod/replaced scopes_changed comment_changed")
		equal(t, "notes", notesOf(plan, planner.NoteAccepted), []string{"changed", "drawn", "replaced"})
	}
	w.applied()
	equal(t, "values", w.live().Values(), map[string]string{
		"prod/changed": "theirs", "prod/drawn": "theirs", "prod/replaced": "theirs", "prod/same": "va",
	})

	w.write("values.yaml", "changed: new n2\n")
	lines(t, "plan without keys, of an edited value", actions(w.plan(Mode{Keyless: true}).Plan), "update prod/changed reencrypted +value")
	lines(t, "plan of an edited value", actions(w.plan(Mode{}).Plan), "update prod/changed value_changed +value")
	w.applied()
	equal(t, "value", w.live().Values()["prod/changed"], "new")
	if !w.disk().Stores[records.LockKey(prod)].Secret("changed").Accepted.IsZero() {
		t.Error("a value that was sent still counts as accepted")
	}
	w.apply(Rotate("prod/drawn"))
	if !w.disk().Stores[records.LockKey(prod)].Secret("drawn").Accepted.IsZero() {
		t.Error("a value that was rotated still counts as accepted")
	}
}

func notesOf(p *planner.Plan, kind planner.NoteKind) []string {
	var names []string
	for _, n := range p.Notes {
		if n.Kind == kind {
			names = append(names, n.Secret)
		}
	}
	return names
}

// TestAcceptDuringAnOverlap: once a value is accepted, the secret's NAME-previous keeps the value before
// it. Other secrets' previous ones do not change.
func TestAcceptDuringAnOverlap(t *testing.T) {
	w := newWorld(t, "stores: {prod: {secrets: {a: {from: {env: A}, rotate: {overlap: 24h}}, b: {from: {env: B}, rotate: {overlap: 24h}}}}}\n")
	w.env["A"], w.env["B"] = "va", "vb"
	w.applied()
	w.outside("prod", "a", "theirs")
	w.accept("prod/a")
	kept := map[string]bool{}
	for _, sec := range w.disk().Stores[records.LockKey(prod)].All() {
		if sec.PreviousOf != "" {
			kept[sec.PreviousOf] = sec.KeptSince.Equal(w.clock)
		}
	}
	equal(t, "kept from now on", kept, map[string]bool{"a": true, "b": false})
}

// TestAcceptAndRekey: an accepted value keeps its fingerprint under another key, and nothing
// looks forged.
func TestAcceptAndRekey(t *testing.T) {
	w := driftedWorld(t)
	w.accept("changed")
	w.env["NEW_KEY"] = newKey
	run := w.lock()
	rekeyed, err := run.Rekey(t.Context(), "NEW_KEY")
	if err != nil {
		t.Fatal(err)
	}
	run.Close()
	equal(t, "kept", rekeyed.Kept, 3)
	w.env["SECRETSYNC_FINGERPRINT_KEY"] = newKey
	plan := w.plan(Mode{}).Plan
	if slices.ContainsFunc(plan.Actions, func(a planner.Action) bool { return a.Secret == "changed" }) || len(plan.Problems) > 0 {
		t.Errorf("the plan is %v", actions(plan))
	}
}

// TestNothingToAccept: the lockfile stays as it is, byte for byte.
func TestNothingToAccept(t *testing.T) {
	w := driftedWorld(t)
	before, err := os.ReadFile(w.path("secretsync.lock"))
	if err != nil {
		t.Fatal(err)
	}
	found := w.accept("same")
	equal(t, "named, to be accepted, refused", []int{found.Named, len(found.Accept), len(found.Refuse)}, []int{1, 0, 0})
	lines(t, "calls", w.live().Transcript(), "list secrets st1")
	if after, err := os.ReadFile(w.path("secretsync.lock")); err != nil || string(after) != string(before) {
		t.Errorf("the lockfile changed: %v\n%s", err, after)
	}
}

// TestAcceptWithAnAccountThatFails: only the accounts of the named secrets are read, and an
// account that cannot be read is an error.
func TestAcceptWithAnAccountThatFails(t *testing.T) {
	w := newWorld(t, `accounts:
  one: {id: `+string(account)+`}
  two: {id: `+string(other)+`}
stores:
  prod: {account: one, secrets: {a: {from: {env: A}}}}
  other: {account: two, name: prod, secrets: {a: {from: {env: A}}, b: {from: {env: A}}}}
`)
	w.env["A"] = "va"
	second := w.api.Add(other)
	w.applied()
	second.Transcript()
	w.outside("prod", "a", "theirs")
	broken := errors.New("broken")
	second.Before = func(string) error { return broken }
	found := w.accept(string(account) + "/prod/a")
	equal(t, "to be accepted", len(found.Accept), 1)
	equal(t, "calls to the other account", second.Transcript(), []string(nil))

	run := w.lock()
	if _, err := run.FindAcceptable(t.Context(), "prod/a"); !errors.Is(err, broken) {
		t.Errorf("the error is %v", err)
	}
	_, err := run.FindAcceptable(t.Context(), "a")
	var several *PatternError
	if !errors.As(err, &several) {
		t.Fatalf("the error is %v", err)
	}
	equal(t, "matching", several.Matching, []string{string(account) + "/prod/a", string(other) + "/prod/a"})
}

// TestAcceptRefuses: a project without records, names without a secret, and malformed globs.
func TestAcceptRefuses(t *testing.T) {
	w := newWorld(t, "stores: {prod: {secrets: {a: {from: {env: A}}}}}\n")
	w.env["A"] = "va"
	if _, err := w.lock().FindAcceptable(t.Context(), "prod/a"); !errors.Is(err, ErrNoRecords) {
		t.Errorf("without records: %v", err)
	}
	w = driftedWorld(t)
	run := w.lock()
	for pattern, want := range map[string]string{
		"prod/chnged": `no secret in ` + w.path("secretsync.lock") + ` matches "prod/chnged"`,
		"prod/[":      `"prod/[" is not a glob: syntax error in pattern`,
		"*":           `"*" matches more than one secret in ` + w.path("secretsync.lock") + `: prod/changed, prod/drawn, prod/replaced, prod/same`,
	} {
		_, err := run.FindAcceptable(t.Context(), "prod/same", pattern)
		if err == nil || err.Error() != want {
			t.Errorf("%s: %v, want %s", pattern, err, want)
		}
	}
	_, err := run.FindAcceptable(t.Context(), "prod/chnged")
	var none *PatternError
	if !errors.As(err, &none) {
		t.Fatalf("the error is %v", err)
	}
	equal(t, "suggestions", none.Suggestions(), []string{"prod/changed"})
}
