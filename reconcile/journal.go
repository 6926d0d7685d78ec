package reconcile

import (
	"cmp"
	"slices"
	"time"

	"github.com/secretsync/secretsync/applier"
	"github.com/secretsync/secretsync/internal/secret"
	"github.com/secretsync/secretsync/lockfile"
	"github.com/secretsync/secretsync/planner"
)

// journal records the applier's intents and outcomes in the lockfile.
type journal struct {
	// handle is the lockfile.
	handle *lockfile.Handle
	// api is the kind of API of the records, and key names the key of their fingerprints.
	// Both are part of the first write.
	api string
	key lockfile.Key
	// secrets are the desired secrets, and fingerprints the key to record their values with.
	secrets      map[planner.SecretKey]want
	fingerprints secret.Key
	// storePolicy says whether a store is deleted once it is removed from the manifest.
	storePolicy map[planner.StoreKey]bool
	now         func() time.Time
	// timeout is the limit for one request, after which it has ended.
	timeout time.Duration

	before map[planner.SecretKey]*lockfile.Secret // what an intent replaced; nil if there was no record
}

func newJournal(p *Proposal, h *lockfile.Handle, key lockfile.Key) *journal {
	j := &journal{
		handle: h, api: p.project.apiKind(), key: key,
		secrets: p.desired.secrets, fingerprints: p.desired.key, storePolicy: map[planner.StoreKey]bool{},
		now: p.project.now, timeout: p.project.cfg.RequestTimeout, before: map[planner.SecretKey]*lockfile.Secret{},
	}
	for _, st := range p.desired.stores {
		j.storePolicy[st.Key] = j.storePolicy[st.Key] || st.Delete
	}
	return j
}

// write changes the lockfile, before or without a request.
func (j *journal) write(change func(*lockfile.File)) error { return j.handle.Update(j.under(change)) }

// under is a change, with what all records depend on.
func (j *journal) under(change func(*lockfile.File)) func(*lockfile.File) {
	return func(f *lockfile.File) {
		f.API, f.Key = j.api, j.key
		change(f)
	}
}

// Record implements [applier.Journal].
func (j *journal) Record(e applier.Entry) error {
	save := j.handle.Update
	if e.Kind == applier.EntryOutcome || e.Kind == applier.EntryActive { // the request was sent
		save = j.handle.Settle
	}
	return save(j.under(func(f *lockfile.File) {
		for _, a := range e.Actions {
			switch e.Kind {
			case applier.EntryIntent:
				j.intend(f, a)
			case applier.EntryResend:
				j.resend(f, a)
			}
		}
		for _, r := range e.Results {
			switch e.Kind {
			case applier.EntryDuplicated:
				j.duplicated(f, r)
			case applier.EntryOutcome:
				j.settle(f, r)
			case applier.EntryActive:
				j.activated(f, r)
			}
		}
	}))
}

// until is when a request sent now will have ended.
func (j *journal) until() time.Time { return j.now().Add(j.timeout) }

// intend records that an action is about to be sent.
func (j *journal) intend(f *lockfile.File, a planner.Action) {
	st := f.PutStore(lockKey(a.Store), lockfile.StoreID(a.StoreID))
	pending := &lockfile.Pending{
		Op: string(a.Op), Since: j.now(), Until: j.until(), ListedAt: a.Recovery.ListedAt, Value: a.SetValue,
	}
	if w := j.secrets[a.Store.Secret(a.Secret)]; a.Op.CreatesSecret() && w.generate == nil && w.value.IsSet() {
		pending.Ciphertext, pending.Fingerprint = w.ciphertext.Digest, j.fingerprints.Fingerprint(subjectOf(a.Store.Secret(a.Secret)), w.value)
	}
	sec := st.Secret(a.Secret)
	j.remember(a.Store.Secret(a.Secret), sec)
	if sec != nil {
		j.carryOver(sec, a, pending)
	}
	if sec == nil || a.Op.CreatesSecret() { // the id of a secret that was deleted outside means nothing any more
		sec = st.PutSecret(a.Secret, j.intended(a))
	}
	sec.Pending = pending
	if from := st.Secret(a.From); from != nil {
		j.remember(a.Store.Secret(a.From), from)
		from.Pending = pending
		if !from.Accepted.IsZero() { // the duplicate has a value that is not known either
			sec.Applied, sec.Accepted = from.Applied, from.Accepted
		}
	}
}

