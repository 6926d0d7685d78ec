package reconcile

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/secretsync/secretsync/applier"
	"github.com/secretsync/secretsync/lockfile"
	"github.com/secretsync/secretsync/planner"
	"github.com/secretsync/secretsync/planner/planfile"
	"github.com/secretsync/secretsync/reconcile/internal/enginetest"
	"github.com/secretsync/secretsync/reconcile/internal/records"
)

func verified(c *Config) { c.Verify = true }

// verifyWorld applied five secrets an hour ago. Since then another client wrote to touched without
// changing it, set the values of set and drawn, and took the scope of Workers from hidden.
func verifyWorld(t *testing.T) *world {
	w := newWorld(t, `stores:
  prod:
    secrets:
      drawn: {generate: {encoding: uuid}}
      hidden: {from: {env: A}}
      same: {from: {env: A}}
      set: {from: {env: A}}
      touched: {from: {env: A}}
`)
	w.env["A"] = "va"
	w.applied()
	w.clock = start.Add(time.Hour)
	values := w.live().Put("prod").Values
	w.outside("prod", "touched", values["touched"])
	w.outside("prod", "set", "theirs")
	w.outside("prod", "drawn", values["drawn"])
	w.change("hidden", func(l *planner.LiveSecret) { l.Scopes = []string{"dex"} })
	w.clock = w.clock.Add(time.Hour)
	w.live().Transcript()
	return w
}

// results describes a verification in a line per secret.
func results(v *Verification) []string {
	var all []string
	for _, s := range v.Secrets {
		line := fmt.Sprintf("%s/%s %s", s.Key.Store.Name, s.Key.Name, s.Value)
		if s.Reason != "" {
			line += " " + string(s.Reason)
		}
		for _, flag := range []struct {
			name string
			set  bool
		}{{"expected", !s.Counts}, {"interrupted", s.Interrupted}, {"recent", s.Recent}} {
			if flag.set {
				line += " " + flag.name
			}
		}
		all = append(all, strings.TrimRight(line, " "))
	}
	return all
}

