package main

import (
	"cmp"
	"fmt"
	"slices"
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
	before map[planner.SecretKey]*lockfile.Secret // what an intent replaced; nil where there was no record
}

// until is when a request that is sent now will have ended.
func (j *journal) until() time.Time { return j.now().Add(j.flags.requestTimeout) }

// update changes the lockfile and saves it. The first write names the key and
// the kind of API that the records hang on.
func (j *journal) update(change func(*lockfile.File)) error {
	return j.handle.Update(func(f *lockfile.File) {
		f.API = j.apiKind()
		f.Key = j.lock.Key
		change(f)
	})
}

// Record implements applier.Journal.
func (j *journal) Record(e applier.Entry) error {
	switch e.Kind {
	case applier.EntryIntent:
		return j.intend(e.Actions)
	case applier.EntryResend:
		return j.resend(e.Actions)
	case applier.EntryOutcome:
		return j.settle(e.Results)
	case applier.EntryActive:
		return j.activated(e.Results)
	}
	return fmt.Errorf("unknown entry %q", e.Kind)
}

func (j *journal) intend(actions []planner.Action) error {
	return j.update(func(f *lockfile.File) {
		for _, a := range actions {
			st := f.PutStore(lockStore(a.Store), lockfile.StoreID(a.StoreID))
			pending := &lockfile.Pending{
				Op: string(a.Op), Since: j.now(), Until: j.until(), ListedAt: a.Recovery.ListedAt, Value: a.SetValue,
			}
			sec := st.Secret(a.Secret)
			j.remember(a.Store, a.Secret, sec)
			if sec != nil {
				j.intendAgain(sec, a, pending)
			}
			if sec == nil || a.Op == planner.OpCreate { // of one deleted outside, the id says nothing any more
				sec = st.PutSecret(a.Secret, j.intended(a))
			}
			sec.Pending = pending
			if from := st.Secret(a.From); from != nil {
				j.remember(a.Store, a.From, from)
				from.Pending = pending
			}
		}
	})
}

func (j *journal) resend(actions []planner.Action) error {
	return j.update(func(f *lockfile.File) {
		for _, a := range actions {
			if sec := f.Stores[lockStore(a.Store)].Secret(a.Secret); sec != nil && sec.Pending != nil {
				sec.Pending.Until = j.until()
			}
		}
	})
}

// remember keeps a record as it is before an intent, for takeBack.
func (j *journal) remember(store planner.StoreKey, name string, sec *lockfile.Secret) {
	if j.before == nil {
		j.before = map[planner.SecretKey]*lockfile.Secret{}
	}
	if sec != nil {
		was := *sec
		sec = &was
	}
	j.before[store.Secret(name)] = sec
}

// intendAgain is about a record that earlier applies left. If it has no id, and the plan
// found the secret by when it was made and what it looks like, it is known by its id
// from now on: both are about to change. If it is to be made although we made or
// tried to make it just now, lists may lag: what shows up then is ours too.
func (j *journal) intendAgain(sec *lockfile.Secret, a planner.Action, pending *lockfile.Pending) {
	ours := slices.Contains(a.Reasons, planner.ReasonInterrupted) || slices.Contains(a.Reasons, planner.ReasonNotDesired)
	if sec.ID == "" && ours {
		sec.ID = lockfile.SecretID(a.ID)
	}
	made := sec.Applied
	if a.Op == planner.OpCreate {
		pending.PreviousID = sec.ID
	}
	if sec.Pending != nil {
		made = sec.Pending.Since
		pending.PreviousID = cmp.Or(pending.PreviousID, sec.Pending.PreviousID)
		if a.Op == planner.OpAdopt && ours {
			pending.Op = sec.Pending.Op // a duplicate of a generated value, which is in Cloudflare alone
		}
		if a.Op == planner.OpUpdate && ours { // what is seen of it may be the first request's work
			pending.Since, pending.ListedAt = sec.Pending.Since, sec.Pending.ListedAt
		}
	}
	if a.Op == planner.OpCreate && !made.IsZero() && j.now().Sub(made) < planner.ListLag {
		pending.Since = made
	}
}

// intended is the record of a secret that is about to be created: it has no id,
// and no fingerprint, until the outcome is known.
func (j *journal) intended(a planner.Action) lockfile.Secret {
	w := j.wanted[a.Store.Secret(a.Secret)]
	sec := lockfile.Secret{Source: w.source, Delete: w.delete, Scopes: a.Current.Scopes, Comment: a.Current.Comment}
	if a.Scopes != nil {
		sec.Scopes = a.Scopes.After
	}
	if a.Comment != nil {
		sec.Comment = a.Comment.After
	}
	return sec
}

