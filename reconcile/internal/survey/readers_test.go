package survey

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/secretsync/secretsync/planner"
	"github.com/secretsync/secretsync/planner/outside"
)

// TestReadersOf: each secret of the manifest and the lockfile is listed once, and others if
// something reads them.
func TestReadersOf(t *testing.T) {
	in := drifted("a")
	in.Desired = []planner.DesiredStore{{Key: in.Recorded[0].Key, Secrets: []planner.DesiredSecret{{Name: "key"}, {Name: "new"}}}}
	refs := []planner.Reference{
		{StoreID: "st", Secret: "key", Worker: "api"}, {StoreID: "st", Secret: "key", Worker: "shop"},
		{StoreID: "st", Secret: "other", Worker: "api"}, {StoreID: "x", Secret: "key", Worker: "api"},
	}
	var got []string
	for _, s := range readersOf(in, refs, map[planner.StoreID]planner.AccountID{"x": "a", "st": "a"}) {
		text := s.Key.Store.Name + "/" + string(s.StoreID) + "/" + s.Key.Name
		if s.Managed {
			text += " managed"
		}
		for _, r := range s.Readers {
			text += " " + r.Worker
		}
		got = append(got, text)
	}
	want := []string{"/x/key api", "prod/st/key managed api shop", "prod/st/new managed", "prod/st/other api"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// TestReaders: what is deployed is counted, whether it reads secrets or not, and a store that is
// not in the lockfile is in the account of its reader.
func TestReaders(t *testing.T) {
	use := func(store planner.StoreID, secret string) []outside.Use {
		return []outside.Use{{Binding: "KEY", Store: store, Secret: secret}}
	}
	secrets, n := Readers(drifted("a"), map[planner.AccountID][]outside.Reader{
		"b": {{Kind: planner.ReaderDeployed, Name: "shop", Uses: use("x", "key")}},
		"a": {{Kind: planner.ReaderDeployed, Name: "api", Uses: use("st", "key")}, {Kind: planner.ReaderDeployed, Name: "idle"}, {Kind: planner.ReaderGateway, Name: "chat"}, {Kind: planner.ReaderRegistry, Name: "docker.io"}},
	})
	want := []SecretReaders{
		{
			Key: planner.StoreKey{Account: "a", Name: "prod"}.Secret("key"), StoreID: "st", Managed: true,
			Readers: []planner.Reference{{StoreID: "st", Secret: "key", Reader: planner.ReaderDeployed, Worker: "api", Binding: "KEY"}},
		},
		{
			Key: planner.StoreKey{Account: "b"}.Secret("key"), StoreID: "x",
			Readers: []planner.Reference{{StoreID: "x", Secret: "key", Reader: planner.ReaderDeployed, Worker: "shop", Binding: "KEY"}},
		},
	}
	if diff := cmp.Diff(want, secrets); diff != "" || n != (Counts{Workers: 3, Gateways: 1, Registries: 1}) {
		t.Errorf("%+v, -want +got:\n%s", n, diff)
	}
}
