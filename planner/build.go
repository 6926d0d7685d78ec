// Package planner decides what has to be done to make Cloudflare's Secrets Store match a
// manifest. It is pure: it reads no file, no clock and no network. It never holds a value, so
// it cannot leak one.
//
// Call [Build] with the three versions of the truth: what should be ([DesiredStore]), what was
// last applied ([RecordedStore]) and what Cloudflare reports ([LiveStore]). It returns a
// [Plan]: actions in the order in which they have to be done, notes that change nothing, and
// problems that forbid applying the plan. [FindDrift] compares the last two versions alone.
//
// The decision on a secret depends on which of the three versions have it:
//
//	desired  recorded  live   action
//	yes      no        no     create
//	yes      no        yes    problem: it exists and isn't ours; or adopt, if asked for
//	yes      yes       no     create: deleted outside
//	yes      yes       yes    nothing or update, by value, scopes and comment, if the
//	                          recorded id and modification time still hold
//	yes      yes       older  as above, with a note: the list lags behind our last write
//	yes      yes       newer  update that sends the value again: changed outside. A value
//	                          cannot be read back, so a change must be assumed
//	yes      yes       newer  nothing or update, as above, with a note, if the record was
//	                          pending and the secret has become active since
//	yes      yes       other  likewise: deleted and created again outside
//	no       yes       yes    delete, or forget under the recorded policy delete: false
//	no       yes       other  forget: the secret of that name isn't ours any more
//	no       yes       no     forget
//	no       no        yes    a note: unmanaged; or delete, under unmanaged: delete
//
// A generated secret is rotated when it is due. Where the table says that a value is sent
// again, a generated one is rotated too: the old value cannot be restored. A secret that the
// manifest renames is renamed within Cloudflare if its value stays the same. If that is
// unknown, because no fingerprint key is available, the new name is created and the old one
// deleted, with a note. An external secret is never written: it must exist with its scopes.
// testdata/cells.txt has the decision for every combination.
//
// A secret with an overlap has a second one beside it, which keeps its earlier value for a while
// when it gets another one: overlap.go has the states and the stages.
//
// A plan for [Options.Rotate] has rotations only: of matching secrets that all three versions
// have and that are generated, and what their overlaps take. The other matching secrets of the
// manifest and the lockfile are notes.
//
// A record whose last write was interrupted (pending) is settled by doing what is desired now,
// which is idempotent.
package planner

import (
	"cmp"
	"maps"
	"slices"
)

// Build compares the three versions and decides what to do. It is total: it returns a plan for
// every input. The order of the input's slices makes no difference.
//
// Quotas that are known only once there is a plan are added to the input, and Build is called
// again.
func Build(in Input) *Plan {
	b := &builder{plan: &Plan{Destroy: in.Options.Destroy}, in: &in, decided: map[Op][]*Action{}}
	if len(in.Options.Rotate) > 0 {
		b.buildRotations()
	} else {
		b.buildAll()
	}
	for _, store := range in.UnreadStores {
		b.plan.Notes = append(b.plan.Notes, Note{Kind: NoteAccountUnread, Store: store})
	}
	b.checkForgery()
	b.plan.sort()
	for account, quota := range in.Quotas {
		b.plan.fitQuota(account, quota)
	}
	b.plan.sort() // deletions that have to go first have moved
	return b.plan
}

// buildAll decides on all stores and secrets.
func (b *builder) buildAll() {
	for _, s := range join(*b.in) {
		b.store(s)
	}
	b.collect()
	b.checkOtherStores()
	b.checkAccounts()
	b.checkDeletes()
	b.checkReferences()
	b.noteOutside()
}

// noteOutside notes who changed what the plan is about.
func (b *builder) noteOutside() {
	for k, o := range b.in.Outside {
		if k.Name == "" && len(b.in.Options.Targets) == 0 || k.Name != "" && b.targeted(k.Store, k.Name) {
			b.plan.Notes = append(b.plan.Notes, Note{Kind: NoteChangedBy, Store: k.Store, Secret: k.Name, Outside: &o})
		}
	}
}

// builder collects the plan. Its methods add to it.
type builder struct {
	plan      *Plan
	in        *Input
	decided   map[Op][]*Action // until collect makes them the plan's
	recreated []RecordedStore  // deleted outside, and created again by the plan
	// owners are the current store's secrets with an overlap, and writes the actions on them.
	owners map[string]*triple
	writes map[string]*Action
}

