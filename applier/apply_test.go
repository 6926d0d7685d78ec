package applier_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/secretsync/secretsync/applier"
	"github.com/secretsync/secretsync/applier/appliertest"
	"github.com/secretsync/secretsync/internal/secret"
	"github.com/secretsync/secretsync/planner"
)

const account = planner.AccountID("0123456789abcdef0123456789abcdef")

var store = planner.StoreKey{Account: account, Name: "prod"}

func create(name string) planner.Action {
	return planner.Action{
		Op: planner.OpCreate, Store: store, StoreID: "st1", Secret: name, SetValue: true, Recovery: planner.Recovery{ListedAt: serverTime},
		Scopes: &planner.Change[[]string]{After: []string{"workers"}},
	}
}

func creates(n int) []planner.Action {
	var actions []planner.Action
	for i := range n {
		actions = append(actions, create(fmt.Sprintf("s%03d", i)))
	}
	return actions
}

// existing puts a secret into the account and returns its id.
func existing(f *fakeTarget, name string) planner.SecretID {
	f.put(applier.NewSecret{Name: name, Value: secret.New([]byte("old")), Scopes: []string{"workers"}})
	return f.secrets[name].ID
}

// stranger puts in a secret that somebody else made since the list was read.
func stranger(f *fakeTarget, name string) {
	existing(f, name)
	l := f.secrets[name]
	l.Created = planner.Modified(serverTime.Add(-10 * time.Second).Format(time.RFC3339))
	f.secrets[name] = l
}

// end is what Apply returned.
type end struct {
	*applier.Report
	Err error
}

func (e end) Complete() bool { return e.Err == nil && e.Report.Complete() }

func apply(ctx context.Context, f *fakeTarget, j *fakeJournal, actions ...planner.Action) end {
	return applyWaiting(ctx, f, j, 0, actions...)
}

func applyWaiting(ctx context.Context, f *fakeTarget, j *fakeJournal, wait time.Duration, actions ...planner.Action) end {
	start := time.Now()
	r, err := applier.Apply(ctx, &planner.Plan{Actions: actions}, applier.Config{
		Targets: map[planner.AccountID]applier.Target{account: f}, Journal: j, Parallelism: 4, Wait: wait,
		Now:   func() time.Time { return serverTime.Add(time.Since(start)) },
		Value: func(k planner.SecretKey) (secret.Value, bool) { return value(k.Name), true },
	})
	return end{r, err}
}

// once fails the first call that starts with prefix.
func once(prefix string, err error) func(string) error {
	failed := false
	return func(call string) error {
		if failed || !strings.HasPrefix(call, prefix) {
			return nil
		}
		failed = true
		return err
	}
}

func outcomes(r end) map[string]applier.Outcome {
	m := map[string]applier.Outcome{}
	for _, res := range r.Results {
		m[res.Action.Secret] = res.Outcome
	}
	return m
}

func expectLog(t *testing.T, f *fakeTarget, want ...string) {
	t.Helper()
	if diff := cmp.Diff(want, f.log); diff != "" {
		t.Errorf("calls and journal (-want +got):\n%s", diff)
	}
}

func TestEveryOperation(t *testing.T) {
	f := newFake()
	upd, del := existing(f, "upd"), existing(f, "del")
	comment := "new"
	r := apply(t.Context(), f, &fakeJournal{target: f},
		create("new"),
		planner.Action{Op: planner.OpUpdate, Store: store, StoreID: "st1", Secret: "upd", ID: upd, Comment: &planner.Change[string]{After: comment}},
		planner.Action{Op: planner.OpDelete, Store: store, StoreID: "st1", Secret: "del", ID: del},
		planner.Action{Op: planner.OpForget, Store: store, StoreID: "st1", Secret: "gone"},
	)
	if !r.Complete() {
		t.Fatalf("incomplete: %v", outcomes(r))
	}
	expectLog(t, f,
		"intent 1", "create 1", "outcome map[done:1]",
		"intent 1", "update upd value=false scopes=false comment=true", "outcome map[done:1]",
		"intent 1", "delete del", "outcome map[done:1]",
		"outcome map[done:1]")
	if f.values["upd"] != "old" {
		t.Error("a change of metadata resent the value")
	}
	if f.values["new"] != "value of new" {
		t.Error("the new secret has another value")
	}
}

