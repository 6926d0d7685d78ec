package applier_test

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/secretsync/secretsync/applier"
	"github.com/secretsync/secretsync/planner"
)

// prepare is an action that duplicates a secret under name-previous. It retires what has the id
// earlier, unless that is empty.
func prepare(name string, from, earlier planner.SecretID) planner.Action {
	a := planner.Action{
		Op: planner.OpPrepare, Store: store, StoreID: "st1", Secret: name + "-previous", From: name, FromID: from, ID: earlier,
		Scopes: &planner.Change[[]string]{After: []string{"workers"}}, Comment: &planner.Change[string]{After: "previous value of " + name},
	}
	if earlier != "" {
		a.Op = planner.OpRetire
	}
	return a
}

// promote is an update of a secret that exists, whose value name-previous is to keep.
func promote(f *fakeTarget, name string) planner.Action {
	a := update(f, name)
	a.Previous = name + "-previous"
	return a
}

func TestTheOldValueIsDuplicatedFirst(t *testing.T) {
	f := newFake()
	p := promote(f, "key")
	r := apply(t.Context(), f, &fakeJournal{target: f}, prepare("key", p.ID, ""), p)
	expectLog(t, f, "intent 1", "duplicate key as key-previous", "outcome map[done:1]",
		"intent 1", "update key value=true scopes=false comment=false", "outcome map[done:1]")
	if !r.Complete() || f.values["key"] != "value of key" || f.values["key-previous"] != "old" {
		t.Errorf("outcomes %v, values %v", outcomes(r), f.values)
	}
}

func TestAnEarlierValueIsDeletedBefore(t *testing.T) {
	f := newFake()
	earlier := existing(f, "key-previous")
	f.values["key-previous"] = "older"
	p := promote(f, "key")
	apply(t.Context(), f, &fakeJournal{target: f}, prepare("key", p.ID, earlier), p)
	expectLog(t, f, "intent 1", "delete key-previous", "duplicate key as key-previous", "outcome map[done:1]",
		"intent 1", "update key value=true scopes=false comment=false", "outcome map[done:1]")
	if f.values["key-previous"] != "old" {
		t.Errorf("values %v", f.values)
	}
}

// TestADuplicateThatWaitedForADeletionIsJournaledAgain: what it creates is recognised by the time of
// the request.
func TestADuplicateThatWaitedForADeletionIsJournaledAgain(t *testing.T) {
	for _, full := range []error{nil, errors.New("disk full")} {
		synctest.Test(t, func(t *testing.T) {
			f := newFake()
			earlier := existing(f, "key-previous")
			p := promote(f, "key")
			f.before = func(call string) error {
				if call == "delete key-previous" {
					time.Sleep(applier.ResendAfter)
				}
				return nil
			}
			r := apply(t.Context(), f, &fakeJournal{target: f, fail: once("resend", full)}, prepare("key", p.ID, earlier), p)
			if full != nil {
				expectLog(t, f, "intent 1", "delete key-previous", "resend 1", "outcome map[unknown:1]")
			} else {
				expectLog(t, f, "intent 1", "delete key-previous", "resend 1", "duplicate key as key-previous", "outcome map[done:1]",
					"intent 1", "update key value=true scopes=false comment=false", "outcome map[done:1]")
			}
			if r.Complete() != (full == nil) {
				t.Errorf("outcomes %v", outcomes(r))
			}
		})
	}
}

