package machines

import (
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/secretsync/secretsync/applier"
	"github.com/secretsync/secretsync/lockfile"
	"github.com/secretsync/secretsync/manifest"
	"github.com/secretsync/secretsync/planner"
	"github.com/secretsync/secretsync/reconcile/internal/enginetest"
)

func TestLocate(t *testing.T) {
	at := func(url string) manifest.Location {
		return manifest.Location{URL: url, Pos: manifest.Position{File: "secretsync.yaml", Line: 2}}
	}
	given := func(url string) manifest.Location { return manifest.Location{URL: url} }
	lock, leases := at("s3://bucket/team/a.lock"), at("s3://bucket/leases")
	for name, tt := range map[string]struct {
		lockfile, lease string
		manifest        manifest.Manifest
		want            Places
	}{
		"beside the manifest":               {"", "", manifest.Manifest{}, Places{}},
		"a file":                            {"a.lock", "", manifest.Manifest{}, Places{}},
		"a file, not the manifest's bucket": {"a.lock", "", manifest.Manifest{Lockfile: lock}, Places{}},
		"a file with leases":                {"a.lock", "s3://bucket/team", manifest.Manifest{}, Places{Leases: given("s3://bucket/team")}},
		"the manifest's leases":             {"", "", manifest.Manifest{Lease: leases}, Places{Leases: leases}},
		"other leases than the manifest's":  {"", "s3://bucket/team", manifest.Manifest{Lease: leases}, Places{Leases: given("s3://bucket/team")}},
		"the manifest's bucket": {"", "", manifest.Manifest{Lockfile: lock}, Places{
			Lock: at("s3://bucket/team"), LockKey: "a.lock", Leases: at("s3://bucket/team"),
		}},
		"another bucket": {"s3://other/b.lock", "", manifest.Manifest{Lockfile: lock}, Places{
			Lock: given("s3://other"), LockKey: "b.lock", Leases: given("s3://other"),
		}},
		"a bucket, and leases elsewhere": {"", "", manifest.Manifest{Lockfile: lock, Lease: leases}, Places{
			Lock: at("s3://bucket/team"), LockKey: "a.lock", Leases: leases,
		}},
	} {
		got, err := Locate(tt.lockfile, tt.lease, &tt.manifest)
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		enginetest.Equal(t, name, got, tt.want)
	}
}

func TestLocateMistakes(t *testing.T) {
	for _, url := range []string{"s3://bucket", "s3://bucket/team/"} {
		places, err := Locate("", "", &manifest.Manifest{Lockfile: manifest.Location{URL: url, Pos: manifest.Position{File: "m.yaml", Line: 2, Column: 11}}})
		const want = "m.yaml:2:11: the lockfile's URL names no object: want s3://BUCKET/PREFIX/NAME.lock"
		if err == nil || err.Error() != want {
			t.Errorf("%s: %v", url, err)
		}
		enginetest.Equal(t, "places", places, Places{})
	}
}

func TestLocated(t *testing.T) {
	cause := errors.New("why")
	here := manifest.Location{Pos: manifest.Position{File: "m.yaml", Line: 3, Column: 1}}
	if err := Located(here, cause); !errors.Is(err, cause) || err.Error() != "m.yaml:3:1: why" {
		t.Errorf("%v", err)
	}
	if err := Located(manifest.Location{}, cause); err != cause {
		t.Errorf("from no manifest: %v", err)
	}
	if err := Located(here, nil); err != nil {
		t.Errorf("no error: %v", err)
	}
}

// shared is a lockfile with a secret.
func shared(lineage string, generation int) *lockfile.File {
	f := &lockfile.File{Shared: lockfile.Shared{Lineage: lineage, Generation: generation}}
	f.PutStore(lockfile.StoreKey{Name: "prod"}, "st1").PutSecret("a", lockfile.Secret{ID: "id1"})
	return f
}