func TestRename(t *testing.T) {
	f := newFake()
	a := planner.Action{
		Op: planner.OpRename, Store: store, StoreID: "st1", Secret: "new", From: "old", ID: existing(f, "old"),
		Scopes: &planner.Change[[]string]{After: []string{"workers"}}, Comment: &planner.Change[string]{After: "kept"},
	}
	if r := apply(t.Context(), f, &fakeJournal{target: f}, a); !r.Complete() {
		t.Fatal("incomplete")
	}
	expectLog(t, f, "intent 1", "duplicate old as new", "delete old", "outcome map[done:1]")
	if f.values["new"] != "old" || f.secrets["new"].Comment != "kept" {
		t.Errorf("the new secret is %v", f.secrets["new"])
	}

	f = newFake()
	a.ID = existing(f, "old")
	f.before = once("delete", errors.New("refused"))
	if r := apply(t.Context(), f, &fakeJournal{target: f}, a); r.Count(applier.Unknown) != 1 {
		t.Errorf("half renamed: outcomes %v", outcomes(r))
	}
}

func TestDeletesFirst(t *testing.T) {
	f := newFake()
	remove := planner.Action{Op: planner.OpDelete, Store: store, StoreID: "st1", Secret: "later", ID: existing(f, "later")}
	early := planner.Action{Op: planner.OpDelete, Store: store, StoreID: "st1", Secret: "old", ID: existing(f, "old"), BeforeCreates: true}
	apply(t.Context(), f, &fakeJournal{target: f}, early, create("new"), remove)
	expectLog(t, f, "intent 1", "delete old", "outcome map[done:1]", "intent 1", "create 1", "outcome map[done:1]",
		"intent 1", "delete later", "outcome map[done:1]")
}

// TestNothingIsDeletedForWhatCouldNotBeCreated: what is deleted may be what the new
// secret was to replace.
func TestNothingIsDeletedForWhatCouldNotBeCreated(t *testing.T) {
	for call, err := range map[string]error{"create 1": errors.New("refused"), "create store": applier.ErrQuota} {
		f := newFake()
		remove := planner.Action{Op: planner.OpDelete, Store: store, StoreID: "st1", Secret: "old", ID: existing(f, "old")}
		actions := []planner.Action{create("new"), remove, {Op: planner.OpDeleteStore, Store: store, StoreID: "st1"}}
		if call == "create store" {
			another := planner.StoreKey{Account: account, Name: "another"}
			actions[0].Store, actions[0].StoreID = another, ""
			actions = append([]planner.Action{{Op: planner.OpCreateStore, Store: another}}, actions...)
		}
		f.before = once(call, err)
		r := apply(t.Context(), f, &fakeJournal{target: f}, actions...)
		if got := outcomes(r); got["old"] != applier.Skipped || f.values["old"] != "old" {
			t.Errorf("%s failed: the old secret is %s", call, got["old"])
		}
		if slices.Contains(f.log, "delete store") {
			t.Errorf("%s failed: its store was deleted", call)
		}
	}
}

func TestAdoptingAsItIsSendsNothing(t *testing.T) {
	f := newFake()
	r := apply(t.Context(), f, &fakeJournal{target: f}, planner.Action{
		Op: planner.OpAdopt, Store: store, StoreID: "st1", Secret: "theirs", ID: "s9", Current: planner.LiveState{Metadata: planner.Metadata{Comment: "as it was"}},
	})
	expectLog(t, f, "outcome map[done:1]")
	if l := r.Results[0].Live; l.ID != "s9" || l.Comment != "as it was" {
		t.Errorf("recorded as %v", l)
	}
}