func (b *builder) store(s *versions) {
	all := triples(s)
	secrets := b.limit(s, all)
	if len(s.desired) > 0 && s.live == nil && (len(b.in.Options.Targets) == 0 || len(secrets) > 0) {
		b.add(Action{Op: OpCreateStore, Store: s.key, Reasons: []Reason{ReasonNew}, Delete: new(s.delete()), Pos: s.desired[0].Pos})
		if s.recorded != nil { // it gets another id
			b.recreated = append(b.recreated, *s.recorded)
		}
	}
	if len(b.in.Options.Targets) == 0 {
		b.storePolicy(s)
	}
	if s.incomplete() {
		b.note(NoteListIncomplete, s, "")
		b.setAside(s, secrets)
	}
	names := slices.Sorted(maps.Keys(secrets))
	previous := b.takePrevious(secrets, all)
	b.renames(s, secrets, names)
	for _, name := range names {
		if t := secrets[name]; t != nil {
			b.secret(s, t)
		}
	}
	b.keepPrevious(s, previous)
	if len(s.desired) == 0 && s.recorded != nil && s.recorded.Delete && s.live != nil && !b.plan.Targeted {
		b.deleteStore(s, secrets)
	}
}

// limit returns the secrets that the plan may touch, each with the secret that keeps its earlier
// value.
func (b *builder) limit(s *versions, all map[string]*triple) map[string]*triple {
	if len(b.in.Options.Targets) == 0 {
		return all
	}
	secrets := map[string]*triple{}
	for name, t := range all {
		if b.targeted(s.key, name) || b.targeted(s.key, t.owner(name)) {
			secrets[name] = t
		} else {
			b.plan.Targeted = true
		}
	}
	return secrets
}

// setAside removes from the map the secrets whose creation was interrupted and that an incomplete
// list lacks: they have no id to be read by, so nothing shows whether they exist. Of a rename, the
// old name, which alone may have the value, is left alone too, and so is what keeps its value.
func (b *builder) setAside(s *versions, secrets map[string]*triple) {
	for _, name := range slices.Sorted(maps.Keys(secrets)) {
		t := secrets[name]
		if t == nil || t.live != nil || t.recorded == nil || t.recorded.ID != "" || t.recorded.Pending == nil ||
			t.desired != nil && t.desired.External {
			continue
		}
		b.note(NoteInterrupted, s, name)
		b.note(NoteMayExist, s, name)
		leave(secrets, t.owner(name)) // of a previous one, the secret too: its value may be kept nowhere
		if t.desired != nil && t.recorded.Pending.Op == OpRename {
			leave(secrets, t.desired.RenamedFrom)
		}
	}
}

// leave removes a secret and its previous one from the map.
func leave(secrets map[string]*triple, name string) {
	maps.DeleteFunc(secrets, func(n string, t *triple) bool { return n == name || t.owner(n) == name })
}

// storePolicy records a changed delete policy of a store.
func (b *builder) storePolicy(s *versions) {
	if len(s.desired) == 0 || s.recorded == nil || s.live == nil {
		return
	}
	if s.delete() != s.recorded.Delete {
		b.add(Action{
			Op: OpRecord, Store: s.key, StoreID: s.live.ID, Reasons: []Reason{ReasonPolicy}, Delete: new(s.delete()), Pos: s.desired[0].Pos,
		})
	}
}

// targeted reports whether the plan may touch a secret.
func (b *builder) targeted(store StoreKey, name string) bool {
	return b.in.Options.Targeted(store, name)
}

// deleteStore deletes a store that left the manifest, unless secrets remain in it, or may.
func (b *builder) deleteStore(s *versions, secrets map[string]*triple) {
	if s.incomplete() {
		return
	}
	for _, t := range secrets {
		if t.live != nil && (t.recorded == nil || !b.ours(t.recorded, t.live) || !t.recorded.Delete) {
			b.note(NoteStoreKept, s, "")
			return
		}
	}
	b.add(Action{Op: OpDeleteStore, Store: s.key, StoreID: s.live.ID, Reasons: []Reason{b.notDesired()}})
}

// secret decides on one secret, by the table of the package documentation.
func (b *builder) secret(s *versions, t *triple) {
	switch {
	case t.desired != nil && t.desired.External:
		b.external(s, t)
	case t.desired != nil && t.live == nil:
		b.create(s, t)
	case t.desired != nil && t.recorded == nil:
		b.adopt(s, t)
	case t.desired != nil:
		b.compare(s, t)
	case t.recorded != nil:
		b.remove(s, t)
	default:
		b.unmanaged(s, t)
	}
}

func (b *builder) note(kind NoteKind, s *versions, name string) {
	b.plan.Notes = append(b.plan.Notes, Note{Kind: kind, Store: s.key, Secret: name})
}

