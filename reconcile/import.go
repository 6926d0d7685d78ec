package reconcile

import (
	"context"
	"errors"
	"fmt"

	"github.com/secretsync/secretsync/lockfile"
	"github.com/secretsync/secretsync/manifest"
	"github.com/secretsync/secretsync/planner"
	"github.com/secretsync/secretsync/reconcile/internal/draft"
	"github.com/secretsync/secretsync/reconcile/internal/records"
)

// Found is the information to rebuild a lost lockfile from.
type Found struct {
	// Live are the desired secrets that exist, Missing those that do not, and Unmanaged the
	// live ones within the manifest's prefixes that it does not describe.
	Live               []FoundSecret
	Missing, Unmanaged []planner.SecretKey

	desired *desired
	lock    *lockfile.File
}

// FoundSecret is a desired secret that exists.
type FoundSecret struct {
	Key planner.SecretKey
	// Source describes where the manifest takes its value from.
	Source string

	storeID planner.StoreID
	live    planner.LiveSecret
}

// Close wipes the values.
func (f *Found) Close() {
	if f != nil {
		f.desired.wipe()
	}
}

// ErrHasRecords means that the lockfile already has records, which are not replaced.
var ErrHasRecords = errors.New("already exists and has records")

// Find looks for what a lost lockfile recorded. It refuses a lockfile with records.
func (r *Run) Find(ctx context.Context) (*Found, error) {
	lock := r.handle.File()
	if len(lock.Stores) > 0 {
		return nil, fmt.Errorf("%s %w", r.project.Lockfile(), ErrHasRecords)
	}
	d, err := r.project.desire(ctx, lock, Mode{})
	if err != nil {
		return nil, err
	}
	seen, in, err := r.project.see(ctx, planner.Input{Desired: d.stores})
	// A partial lockfile is worse than none: it has records, so it cannot be imported again.
	if err := errors.Join(err, seen.Err(), seen.Incomplete()); err != nil {
		d.wipe()
		return nil, err
	}
	found := &Found{desired: d, lock: lock}
	for _, v := range planner.Join(in) {
		switch {
		case v.Desired != nil && v.Desired.External:
		case v.Desired != nil && v.Live != nil:
			found.Live = append(found.Live, FoundSecret{Key: v.Key, Source: d.secrets[v.Key].Source, storeID: v.StoreID, live: *v.Live})
		case v.Desired != nil:
			found.Missing = append(found.Missing, v.Key)
		case v.Within != nil:
			found.Unmanaged = append(found.Unmanaged, v.Key)
		}
	}
	return found, nil
}

// Import records what was found, like an apply that adopts secrets and keeps their values.
// It writes nothing to Cloudflare.
func (r *Run) Import(ctx context.Context, found *Found) error {
	d := found.desired
	if err := r.unchanged(ctx, d.key, found.lock.Key); err != nil {
		return err
	}
	key, recorded, err := r.project.ensureKey(ctx, d.key, found.lock.Key)
	if err != nil {
		return err
	}
	d.key = key
	j := r.journal(d, recorded)
	return j.Write(func(f *lockfile.File) {
		for _, s := range found.Live {
			w, live := d.secrets[s.Key], s.live
			sec := lockfile.Secret{
				ID: lockfile.SecretID(live.ID), Scopes: live.Scopes, Comment: live.Comment, Modified: lockfile.Modified(live.Modified),
				Status: records.StatusOf(live.Status), Applied: j.Now(), Source: w.Source, Delete: w.Delete,
			}
			if w.Value.IsSet() {
				sec.Ciphertext, sec.Fingerprint = w.Ciphertext.Digest, key.Fingerprint(records.Subject(s.Key), w.Value)
			}
			st := f.PutStore(records.LockKey(s.Key.Store), lockfile.StoreID(s.storeID))
			st.Delete = j.StorePolicy[s.Key.Store]
			st.PutSecret(s.Key.Name, sec)
		}
	})
}

// DraftUnmanaged describes, as a draft of a manifest, the live secrets of the manifest's
// stores and prefixes that neither the manifest nor the lockfile has.
func (p *Project) DraftUnmanaged(ctx context.Context) ([]manifest.DraftStore, error) {
	in, err := p.readWithoutValues(ctx)
	if err != nil {
		return nil, err
	}
	stores := in.Desired // in the manifest's order
	seen, in, err := p.see(ctx, in)
	if err = errors.Join(err, seen.Err(), seen.Incomplete()); err != nil {
		return nil, err
	}
	return draft.Unmanaged(in, stores, p.manifest.Stores), nil
}

// DraftAccount describes everything in an account, as a draft of a first manifest. It uses
// only Account and API of Config.
func DraftAccount(ctx context.Context, c Config) ([]manifest.DraftStore, error) {
	p := &Project{cfg: c.withDefaults(), manifest: &manifest.Manifest{File: c.Manifest}}
	id, err := p.accountID(manifest.Store{}, &lockfile.File{}, false)
	if err != nil {
		return nil, err
	}
	account, err := p.account(id)
	if err != nil {
		return nil, err
	}
	live, err := account.ListStores(ctx)
	if err != nil {
		return nil, err
	}
	for i, st := range live {
		if live[i].Secrets, err = account.ListSecrets(ctx, st.ID); err != nil {
			return nil, err
		}
	}
	return draft.Account(live), nil
}