// TestAnOldValueThatIsNotKeptIsNotReplaced: whatever happens to the request that keeps the old
// value, it is not replaced. Other updates are.
func TestAnOldValueThatIsNotKeptIsNotReplaced(t *testing.T) {
	for _, c := range []struct {
		name string
		fail func(string) error
		want applier.Outcome
		kept bool // the earlier value is still there
	}{
		{"the deletion is refused", once("delete", errors.New("refused")), applier.Failed, true},
		{"the deletion's outcome is unknown", once("delete", applier.ErrOutcomeUnknown), applier.Unknown, true},
		{"the duplicate is refused", once("duplicate", errors.New("refused")), applier.Unknown, false},
		{"the duplicate's outcome is unknown", once("duplicate", applier.ErrOutcomeUnknown), applier.Unknown, false},
		{"there is no room", once("duplicate", applier.ErrQuota), applier.Unknown, false},
	} {
		f := newFake()
		earlier := existing(f, "key-previous")
		p := promote(f, "key")
		f.before = c.fail
		r := apply(t.Context(), f, &fakeJournal{target: f}, prepare("key", p.ID, earlier), p, update(f, "other"))
		want := map[string]applier.Outcome{"key-previous": c.want, "key": applier.Skipped, "other": applier.Done}
		if diff := cmp.Diff(want, outcomes(r)); diff != "" {
			t.Errorf("%s: %s", c.name, diff)
		}
		if _, kept := f.secrets["key-previous"]; f.values["key"] != "old" || kept != c.kept {
			t.Errorf("%s: key has %q, the earlier value is there: %v", c.name, f.values["key"], kept)
		}
		for _, res := range r.Results {
			if res.Action.Secret == "key" && !strings.Contains(res.Err.Error(), "could not be kept") {
				t.Errorf("%s: %v", c.name, res.Err)
			}
		}
	}
	f := newFake() // there is no earlier value that would be lost
	p := promote(f, "key")
	f.before = once("duplicate", errors.New("refused"))
	if r := apply(t.Context(), f, &fakeJournal{target: f}, prepare("key", p.ID, ""), p); r.Results[0].Outcome != applier.Failed ||
		r.Results[1].Outcome != applier.Skipped {
		t.Errorf("outcomes %v", outcomes(r))
	}
}

// TestADuplicateOfWhatIsWritten: a secret that the plan creates, or sets to its earlier value, is
// written before it is duplicated, and is not duplicated if that fails.
func TestADuplicateOfWhatIsWritten(t *testing.T) {
	f := newFake()
	again := update(f, "again")
	r := apply(t.Context(), f, &fakeJournal{target: f}, create("new"), prepare("new", "", ""), prepare("again", again.ID, ""), again)
	expectLog(t, f, "intent 1", "create 1", "outcome map[done:1]", "intent 1", "duplicate new as new-previous", "outcome map[done:1]",
		"intent 1", "update again value=true scopes=false comment=false", "outcome map[done:1]",
		"intent 1", "duplicate again as again-previous", "outcome map[done:1]")
	if !r.Complete() || f.values["again-previous"] != "value of again" || f.values["new-previous"] != "value of new" {
		t.Errorf("outcomes %v, values %v", outcomes(r), f.values)
	}

	f = newFake()
	again = update(f, "again")
	f.before = func(call string) error {
		if strings.HasPrefix(call, "create") || strings.HasPrefix(call, "update") {
			return errors.New("refused")
		}
		return nil
	}
	r = apply(t.Context(), f, &fakeJournal{target: f}, create("new"), prepare("new", "", ""), prepare("again", again.ID, ""), again)
	want := map[string]applier.Outcome{
		"new": applier.Failed, "new-previous": applier.Skipped, "again": applier.Failed, "again-previous": applier.Skipped,
	}
	if diff := cmp.Diff(want, outcomes(r)); diff != "" {
		t.Error(diff)
	}
}

// TestARenamedSecretIsDuplicated under its new id.
func TestARenamedSecretIsDuplicated(t *testing.T) {
	f := newFake()
	if r := apply(t.Context(), f, &fakeJournal{target: f}, rename(f, "old-name", "key"), prepare("key", "", "")); !r.Complete() {
		t.Fatalf("outcomes %v", outcomes(r))
	}
	if f.values["key-previous"] != "old" {
		t.Errorf("values %v", f.values)
	}
}

// TestTheOldValueHasToBeActive: Workers have to be able to read the duplicate before the value is
// replaced, unless nothing is waited for.
func TestTheOldValueHasToBeActive(t *testing.T) {
	for _, c := range []struct {
		lists int
		wait  time.Duration
		want  applier.Outcome
	}{
		{lists: 2, wait: time.Minute, want: applier.Done},
		{lists: 1 << 20, wait: 5 * time.Second, want: applier.Skipped},
		{lists: 1 << 20, wait: 0, want: applier.Done},
	} {
		synctest.Test(t, func(t *testing.T) {
			f := newFake()
			p := promote(f, "key")
			f.pending = c.lists
			r := applyWaiting(t.Context(), f, &fakeJournal{target: f}, c.wait, prepare("key", p.ID, ""), p)
			if got := r.Results[1].Outcome; got != c.want {
				t.Errorf("%d lists, waiting %s: %s (%v)", c.lists, c.wait, got, r.Results[1].Err)
			}
		})
	}
}