func TestAccountsDoNotStopOneAnother(t *testing.T) {
	good, bad := newFake(), newFake()
	bad.before = func(string) error { return errors.New("refused") }
	theirs := create("s")
	theirs.Store.Account = "fedcba9876543210fedcba9876543210"
	r, err := applier.Apply(t.Context(), &planner.Plan{Actions: []planner.Action{create("s"), theirs}}, applier.Config{
		Targets: map[planner.AccountID]applier.Target{account: good, theirs.Store.Account: bad},
		Journal: &fakeJournal{target: newFake()}, Parallelism: 1, Now: func() time.Time { return serverTime },
		Value: func(k planner.SecretKey) (secret.Value, bool) { return value(k.Name), true },
	})
	if err != nil || r.Results[0].Outcome != applier.Done || r.Results[1].Outcome != applier.Failed {
		t.Errorf("error %v, outcomes %v, %v", err, r.Results[0].Outcome, r.Results[1].Outcome)
	}
}

func TestDeleteStore(t *testing.T) {
	f := newFake()
	r := apply(t.Context(), f, &fakeJournal{target: f}, planner.Action{Op: planner.OpDeleteStore, Store: store, StoreID: "st1"})
	expectLog(t, f, "delete store", "outcome map[done:1]")
	if !r.Complete() {
		t.Error("incomplete")
	}
}

func TestTheFakeCallsBeforeSend(t *testing.T) {
	appliertest.TestBeforeSend(t, func(*testing.T) appliertest.Fixture {
		f := newFake()
		id := existing(f, "old")
		return appliertest.Fixture{
			Target: f, Store: "st1", Secret: id,
			Delay:   func(d time.Duration) { f.delay = d },
			Created: func() int { return len(f.secrets) - 1 },
		}
	})
}

func TestBatches(t *testing.T) {
	f := newFake()
	r := apply(t.Context(), f, &fakeJournal{target: f}, creates(250)...)
	if !r.Complete() {
		t.Fatal("incomplete")
	}
	expectLog(t, f,
		"intent 100", "create 100", "outcome map[done:100]",
		"intent 100", "create 100", "outcome map[done:100]",
		"intent 50", "create 50", "outcome map[done:50]")
	for i, res := range r.Results {
		if res.Live.Name != res.Action.Secret {
			t.Fatalf("result %d of %s has the live secret %s", i, res.Action.Secret, res.Live.Name)
		}
	}
}

func TestNewStore(t *testing.T) {
	f := newFake()
	a := create("s")
	a.StoreID = ""
	newStore := planner.Action{Op: planner.OpCreateStore, Store: store}
	if r := apply(t.Context(), f, &fakeJournal{target: f}, newStore, a); !r.Complete() {
		t.Fatal("incomplete")
	}
	expectLog(t, f, "create store prod", "store prod is st-new",
		"intent 1", "create 1", "outcome map[done:1]")

	f = newFake()
	f.before = once("create store", applier.ErrQuota)
	r := apply(t.Context(), f, &fakeJournal{target: f}, newStore, a)
	if diff := cmp.Diff(map[string]applier.Outcome{"": applier.Failed, "s": applier.Skipped}, outcomes(r)); diff != "" {
		t.Error(diff)
	}
}

func TestStoreWithUnknownOutcomeIsLookedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		f.after = once("create store", applier.ErrOutcomeUnknown)
		k := planner.StoreKey{Account: account, Name: "fresh"}
		if r := apply(t.Context(), f, &fakeJournal{target: f}, planner.Action{Op: planner.OpCreateStore, Store: k}); !r.Complete() {
			t.Fatal("incomplete")
		}
		expectLog(t, f, "create store fresh", "list stores", "store fresh is st-new")
	})
}

func TestUnknownCreateThatHappenedIsCompleted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		f.after = once("create", applier.ErrOutcomeUnknown)
		if r := apply(t.Context(), f, &fakeJournal{target: f}, creates(2)...); !r.Complete() {
			t.Fatalf("incomplete: %v", outcomes(r))
		}
		slices.Sort(f.log[3:5])
		expectLog(t, f, "intent 2", "create 2", "list secrets",
			"update s000 value=true scopes=true comment=false", "update s001 value=true scopes=true comment=false",
			"outcome map[done:2]")
	})
}

