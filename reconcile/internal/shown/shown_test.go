package shown

import (
	"strings"
	"testing"

	"github.com/secretsync/secretsync/lockfile"
	"github.com/secretsync/secretsync/manifest"
	"github.com/secretsync/secretsync/planner"
	"github.com/secretsync/secretsync/reconcile/internal/enginetest"
)

// join leaves out empty texts.
func join(text []string) string { return strings.Join(strings.Fields(strings.Join(text, " ")), " ") }

// Every text of a part is listed, and a missing part adds none.
func TestShown(t *testing.T) {
	store := planner.StoreKey{Account: "account", Name: "store"}
	lock := &lockfile.File{Key: lockfile.Key{ID: "key"}}
	lock.PutStore(lockfile.StoreKey{Account: "account", Name: "store"}, "id").PutSecret("secret", lockfile.Secret{
		ID: "secret-id", Comment: "comment", Source: "source", Scopes: []string{"scope"},
	})
	for name, tt := range map[string]struct{ got, want string }{
		"a manifest": {
			join(Manifest(&manifest.Manifest{Stores: []manifest.Store{{Label: "label", Name: "store", AccountID: "account", Secrets: []manifest.Secret{
				{Label: "one", Name: "p-one", RenamedFrom: "p-before", Scopes: []string{"scope"}, Comment: new("comment")}, {Label: "two"},
			}}}})),
			"label store account one p-one p-before " + join([]string{manifest.Source{}.String()}) + " scope comment two " + join([]string{manifest.Source{}.String()}),
		},
		"a lockfile": {join(Lockfile(lock)), "key account id store secret secret-id comment source scope"},
		"live stores": {
			join(Live([]planner.LiveStore{{Key: store, ID: "id", Secrets: []planner.LiveSecret{
				{Name: "secret", ID: "secret-id", Comment: "comment", Status: "status", Scopes: []string{"scope"}},
			}}})),
			"store id secret secret-id comment status scope",
		},
		"a plan": {
			join(Plan(&planner.Plan{Actions: []planner.Action{
				{
					Store: store, Secret: "secret", From: "from", Source: "source",
					Current: planner.LiveState{Metadata: planner.Metadata{Comment: "current", Scopes: []string{"scope"}}},
					Scopes:  &planner.Change[[]string]{Before: []string{"before"}, After: []string{"after"}},
					Comment: &planner.Change[string]{Before: "was", After: "is"},
				},
				{Secret: "another"},
			}})),
			"account store secret from source current scope before after was is another",
		},
	} {
		enginetest.Equal(t, name, tt.got, join(strings.Fields(tt.want)))
	}
}