func TestWhyKept(t *testing.T) {
	for name, tt := range map[string]struct {
		from, to *lockfile.File
		want     string
	}{
		"nothing there":       {shared("one", 3), &lockfile.File{}, ""},
		"older":               {shared("one", 3), shared("one", 2), ""},
		"the same":            {shared("one", 3), shared("one", 3), ""},
		"newer":               {shared("one", 3), shared("one", 4), "the target is newer: it is generation 4, and the other one is generation 3"},
		"another project's":   {shared("one", 3), shared("two", 2), "the target already has records, which may belong to another project"},
		"never shared":        {shared("one", 3), shared("", 0), "the target already has records, which may belong to another project"},
		"neither ever shared": {shared("", 0), shared("", 0), "the target already has records, which may belong to another project"},
		"a key without records": {
			shared("one", 3), &lockfile.File{Key: lockfile.Key{ID: "k"}}, "the target already has records, which may belong to another project",
		},
	} {
		enginetest.Equal(t, name, WhyKept(tt.from, tt.to), tt.want)
	}
}

func TestLockfiles(t *testing.T) {
	f := shared("one", 1)
	f.PutStore(lockfile.StoreKey{Name: "dev"}, "st2").PutSecret("b", lockfile.Secret{ID: "id2"})
	f.PutStore(lockfile.StoreKey{Name: "dev"}, "st2").PutSecret("c", lockfile.Secret{ID: "id3"})
	enginetest.Equal(t, "secrets", []int{Secrets(f), Secrets(shared("one", 1)), Secrets(&lockfile.File{})}, []int{3, 1, 0})
	enginetest.Equal(t, "empty", []bool{IsEmpty(f), IsEmpty(&lockfile.File{Key: lockfile.Key{ID: "k"}}), IsEmpty(&lockfile.File{})}, []bool{false, false, true})
	enginetest.Equal(t, "has the stores of", []bool{
		HasStoresOf(f, shared("one", 1)), HasStoresOf(f, f), HasStoresOf(f, &lockfile.File{}), HasStoresOf(shared("one", 1), f),
	}, []bool{true, true, true, false})
}

// A client that is checked sends no write once the check fails, and goes on reading.
func TestChecked(t *testing.T) {
	const store, secret = planner.StoreID("st1"), planner.SecretID("id1")
	writes := map[string]func(context.Context, applier.Target) error{
		"create store": func(ctx context.Context, c applier.Target) error {
			_, err := c.CreateStore(ctx, "dev")
			return err
		},
		"create": func(ctx context.Context, c applier.Target) error {
			_, err := c.CreateSecrets(ctx, store, []applier.NewSecret{{Name: "new"}}, func() error { return nil })
			return err
		},
		"update": func(ctx context.Context, c applier.Target) error {
			_, err := c.UpdateSecret(ctx, store, secret, applier.Patch{})
			return err
		},
		"duplicate": func(ctx context.Context, c applier.Target) error {
			_, err := c.DuplicateSecret(ctx, store, secret, applier.Duplicate{Name: "copy"}, func() error { return nil })
			return err
		},
		"delete store":  func(ctx context.Context, c applier.Target) error { return c.DeleteStore(ctx, store) },
		"delete secret": func(ctx context.Context, c applier.Target) error { return c.DeleteSecret(ctx, store, secret) },
	}
	lost := errors.New("the lease was lost")
	for name, write := range writes {
		for _, held := range []bool{true, false} {
			account := enginetest.NewAPI().Accounts[enginetest.DefaultAccount]
			account.Create(account.Put("prod"), "a", "v", nil, "")
			account.Transcript()
			checks := 0
			client := Checked(account, func() error {
				if checks++; held {
					return nil
				}
				return lost
			})
			err := write(t.Context(), client)
			calls := account.Transcript()
			if errors.Is(err, lost) == held || len(calls) == 1 != held || checks != 1 {
				t.Errorf("%s, held %v: %v, calls %q, %d checks", name, held, err, calls, checks)
			}
			if _, err := client.ListStores(t.Context()); err != nil || !slices.Contains(account.Transcript(), "list stores") {
				t.Errorf("%s, held %v: a list: %v", name, held, err)
			}
		}
	}
}
