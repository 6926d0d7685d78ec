package records

import (
	"cmp"
	"errors"
	"slices"
	"time"

	"github.com/secretsync/secretsync/applier"
	"github.com/secretsync/secretsync/internal/secret"
	"github.com/secretsync/secretsync/lockfile"
	"github.com/secretsync/secretsync/planner"
)

// Journal records the applier's intents and outcomes in the lockfile.
type Journal struct {
	// Handle is the lockfile.
	Handle *lockfile.Handle
	// API is the kind of API of the records, and key names the key of their fingerprints.
	// Both are part of the first write.
	API string
	Key lockfile.Key
	// Wants are the desired secrets, and FingerprintKey the key to record their values with.
	Wants          map[planner.SecretKey]Want
	FingerprintKey secret.Key
	// StorePolicy says whether a store is deleted once it is removed from the manifest.
	StorePolicy map[planner.StoreKey]bool
	Now         func() time.Time
	// Timeout is the limit for one request, after which it has ended.
	Timeout time.Duration

	before map[planner.SecretKey]*lockfile.Secret // what an intent replaced; nil if there was no record
}

// Write changes the lockfile, before or without a request.
func (j *Journal) Write(change func(*lockfile.File)) error { return j.Handle.Update(j.under(change)) }

// under is a change, with what all records depend on.
func (j *Journal) under(change func(*lockfile.File)) func(*lockfile.File) {
	return func(f *lockfile.File) {
		f.API, f.Key = j.API, j.Key
		change(f)
	}
}

// Record implements [applier.Journal]. If another program has replaced the lockfile, it saves only
// the outcomes of requests that were sent.
func (j *Journal) Record(entries ...applier.Entry) error {
	err := j.save(j.Handle.Record, entries)
	if !errors.As(err, new(*lockfile.ReplacedError)) {
		return err
	}
	sent := slices.DeleteFunc(slices.Clone(entries), func(e applier.Entry) bool {
		return e.Kind != applier.EntryOutcome && e.Kind != applier.EntryActive
	})
	if len(sent) == 0 {
		return err
	}
	return j.save(j.Handle.Settle, sent)
}

func (j *Journal) save(save func([]lockfile.RecordKey, func(*lockfile.File)) error, entries []applier.Entry) error {
	var keys []lockfile.RecordKey
	for _, e := range entries {
		keys = append(keys, keysOf(e)...)
	}
	return save(keys, j.under(func(f *lockfile.File) {
		for _, e := range entries {
			j.record(f, e)
		}
	}))
}

// keysOf are the records that an entry is about.
func keysOf(e applier.Entry) []lockfile.RecordKey {
	var keys []lockfile.RecordKey
	add := func(a planner.Action) {
		k := LockKey(a.Store)
		keys = append(keys, lockfile.RecordKey{Store: k, Secret: a.Secret})
		for _, other := range []string{a.From, a.Previous} {
			if other != "" {
				keys = append(keys, lockfile.RecordKey{Store: k, Secret: other})
			}
		}
	}
	for _, a := range e.Actions {
		add(a)
	}
	for _, r := range e.Results {
		add(r.Action)
	}
	return keys
}

func (j *Journal) record(f *lockfile.File, e applier.Entry) {
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
}

// until is when a request sent now will have ended.
func (j *Journal) until() time.Time { return j.Now().Add(j.Timeout) }

