package main

import (
	"context"
	"fmt"
	"time"

	"github.com/secretsync/secretsync/internal/secret"
	"github.com/secretsync/secretsync/internal/syntax"
	"github.com/secretsync/secretsync/lockfile"
	"github.com/secretsync/secretsync/manifest"
	"github.com/secretsync/secretsync/planner"
)

// workspace is everything a plan is made from: the manifest's secrets with their
// values, and the lockfile. It alone knows both the values and the planner's view.
type workspace struct {
	*session
	lock    *lockfile.File
	key     secret.Key // unset where none was ever made
	wanted  map[secretRef]want
	desired []planner.DesiredStore
}

// secretRef names a secret in Cloudflare.
type secretRef struct {
	store planner.StoreKey
	name  string
}

func (r secretRef) subject() secret.Subject {
	return secret.Subject{AccountID: string(r.store.Account), Store: r.store.Name, Secret: r.name}
}

// want is a desired secret with what the planner does not need to know.
type want struct {
	value      secret.Value
	source     string
	ciphertext string
	delete     bool
}

// prepare reads the values and compares them with the lockfile's fingerprints.
func (s *session) prepare(ctx context.Context, lock *lockfile.File) (*workspace, error) {
	if err := s.checkAPI(lock); err != nil {
		return nil, err
	}
	w := &workspace{session: s, lock: lock, wanted: map[secretRef]want{}}
	values, err := s.manifest.Resolve(ctx)
	if err != nil {
		return nil, err
	}
	if w.key, err = s.findKey(ctx, lock); err != nil {
		return nil, err
	}
	for _, st := range s.manifest.Stores {
		account, err := s.accountID(st)
		if err != nil {
			return nil, err
		}
		w.addStore(st, planner.StoreKey{Account: account, Name: st.Name}, values)
	}
	return w, w.checkDuplicates()
}

// checkAPI keeps a lockfile made against an emulator and one made against
// Cloudflare apart: mixed up, each would look to the other as if all was deleted.
func (s *session) checkAPI(lock *lockfile.File) error {
	if len(lock.Stores) == 0 || lock.API == s.apiKind() {
		return nil
	}
	made, now := "Cloudflare", "an emulator"
	if lock.API != "" {
		made, now = now, made
	}
	return hint(fmt.Errorf("%s was made against %s, and this run talks to %s", s.lockPath, made, now),
		"give another lockfile with --lockfile, or leave --emulator and the API address as they were")
}

func (s *session) apiKind() string {
	if s.loopback {
		return lockfile.APILoopback
	}
	return ""
}

func (w *workspace) addStore(st manifest.Store, key planner.StoreKey, values map[manifest.SecretRef]manifest.Resolved) {
	d := planner.DesiredStore{Key: key, Unmanaged: planner.UnmanagedPolicy(st.Unmanaged), Pos: position(st.Pos)}
	for _, sec := range st.Secrets {
		resolved := values[manifest.SecretRef{Store: st.Label, Secret: sec.Label}]
		ref := secretRef{key, sec.Name}
		w.wanted[ref] = want{
			value: resolved.Value, source: sec.Source.String(), ciphertext: resolved.CiphertextDigest, delete: sec.Delete,
		}
		d.Secrets = append(d.Secrets, planner.DesiredSecret{
			Name: sec.Name, Scopes: sec.Scopes, Comment: sec.Comment, Value: w.compare(ref, resolved.Value),
			Source: sec.Source.String(), Delete: sec.Delete, Pos: position(sec.Pos),
		})
	}
	w.desired = append(w.desired, d)
}

// compare holds a value against the fingerprint that the lockfile has of it.
func (w *workspace) compare(ref secretRef, v secret.Value) planner.ValueState {
	r := w.record(ref)
	switch {
	case r == nil || r.Fingerprint == "":
		return planner.ValueNew
	case w.key.Matches(r.Fingerprint, ref.subject(), v):
		return planner.ValueSame
	}
	return planner.ValueChanged
}

func (w *workspace) record(ref secretRef) *lockfile.Secret {
	if st := w.lock.Store(string(ref.store.Account), ref.store.Name); st != nil {
		return st.Secret(ref.name)
	}
	return nil
}

// checkDuplicates finds secrets that two stores of the manifest make one in Cloudflare.
func (w *workspace) checkDuplicates() error {
	seen := map[secretRef]planner.Position{}
	var errs syntax.ErrorList
	for _, d := range w.desired {
		for _, sec := range d.Secrets {
			ref := secretRef{d.Key, sec.Name}
			if first, ok := seen[ref]; ok {
				errs.Add(syntax.Pos(sec.Pos), "", "secret %q of store %q is described at %s already", sec.Name, d.Key.Name, syntax.Pos(first))
				continue
			}
			seen[ref] = sec.Pos
		}
	}
	return errs.Err()
}

// plan looks at Cloudflare and decides.
func (w *workspace) plan(ctx context.Context, now time.Time) (*planner.Plan, error) {
	recorded := recordedStores(w.lock)
	live, err := w.observe(ctx, w.desired, recorded)
	if err != nil {
		return nil, err
	}
	return planner.Build(planner.Input{Desired: w.desired, Recorded: recorded, Live: live, Now: now}), nil
}

// recordedStores is the lockfile as the planner sees it.
func recordedStores(lock *lockfile.File) []planner.RecordedStore {
	var stores []planner.RecordedStore
	for _, st := range lock.Stores {
		r := planner.RecordedStore{
			Key: planner.StoreKey{Account: planner.AccountID(st.AccountID), Name: st.Name}, ID: planner.StoreID(st.ID),
		}
		for _, sec := range st.Secrets {
			r.Secrets = append(r.Secrets, recordedSecret(sec))
		}
		stores = append(stores, r)
	}
	return stores
}

func recordedSecret(sec lockfile.Secret) planner.RecordedSecret {
	r := planner.RecordedSecret{
		Name: sec.Name, ID: planner.SecretID(sec.ID), Scopes: sec.Scopes, Comment: sec.Comment,
		Modified: planner.Modified(sec.Modified), Delete: sec.Delete,
	}
	if sec.Pending != nil {
		since, _ := time.Parse(time.RFC3339, sec.Pending.Since) // lockfile.Parse has checked it
		r.Pending = &planner.Pending{Op: planner.Op(sec.Pending.Op), Since: since}
	}
	return r
}

func position(p syntax.Pos) planner.Position { return planner.Position(p) }
