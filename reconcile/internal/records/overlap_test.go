package records_test

import (
	"testing"
	"time"

	"github.com/secretsync/secretsync/applier"
	"github.com/secretsync/secretsync/lockfile"
	"github.com/secretsync/secretsync/planner"
	"github.com/secretsync/secretsync/reconcile/internal/records"
)

// previousOf reads the record of what keeps the previous value of a.
func (j *journaled) previousOf() lockfile.Secret {
	j.t.Helper()
	f, err := lockfile.Read(j.path)
	if err != nil {
		j.t.Fatal(err)
	}
	sec := records.Find(f, prod.Secret("a-previous"))
	if sec == nil {
		j.t.Fatal("a-previous has no record")
	}
	return *sec
}

func duplicate(op planner.Op, earlier planner.SecretID) planner.Action {
	return planner.Action{
		Op: op, Store: prod, StoreID: "st1", Secret: "a-previous", From: "a", ID: earlier, Delete: new(true),
		Scopes: &planner.Change[[]string]{After: []string{"workers"}}, Comment: &planner.Change[string]{After: "previous value of a"},
	}
}

// TestJournalOfDuplicates: a duplicate is recorded with the secret whose value it keeps. A retired one
// is found by its id if the outcome is unknown, and gets its record back if nothing happened.
func TestJournalOfDuplicates(t *testing.T) {
	kept := lockfile.Secret{ID: "p1", Delete: true, PreviousOf: "a", KeptSince: start.Add(-time.Hour)}
	live := planner.LiveSecret{ID: "p2", Comment: "previous value of a", Scopes: []string{"workers"}, Modified: "2026-11-23T12:00:00Z"}
	for _, op := range []planner.Op{planner.OpPrepare, planner.OpRetire} {
		recorded, earlier := map[string]lockfile.Secret{"a": applied("a", time.Hour)}, planner.SecretID("")
		if op == planner.OpRetire {
			recorded["a-previous"], earlier = kept, "p1"
		}
		j := newJournaled(t, recorded)
		a := duplicate(op, earlier)
		j.intent(a)
		if p := j.previousOf(); p.ID != "" || p.PreviousOf != "a" || !p.Delete || p.Comment != "previous value of a" ||
			p.Pending == nil || p.Pending.Op != string(op) || p.Pending.PreviousID != lockfile.SecretID(earlier) || !p.KeptSince.IsZero() {
			t.Errorf("%s is intended: %+v", op, p)
		}
		j.outcome(applier.Result{Action: a, Outcome: applier.Unknown})
		if p := j.previousOf(); p.Pending == nil {
			t.Errorf("%s with an unknown outcome: %+v", op, p)
		}
		j.outcome(applier.Result{Action: a, Outcome: applier.Done, Live: live})
		if p := j.previousOf(); p.ID != "p2" || p.PreviousOf != "a" || !p.Delete || p.Pending != nil || !p.KeptSince.IsZero() ||
			!p.Applied.Equal(start) || p.Fingerprint != "" {
			t.Errorf("%s is done: %+v", op, p)
		}
	}
	j := newJournaled(t, map[string]lockfile.Secret{"a": applied("a", time.Hour), "a-previous": kept})
	a := duplicate(planner.OpRetire, "p1")
	j.intent(a)
	j.outcome(applier.Result{Action: a, Outcome: applier.Failed})
	if p := j.previousOf(); p.ID != "p1" || !p.KeptSince.Equal(kept.KeptSince) || p.Pending != nil {
		t.Errorf("a retirement was refused: %+v", p)
	}
}

// TestJournalOfReplacements: what keeps the old value keeps it since the replacement took effect, as
// the journal records at once with its outcome, and not otherwise.
func TestJournalOfReplacements(t *testing.T) {
	for outcome, keeps := range map[applier.Outcome]bool{applier.Done: true, applier.Unknown: false, applier.Failed: false, applier.Skipped: false} {
		j := newJournaled(t, map[string]lockfile.Secret{
			"a": applied("a", time.Hour), "a-previous": {ID: "p1", Delete: true, PreviousOf: "a"},
		})
		a := on(planner.OpUpdate, "a")
		a.SetValue, a.Previous = true, "a-previous"
		j.intent(a)
		if p := j.previousOf(); !p.KeptSince.IsZero() || p.Pending != nil {
			t.Errorf("before the request: %+v", p)
		}
		j.clock = start.Add(10 * time.Second)
		j.outcome(applier.Result{Action: a, Outcome: outcome, Live: planner.LiveSecret{ID: "id-a"}})
		if p := j.previousOf(); p.KeptSince.IsZero() == keeps || keeps && !p.KeptSince.Equal(j.clock) || p.ID != "p1" {
			t.Errorf("%s: %+v", outcome, p)
		}
	}
	// A value that another client set, and that is proven to be the new one, is not sent.
	j := newJournaled(t, map[string]lockfile.Secret{"a": applied("a", time.Hour), "a-previous": {ID: "p1", Delete: true, PreviousOf: "a"}})
	a := proven(on(planner.OpRecord, "a"))
	a.Previous = "a-previous"
	j.outcome(applier.Result{Action: a, Outcome: applier.Done, Live: planner.LiveSecret{ID: "id-a"}})
	if p := j.previousOf(); !p.KeptSince.Equal(start) {
		t.Errorf("recorded: %+v", p)
	}
}