func TestUnknownCreateThatDidNotHappenIsSentAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		f.before = once("create", applier.ErrOutcomeUnknown)
		if r := apply(t.Context(), f, &fakeJournal{target: f}, creates(2)...); !r.Complete() {
			t.Fatalf("incomplete: %v", outcomes(r))
		}
		expectLog(t, f, "intent 2", "create 2", "list secrets", "create 2", "outcome map[done:2]")
	})
}

func TestCreateThatStaysUnknownIsSaidToBe(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		f.before = func(call string) error {
			if strings.HasPrefix(call, "create") {
				return applier.ErrOutcomeUnknown
			}
			return nil
		}
		r := apply(t.Context(), f, &fakeJournal{target: f}, creates(1)...)
		if r.Count(applier.Unknown) != 1 || r.Complete() {
			t.Errorf("outcomes %v", outcomes(r))
		}
		if n := len(f.log); n > 16 {
			t.Errorf("%d calls, want a bound: %v", n, f.log)
		}
	})
}

// What our request made, or may have made, is not failed because a later request was
// refused: the journal would forget it.
func TestUnknownStaysUnknownWhateverIsRefusedLater(t *testing.T) {
	for name, refuse := range map[string]string{"the second create": "create 1", "its completion": "update s000"} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFake()
				unknown := once("create", applier.ErrOutcomeUnknown)
				sent := false
				fail := func(call string) error {
					if err := unknown(call); err != nil {
						sent = true
						return err
					}
					if sent && strings.HasPrefix(call, refuse) {
						return errors.New("refused")
					}
					return nil
				}
				if f.before = fail; refuse != "create 1" { // it happened, and is completed
					f.before, f.after = nil, fail
				}
				if r := apply(t.Context(), f, &fakeJournal{target: f}, creates(1)...); r.Count(applier.Unknown) != 1 {
					t.Errorf("outcomes %v, log %v", outcomes(r), f.log)
				}
			})
		})
	}
}

func TestSomebodyElsesNameIsLeftAlone(t *testing.T) {
	for _, atomic := range []bool{true, false} {
		t.Run(fmt.Sprintf("atomic=%v", atomic), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFake()
				f.atomic = atomic
				stranger(f, "s003")
				r := apply(t.Context(), f, &fakeJournal{target: f}, creates(6)...)
				if r.Count(applier.Done) != 5 || outcomes(r)["s003"] != applier.Failed {
					t.Errorf("outcomes %v", outcomes(r))
				}
				if f.values["s003"] != "old" {
					t.Error("somebody else's secret was overwritten")
				}
				for _, res := range r.Results {
					if res.Outcome == applier.Done && f.values[res.Action.Secret] != "value of "+res.Action.Secret {
						t.Errorf("%s has another value", res.Action.Secret)
					}
				}
			})
		})
	}
}

// TestARefusalOfNoneOfThemIsFinal: a token that was refused, or a rate limit, made nothing.
func TestARefusalOfNoneOfThemIsFinal(t *testing.T) {
	f := newFake()
	f.before = once("create", errors.New("the token is refused"))
	r := apply(t.Context(), f, &fakeJournal{target: f}, creates(3)...)
	expectLog(t, f, "intent 3", "create 3", "outcome map[failed:3]")
	if r.Count(applier.Failed) != 3 {
		t.Errorf("outcomes %v", outcomes(r))
	}
}

// TestInterruptedWhileRefused: what a refused create may have made, and cannot be looked
// at any more, is unknown.
func TestInterruptedWhileRefused(t *testing.T) {
	for name, refusal := range map[string]error{"quota": applier.ErrQuota, "invalid": applier.ErrInvalid} {
		t.Run(name, func(t *testing.T) {
			f := newFake()
			f.stopAfter, f.refusal = 1, refusal
			ctx, cancel := context.WithCancel(t.Context())
			f.before = func(string) error { cancel(); return nil }
			r := apply(ctx, f, &fakeJournal{target: f}, creates(3)...)
			expectLog(t, f, "intent 3", "create 3", "outcome map[unknown:3]")
			if r.Count(applier.Unknown) != 3 {
				t.Errorf("outcomes %v", outcomes(r))
			}
		})
	}
}

