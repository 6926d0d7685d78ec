package planner

import (
	"cmp"
	"slices"
)

// Build compares the three versions and decides. It is total: every input gives
// a plan, and the order of the input's slices makes no difference.
func Build(in Input) *Plan {
	b := &builder{plan: &Plan{}}
	for _, s := range join(in) {
		b.store(s)
	}
	b.noteOtherStores(in.Live)
	b.sort()
	return b.plan
}

// versions is what the three sides know of one store.
type versions struct {
	key      StoreKey
	desired  []DesiredStore
	recorded *RecordedStore
	live     *LiveStore
}

// join groups the input by store.
func join(in Input) []*versions {
	stores := map[StoreKey]*versions{}
	at := func(k StoreKey) *versions {
		if stores[k] == nil {
			stores[k] = &versions{key: k}
		}
		return stores[k]
	}
	for _, d := range in.Desired {
		v := at(d.Key)
		v.desired = append(v.desired, d)
	}
	for i := range in.Recorded {
		at(in.Recorded[i].Key).recorded = &in.Recorded[i]
	}
	for i := range in.Live {
		if v := stores[in.Live[i].Key]; v != nil {
			v.live = &in.Live[i]
		}
	}
	joined := make([]*versions, 0, len(stores))
	for _, v := range stores {
		joined = append(joined, v)
	}
	return joined
}

// builder gathers the plan. Its methods add to it.
type builder struct {
	plan *Plan
}

func (b *builder) store(s *versions) {
	if len(s.desired) > 0 && s.live == nil {
		b.plan.Actions = append(b.plan.Actions, Action{
			Op: OpCreateStore, Store: s.key, Reasons: []Reason{ReasonNew}, Pos: s.desired[0].Pos,
		})
	}
	for _, t := range triples(s) {
		b.secret(s, t)
	}
}

// triple is what the three sides know of one secret: a nil doesn't know it.
type triple struct {
	desired   *DesiredSecret
	recorded  *RecordedSecret
	live      *LiveSecret
	unmanaged UnmanagedPolicy
}

// triples groups a store's secrets by name.
func triples(s *versions) map[string]*triple {
	secrets := map[string]*triple{}
	at := func(name string) *triple {
		if secrets[name] == nil {
			secrets[name] = &triple{}
		}
		return secrets[name]
	}
	policy := UnmanagedIgnore // a store that the manifest doesn't name
	for _, d := range s.desired {
		policy = d.Unmanaged
		for i := range d.Secrets {
			at(d.Secrets[i].Name).desired = &d.Secrets[i]
		}
	}
	if s.recorded != nil {
		for i := range s.recorded.Secrets {
			at(s.recorded.Secrets[i].Name).recorded = &s.recorded.Secrets[i]
		}
	}
	if s.live != nil {
		for i := range s.live.Secrets {
			t := at(s.live.Secrets[i].Name)
			t.live, t.unmanaged = &s.live.Secrets[i], policy
		}
	}
	return secrets
}

// secret decides one secret's fate by the table of the package's documentation.
func (b *builder) secret(s *versions, t *triple) {
	switch {
	case t.desired != nil && t.live == nil:
		b.create(s, t)
	case t.desired != nil && t.recorded == nil:
		b.conflict(s, t)
	case t.desired != nil:
		b.compare(s, t)
	case t.recorded != nil:
		b.remove(s, t)
	case t.unmanaged != UnmanagedIgnore:
		b.note(NoteUnmanaged, s, t.live.Name)
	}
}

func (b *builder) note(kind NoteKind, s *versions, name string) {
	b.plan.Notes = append(b.plan.Notes, Note{Kind: kind, Store: s.key, Secret: name})
}

func (b *builder) conflict(s *versions, t *triple) {
	b.plan.Problems = append(b.plan.Problems, Problem{
		Kind: ProblemConflict, Store: s.key, Secret: t.desired.Name, Pos: t.desired.Pos,
	})
}

// action fills in what every action on a secret has.
func (b *builder) action(op Op, s *versions, t *triple, reasons ...Reason) Action {
	a := Action{Op: op, Store: s.key, Reasons: reasons}
	if s.live != nil {
		a.StoreID = s.live.ID
	}
	switch {
	case t.desired != nil:
		a.Secret, a.Source, a.Pos = t.desired.Name, t.desired.Source, t.desired.Pos
	case t.recorded != nil:
		a.Secret = t.recorded.Name
	}
	if t.live != nil {
		a.ID = t.live.ID
	}
	return a
}

func (b *builder) add(a Action) { b.plan.Actions = append(b.plan.Actions, a) }

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
	a.SetValue = true
	a.Scopes = &Change[[]string]{After: sorted(t.desired.Scopes)}
	if t.desired.Comment != nil {
		a.Comment = &Change[string]{After: *t.desired.Comment}
	}
	b.add(a)
}

// remove deletes or forgets what the manifest no longer names, and never deletes
// what the record doesn't prove to be ours.
func (b *builder) remove(s *versions, t *triple) {
	r, l := t.recorded, t.live
	if r.Pending != nil {
		b.note(NoteInterrupted, s, r.Name)
	}
	switch {
	case l == nil:
		b.add(b.action(OpForget, s, t, ReasonNotDesired, ReasonGone))
	case !ours(r, l):
		b.add(b.action(OpForget, s, t, ReasonNotDesired, ReasonReplaced))
	case !r.Delete:
		b.add(b.action(OpForget, s, t, ReasonNotDesired, ReasonKeepPolicy))
	default:
		b.add(b.action(OpDelete, s, t, ReasonNotDesired))
	}
}

// noteOtherStores names the stores of an account in which the plan creates one.
func (b *builder) noteOtherStores(live []LiveStore) {
	creating := map[AccountID]bool{}
	for _, a := range b.plan.Actions {
		if a.Op == OpCreateStore {
			creating[a.Store.Account] = true
		}
	}
	for _, l := range live {
		if creating[l.Key.Account] {
			b.plan.Notes = append(b.plan.Notes, Note{Kind: NoteOtherStore, Store: l.Key})
		}
	}
}

// rank is an operation's place in the order of a plan.
var rank = map[Op]int{
	OpCreateStore: 1, OpCreate: 2, OpUpdate: 3, OpDelete: 4, OpForget: 5, OpRecord: 6,
}

// sort makes the plan independent of the input's order.
func (b *builder) sort() {
	slices.SortFunc(b.plan.Actions, func(x, y Action) int {
		return cmp.Or(cmp.Compare(rank[x.Op], rank[y.Op]), compareKeys(x.Store, y.Store), cmp.Compare(x.Secret, y.Secret))
	})
	slices.SortFunc(b.plan.Notes, func(x, y Note) int {
		return cmp.Or(compareKeys(x.Store, y.Store), cmp.Compare(x.Kind, y.Kind), cmp.Compare(x.Secret, y.Secret))
	})
	slices.SortFunc(b.plan.Problems, func(x, y Problem) int {
		return cmp.Or(compareKeys(x.Store, y.Store), cmp.Compare(x.Kind, y.Kind), cmp.Compare(x.Secret, y.Secret))
	})
}

func compareKeys(x, y StoreKey) int {
	return cmp.Or(cmp.Compare(x.Account, y.Account), cmp.Compare(x.Name, y.Name))
}

// sorted is the order in which Cloudflare returns scopes, whatever it was given.
func sorted(scopes []string) []string {
	s := slices.Clone(scopes)
	slices.Sort(s)
	return slices.Compact(s)
}
