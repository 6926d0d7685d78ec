package wanted

import (
	"testing"
	"time"

	"github.com/secretsync/secretsync/manifest"
	"github.com/secretsync/secretsync/planner"
	"github.com/secretsync/secretsync/reconcile/internal/enginetest"
)

func TestStore(t *testing.T) {
	pos := manifest.Position{File: "m.yaml", Line: 3}
	st := manifest.Store{Label: "shop", Name: "prod", Prefix: "p-", Unmanaged: "fail", Delete: true, Create: true, Pos: pos}
	st.Secrets = []manifest.Secret{{Name: "p-a"}}
	enginetest.Equal(t, "store", Store(st, enginetest.Prod), planner.DesiredStore{
		Key: enginetest.Prod, Prefix: "p-", Unmanaged: planner.UnmanagedFail, Delete: true, Create: true, Pos: pos,
	})
}

func TestSecret(t *testing.T) {
	pos := manifest.Position{File: "m.yaml", Line: 4}
	comment := "told"
	source := manifest.Source{Kind: manifest.SourceEnv}
	given := manifest.Secret{
		Label: "a", Name: "p-a", Scopes: []string{"workers"}, Comment: &comment, Source: source, Delete: true, Adopt: "keep",
		RenamedFrom: "p-z", RotateAfter: time.Hour, External: true, Overlap: time.Minute, Previous: "p-a-previous", Pos: pos,
	}
	want := planner.DesiredSecret{
		Name: "p-a", Scopes: []string{"workers"}, Comment: &comment, Source: source.String(), Delete: true, Adopt: planner.AdoptKeep,
		RenamedFrom: "p-z", RotateAfter: time.Hour, External: true, Overlap: time.Minute, Previous: "p-a-previous",
		SourceDigest: source.Digest(), Pos: pos,
	}
	enginetest.Equal(t, "secret", Secret(given), want)
	given.Source = manifest.Source{Kind: manifest.SourceGenerate}
	enginetest.Equal(t, "generated", Secret(given).Generated, true)
}

func TestCheckDuplicates(t *testing.T) {
	at := func(line int) planner.Position { return planner.Position{File: "m.yaml", Line: line, Column: 1} }
	for name, tt := range map[string]struct {
		second planner.DesiredSecret
		want   string
	}{
		"another": {planner.DesiredSecret{Name: "b", Previous: "b-previous"}, ""},
		"the same": {
			planner.DesiredSecret{Name: "a", Pos: at(7)}, `m.yaml:7:1: secret "a" of store "prod" is described at m.yaml:2:1 already`,
		},
		"with the name of a previous value": {
			planner.DesiredSecret{Name: "a-previous", Pos: at(7)},
			`m.yaml:2:1: secret "a" of store "prod" keeps its previous value as "a-previous", which is described at m.yaml:7:1`,
		},
	} {
		err := CheckDuplicates([]planner.DesiredStore{
			{Key: enginetest.Prod, Secrets: []planner.DesiredSecret{{Name: "a", Previous: "a-previous", Pos: at(2)}}},
			{Key: enginetest.Prod, Secrets: []planner.DesiredSecret{tt.second}},
		})
		got := ""
		if err != nil {
			got = err.Error()
		}
		enginetest.Equal(t, name, got, tt.want)
	}
}

// Stores of the same name in two accounts are two stores.
func TestNoDuplicatesAcrossAccounts(t *testing.T) {
	stores := []planner.DesiredStore{
		{Key: enginetest.Prod, Secrets: []planner.DesiredSecret{{Name: "a"}}},
		{Key: planner.StoreKey{Account: enginetest.OtherAccount, Name: "prod"}, Secrets: []planner.DesiredSecret{{Name: "a"}}},
	}
	if err := CheckDuplicates(stores); err != nil {
		t.Error(err)
	}
}