// storePolicy is whether the manifest wants a store deleted when it leaves it.
func (j *journal) storePolicy(k planner.StoreKey) bool {
	return slices.ContainsFunc(j.desired, func(d planner.DesiredStore) bool { return d.Key == k && d.Delete })
}

func (j *journal) settle(results []applier.Result) error {
	return j.update(func(f *lockfile.File) {
		for _, r := range results {
			a := r.Action
			if a.Secret == "" {
				j.settleStore(f, r)
				continue
			}
			st := f.PutStore(lockStore(a.Store), lockfile.StoreID(a.StoreID))
			switch r.Outcome {
			case applier.Done:
				j.settleDone(st, r)
			case applier.Failed, applier.Skipped:
				j.takeBack(st, a.Store, a.Secret)
				j.takeBack(st, a.Store, a.From)
			case applier.Unknown: // stays pending
			}
		}
	})
}

func (j *journal) activated(results []applier.Result) error {
	return j.update(func(f *lockfile.File) {
		for _, r := range results {
			if sec := f.Stores[lockStore(r.Action.Store)].Secret(r.Action.Secret); sec != nil {
				sec.Modified = string(r.Live.Modified)
			}
		}
	})
}

// settleStore notes what became of a store.
func (j *journal) settleStore(f *lockfile.File, r applier.Result) {
	k := r.Action.Store
	switch {
	case r.Outcome != applier.Done:
	case r.Action.Op == planner.OpCreateStore:
		f.PutStore(lockStore(k), lockfile.StoreID(r.StoreID)).Delete = j.storePolicy(k)
	case r.Action.Op == planner.OpDeleteStore:
		delete(f.Stores, lockStore(k))
	case r.Action.Op == planner.OpRecord:
		f.PutStore(lockStore(k), lockfile.StoreID(r.Action.StoreID)).Delete = j.storePolicy(k)
	}
}

// takeBack undoes an intent, nothing having been changed in Cloudflare: the record is
// as it was, with what an earlier apply left pending.
func (j *journal) takeBack(st *lockfile.Store, store planner.StoreKey, name string) {
	switch was, intended := j.before[store.Secret(name)]; {
	case !intended:
	case was == nil:
		delete(st.Secrets, name)
	default:
		st.PutSecret(name, *was)
	}
}

func (j *journal) settleDone(st *lockfile.Store, r applier.Result) {
	a := r.Action
	switch a.Op {
	case planner.OpDelete, planner.OpForget:
		delete(st.Secrets, a.Secret)
		return
	case planner.OpRecord:
		st.Secret(a.Secret).Delete = j.wanted[a.Store.Secret(a.Secret)].delete
		return
	}
	ref := a.Store.Secret(a.Secret)
	w := j.wanted[ref]
	sec := st.Secret(a.Secret)
	if sec == nil { // adopted as it is: there was no intent
		sec = st.PutSecret(a.Secret, j.intended(a))
	}
	sec.ID, sec.Modified, sec.Comment = lockfile.SecretID(r.Live.ID), string(r.Live.Modified), r.Live.Comment
	sec.Source, sec.Delete, sec.Pending = w.source, w.delete, nil
	switch {
	case r.Live.Scopes != nil:
		sec.Scopes = r.Live.Scopes
	case a.Scopes != nil: // nullable in the API's schema (docs/cloudflare-api.md §1.2)
		sec.Scopes = a.Scopes.After
	}
	switch {
	case a.SetValue, a.Op == planner.OpAdopt:
		sec.Applied = j.now()
	case a.Op == planner.OpRename:
		if from := st.Secret(a.From); from != nil {
			sec.Applied = from.Applied
		}
		delete(st.Secrets, a.From)
	}
	if known := w.value.IsSet(); known && (a.SetValue || a.Op == planner.OpAdopt || a.Op == planner.OpRename) {
		sec.Ciphertext, sec.Fingerprint = w.ciphertext.Digest, j.key.Fingerprint(subjectOf(ref), w.value)
	}
}

// refresh notes where unchanged values come from now, and under which id a store is
// found: a value that was moved to another file, or encrypted again, is no change to
// anything but the lockfile.
func (j *journal) refresh() error {
	if len(j.handle.File().Stores) == 0 {
		return nil // nothing was ever applied: no lockfile for its own sake
	}
	return j.update(func(f *lockfile.File) {
		for k, id := range j.storeIDs {
			if st := f.Stores[lockStore(k)]; st != nil {
				st.ID = lockfile.StoreID(id)
			}
		}
		for ref, w := range j.wanted {
			sec := f.Stores[lockStore(ref.Store)].Secret(ref.Name)
			if sec != nil && sec.Pending == nil && w.value.IsSet() && j.key.Matches(sec.Fingerprint, subjectOf(ref), w.value) {
				sec.Source, sec.Ciphertext = w.source, w.ciphertext.Digest
			}
		}
	})
}
