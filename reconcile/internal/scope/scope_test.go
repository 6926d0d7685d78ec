package scope

import (
	"slices"
	"testing"

	"github.com/secretsync/secretsync/planner"
	"github.com/secretsync/secretsync/reconcile/internal/enginetest"
)

const (
	account = enginetest.DefaultAccount
	other   = enginetest.OtherAccount
)

var (
	prod   = enginetest.Prod
	theirs = planner.StoreKey{Account: other, Name: "prod"}
	equal  = enginetest.Equal
)

// input has secrets of two accounts in the manifest, the lockfile, or both.
func input() planner.Input {
	return planner.Input{
		Desired: []planner.DesiredStore{
			{Key: theirs, Secrets: []planner.DesiredSecret{{Name: "a"}}},
			{Key: prod, Secrets: []planner.DesiredSecret{{Name: "a"}, {Name: "b"}}},
		},
		Recorded: []planner.RecordedStore{
			{Key: prod, ID: "st1", Secrets: []planner.RecordedSecret{{Name: "b"}, {Name: "left"}}},
			{Key: theirs, ID: "st2", Secrets: []planner.RecordedSecret{{Name: "left"}}},
		},
	}
}

// described is what an input has: the desired secrets, and after them the recorded ones.
func described(in planner.Input) (all []string) {
	for k := range Known(in.Desired, in.Recorded) {
		all = append(all, string(k.Store.Account[len(k.Store.Account)-1:])+"/"+k.Store.Name+"/"+k.Name)
	}
	return all
}

func TestKnown(t *testing.T) {
	in := input()
	all := []planner.SecretKey{
		theirs.Secret("a"), prod.Secret("a"), prod.Secret("b"), prod.Secret("b"), prod.Secret("left"), theirs.Secret("left"),
	}
	equal(t, "secrets", slices.Collect(Known(in.Desired, in.Recorded)), all)
	for n := range all {
		var some []planner.SecretKey
		for k := range Known(in.Desired, in.Recorded) {
			if some = append(some, k); len(some) > n {
				break
			}
		}
		equal(t, "those before the loop ends", some, all[:n+1])
	}
}

func TestAccounts(t *testing.T) {
	in := input()
	in.Recorded = append(in.Recorded, planner.RecordedStore{Key: planner.StoreKey{Account: "recorded", Name: "prod"}})
	equal(t, "accounts", Accounts(in), []planner.AccountID{account, other, "recorded"})
	equal(t, "of nothing", Accounts(planner.Input{}), []planner.AccountID(nil))
}

func TestReadable(t *testing.T) {
	in := input()
	got := Readable(in.Desired, map[planner.AccountID]error{account: nil, other: enginetest.ErrDown})
	equal(t, "stores", got, input().Desired[1:])
	equal(t, "the input", in, input())
}

// Only the stores of the chosen secrets are read. What the manifest has besides in them stays: a
// secret may be renamed, or have the previous value of another.
func TestToSecrets(t *testing.T) {
	in := input()
	ToSecrets(&in, []planner.SecretKey{prod.Secret("left")})
	equal(t, "input", in, planner.Input{
		Desired:  input().Desired[1:],
		Recorded: []planner.RecordedStore{{Key: prod, ID: "st1", Secrets: []planner.RecordedSecret{{Name: "left"}}}},
	})
	in = input()
	ToSecrets(&in, nil)
	equal(t, "nothing chosen", described(in), []string(nil))
}

func TestToRotations(t *testing.T) {
	for name, tt := range map[string]struct {
		globs  []string
		stores []planner.StoreKey
	}{
		"one store, of the manifest":           {[]string{"prod/b"}, []planner.StoreKey{prod}},
		"one account":                          {[]string{string(other) + "/prod/*"}, []planner.StoreKey{theirs}},
		"all, of the lockfile":                 {[]string{"prod/left"}, []planner.StoreKey{theirs, prod}},
		"several globs, one that matches none": {[]string{"none", string(account) + "/*/a"}, []planner.StoreKey{prod}},
		"none":                                 {[]string{"none/*"}, nil},
	} {
		in := input()
		ToRotations(&in, tt.globs)
		equal(t, name+": globs", in.Options.Rotate, tt.globs)
		var stores []planner.StoreKey
		for _, st := range in.Desired {
			stores = append(stores, st.Key)
		}
		equal(t, name, stores, tt.stores)
		equal(t, name+": recorded stores", len(in.Recorded), len(stores))
	}
}

// A name matches only itself, whatever characters it has; a missing store matches all its
// secrets.
func TestDrifted(t *testing.T) {
	odd := planner.StoreKey{Account: account, Name: `a*[b]\?`}
	got := Drifted([]planner.Drift{
		{Kind: planner.DriftDeleted, Store: odd, Secret: "c*", Counts: true},
		{Kind: planner.DriftStoreGone, Store: odd, Counts: true},
		{Kind: planner.DriftLagging, Store: odd, Secret: "lagging"},
		{Kind: planner.DriftNotActive, Store: odd, Secret: "stuck", Counts: true},
		{Kind: planner.DriftUnmanaged, Store: odd, Secret: "theirs", Counts: true},
		{Kind: planner.DriftRotationOverdue, Store: odd, Secret: "given", Counts: true},
		{Kind: planner.DriftRotationOverdue, Store: odd, Secret: "drawn", Counts: true, Generated: true},
	})
	store := string(account) + `/a\*\[b]\\\?/`
	equal(t, "targets", got, []string{store + `c\*`, store + "*", store + "drawn"})
	o := planner.Options{Targets: got[:1]}
	equal(t, "matches itself", o.Targeted(odd, "c*"), true)
	equal(t, "matches another", o.Targeted(odd, "cd"), false)
}

func TestCompare(t *testing.T) {
	stores := []planner.StoreKey{theirs, {Account: account, Name: "z"}, prod, {Account: other, Name: "a"}}
	equal(t, "stores", slices.SortedFunc(slices.Values(stores), CompareStores), []planner.StoreKey{prod, {Account: account, Name: "z"}, {Account: other, Name: "a"}, theirs})
	secrets := []planner.SecretKey{theirs.Secret("a"), prod.Secret("b"), prod.Secret("a")}
	equal(t, "secrets", slices.SortedFunc(slices.Values(secrets), CompareSecrets), []planner.SecretKey{prod.Secret("a"), prod.Secret("b"), theirs.Secret("a")})
	equal(t, "the same", CompareSecrets(prod.Secret("a"), prod.Secret("a")), 0)
}
