package reconcile

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/secretsync/secretsync/applier"
	"github.com/secretsync/secretsync/internal/lease"
	"github.com/secretsync/secretsync/planner"
)

// Each outcome of an apply is followed by how far its account is. What was not tried does not count.
func TestApplyingCounts(t *testing.T) {
	var events []Event
	p := &Project{cfg: Config{Notify: func(e Event) { events = append(events, e) }}.withDefaults()}
	action := func(account planner.AccountID) planner.Action {
		return planner.Action{Op: planner.OpCreate, Store: planner.StoreKey{Account: account, Name: "prod"}}
	}
	plan := &planner.Plan{Actions: []planner.Action{action("b"), action("a"), action("b")}}
	outcome, end := p.applying(plan)
	for _, r := range []applier.Result{
		{Action: action("b"), Outcome: applier.Done}, {Action: action("a"), Outcome: applier.Failed, Err: errors.New("refused")},
		{Action: action("a"), Outcome: applier.Done}, {Action: action("b"), Outcome: applier.Skipped},
	} {
		outcome(r)
	}
	end()
	events = slices.DeleteFunc(events, func(e Event) bool { _, ok := e.(ActionDone); return ok })
	want := []Event{
		Progress{PhaseApply, "a", 0, 1}, Progress{PhaseApply, "b", 0, 2},
		Progress{PhaseApply, "b", 1, 2}, Progress{PhaseApply, "a", 1, 1}, Progress{PhaseApply, "a", 1, 1},
		PhaseEnded{PhaseApply},
	}
	if diff := cmp.Diff(want, events); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// While a lease is waited for, its holder is shown, without how long the wait had lasted at its beginning.
func TestLeaseWaitsNameTheHolder(t *testing.T) {
	var events []Event
	p := &Project{cfg: Config{Notify: func(e Event) { events = append(events, e) }}.withDefaults()}
	waiting, end := p.leaseWaits()
	waiting(&lease.HeldError{Address: "s3://bucket/prod", Waited: 52 * time.Millisecond})
	end()
	w, ok := events[0].(Waiting)
	if !ok || w.For != WaitLease || !strings.Contains(w.Held.Error(), "s3://bucket/prod is held by") || strings.Contains(w.Held.Error(), "waited") {
		t.Errorf("%+v", events[0])
	}
	if diff := cmp.Diff(Event(WaitEnded{For: WaitLease}), events[1]); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}