// TestWhatARefusedCreateMadeIsFoundInAListThatLags looks again before it says that ours
// is somebody else's.
func TestWhatARefusedCreateMadeIsFoundInAListThatLags(t *testing.T) {
	for name, refusal := range map[string]error{"quota": applier.ErrQuota, "invalid": applier.ErrInvalid} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFake()
				f.stopAfter, f.refusal, f.lag = 2, refusal, 1
				r := apply(t.Context(), f, &fakeJournal{target: f}, creates(3)...)
				for n := range 2 {
					if got := r.Results[n]; got.Outcome != applier.Done {
						t.Errorf("%s is %s (%v)", got.Action.Secret, got.Outcome, got.Err)
					}
				}
			})
		})
	}
}

// TestARequestThatIsSentAgainIsJournaledAgain: each may be the one that takes effect.
func TestARequestThatIsSentAgainIsJournaledAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, sends := newFake(), 0
		f.before = func(call string) error {
			if call == "create 1" {
				if sends++; sends < 4 {
					time.Sleep(30 * time.Second) // and took no effect
					return applier.ErrOutcomeUnknown
				}
			}
			return nil
		}
		r := apply(t.Context(), f, &fakeJournal{target: f}, creates(1)...)
		expectLog(t, f, "intent 1", "create 1", "list secrets", "resend 1", "create 1", "list secrets", "resend 1", "create 1", "list secrets", "resend 1", "create 1", "outcome map[done:1]")
		if !r.Complete() {
			t.Errorf("outcomes %v", outcomes(r))
		}
	})
}

// TestWhatARefusedCreateMadeIsTakenOver: a server that makes some of a bulk create and
// refuses the rest.
func TestWhatARefusedCreateMadeIsTakenOver(t *testing.T) {
	for name, refusal := range map[string]error{"quota": applier.ErrQuota, "invalid": applier.ErrInvalid} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFake()
				f.stopAfter, f.refusal = 2, refusal
				r := apply(t.Context(), f, &fakeJournal{target: f}, creates(3)...)
				for n, want := range []applier.Outcome{applier.Done, applier.Done, applier.Failed} {
					if name == "invalid" { // the third is sent again by itself
						want = applier.Done
					}
					if got := r.Results[n]; got.Outcome != want || (want == applier.Done) != (f.values[got.Action.Secret] != "") {
						t.Errorf("%s is %s (%v)", got.Action.Secret, got.Outcome, got.Err)
					}
				}
			})
		})
	}
}

// TestAnUnknownCreateIsFoundWhateverItsTime: what the list lacked and is there after our
// request is ours, also where its time is missing or from another clock.
func TestAnUnknownCreateIsFoundWhateverItsTime(t *testing.T) {
	for _, created := range []planner.Modified{"", "never", "2026-01-01T00:00:09Z", "2031-01-01T00:00:00Z"} {
		synctest.Test(t, func(t *testing.T) {
			f := newFake()
			f.created = &created
			f.after = once("create", applier.ErrOutcomeUnknown)
			if r := apply(t.Context(), f, &fakeJournal{target: f}, creates(2)...); !r.Complete() {
				t.Errorf("created at %q: outcomes %v", created, outcomes(r))
			}
		})
	}
}

// TestWhatSeemedToBeGoneIsKnownByItsID: lists lagged, and there it is.
func TestWhatSeemedToBeGoneIsKnownByItsID(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		stranger(f, "s000")
		a := create("s000")
		a.Recovery.PreviousID = f.secrets["s000"].ID
		if r := apply(t.Context(), f, &fakeJournal{target: f}, a); !r.Complete() || f.values["s000"] != "value of s000" {
			t.Errorf("outcomes %v", outcomes(r))
		}
	})
}