// remember saves a record as it is before an intent, for takeBack.
func (j *journal) remember(k planner.SecretKey, sec *lockfile.Secret) {
	if sec != nil {
		was := *sec
		sec = &was
	}
	j.before[k] = sec
}

// carryOver merges the unfinished intent of an earlier apply into the new one, so that a
// secret which appears late in a list is still recognised as ours.
func (j *journal) carryOver(sec *lockfile.Secret, a planner.Action, pending *lockfile.Pending) {
	ours := slices.ContainsFunc(a.Reasons, func(r planner.Reason) bool {
		return r == planner.ReasonInterrupted || r == planner.ReasonNotDesired || r == planner.ReasonDestroy
	})
	if sec.ID == "" && ours && !a.Op.CreatesSecret() { // it was recognised by its times and metadata, which are about to change
		sec.ID = lockfile.SecretID(a.ID)
	}
	written := sec.Applied
	if a.Op == planner.OpCreate {
		pending.PreviousID = sec.ID
	}
	if sec.Pending != nil {
		written = sec.Pending.Since
		pending.PreviousID = cmp.Or(pending.PreviousID, sec.Pending.PreviousID)
		if a.Op == planner.OpAdopt && ours {
			pending.Op = sec.Pending.Op // a duplicate of a generated value, which only Cloudflare has
		}
		if (a.Op == planner.OpUpdate || a.Op == planner.OpRotate) && ours { // what is live may be the first request's work
			pending.Since, pending.ListedAt = sec.Pending.Since, sec.Pending.ListedAt
		}
	}
	// Lists may lag behind our own last write: what appears then is ours too.
	if a.Op == planner.OpCreate && !written.IsZero() && j.now().Sub(written) < planner.ListLag {
		pending.Since = written
	}
}

// intended is the record of a secret that is about to be created: it has no id and no
// fingerprint until the outcome is known.
func (j *journal) intended(a planner.Action) lockfile.Secret {
	w := j.secrets[a.Store.Secret(a.Secret)]
	sec := lockfile.Secret{Source: w.source, Delete: w.delete, Scopes: a.Current.Scopes, Comment: a.Current.Comment}
	if a.Scopes != nil {
		sec.Scopes = a.Scopes.After
	}
	if a.Comment != nil {
		sec.Comment = a.Comment.After
	}
	return sec
}

// resend records that a request intended earlier is sent only now.
func (j *journal) resend(f *lockfile.File, a planner.Action) {
	if sec := f.Stores[lockKey(a.Store)].Secret(a.Secret); sec != nil && sec.Pending != nil {
		sec.Pending.Until = j.until()
	}
}

// duplicated records the id of the duplicate that a rename created. Both names stay pending until
// the original is deleted.
func (j *journal) duplicated(f *lockfile.File, r applier.Result) {
	if sec := f.Stores[lockKey(r.Action.Store)].Secret(r.Action.Secret); sec != nil && sec.Pending != nil {
		sec.Pending.PreviousID = lockfile.SecretID(r.Live.ID)
	}
}

// activated records that a secret became active, which may have changed its modified time.
func (j *journal) activated(f *lockfile.File, r applier.Result) {
	if sec := f.Stores[lockKey(r.Action.Store)].Secret(r.Action.Secret); sec != nil {
		sec.Modified, sec.Status = string(r.Live.Modified), ""
	}
}

// inactive is the status to record for a secret with that status in Cloudflare.
func inactive(status string) string {
	if status == planner.StatusPending {
		return lockfile.StatusPending
	}
	return ""
}

// settle records the outcome of an action.
func (j *journal) settle(f *lockfile.File, r applier.Result) {
	a := r.Action
	if a.Secret == "" {
		j.settleStore(f, r)
		return
	}
	st := f.PutStore(lockKey(a.Store), lockfile.StoreID(a.StoreID))
	switch r.Outcome {
	case applier.Done:
		j.settleDone(st, r)
	case applier.Failed, applier.Skipped:
		j.takeBack(st, a.Store, a.Secret)
		j.takeBack(st, a.Store, a.From)
	case applier.Unknown: // stays pending
		if a.Op == planner.OpRename && r.Live.ID != "" { // the entry about the duplicate may not have been written
			j.duplicated(f, r)
		}
	}
}