// noteValue adds a note that says what is known about the live value.
func (b *builder) noteValue(kind NoteKind, s *versions, t *triple) {
	b.plan.Notes = append(b.plan.Notes, Note{Kind: kind, Store: s.key, Secret: t.recorded.Name, Value: t.live.Value})
}

func (b *builder) problem(p Problem) { b.plan.Problems = append(b.plan.Problems, p) }

func (b *builder) add(a Action) {
	if !a.SetValue && a.Op != OpRename {
		a.ValueID = ""
	}
	b.decided[a.Op] = append(b.decided[a.Op], &a)
	if b.owners[a.Secret] != nil {
		b.writes[a.Secret] = &a
	}
}

// collect moves the decided actions into the plan. The actions of an operation are in order already,
// because stores and secrets are decided on in the order of their names. So [Plan.sort] has nothing
// left to do: a plan can have a million actions. Appending each action to the plan as soon as it is
// decided would copy these large structs several times, and take three times the memory.
func (b *builder) collect() {
	n := 0
	for _, actions := range b.decided {
		n += len(actions)
	}
	b.plan.Actions = slices.Grow(b.plan.Actions, n)
	for _, op := range order {
		for _, a := range b.decided[op] {
			b.plan.Actions = append(b.plan.Actions, *a)
		}
	}
	b.decided = nil
}

// action returns an action on a secret with the fields that every action has.
func (b *builder) action(op Op, s *versions, t *triple, reasons ...Reason) Action {
	a := Action{Op: op, Store: s.key, Reasons: reasons}
	if s.live != nil {
		a.StoreID = s.live.ID
	}
	switch {
	case t.desired != nil:
		d := t.desired
		a.Secret, a.Source, a.SourceDigest, a.ValueID, a.Pos = d.Name, d.Source, d.SourceDigest, d.ValueID, d.Pos
		if op != OpForget {
			a.Delete = new(d.Delete)
		}
	case t.recorded != nil:
		a.Secret = t.recorded.Name
	default:
		a.Secret = t.live.Name
	}
	if t.live != nil {
		a.ID, a.Current = t.live.ID, t.current()
	}
	return a
}

func (b *builder) create(s *versions, t *triple) {
	reason := ReasonNew
	switch r := t.recorded; {
	case r == nil:
	case r.Pending != nil:
		reason = ReasonInterrupted
		b.note(NoteInterrupted, s, r.Name)
	default:
		reason = ReasonDeletedOutside
	}
	a := b.action(OpCreate, s, t, reason)
	switch reason {
	case ReasonInterrupted:
		a.Recovery.SentWindow, a.Recovery.PreviousID = t.recorded.Pending.sent(), t.recorded.Pending.PreviousID
	case ReasonDeletedOutside:
		a.Recovery.PreviousID = t.recorded.ID
	}
	a.SetValue, a.Recovery.ListedAt = true, b.in.Now
	a.sendNewMetadata(t.desired)
	b.noteMayExist(s, a.Secret)
	b.add(a)
}

// notDesired is why a recorded secret or store is not desired any more.
func (b *builder) notDesired() Reason {
	if b.in.Options.Destroy {
		return ReasonDestroy
	}
	return ReasonNotDesired
}

// noteMayExist notes a name that a list lacks, if that does not prove that the name is free.
func (b *builder) noteMayExist(s *versions, name string) {
	if s.incomplete() {
		b.note(NoteMayExist, s, name)
	}
}

// remove deletes or forgets a recorded secret that the manifest no longer names. It deletes only
// secrets that the record proves to be ours.
func (b *builder) remove(s *versions, t *triple) {
	r, l := t.recorded, t.live
	if len(s.desired) > 0 && t.within == nil {
		b.problem(Problem{Kind: ProblemOtherPrefix, Store: s.key, Secret: r.Name, Pos: s.desired[0].Pos})
		return
	}
	if r.Pending != nil {
		b.note(NoteInterrupted, s, r.Name)
	}
	finish := []Reason{b.notDesired()}
	if r.Pending != nil && r.Pending.Op == OpRename { // the new name is decided on its own
		finish = append(finish, ReasonInterrupted)
	}
	deleteUnmanaged := t.within != nil && t.within.Unmanaged == UnmanagedDelete
	switch {
	case l == nil:
		b.add(b.action(OpForget, s, t, append(finish, ReasonGone)...))
	case !b.ours(r, l) && deleteUnmanaged:
		b.add(b.action(OpDelete, s, t, ReasonUnmanaged))
	case b.ours(r, l) && !r.Delete && deleteUnmanaged:
		// If it were forgotten, it would be unmanaged, and the next apply would delete it.
		b.note(NoteKept, s, r.Name)
	case b.unproven(r, l) && !b.ours(r, l):
		b.add(b.action(OpForget, s, t, b.notDesired(), ReasonUnproven))
	case !b.ours(r, l):
		b.add(b.action(OpForget, s, t, b.notDesired(), ReasonReplaced))
	case !r.Delete:
		b.add(b.action(OpForget, s, t, b.notDesired(), ReasonKeepPolicy))
	default:
		b.add(b.action(OpDelete, s, t, finish...))
	}
}