// TestARequestThatHadToWaitIsJournaledAgain: what it makes is known as ours by when it
// was sent.
func TestARequestThatHadToWaitIsJournaledAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		f.delay = time.Minute
		old := existing(f, "old")
		r := apply(t.Context(), f, &fakeJournal{target: f}, create("new"),
			planner.Action{Op: planner.OpRename, Store: store, StoreID: "st1", Secret: "renamed", From: "old", ID: old,
				Scopes: &planner.Change[[]string]{After: []string{"workers"}}, Comment: &planner.Change[string]{}})
		if !r.Complete() {
			t.Errorf("outcomes %v", outcomes(r))
		}
		expectLog(t, f, "intent 1", "resend 1", "create 1", "outcome map[done:1]", "intent 1", "resend 1", "duplicate old as renamed", "delete old", "outcome map[done:1]")
	})
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		f.delay = time.Minute
		r := apply(t.Context(), f, &fakeJournal{target: f, fail: once("resend", errors.New("disk full"))}, create("new"))
		expectLog(t, f, "intent 1", "resend 1", "outcome map[failed:1]")
		if outcomes(r)["new"] != applier.Failed {
			t.Errorf("outcomes %v", outcomes(r))
		}
	})
}

func TestUnknownThenTakenByAStranger(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		f.before = func(call string) error {
			if call == "create 1" && len(f.secrets) == 0 {
				stranger(f, "s000")
				return applier.ErrOutcomeUnknown
			}
			return nil
		}
		r := apply(t.Context(), f, &fakeJournal{target: f}, creates(1)...)
		if f.values["s000"] != "old" || r.Count(applier.Done) != 0 {
			t.Errorf("outcomes %v", outcomes(r))
		}
	})
}

// TestAStrangersFreshSecretIsLeftAlone: it was made after our plan, and looks like ours.
func TestAStrangersFreshSecretIsLeftAlone(t *testing.T) {
	for _, n := range []int{1, 5} {
		synctest.Test(t, func(t *testing.T) {
			f := newFake()
			existing(f, "s000")
			r := apply(t.Context(), f, &fakeJournal{target: f}, creates(n)...)
			if f.values["s000"] != "old" || outcomes(r)["s000"] != applier.Failed || r.Count(applier.Done) != n-1 {
				t.Errorf("outcomes %v", outcomes(r))
			}
		})
	}
}

// TestAnInterruptedCreateThatHappenedIsCompleted: the list that the plan was made from
// lagged behind what the apply before this one had made.
func TestAnInterruptedCreateThatHappenedIsCompleted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		existing(f, "s000")
		a := create("s000")
		a.Recovery.SentWindow = planner.Window{From: serverTime, To: serverTime}
		if r := apply(t.Context(), f, &fakeJournal{target: f}, a); !r.Complete() || f.values["s000"] != "value of s000" {
			t.Errorf("outcomes %v", outcomes(r))
		}
	})
}

func TestPendingIsWaitedFor(t *testing.T) {
	for _, c := range []struct {
		lists, pending int
		wait           time.Duration
		log            []string
	}{
		{lists: 2, wait: time.Minute, log: []string{"list secrets", "list secrets", "list secrets", "active 1"}},
		{lists: 1000, pending: 1, wait: time.Second, log: []string{"list secrets", "list secrets"}},
		{lists: 1000, pending: 1, wait: 0, log: nil},
	} {
		synctest.Test(t, func(t *testing.T) {
			f := newFake()
			f.pending = c.lists
			start := time.Now()
			r := applyWaiting(t.Context(), f, &fakeJournal{target: f}, c.wait, create("s"))
			if !r.Complete() || len(r.Pending()) != c.pending || time.Since(start) > c.wait {
				t.Errorf("pending after %s: %d, want %d", time.Since(start), len(r.Pending()), c.pending)
			}
			expectLog(t, f, append([]string{"intent 1", "create 1", "outcome map[done:1]"}, c.log...)...)
			if c.pending == 0 && r.Results[0].Live.Modified != "2026-11-23T12:00:09Z" {
				t.Error("the modified that moved on activation is taken for somebody else's change")
			}
		})
	}
}