func TestVerify(t *testing.T) {
	w := verifyWorld(t)
	delete(w.env, "A") // no values are read
	w.live().Create(w.live().Put("prod"), "unmanaged", "v", []string{"workers"}, "")
	v, err := w.open().Verify(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	lines(t, "results", results(v), `
		prod/drawn same
		prod/hidden unreadable no_scope
		prod/same same
		prod/set other
		prod/touched same`)
	lines(t, "calls", w.live().Transcript(), "list secrets st1\npreview drawn,same,set,touched")
	equal(t, "match, other, unreadable, mismatches", []int{
		v.Count(planner.LiveSame), v.Count(planner.LiveOther), v.Count(planner.LiveUnreadable), v.Mismatches(),
	}, []int{3, 1, 1, 1})
	equal(t, "failed", v.Failed, error(nil))
	equal(t, "time", v.Time, w.clock)

	w.drop("same")
	v, err = w.open().Verify(t.Context(), "prod/s*", "touched")
	if err != nil {
		t.Fatal(err)
	}
	lines(t, "results of some", results(v), "prod/same unreadable not_found\nprod/set other\nprod/touched same")
	lines(t, "calls", w.live().Transcript(), "list secrets st1\npreview set,touched")
}

// TestVerifyWhatIsExpected: another value does not count where it was accepted or adopted as it is.
func TestVerifyWhatIsExpected(t *testing.T) {
	w := verifyWorld(t)
	w.accept("set")
	w.manifest("stores: {prod: {secrets: {same: {from: {env: A}, adopt: keep}}}}\n")
	w.live().Put("prod").Values["same"] = "theirs"
	w.live().Put("prod").Values["touched"] = "theirs"
	h, err := lockfile.Open(t.Context(), w.path("secretsync.lock"), 0)
	if err != nil {
		t.Fatal(err)
	}
	err = h.Update(func(f *lockfile.File) {
		sec := records.Find(f, prod.Secret("touched"))
		sec.Applied, sec.Pending = w.clock, &lockfile.Pending{Op: string(planner.OpUpdate), Since: w.clock}
	})
	h.Close()
	if err != nil {
		t.Fatal(err)
	}
	v, err := w.open().Verify(t.Context(), "prod/s*e*", "touched")
	if err != nil {
		t.Fatal(err)
	}
	lines(t, "results", results(v), "prod/same other expected\nprod/set other expected\nprod/touched other interrupted")
	equal(t, "mismatches", v.Mismatches(), 1)
}

func TestVerifyErrors(t *testing.T) {
	w := verifyWorld(t)
	_, err := w.open().Verify(t.Context(), "nothing")
	if !errors.As(err, new(*PatternError)) {
		t.Errorf("no such secret: %v", err)
	}
	w.live().Down("preview")
	v, err := w.open().Verify(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var failed *VerifyError
	if !errors.Is(v.Failed, enginetest.ErrDown) || !errors.As(v.Failed, &failed) || failed.Account != account || v.Mismatches() > 0 {
		t.Errorf("a step that fails: %v", v.Failed)
	}
	lines(t, "results", results(v), "prod/drawn\nprod/hidden unreadable no_scope\nprod/same\nprod/set\nprod/touched")
	delete(w.env, "SECRETSYNC_FINGERPRINT_KEY")
	if _, err = w.open().Verify(t.Context()); !errors.Is(err, ErrKeyUnavailable) {
		t.Errorf("without a key: %v", err)
	}
	w.write("secretsync.lock", string((&lockfile.File{}).Format()))
	if _, err = w.open().Verify(t.Context()); !errors.Is(err, ErrNoRecords) {
		t.Errorf("without records: %v", err)
	}
}

// TestVerifySomeAccounts: an account that cannot be read does not keep others from being verified.
func TestVerifySomeAccounts(t *testing.T) {
	w := newWorld(t, "accounts: {other: {id: "+string(other)+"}}\nstores:\n"+
		"  prod: {secrets: {a: {from: {env: A}}}}\n  theirs: {account: other, secrets: {b: {from: {env: A}}}}\n")
	w.env["A"] = "va"
	w.api.Add(other)
	w.applied()
	w.api.Accounts[other].Down("list")
	v, err := w.open().Verify(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	lines(t, "results", results(v), "prod/a same recent\ntheirs/b")
	if !errors.Is(v.Failed, enginetest.ErrDown) {
		t.Errorf("failed: %v", v.Failed)
	}
}

// TestPlanVerified: a proven value is recorded, and not sent. Without verification, nothing changes.
func TestPlanVerified(t *testing.T) {
	w := verifyWorld(t)
	before := w.live().Put("prod").Values["drawn"]
	lines(t, "plan without verification", actions(w.plan(Mode{}).Plan), `
		update prod/hidden changed_outside scopes_changed +value
		update prod/set changed_outside +value
		update prod/touched changed_outside +value
		rotate prod/drawn changed_outside +value`)
	lines(t, "calls", w.live().Transcript(), "list secrets st1")
	w.notified()
	p := w.plan(Mode{}, verified)
	const want = `
		update prod/hidden changed_outside scopes_changed +value
		update prod/set value_changed_outside +value
		record prod/drawn changed_outside value_proven
		record prod/touched changed_outside value_proven`
	lines(t, "plan with verification", actions(p.Plan), want)
	lines(t, "calls", w.live().Transcript(), "list secrets st1\npreview drawn,set,touched")
	equal(t, "events", w.notified(), []Event{ValuesUnverified{UnverifiedScope, []planner.SecretKey{prod.Secret("hidden")}}})
	for _, mode := range []Mode{{Keyless: true}, {Offline: true}, {Keyless: true, Offline: true}} {
		w.plan(mode, verified)
		if calls := strings.Join(w.live().Transcript(), "\n"); strings.Contains(calls, "preview") {
			t.Errorf("%+v: calls %s", mode, calls)
		}
	}

	run := w.lock(verified)
	p = planned(t, run)
	lines(t, "plan of the apply", actions(p.Plan), want)
	w.live().Transcript()
	report, err := run.Apply(t.Context(), p)
	if err != nil || !report.Complete() {
		t.Fatal(err, report)
	}
	calls := w.live().Transcript()
	slices.Sort(calls)
	lines(t, "calls of the apply", calls, "update st1/id2 value+scopes\nupdate st1/id4 value")
	equal(t, "the generated value", w.live().Put("prod").Values["drawn"], before)
	run.Close()
	lines(t, "plan after it", actions(w.plan(Mode{}).Plan), "")
}

// TestReviewedVerified: an apply that knows more than the review does less. One that knows less does
// not do more.
func TestReviewedVerified(t *testing.T) {
	w := verifyWorld(t)
	without, with := w.plan(Mode{}), w.plan(Mode{}, verified)
	keyless := w.plan(Mode{Keyless: true})
	for name, p := range map[string]*Proposal{"without verification": without, "with it": with, "without keys": keyless} {
		file := p.File()
		for _, r := range []Review{{Files: []*planfile.File{file}}, {IDs: []string{file.PlanID}}} {
			if _, err := with.Check(r); err != nil {
				t.Errorf("reviewed %s (%d ids), applied with it: %v", name, len(r.IDs), err)
			}
			_, err := without.Check(r)
			if stale := new(StaleError); errors.As(err, &stale) != (p == with) {
				t.Errorf("reviewed %s (%d ids), applied without it: %v", name, len(r.IDs), err)
			}
		}
	}
}

// TestVerificationFails: a step that fails is named, and leaves the plan as it is without it.
func TestVerificationFails(t *testing.T) {
	w := verifyWorld(t)
	without := w.plan(Mode{})
	w.notified()
	w.live().Down("preview")
	equal(t, "plan", w.plan(Mode{}, verified).Plan, without.Plan)
	events := w.notified()
	if len(events) != 2 {
		t.Fatalf("events: %+v", events)
	}
	if e, ok := events[0].(VerificationFailed); !ok || e.Account != account || !errors.Is(e.Err, enginetest.ErrDown) {
		t.Errorf("event: %+v", events[0])
	}
	d, err := w.open(verified).Drift(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "drift", findings(d), findings(w.drift()))
	delete(w.env, "SECRETSYNC_FINGERPRINT_KEY")
	w.notified()
	if d, err = w.open(verified).Drift(t.Context()); err != nil {
		t.Fatal(err)
	}
	equal(t, "drift without a key", findings(d), findings(w.drift()))
	if e, ok := w.notified()[0].(VerificationFailed); !ok || !errors.Is(e.Err, ErrKeyUnavailable) {
		t.Errorf("event: %+v", e)
	}
}

func TestDriftVerified(t *testing.T) {
	w := verifyWorld(t)
	delete(w.env, "A")
	d, err := w.open(verified).Drift(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	lines(t, "drift", findings(d), `
		touched prod/drawn does not count
		scopes prod/hidden
		value_changed prod/set
		touched prod/touched does not count`)
	lines(t, "calls", w.live().Transcript(), "list secrets st1\npreview drawn,set,touched")
	w.env["A"] = "va"
	repair, _, err := d.Repair(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer repair.Close()
	lines(t, "repair", actions(repair.Plan), `
		update prod/hidden changed_outside scopes_changed +value
		update prod/set value_changed_outside +value`)
}

func TestAcceptVerified(t *testing.T) {
	w := verifyWorld(t)
	run := w.lock(verified)
	found := acceptable(t, run, "prod/*")
	var got []string
	for _, a := range found.Accept {
		got = append(got, fmt.Sprintf("%s unknown=%v", a.Key.Name, a.ValueUnknown))
	}
	lines(t, "acceptable", got, "drawn unknown=false\nhidden unknown=true\nset unknown=true\ntouched unknown=false")
	if err := run.Accept(found); err != nil {
		t.Fatal(err)
	}
	run.Close()
	for name, accepted := range map[string]bool{"drawn": false, "hidden": true, "set": true, "touched": false} {
		if at := records.Find(w.disk(), prod.Secret(name)).Accepted; at.IsZero() == accepted {
			t.Errorf("%s: accepted at %v", name, at)
		}
	}
}

// TestAdoptVerified: a secret is adopted only if its value is proven, which an apply always finds
// out. It needs no fingerprint key beforehand. A plan does not verify unless asked to.
func TestAdoptVerified(t *testing.T) {
	w := newWorld(t, "stores: {prod: {secrets: {other: {from: {env: A}}, same: {from: {env: A}}}}}\n")
	w.env["A"] = "va"
	delete(w.env, "SECRETSYNC_FINGERPRINT_KEY")
	st := w.live().Put("prod")
	w.live().Create(st, "same", "va", []string{"workers"}, "")
	w.live().Create(st, "other", "theirs", []string{"workers"}, "")
	w.clock = start.Add(time.Hour)
	adopt := func(c *Config) { c.Adopt = planner.AdoptVerify }
	plan := w.plan(Mode{}, adopt).Plan
	lines(t, "plan", actions(plan), "adopt prod/other adopted_if_proven\nadopt prod/same adopted_if_proven")
	equal(t, "notes", notesOf(plan, planner.NoteVerifiedAtApply), []string{"other", "same"})
	lines(t, "calls", w.live().Transcript(), "list stores\nlist secrets st1")

	const want = "adopt prod/same adopted_value_proven\nproblem adopt_value_differs prod/other"
	lines(t, "plan with verification", actions(w.plan(Mode{}, adopt, verified).Plan), want)
	w.live().Transcript()
	run := w.lock(adopt)
	lines(t, "plan of the apply", actions(planned(t, run).Plan), want)
	lines(t, "calls", w.live().Transcript(), "list stores\nlist secrets st1\npreview other,same")
	st.Values["other"] = "va"
	report, err := run.Apply(t.Context(), planned(t, run))
	if err != nil || !report.Complete() {
		t.Fatal(err, report)
	}
	run.Close()
	lines(t, "records", enginetest.Records(w.disk(), "va")[:1], "prod st1")
	v, err := w.open().Verify(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	lines(t, "verified", results(v), "prod/other same recent\nprod/same same recent")

	w.live().Create(st, "late", "va", []string{"workers"}, "")
	w.manifest("stores: {prod: {secrets: {late: {from: {env: A}}, other: {from: {env: A}}, same: {from: {env: A}}}}}\n")
	w.live().Down("preview")
	run = w.lock(adopt)
	lines(t, "the witness is down", actions(planned(t, run).Plan), "problem adopt_unverified prod/late")
	lines(t, "and the plan", actions(w.plan(Mode{}, adopt, verified).Plan), "adopt prod/late adopted_if_proven")
}

// TestUnknownOutcomeSettled: the value shows whether an interrupted creation of ours took effect.
func TestUnknownOutcomeSettled(t *testing.T) {
	w := newWorld(t, "stores: {prod: {secrets: {a: {from: {env: A}}}}}\n")
	w.env["A"] = "va"
	w.live().Put("prod")
	w.live().After = func(call string) error {
		if strings.HasPrefix(call, "create st1") {
			return applier.ErrOutcomeUnknown
		}
		return nil
	}
	w.live().Before = func(call string) error {
		if len(w.live().Stores[0].Secrets) > 0 && strings.HasPrefix(call, "list secrets") {
			return enginetest.ErrDown // the applier cannot settle it
		}
		return nil
	}
	w.apply()
	w.live().Before, w.live().After = nil, nil
	w.clock = start.Add(time.Hour)
	p := w.plan(Mode{})
	lines(t, "plan", actions(p.Plan), "")
	equal(t, "assumed", notesOf(p.Plan, planner.NoteUnproven), []string{"a"})
	lines(t, "plan with verification", actions(w.plan(Mode{}, verified).Plan), "adopt prod/a interrupted value_proven")
	w.live().Put("prod").Values["a"] = "theirs"
	lines(t, "another client's", actions(w.plan(Mode{}, verified).Plan), "problem conflict prod/a")
	w.live().Put("prod").Values["a"] = "va"
	run := w.lock(verified)
	w.live().Transcript()
	report, err := run.Apply(t.Context(), planned(t, run))
	if err != nil || !report.Complete() {
		t.Fatal(err, report)
	}
	lines(t, "calls", w.live().Transcript(), "list secrets st1\npreview a")
	run.Close()
	lines(t, "plan after it", actions(w.plan(Mode{}).Plan), "")
	if p := records.Find(w.disk(), prod.Secret("a")).Pending; p != nil {
		t.Errorf("still pending: %+v", p)
	}
}

// TestProveApplied: after an apply, Workers read what was sent, or the report says which value they
// do not have.
func TestProveApplied(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // so that looking takes no time
		w := verifyWorld(t)
		run := w.lock(func(c *Config) { c.Wait = 10 * time.Millisecond })
		p := planned(t, run)
		report, err := run.Apply(t.Context(), p)
		if err != nil {
			t.Fatal(err)
		}
		w.live().Transcript()
		v := run.Prove(t.Context(), p, report)
		lines(t, "results", results(v), "prod/drawn same recent\nprod/hidden same recent\nprod/set same recent\nprod/touched same recent")
		lines(t, "calls", w.live().Transcript(), "preview drawn,hidden,set,touched")
		values := w.live().Put("prod").Values
		values["set"] = "stale"
		v = run.Prove(t.Context(), p, report)
		lines(t, "calls", w.live().Transcript(), "preview drawn,hidden,set,touched\npreview set")
		lines(t, "a value that Workers do not have", results(v), "prod/drawn same recent\nprod/hidden same recent\nprod/set other recent\nprod/touched same recent")
		w.live().Before = func(call string) error { // by the second look, Workers have it
			if call == "preview set" {
				values["set"] = "va"
			}
			return nil
		}
		v = run.Prove(t.Context(), p, report)
		lines(t, "a value that Workers get late", results(v), "prod/drawn same recent\nprod/hidden same recent\nprod/set same recent\nprod/touched same recent")
		w.live().Down("preview")
		if v = run.Prove(t.Context(), p, report); !errors.Is(v.Failed, enginetest.ErrDown) {
			t.Errorf("failed: %v", v.Failed)
		}
	})
}

// TestProveRenamed: a value that was kept under a new name is proven; one whose secret got only another
// comment was neither sent nor moved.
func TestProveRenamed(t *testing.T) {
	w := newWorld(t, two)
	w.env["A"], w.env["B"] = "va", "vb"
	w.applied()
	w.clock = start.Add(time.Hour)
	w.manifest("stores: {prod: {secrets: {c: {from: {env: A}, renamed_from: a}, b: {from: {env: B}, comment: second}}}}\n")
	run := w.lock(func(c *Config) { c.Wait = 10 * time.Millisecond })
	p := planned(t, run)
	lines(t, "plan", actions(p.Plan), "rename prod/c from a renamed\nupdate prod/b comment_changed delete_policy_changed")
	report, err := run.Apply(t.Context(), p)
	if err != nil {
		t.Fatal(err)
	}
	lines(t, "results", results(run.Prove(t.Context(), p, report)), "prod/c same recent")
}
