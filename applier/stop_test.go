package applier_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/secretsync/secretsync/applier"
	"github.com/secretsync/secretsync/planner"
)

func TestOneFailureDoesNotStopTheOthers(t *testing.T) {
	f := newFake()
	var actions []planner.Action
	for i := range 5 {
		name := fmt.Sprintf("d%d", i)
		actions = append(actions, planner.Action{Op: planner.OpDelete, Store: store, StoreID: "st1", Secret: name, ID: existing(f, name)})
	}
	refused := errors.New("refused")
	f.before = once("delete d2", refused)
	r := apply(t.Context(), f, &fakeJournal{target: f}, actions...)
	if got := r.Results[2]; got.Outcome != applier.Failed || !errors.Is(got.Err, refused) {
		t.Errorf("d2: %v, %v", got.Outcome, got.Err)
	}
	if r.Count(applier.Done) != 4 || r.Complete() {
		t.Errorf("outcomes %v", outcomes(r))
	}
}

func TestNothingIsSentThatCannotBeJournaled(t *testing.T) {
	diskFull := errors.New("disk full")
	t.Run("before the first request", func(t *testing.T) {
		f := newFake()
		r := apply(t.Context(), f, &fakeJournal{target: f, fail: once("intent", diskFull)}, creates(3)...)
		expectLog(t, f, "intent 3")
		if !errors.Is(r.Err, diskFull) || r.Count(applier.Skipped) != 3 {
			t.Errorf("error %v, outcomes %v", r.Err, outcomes(r))
		}
	})
	t.Run("after a request", func(t *testing.T) {
		f := newFake()
		id := existing(f, "upd")
		r := apply(t.Context(), f, &fakeJournal{target: f, fail: once("outcome", diskFull)}, create("new"),
			planner.Action{Op: planner.OpUpdate, Store: store, StoreID: "st1", Secret: "upd", ID: id, SetValue: true})
		expectLog(t, f, "intent 1", "create 1", "outcome map[done:1]")
		if !errors.Is(r.Err, diskFull) || outcomes(r)["new"] != applier.Done || outcomes(r)["upd"] != applier.Skipped {
			t.Errorf("error %v, outcomes %v", r.Err, outcomes(r))
		}
	})
}

func TestInterruptedSendsNothingMore(t *testing.T) {
	f := newFake()
	ctx, cancel := context.WithCancel(t.Context())
	f.after = func(call string) error {
		if strings.HasPrefix(call, "create") {
			cancel()
		}
		return nil
	}
	r := applyInOrder(ctx, f, &fakeJournal{target: f}, append(creates(101),
		planner.Action{Op: planner.OpDelete, Store: store, StoreID: "st1", Secret: "d", ID: existing(f, "d")})...)
	expectLog(t, f, "intent 100", "create 100", "outcome map[done:100]")
	if r.Count(applier.Done) != 100 || r.Count(applier.Skipped) != 2 || !errors.Is(r.Err, context.Canceled) {
		t.Errorf("error %v, done %d, skipped %d", r.Err, r.Count(applier.Done), r.Count(applier.Skipped))
	}
}

func TestInterruptCancelsIntentsOfWhatWasNotTried(t *testing.T) {
	f := newFake()
	var actions []planner.Action
	for i := range 20 {
		name := fmt.Sprintf("d%02d", i)
		actions = append(actions, planner.Action{Op: planner.OpDelete, Store: store, StoreID: "st1", Secret: name, ID: existing(f, name)})
	}
	ctx, cancel := context.WithCancel(t.Context())
	f.after = func(string) error { cancel(); return nil }
	r := apply(ctx, f, &fakeJournal{target: f}, actions...)
	skipped := r.Count(applier.Skipped)
	if skipped == 0 || r.Count(applier.Done)+skipped != 20 {
		t.Fatalf("outcomes %v", outcomes(r))
	}
	if want := fmt.Sprintf("outcome map[skipped:%d]", skipped); f.log[len(f.log)-1] != want {
		t.Errorf("the last entry is %q, want %q", f.log[len(f.log)-1], want)
	}
}