// TestWantOfQuotaMakesRoom: where the quota could not be read, the plan could not tell
// that something has to be deleted first.
func TestWantOfQuotaMakesRoom(t *testing.T) {
	f := newFake()
	remove := func(name string) planner.Action {
		return planner.Action{Op: planner.OpDelete, Store: store, StoreID: "st1", Secret: name, ID: existing(f, name)}
	}
	f.before = func(call string) error {
		if strings.HasPrefix(call, "create") && len(f.secrets) > 1 {
			return applier.ErrQuota
		}
		return nil
	}
	if r := apply(t.Context(), f, &fakeJournal{target: f}, create("new"), remove("old-1"), remove("old-2")); !r.Complete() {
		t.Errorf("outcomes %v", outcomes(r))
	}
	expectLog(t, f, "intent 1", "create 1", "outcome map[failed:1]", "intent 1", "delete old-1", "outcome map[done:1]",
		"intent 1", "create 1", "outcome map[done:1]", "intent 1", "delete old-2", "outcome map[done:1]")

	// Not where that would not make room enough.
	f = newFake()
	f.before = func(call string) error {
		if strings.HasPrefix(call, "create") {
			return applier.ErrQuota
		}
		return nil
	}
	r := apply(t.Context(), f, &fakeJournal{target: f}, create("new-1"), create("new-2"), remove("old"))
	if outcomes(r)["old"] != applier.Skipped || f.values["old"] != "old" {
		t.Errorf("outcomes %v", outcomes(r))
	}
}

// TestNothingIsDeletedInOneAccountForWhatCouldNotBeCreatedInAnother: it may have moved.
func TestNothingIsDeletedInOneAccountForWhatCouldNotBeCreatedInAnother(t *testing.T) {
	good, bad := newFake(), newFake()
	bad.before = func(string) error { return errors.New("refused") }
	moved := create("s")
	moved.Store.Account = "fedcba9876543210fedcba9876543210"
	old := planner.Action{Op: planner.OpDelete, Store: store, StoreID: "st1", Secret: "s", ID: existing(good, "s")}
	r, err := applier.Apply(t.Context(), &planner.Plan{Actions: []planner.Action{moved, old}}, applier.Config{
		Targets: map[planner.AccountID]applier.Target{account: good, moved.Store.Account: bad},
		Journal: &fakeJournal{target: newFake()}, Parallelism: 1, Now: func() time.Time { return serverTime },
		Value: func(k planner.SecretKey) (secret.Value, bool) { return value(k.Name), true },
	})
	if err != nil || r.Results[1].Outcome != applier.Skipped || good.values["s"] != "old" {
		t.Errorf("error %v, the old one is %s", err, r.Results[1].Outcome)
	}
}

func TestTooLargeIsHalved(t *testing.T) {
	f := newFake()
	f.maxItems = 30
	if r := apply(t.Context(), f, &fakeJournal{target: f}, creates(100)...); !r.Complete() {
		t.Fatal("incomplete")
	}
	expectLog(t, f, "intent 100", "create 100", "create 50", "create 25", "create 25", "create 50", "create 25", "create 25", "outcome map[done:100]")
}

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
	r := apply(ctx, f, &fakeJournal{target: f}, append(creates(101),
		planner.Action{Op: planner.OpDelete, Store: store, StoreID: "st1", Secret: "d", ID: existing(f, "d")})...)
	expectLog(t, f, "intent 100", "create 100", "outcome map[done:100]")
	if r.Count(applier.Done) != 100 || r.Count(applier.Skipped) != 2 || !errors.Is(r.Err, context.Canceled) {
		t.Errorf("error %v, done %d, skipped %d", r.Err, r.Count(applier.Done), r.Count(applier.Skipped))
	}
}

func TestInterruptTakesBackIntentsOfWhatWasNotTried(t *testing.T) {
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