// intend records that an action is about to be sent.
func (j *Journal) intend(f *lockfile.File, a planner.Action) {
	st := f.PutStore(LockKey(a.Store), lockfile.StoreID(a.StoreID))
	pending := &lockfile.Pending{
		Op: string(a.Op), Since: j.Now(), Until: j.until(), ListedAt: a.Recovery.ListedAt, Value: a.SetValue,
	}
	if w := j.Wants[a.Store.Secret(a.Secret)]; a.Op.CreatesSecret() && w.Generate == nil && w.Value.IsSet() {
		pending.Ciphertext, pending.Fingerprint = w.Ciphertext.Digest, j.FingerprintKey.Fingerprint(Subject(a.Store.Secret(a.Secret)), w.Value)
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
	if from := st.Secret(a.From); from != nil && a.Op == planner.OpRename {
		j.remember(a.Store.Secret(a.From), from)
		from.Pending = pending
		if !from.Accepted.IsZero() { // the duplicate has a value that is not known either
			sec.Applied, sec.Accepted = from.Applied, from.Accepted
		}
	}
}

// remember saves a record as it is before an intent, for takeBack.
func (j *Journal) remember(k planner.SecretKey, sec *lockfile.Secret) {
	if sec != nil {
		was := *sec
		sec = &was
	}
	if j.before == nil {
		j.before = map[planner.SecretKey]*lockfile.Secret{}
	}
	j.before[k] = sec
}

// carryOver merges the unfinished intent of an earlier apply into the new one, so that a
// secret which appears late in a list is still recognised as ours.
func (j *Journal) carryOver(sec *lockfile.Secret, a planner.Action, pending *lockfile.Pending) {
	ours := slices.ContainsFunc(a.Reasons, func(r planner.Reason) bool {
		return r == planner.ReasonInterrupted || r == planner.ReasonNotDesired || r == planner.ReasonDestroy
	})
	if sec.ID == "" && ours && !a.Op.CreatesSecret() { // it was recognised by its times and metadata, which are about to change
		sec.ID = lockfile.SecretID(a.ID)
	}
	written := sec.Applied
	if a.Op == planner.OpCreate || a.Op.Duplicates() {
		pending.PreviousID = cmp.Or(lockfile.SecretID(a.ID), sec.ID)
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
	if (a.Op == planner.OpCreate || a.Op.Duplicates()) && !written.IsZero() && j.Now().Sub(written) < planner.ListLag {
		pending.Since = written
	}
}

// intended is the record of a secret that is about to be created: it has no id and no
// fingerprint until the outcome is known.
func (j *Journal) intended(a planner.Action) lockfile.Secret {
	w := j.Wants[a.Store.Secret(a.Secret)]
	sec := lockfile.Secret{Source: w.Source, Delete: w.Delete, Scopes: a.Current.Scopes, Comment: a.Current.Comment}
	if a.Scopes != nil {
		sec.Scopes = a.Scopes.After
	}
	if a.Comment != nil {
		sec.Comment = a.Comment.After
	}
	if a.Op.Duplicates() {
		sec.Delete, sec.PreviousOf = *a.Delete, a.From
	}
	return sec
}

// resend records that a request intended earlier is sent only now.
func (j *Journal) resend(f *lockfile.File, a planner.Action) {
	if sec := f.Stores[LockKey(a.Store)].Secret(a.Secret); sec != nil && sec.Pending != nil {
		sec.Pending.Until = j.until()
	}
}

// duplicated records the id of the duplicate that a rename created. Both names stay pending until
// the original is deleted.
func (j *Journal) duplicated(f *lockfile.File, r applier.Result) {
	if sec := f.Stores[LockKey(r.Action.Store)].Secret(r.Action.Secret); sec != nil && sec.Pending != nil {
		sec.Pending.PreviousID = lockfile.SecretID(r.Live.ID)
	}
}

// activated records that a secret became active, which may have changed its modified time.
func (j *Journal) activated(f *lockfile.File, r applier.Result) {
	if sec := f.Stores[LockKey(r.Action.Store)].Secret(r.Action.Secret); sec != nil {
		sec.Modified, sec.Status = lockfile.Modified(r.Live.Modified), ""
	}
}

// StatusOf is the status to record for a secret with that status in Cloudflare.
func StatusOf(status string) string {
	if status == planner.StatusPending {
		return lockfile.StatusPending
	}
	return ""
}

// settle records the outcome of an action.
func (j *Journal) settle(f *lockfile.File, r applier.Result) {
	a := r.Action
	if a.Secret == "" {
		j.settleStore(f, r)
		return
	}
	st := f.PutStore(LockKey(a.Store), lockfile.StoreID(a.StoreID))
	switch r.Outcome {
	case applier.Done:
		j.settleDone(st, r)
	case applier.Failed, applier.Skipped:
		j.takeBack(st, a.Store, a.Secret)
		if a.Op == planner.OpRename {
			j.takeBack(st, a.Store, a.From)
		}
	case applier.Unknown: // stays pending
		if a.Op == planner.OpRename && r.Live.ID != "" { // the entry about the duplicate may not have been written
			j.duplicated(f, r)
		}
	}
}

// settleStore records the outcome of an action on a store.
func (j *Journal) settleStore(f *lockfile.File, r applier.Result) {
	a := r.Action
	switch {
	case r.Outcome != applier.Done:
	case a.Op == planner.OpDeleteStore:
		delete(f.Stores, LockKey(a.Store))
	default: // created, or its policy changed
		id := cmp.Or(r.StoreID, a.StoreID)
		f.PutStore(LockKey(a.Store), lockfile.StoreID(id)).Delete = j.StorePolicy[a.Store]
	}
}

// takeBack undoes an intent after which nothing changed in Cloudflare: it restores the
// record, including what an earlier apply left pending.
func (j *Journal) takeBack(st *lockfile.Store, store planner.StoreKey, name string) {
	switch was, intended := j.before[store.Secret(name)]; {
	case !intended:
	case was == nil:
		delete(st.Secrets, name)
	default:
		st.PutSecret(name, *was)
	}
}

// settleDone records an action that took effect.
func (j *Journal) settleDone(st *lockfile.Store, r applier.Result) {
	a := r.Action
	k := a.Store.Secret(a.Secret)
	w := j.Wants[k]
	if kept := st.Secret(a.Previous); kept != nil {
		kept.KeptSince = j.Now()
	}
	switch a.Op {
	case planner.OpDelete, planner.OpForget:
		delete(st.Secrets, a.Secret)
		return
	case planner.OpRecord:
		if !a.Proven {
			st.Secret(a.Secret).Delete = w.Delete
			return
		}
	}
	sec := st.Secret(a.Secret)
	if sec == nil { // adopted as it is: there was no intent
		sec = st.PutSecret(a.Secret, j.intended(a))
	}
	sec.ID, sec.Modified, sec.Comment = lockfile.SecretID(r.Live.ID), lockfile.Modified(r.Live.Modified), r.Live.Comment
	sec.Status, sec.Source, sec.Delete, sec.Pending = StatusOf(r.Live.Status), w.Source, w.Delete, nil
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
	case a.SetValue, a.Op.Duplicates():
		sec.Applied, sec.Accepted = j.Now(), time.Time{}
	case a.Proven:
		j.proven(sec, k, w)
		return
	case valueChanged && sec.Accepted.IsZero(): // else the accepted value was kept
		sec.Applied = j.Now()
	case a.Op == planner.OpRename:
		if from := st.Secret(a.From); from != nil {
			sec.Applied, sec.Accepted = from.Applied, from.Accepted
		}
		delete(st.Secrets, a.From)
	}
	if w.Value.IsSet() && (valueChanged || a.Op == planner.OpRename) {
		sec.Ciphertext, sec.Fingerprint = w.Ciphertext.Digest, j.FingerprintKey.Fingerprint(Subject(k), w.Value)
	}
}

// proven records that the live value is proven to be the desired one. If it is not the recorded
// one, it is new to the lockfile.
func (j *Journal) proven(sec *lockfile.Secret, k planner.SecretKey, w Want) {
	sec.Accepted = time.Time{}
	if sec.Applied.IsZero() {
		sec.Applied = j.Now()
	}
	if !w.Value.IsSet() || j.FingerprintKey.Matches(sec.Fingerprint, Subject(k), w.Value) {
		return
	}
	sec.Applied = j.Now()
	sec.Ciphertext, sec.Fingerprint = w.Ciphertext.Digest, j.FingerprintKey.Fingerprint(Subject(k), w.Value)
}

// Refresh records new sources of unchanged values, new ids of stores, and which secrets became
// active since the last apply: a value that moved to another file or was re-encrypted changes
// only the lockfile. It uses the file on disk. A file without records is left alone. In any
// case, the lockfile then has all records of the journal.
func (j *Journal) Refresh(lock *lockfile.File, live []planner.LiveStore) error {
	if len(lock.Stores) == 0 {
		return j.Handle.Fold()
	}
	return j.Write(func(f *lockfile.File) {
		for _, l := range live {
			if st := f.Stores[LockKey(l.Key)]; st != nil {
				st.ID = lockfile.StoreID(l.ID)
				refreshActive(st, l.Secrets)
			}
		}
		for k, w := range j.Wants {
			sec := Find(f, k)
			if sec != nil && sec.Pending == nil && w.Value.IsSet() && j.FingerprintKey.Matches(sec.Fingerprint, Subject(k), w.Value) {
				sec.Source, sec.Ciphertext = w.Source, w.Ciphertext.Digest
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
			sec.Modified, sec.Status = lockfile.Modified(at), ""
		}
	}
}
