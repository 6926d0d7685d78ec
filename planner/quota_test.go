package planner_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/secretsync/secretsync/planner"
)

// changes is an input whose plan creates, renames and deletes the given numbers of secrets.
func changes(creates, renames, deletes int) planner.Input {
	in := input(nil, nil, nil)
	add := func(name string) {
		r, l := recorded(), live()
		r.Name, r.ID = name, planner.SecretID("id-"+name)
		l.Name, l.ID = r.Name, r.ID
		in.Recorded[0].Secrets = append(in.Recorded[0].Secrets, *r)
		in.Live[0].Secrets = append(in.Live[0].Secrets, *l)
	}
	want := func(name, renamedFrom string) {
		d := desired()
		d.Name, d.RenamedFrom = name, renamedFrom
		in.Desired[0].Secrets = append(in.Desired[0].Secrets, *d)
	}
	for i := range creates {
		want(fmt.Sprint("created-", i), "")
	}
	for i := range renames {
		add(fmt.Sprint("before-", i))
		want(fmt.Sprint("after-", i), fmt.Sprint("before-", i))
	}
	for i := range deletes {
		add(fmt.Sprint("deleted-", i))
	}
	return in
}

// TestQuota: if the account has too few free slots, only as many deletions as needed go
// first, so that a failing creation costs the least.
func TestQuota(t *testing.T) {
	const limit = 100
	for _, c := range []struct {
		name                             string
		creates, renames, deletes, usage int
		first                            int // deletions that go before the creations
		needed                           int // slots that a problem names; 0 for no problem
	}{
		{"room to spare", 2, 0, 1, 90, 0, 0},
		{"the last slots", 2, 0, 1, 98, 0, 0},
		{"one slot short", 2, 0, 3, 99, 1, 0},
		{"two slots short", 2, 0, 3, 100, 2, 0},
		{"every deletion is needed", 2, 0, 2, 100, 2, 0},
		{"not enough deletions", 3, 0, 2, 100, 2, 101},
		{"nothing to delete", 1, 0, 0, 100, 0, 101},
		{"over the quota already", 1, 0, 1, 103, 1, 103},
		{"a rename needs a slot until the old name is deleted", 0, 1, 1, 100, 1, 0},
		{"and has none", 0, 1, 0, 100, 0, 101},
		{"renames use that slot one after another", 0, 3, 0, 99, 0, 0},
		{"creations and renames, the last slots", 1, 2, 0, 98, 0, 0},
		{"creations and renames, one slot short", 1, 2, 1, 99, 1, 0},
		{"creations and renames, not enough deletions", 2, 1, 1, 99, 1, 101},
	} {
		t.Run(c.name, func(t *testing.T) {
			in := changes(c.creates, c.renames, c.deletes)
			in.Quotas = map[planner.AccountID]planner.Quota{account: {Usage: c.usage, Limit: limit}}
			p := planner.Build(in)
			first := 0
			for ; first < len(p.Actions) && p.Actions[first].Op == planner.OpDelete; first++ {
				if !p.Actions[first].BeforeCreates {
					t.Error("a deletion comes first that need not")
				}
			}
			if marked := slices.DeleteFunc(p.Actions, func(a planner.Action) bool { return !a.BeforeCreates }); first != c.first || len(marked) != c.first {
				t.Errorf("%d deletions come first, and %d are marked; want %d", first, len(marked), c.first)
			}
			var want []planner.Problem
			if c.needed > 0 {
				want = []planner.Problem{{
					Kind: planner.ProblemQuota, Store: planner.StoreKey{Account: account}, Count: c.needed, Limit: limit,
				}}
			}
			if diff := cmp.Diff(want, p.Problems); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestQuotaIsOfOneAccount: changes in another account neither need slots nor free any.
func TestQuotaIsOfOneAccount(t *testing.T) {
	in, other := changes(1, 0, 1), changes(5, 1, 4)
	elsewhere := planner.StoreKey{Account: "fedcba9876543210fedcba9876543210", Name: "prod"}
	other.Desired[0].Key, other.Recorded[0].Key, other.Live[0].Key = elsewhere, elsewhere, elsewhere
	in.Desired, in.Recorded, in.Live = append(in.Desired, other.Desired...), append(in.Recorded, other.Recorded...), append(in.Live, other.Live...)
	in.Quotas = map[planner.AccountID]planner.Quota{account: {Usage: 100, Limit: 100}}
	p := planner.Build(in)
	if first := p.Actions[0]; first.Op != planner.OpDelete || first.Store.Account != account || p.Actions[1].BeforeCreates || len(p.Problems) != 0 {
		t.Errorf("%s comes first, in account %s; problems %v", first.Op, first.Store.Account, p.Problems)
	}
	if diff := cmp.Diff(map[planner.AccountID]int{account: 1, elsewhere.Account: 6}, p.Creates()); diff != "" {
		t.Error(diff)
	}
}

// TestNearQuota: a quota can matter where a plan creates secrets and the account could have more
// than the usual quota before anything is deleted.
func TestNearQuota(t *testing.T) {
	for _, c := range []struct {
		name                      string
		creates, renames, deletes int
		change                    func(*planner.Input)
		// expected is for the input without its live state, and near with it.
		expected, near bool
	}{
		{"up to the usual quota", 40, 10, 40, nil, false, false},
		{"above it, until something is deleted", 41, 10, 40, nil, true, true},
		{"above it, and nothing to create", 0, 0, 101, nil, false, false},
		{"a list that is incomplete", 1, 0, 0, func(in *planner.Input) { in.Live[0].Incomplete = true }, false, true},
		{"a store that was not listed", 1, 0, 0, func(in *planner.Input) {
			in.Live = append(in.Live, planner.LiveStore{Key: planner.StoreKey{Account: account, Name: "other"}, ID: "st2"})
		}, false, true},
		{"others have secrets", 60, 0, 0, func(in *planner.Input) {
			for i := range 41 {
				in.Live[0].Secrets = append(in.Live[0].Secrets, planner.LiveSecret{ID: planner.SecretID(fmt.Sprint("x-", i)), Name: fmt.Sprint("x-", i)})
			}
		}, false, true},
		{"most are not targeted", 41, 20, 40, func(in *planner.Input) { in.Options.Targets = []string{"*/created-1"} }, false, false},
		{"rotations only", 41, 20, 40, func(in *planner.Input) { in.Options.Rotate = []string{"*"} }, false, false},
		{"external secrets", 101, 0, 0, func(in *planner.Input) {
			for i := range in.Desired[0].Secrets {
				in.Desired[0].Secrets[i].External = true
			}
		}, false, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			in := changes(c.creates, c.renames, c.deletes)
			if c.change != nil {
				c.change(&in)
			}
			accounts := func(yes bool) []planner.AccountID {
				if yes {
					return []planner.AccountID{account}
				}
				return nil
			}
			if diff := cmp.Diff(accounts(c.expected), planner.ExpectNearQuota(in)); diff != "" {
				t.Errorf("expected (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(accounts(c.near), planner.Build(in).NearQuota(in)); diff != "" {
				t.Errorf("near (-want +got):\n%s", diff)
			}
		})
	}
}
