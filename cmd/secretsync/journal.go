package main

import (
	"time"

	"github.com/secretsync/secretsync/applier"
	"github.com/secretsync/secretsync/lockfile"
	"github.com/secretsync/secretsync/planner"
)

// journal writes the applier's intents and outcomes into the lockfile.
type journal struct {
	*workspace
	handle *lockfile.Handle
	now    func() time.Time
}

func (j *journal) stamp() string { return j.now().UTC().Format(time.RFC3339) }

// update changes the lockfile and saves it. The first write names the key and
// the kind of API that the records hang on.
func (j *journal) update(change func(*lockfile.File)) error {
	return j.handle.Update(func(f *lockfile.File) {
		f.API = j.apiKind()
		f.Key = j.lock.Key
		change(f)
	})
}

// Intend implements applier.Journal.
func (j *journal) Intend(actions []planner.Action) error {
	return j.update(func(f *lockfile.File) {
		for _, a := range actions {
			st := f.PutStore(string(a.Store.Account), a.Store.Name, string(a.StoreID))
			sec := st.Secret(a.Secret)
			if sec == nil {
				sec = st.PutSecret(j.intended(a))
			}
			sec.Pending = &lockfile.Pending{Op: string(a.Op), Since: j.stamp()}
		}
	})
}

// intended is the record of a secret that is about to be created: it has no id,
// and no fingerprint, until the outcome is known.
func (j *journal) intended(a planner.Action) lockfile.Secret {
	w := j.wanted[secretRef{a.Store, a.Secret}]
	sec := lockfile.Secret{Name: a.Secret, Source: w.source, Delete: w.delete}
	if a.Scopes != nil {
		sec.Scopes = a.Scopes.After
	}
	if a.Comment != nil {
		sec.Comment = a.Comment.After
	}
	return sec
}

// StoreReady implements applier.Journal.
func (j *journal) StoreReady(k planner.StoreKey, id planner.StoreID) error {
	return j.update(func(f *lockfile.File) { f.PutStore(string(k.Account), k.Name, string(id)) })
}

// Settle implements applier.Journal.
func (j *journal) Settle(results []applier.Result) error {
	return j.update(func(f *lockfile.File) {
		for _, r := range results {
			if r.Action.Secret == "" {
				continue // a store: StoreReady recorded it
			}
			st := f.PutStore(string(r.Action.Store.Account), r.Action.Store.Name, string(r.Action.StoreID))
			switch r.Outcome {
			case applier.Done:
				j.settleDone(st, r)
			case applier.Failed, applier.Skipped:
				takeBack(st, r.Action.Secret)
			case applier.Unknown: // stays pending
			}
		}
	})
}

// takeBack undoes an intent: nothing was changed in Cloudflare.
func takeBack(st *lockfile.Store, name string) {
	sec := st.Secret(name)
	switch {
	case sec == nil:
	case sec.ID == "":
		st.RemoveSecret(name)
	default:
		sec.Pending = nil
	}
}

func (j *journal) settleDone(st *lockfile.Store, r applier.Result) {
	a := r.Action
	switch a.Op {
	case planner.OpDelete, planner.OpForget:
		st.RemoveSecret(a.Secret)
		return
	case planner.OpRecord:
		st.Secret(a.Secret).Delete = j.wanted[secretRef{a.Store, a.Secret}].delete
		return
	}
	ref := secretRef{a.Store, a.Secret}
	w := j.wanted[ref]
	sec := st.Secret(a.Secret)
	sec.ID, sec.Modified, sec.Comment = string(r.Live.ID), string(r.Live.Modified), r.Live.Comment
	sec.Source, sec.Delete, sec.Pending = w.source, w.delete, nil
	switch {
	case r.Live.Scopes != nil:
		sec.Scopes = r.Live.Scopes
	case a.Scopes != nil: // nullable in the API's schema (CLOUDFLARE_API.md 1.2)
		sec.Scopes = a.Scopes.After
	}
	if a.SetValue {
		sec.Applied, sec.Ciphertext = j.stamp(), w.ciphertext
		sec.Fingerprint = j.key.Fingerprint(ref.subject(), w.value)
	}
}

// refresh notes where unchanged values come from now: a value that was moved to
// another file, or encrypted again, is no change to anything but the lockfile.
func (j *journal) refresh() error {
	if len(j.handle.File().Stores) == 0 {
		return nil // nothing was ever applied: no lockfile for its own sake
	}
	return j.update(func(f *lockfile.File) {
		for ref, w := range j.wanted {
			st := f.Store(string(ref.store.Account), ref.store.Name)
			if st == nil {
				continue
			}
			sec := st.Secret(ref.name)
			if sec != nil && sec.Pending == nil && j.key.Matches(sec.Fingerprint, ref.subject(), w.value) {
				sec.Source, sec.Ciphertext = w.source, w.ciphertext
			}
		}
	})
}
