package applier_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"
	"github.com/secretsync/secretsync/applier"
	"github.com/secretsync/secretsync/internal/secret"
	"github.com/secretsync/secretsync/planner"
)

func TestAnotherClientsSecretIsLeftAlone(t *testing.T) {
	for _, atomic := range []bool{true, false} {
		t.Run(fmt.Sprintf("atomic=%v", atomic), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFake()
				f.atomic = atomic
				stranger(f, "s003")
				r := apply(t.Context(), f, &fakeJournal{target: f}, commented(creates(6))...)
				if r.Count(applier.Done) != 5 || outcomes(r)["s003"] != applier.Failed {
					t.Errorf("outcomes %v", outcomes(r))
				}
				if f.values["s003"] != "old" {
					t.Error("another client's secret was overwritten")
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

// TestWhatSeemedToBeGoneIsRecognizedByItsID: lists lagged, and the secret still exists.
func TestWhatSeemedToBeGoneIsRecognizedByItsID(t *testing.T) {
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

// TestAnotherClientsNewSecretIsLeftAlone: it was created after our plan, and looks like
// ours.
func TestAnotherClientsNewSecretIsLeftAlone(t *testing.T) {
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

// TestAnInterruptedCreateThatHappenedIsCompleted: the list that the plan is based on
// lagged behind what the interrupted apply had created.
func TestAnInterruptedCreateThatHappenedIsCompleted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		ours := "ours"
		f.put(applier.NewSecret{Name: "s000", Value: secret.New([]byte("old")), Scopes: []string{"workers"}, Comment: &ours})
		a := comment(create("s000"), ours)
		a.Recovery.SentWindow = &planner.Window{From: serverTime, To: serverTime}
		if r := apply(t.Context(), f, &fakeJournal{target: f}, a); !r.Complete() || f.values["s000"] != "value of s000" {
			t.Errorf("outcomes %v", outcomes(r))
		}
	})
}

// comment adds a comment to an action.
func comment(a planner.Action, text string) planner.Action {
	a.Comment = &planner.Change[string]{After: text}
	return a
}

// commented adds a comment to all actions, by which the secrets can be recognized.
func commented(actions []planner.Action) []planner.Action {
	for i, a := range actions {
		actions[i] = comment(a, "our "+a.Secret)
	}
	return actions
}

// What may be another client's is not overwritten: it has the scopes and the time of our
// request, and no comment that would prove more.
func TestWhatMayBeAnotherClientsIsLeftAlone(t *testing.T) {
	for name, tt := range map[string]struct {
		refusal error // of our request, during which another client creates the secret
		actions []planner.Action
	}{
		"an unknown outcome":               {applier.ErrOutcomeUnknown, creates(1)},
		"an unknown outcome of two":        {applier.ErrOutcomeUnknown, creates(2)},
		"an empty comment":                 {applier.ErrOutcomeUnknown, []planner.Action{comment(create("s000"), "")}},
		"a refusal, perhaps after a part":  {applier.ErrInvalid, creates(2)},
		"the same, because of the quota":   {applier.ErrQuota, creates(2)},
		"a window of an interrupted apply": {applier.ErrNameTaken, interrupted(creates(1))},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFake()
				refuse := once("create", tt.refusal)
				f.before = func(call string) error {
					err := refuse(call)
					if err != nil {
						existing(f, "s000")
					}
					return err
				}
				r := apply(t.Context(), f, &fakeJournal{target: f}, tt.actions...)
				if f.values["s000"] != "old" || outcomes(r)["s000"] != applier.Unknown {
					t.Errorf("outcomes %v, log %v", outcomes(r), f.log)
				}
				if err := r.Results[0].Err; !strings.Contains(fmt.Sprint(err), "or by another client at the same time") {
					t.Errorf("error %v", err)
				}
			})
		})
	}
}

// interrupted gives actions the window of an interrupted apply, in which the server's clock is.
func interrupted(actions []planner.Action) []planner.Action {
	for i := range actions {
		actions[i].Recovery.SentWindow = &planner.Window{From: serverTime, To: serverTime}
	}
	return actions
}

// What is found after an unknown create is ours only if it has the metadata that we asked for.
func TestWhatLooksDifferentIsNotOurs(t *testing.T) {
	for name, tt := range map[string]struct {
		theirs string
		done   bool
	}{"our comment": {"ours", true}, "another comment": {"theirs", false}, "none": {"", false}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFake()
				f.before = func(call string) error {
					if call != "create 1" {
						return nil
					}
					f.put(applier.NewSecret{Name: "s", Value: secret.New([]byte("old")), Scopes: []string{"workers"}, Comment: &tt.theirs})
					return applier.ErrOutcomeUnknown
				}
				r := apply(t.Context(), f, &fakeJournal{target: f}, comment(create("s"), "ours"))
				if r.Complete() != tt.done || (f.values["s"] == "value of s") != tt.done {
					t.Errorf("outcomes %v, log %v", outcomes(r), f.log)
				}
			})
		})
	}
}