// settleStore records the outcome of an action on a store.
func (j *journal) settleStore(f *lockfile.File, r applier.Result) {
	a := r.Action
	switch {
	case r.Outcome != applier.Done:
	case a.Op == planner.OpDeleteStore:
		delete(f.Stores, lockKey(a.Store))
	default: // created, or its policy changed
		id := cmp.Or(r.StoreID, a.StoreID)
		f.PutStore(lockKey(a.Store), lockfile.StoreID(id)).Delete = j.storePolicy[a.Store]
	}
}

// takeBack undoes an intent after which nothing changed in Cloudflare: it restores the
// record, including what an earlier apply left pending.
func (j *journal) takeBack(st *lockfile.Store, store planner.StoreKey, name string) {
	switch was, intended := j.before[store.Secret(name)]; {
	case !intended:
	case was == nil:
		delete(st.Secrets, name)
	default:
		st.PutSecret(name, *was)
	}
}

// settleDone records an action that took effect.
func (j *journal) settleDone(st *lockfile.Store, r applier.Result) {
	a := r.Action
	k := a.Store.Secret(a.Secret)
	w := j.secrets[k]
	switch a.Op {
	case planner.OpDelete, planner.OpForget:
		delete(st.Secrets, a.Secret)
		return
	case planner.OpRecord:
		st.Secret(a.Secret).Delete = w.delete
		return
	}
	sec := st.Secret(a.Secret)
	if sec == nil { // adopted as it is: there was no intent
		sec = st.PutSecret(a.Secret, j.intended(a))
	}
	sec.ID, sec.Modified, sec.Comment = lockfile.SecretID(r.Live.ID), string(r.Live.Modified), r.Live.Comment
	sec.Status, sec.Source, sec.Delete, sec.Pending = inactive(r.Live.Status), w.source, w.delete, nil
	if a.Delete != nil { // a requested rotation keeps the recorded policy
		sec.Delete = *a.Delete
	}
	switch {
	case r.Live.Scopes != nil:
		sec.Scopes = r.Live.Scopes
	case a.Scopes != nil: // nullable in the API's schema (docs/cloudflare-api.md §1.2)
		sec.Scopes = a.Scopes.After
	}
	valueChanged := a.SetValue || a.Op == planner.OpAdopt
	switch {
	case a.SetValue:
		sec.Applied, sec.Accepted = j.now(), time.Time{}
	case valueChanged && sec.Accepted.IsZero(): // else the accepted value was kept
		sec.Applied = j.now()
	case a.Op == planner.OpRename:
		if from := st.Secret(a.From); from != nil {
			sec.Applied, sec.Accepted = from.Applied, from.Accepted
		}
		delete(st.Secrets, a.From)
	}
	if w.value.IsSet() && (valueChanged || a.Op == planner.OpRename) {
		sec.Ciphertext, sec.Fingerprint = w.ciphertext.Digest, j.fingerprints.Fingerprint(subjectOf(k), w.value)
	}
}

// refresh records new sources of unchanged values, new ids of stores, and which secrets became
// active since the last apply: a value that moved to another file or was re-encrypted changes
// nothing but the lockfile. It uses the file on disk. A file without records is left alone.
func (j *journal) refresh(lock *lockfile.File, live []planner.LiveStore) error {
	if len(lock.Stores) == 0 {
		return nil
	}
	return j.write(func(f *lockfile.File) {
		for _, l := range live {
			if st := f.Stores[lockKey(l.Key)]; st != nil {
				st.ID = lockfile.StoreID(l.ID)
				refreshActive(st, l.Secrets)
			}
		}
		for k, w := range j.secrets {
			sec := record(f, k)
			if sec != nil && sec.Pending == nil && w.value.IsSet() && j.fingerprints.Matches(sec.Fingerprint, subjectOf(k), w.value) {
				sec.Source, sec.Ciphertext = w.source, w.ciphertext.Digest
			}
		}
	})
}

// refreshActive records which secrets of a store became active since the last apply ended.
func refreshActive(st *lockfile.Store, live []planner.LiveSecret) {
	for i := range live {
		sec := st.Secret(live[i].Name)
		if sec == nil {
			continue
		}
		recorded := recordedSecret(live[i].Name, sec)
		if at, ok := recorded.Activation(&live[i]); ok {
			sec.Modified, sec.Status = string(at), ""
		}
	}
}