func (b *builder) unmanaged(s *versions, t *triple) {
	if t.within == nil {
		return
	}
	switch t.within.Unmanaged {
	case UnmanagedIgnore:
	case UnmanagedDelete:
		b.add(b.action(OpDelete, s, t, ReasonUnmanaged))
	default:
		b.note(NoteUnmanaged, s, t.live.Name)
	}
}

// order is the order of the operations in a plan.
var order = [...]Op{
	OpCreateStore, OpCreate, OpRename, OpPrepare, OpRetire, OpAdopt, OpUpdate, OpRotate, OpDelete, OpDeleteStore, OpForget, OpRecord,
}

// rank is the place of an action among others. late are the duplicates that come after the writes
// to secrets.
func (a *Action) rank(late map[SecretKey]bool) int {
	switch {
	case a.BeforeCreates:
		return -1
	case a.Op.Duplicates() && late[a.Store.Secret(a.Secret)]:
		return 2*slices.Index(order[:], OpRotate) + 1
	}
	return 2 * slices.Index(order[:], a.Op)
}

// late finds the duplicates of secrets that the plan writes to without replacing a value: the write
// comes first.
func (p *Plan) late() map[SecretKey]bool {
	var duplicates map[SecretKey]string // the secrets that are duplicated, and under which names
	for i := range p.Actions {
		if a := &p.Actions[i]; a.Op.Duplicates() {
			if duplicates == nil {
				duplicates = map[SecretKey]string{}
			}
			duplicates[a.Store.Secret(a.From)] = a.Secret
		}
	}
	if duplicates == nil {
		return nil
	}
	late := map[SecretKey]bool{}
	for i := range p.Actions {
		a := &p.Actions[i]
		name, ok := duplicates[a.Store.Secret(a.Secret)]
		if ok && a.Writes() && !a.Op.CreatesSecret() && a.Previous != name {
			late[a.Store.Secret(name)] = true
		}
	}
	return late
}

// sort makes the plan independent of the input's order.
func (p *Plan) sort() {
	late := p.late()
	slices.SortFunc(p.Actions, func(x, y Action) int { return compareActions(&x, &y, late) })
	slices.SortFunc(p.Notes, func(x, y Note) int { return compareNotes(&x, &y) })
	slices.SortFunc(p.Problems, func(x, y Problem) int {
		return cmp.Or(compareKeys(x.Store, y.Store), cmp.Compare(x.Kind, y.Kind), cmp.Compare(x.Secret, y.Secret),
			x.Pos.Compare(y.Pos), cmp.Compare(x.Reader, y.Reader), cmp.Compare(x.Worker, y.Worker))
	})
}

func compareActions(x, y *Action, late map[SecretKey]bool) int {
	return cmp.Or(cmp.Compare(x.rank(late), y.rank(late)), compareKeys(x.Store, y.Store), cmp.Compare(x.Secret, y.Secret))
}

func compareNotes(x, y *Note) int {
	return cmp.Or(trueFirst(x.Kind == NoteAccountUnread, y.Kind == NoteAccountUnread), compareKeys(x.Store, y.Store),
		cmp.Compare(x.Kind, y.Kind), cmp.Compare(x.Secret, y.Secret), x.Pos.Compare(y.Pos),
		cmp.Compare(x.Reader, y.Reader), cmp.Compare(x.Worker, y.Worker))
}

// trueFirst compares so that true is sorted first.
func trueFirst(x, y bool) int {
	switch {
	case x == y:
		return 0
	case x:
		return -1
	}
	return 1
}

func compareKeys(x, y StoreKey) int {
	return cmp.Or(cmp.Compare(x.Account, y.Account), cmp.Compare(x.Name, y.Name))
}

// sorted returns scopes in the order in which Cloudflare returns them.
func sorted(scopes []string) []string {
	s := slices.Clone(scopes)
	slices.Sort(s)
	return slices.Compact(s)
}
