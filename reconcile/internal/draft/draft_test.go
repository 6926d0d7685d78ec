package draft

import (
	"testing"

	"github.com/secretsync/secretsync/manifest"
	"github.com/secretsync/secretsync/planner"
	"github.com/secretsync/secretsync/reconcile/internal/enginetest"
)

// live are secrets with these names.
func live(names ...string) []planner.LiveSecret {
	var secrets []planner.LiveSecret
	for _, name := range names {
		secrets = append(secrets, planner.LiveSecret{ID: planner.SecretID("id-" + name), Name: name, Scopes: []string{"access"}, Comment: "of " + name})
	}
	return secrets
}

// A secret belongs to the store of the manifest with the longest prefix, and its label is the rest of
// its name.
func TestUnmanaged(t *testing.T) {
	second := planner.StoreKey{Account: enginetest.DefaultAccount, Name: "second"}
	stores := []manifest.Store{{Label: "rest"}, {Label: "shop", Prefix: "p-"}, {Label: "second", Prefix: "s-"}}
	desired := []planner.DesiredStore{
		{Key: enginetest.Prod},
		{Key: enginetest.Prod, Prefix: "p-", Secrets: []planner.DesiredSecret{{Name: "p-known"}}},
		{Key: second, Prefix: "s-"},
	}
	in := planner.Input{
		Desired:  desired,
		Recorded: []planner.RecordedStore{{Key: enginetest.Prod, ID: "st1", Secrets: []planner.RecordedSecret{{Name: "left", ID: "id-left"}}}},
		Live: []planner.LiveStore{
			{Key: enginetest.Prod, ID: "st1", Secrets: live("left", "p-known", "p-new", "p-", "other", "other-2")},
			{Key: second, ID: "st2", Secrets: live("s-1", "outside")},
		},
	}
	enginetest.Equal(t, "drafts", Unmanaged(in, desired, stores), []manifest.DraftStore{
		{Label: "rest", Secrets: []manifest.DraftSecret{
			{Label: "other", Comment: "of other", Scopes: []string{"access"}},
			{Label: "other-2", Comment: "of other-2", Scopes: []string{"access"}},
		}},
		{Label: "shop", Secrets: []manifest.DraftSecret{{Label: "new", Comment: "of p-new", Scopes: []string{"access"}}}},
		{Label: "second", Secrets: []manifest.DraftSecret{{Label: "1", Comment: "of s-1", Scopes: []string{"access"}}}},
	})
}

// A label that is generated for a store is the name of no other.
func TestAccount(t *testing.T) {
	store := func(name string, secrets ...string) planner.LiveStore {
		return planner.LiveStore{Key: planner.StoreKey{Account: enginetest.DefaultAccount, Name: name}, Secrets: live(secrets...)}
	}
	got := Account([]planner.LiveStore{store("prod", "a"), store("my store", "b"), store("store-2"), store("its store"), store("store-2-")})
	enginetest.Equal(t, "drafts", got, []manifest.DraftStore{
		{Label: "prod", Secrets: []manifest.DraftSecret{{Label: "a", Comment: "of a", Scopes: []string{"access"}}}},
		{Label: "store-2--", Name: "my store", Secrets: []manifest.DraftSecret{{Label: "b", Comment: "of b", Scopes: []string{"access"}}}},
		{Label: "store-2"},
		{Label: "store-4", Name: "its store"},
		{Label: "store-2-"},
	})
}