// A refused bulk create may have created the secrets before the one in conflict, but no
// others. A later one that looks like ours belongs to another client.
func TestOnlyWhatComesBeforeTheConflictMayBeOurs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		f.atomic = false
		stranger(f, "s002")
		created := once("create", errors.New("x"))
		f.before = func(call string) error {
			if created(call) != nil { // while our request runs, another client creates one that looks like ours
				lookalike(f, "s004")
			}
			return nil
		}
		r := apply(t.Context(), f, &fakeJournal{target: f}, commented(creates(6))...)
		want := map[string]applier.Outcome{
			"s000": applier.Done, "s001": applier.Done, "s002": applier.Failed, "s003": applier.Done, "s004": applier.Failed, "s005": applier.Done,
		}
		if diff := cmp.Diff(want, outcomes(r)); diff != "" {
			t.Error(diff)
		}
		for _, name := range []string{"s002", "s004"} {
			if f.values[name] != "old" {
				t.Errorf("%s was overwritten", name)
			}
		}
	})
}

// lookalike creates a secret as another client does, with the comment of commented.
func lookalike(f *fakeTarget, name string) {
	text := "our " + name
	f.put(applier.NewSecret{Name: name, Value: secret.New([]byte("old")), Scopes: []string{"workers"}, Comment: &text})
}

// If the refusal does not say which name is in conflict, no secret that exists is ours.
func TestAConflictWithoutAName(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		f.atomic, f.stopAfter, f.refusal = false, 2, applier.ErrNameTaken
		r := apply(t.Context(), f, &fakeJournal{target: f}, creates(3)...)
		want := map[string]applier.Outcome{"s000": applier.Failed, "s001": applier.Failed, "s002": applier.Done}
		if diff := cmp.Diff(want, outcomes(r)); diff != "" {
			t.Error(diff)
		}
	})
}

// A creation time that cannot be read proves nothing, but only for a request of ours that
// may have created the secret.
func TestAnotherClientsSecretWithoutATime(t *testing.T) {
	for _, created := range []planner.Modified{"", "never"} {
		synctest.Test(t, func(t *testing.T) {
			f := newFake()
			f.created = &created
			existing(f, "s001")
			r := apply(t.Context(), f, &fakeJournal{target: f}, creates(3)...)
			if r.Count(applier.Done) != 2 || f.values["s001"] != "old" {
				t.Errorf("created at %q: outcomes %v", created, outcomes(r))
			}
		})
	}
}

// When a single create is refused because of its name, the list is read only if the secret
// may be ours.
func TestWhenATakenNameIsLookedInto(t *testing.T) {
	for name, tt := range map[string]struct {
		recovery planner.Recovery
		looked   bool
	}{
		"no reason":              {planner.Recovery{ListedAt: serverTime}, false},
		"an interrupted apply":   {planner.Recovery{SentWindow: &planner.Window{From: serverTime, To: serverTime}}, true},
		"it had an id":           {planner.Recovery{PreviousID: "id1"}, true},
		"it had another id":      {planner.Recovery{PreviousID: "id7"}, true},
		"an older window, alone": {planner.Recovery{SentWindow: &planner.Window{To: serverTime}}, false},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFake()
				stranger(f, "s")
				a := create("s")
				a.Recovery = tt.recovery
				r := apply(t.Context(), f, &fakeJournal{target: f}, a)
				if looked := slices.Contains(f.log, "list secrets"); looked != tt.looked {
					t.Errorf("looked: %v, log %v", looked, f.log)
				}
				if done := name == "it had an id"; r.Complete() != done || (f.values["s"] == "old") == done {
					t.Errorf("outcomes %v", outcomes(r))
				}
				if err := r.Results[0].Err; !r.Complete() && !errors.Is(err, applier.ErrNameTaken) {
					t.Errorf("error %v", err)
				}
			})
		})
	}
}

// A secret that a refused request created is completed. If that fails, its outcome is unknown.
func TestCompletingWhatARefusedRequestCreated(t *testing.T) {
	f := newFake()
	f.stopAfter, f.refusal = 1, applier.ErrInvalid
	f.before = always("update", errors.New("refused"))
	r := apply(t.Context(), f, &fakeJournal{target: f}, commented(creates(2))...)
	want := map[string]applier.Outcome{"s000": applier.Unknown, "s001": applier.Done}
	if diff := cmp.Diff(want, outcomes(r)); diff != "" {
		t.Error(diff)
	}
}
