package planner

import (
	"maps"
	"slices"
	"time"
)

// A secret with an overlap has a second one beside it, its previous one, which a Worker binds
// too. As long as nothing is replaced, both have the same value. When the secret gets a new value,
// the previous one keeps the old value until the overlap is over. A Worker that binds a secret
// which does not exist cannot be deployed (docs/cloudflare-api.md §3), so the previous one always
// exists, and is not created only when something is replaced.
//
// What the record of the previous one says, with what is live, is its state:
//
//	state    record                         live           means
//	absent   any, or none                   no             it has to be created
//	taken    none, or of another client's   yes            a problem: the name isn't ours
//	stale    pending, or not kept for it,   yes            its value may be any
//	         or changed outside
//	equal    KeptSince is zero              yes            it has the secret's value
//	kept     KeptSince is set               yes            it has the value that the secret had
//	                                                       before KeptSince
//
// The stages of a replacement are actions, each of which a crash can interrupt:
//
//	             absent     stale      equal      kept
//	prepare      prepare    retire     -          retire: replaced again
//	promote      the update, rotation or adoption with Previous set: equal becomes kept
//	retire       prepare    retire     -          retire, once the overlap is over
//
// Promote comes after prepare in the same apply, and is not tried unless prepare succeeded: the
// old value would be lost. Its outcome and KeptSince are recorded together. If the outcome is
// unknown, the previous one is still recorded as equal, so the next plan completes promote without
// another prepare, which would duplicate a value that may be the new one. Retire deletes the
// previous one and duplicates the secret again, so that both are equal. If it is interrupted in
// between, the previous one is absent, and the next plan prepares it.
type previousState int

const (
	previousAbsent previousState = iota
	previousTaken
	previousStale
	previousEqual
	previousKept
)

// owner is the name that decides whether a plan is limited to other secrets: of a previous one,
// the name of the secret whose value it keeps.
func (t *triple) owner(name string) string {
	switch {
	case t.previousOf != "":
		return t.previousOf
	case t.desired == nil && t.recorded != nil && t.recorded.PreviousOf != "": // or it was
		return t.recorded.PreviousOf
	}
	return name
}

// previousOf returns the previous one of a secret with an overlap.
func previousOf(t *triple, secrets map[string]*triple) *triple {
	if p := secrets[t.desired.Previous]; p != nil {
		return p
	}
	return &triple{within: t.within}
}

// takePrevious removes the previous ones of secrets with an overlap from the secrets that are still
// to be decided on, and returns them by the names of the secrets that they belong to. A plan may be
// limited to a previous one alone.
func (b *builder) takePrevious(secrets, all map[string]*triple) map[string]*triple {
	b.owners, b.writes = nil, nil
	for name, t := range all {
		if t.desired == nil || t.desired.Overlap == 0 || t.desired.External ||
			secrets[name] == nil && secrets[t.desired.Previous] == nil {
			continue
		}
		if b.owners == nil {
			b.owners, b.writes = map[string]*triple{}, map[string]*Action{}
		}
		b.owners[name] = t
	}
	previous := map[string]*triple{}
	for name, t := range b.owners {
		previous[name] = previousOf(t, secrets)
	}
	for name, p := range previous {
		if p.desired == nil {
			delete(secrets, b.owners[name].desired.Previous)
		}
	}
	return previous
}

// keepPrevious decides on the previous ones, after the secrets whose values they keep.
func (b *builder) keepPrevious(s *versions, previous map[string]*triple) {
	for _, name := range slices.Sorted(maps.Keys(previous)) {
		t, p, write := b.owners[name], previous[name], b.writes[name]
		if write == nil && !t.asLeft() {
			continue // a problem, left alone, or the plan is limited to others
		}
		if write != nil && write.SetValue && t.live != nil && t.mayReplace() {
			b.keepReplaced(s, t, p, write)
			continue
		}
		b.keepEqual(s, t, p, write)
	}
}

// asLeft reports whether a secret without an action is as we left it.
func (t *triple) asLeft() bool {
	r, l := t.recorded, t.live
	return l != nil && r != nil && r.Pending == nil && r.wroteLast(l)
}

// mayReplace reports whether the value that is sent may differ from the one applied last. Sending
// the same value again replaces nothing that has to stay readable.
func (t *triple) mayReplace() bool { return t.desired.Generated || t.desired.Value != ValueSame }

// keepReplaced makes the previous one keep the value that a write to an existing secret replaces.
// It reports false if that is not possible.
func (b *builder) keepReplaced(s *versions, t, p *triple, write *Action) bool {
	switch b.previousState(t, p) {
	case previousTaken:
		b.previousTaken(s, t)
		return false
	case previousAbsent, previousStale:
		b.duplicate(s, t, p)
	case previousKept:
		why := ReasonReplacedAgain
		if p.recorded.overlapOver(t.desired, b.in.Now) {
			why = ReasonOverlapOver
		}
		b.duplicate(s, t, p, why)
	case previousEqual:
	}
	write.Previous = t.desired.Previous
	return true
}

// keepEqual makes the previous one equal to the secret, unless it keeps an earlier value.
func (b *builder) keepEqual(s *versions, t, p *triple, write *Action) {
	switch b.previousState(t, p) {
	case previousAbsent, previousStale:
		b.duplicate(s, t, p)
	case previousKept:
		if p.recorded.overlapOver(t.desired, b.in.Now) {
			b.duplicate(s, t, p, ReasonOverlapOver)
		}
	case previousEqual:
		// The value was replaced already: it was deleted outside and is created again, or another
		// client has set the new one.
		if write != nil && (write.SetValue && t.mayReplace() || write.Proven && t.desired.Value != ValueSame) {
			write.Previous = t.desired.Previous
			return
		}
		a := b.action(OpUpdate, s, p)
		a.Delete, a.Pos = new(true), t.desired.Pos
		a.sendMetadata(t.previousMetadata(), a.Current.Metadata)
		if len(a.Reasons) > 0 {
			b.add(a)
		}
	case previousTaken:
		b.previousTaken(s, t)
	}
}

// overlapOver reports whether the record is of an earlier value that was kept long enough.
func (r *RecordedSecret) overlapOver(d *DesiredSecret, now time.Time) bool {
	return !r.KeptSince.IsZero() && now.Sub(r.KeptSince) >= d.Overlap
}

func (b *builder) previousTaken(s *versions, t *triple) {
	b.problem(Problem{Kind: ProblemPreviousTaken, Store: s.key, Secret: t.desired.Previous, Pos: t.desired.Pos})
}

func (b *builder) previousState(t, p *triple) previousState {
	r, l := p.recorded, p.live
	switch {
	case p.desired != nil:
		return previousTaken
	case l == nil:
		return previousAbsent
	case r == nil || !b.ours(r, l) || r.PreviousOf == "" && !r.Delete:
		return previousTaken
	case r.Pending != nil || r.PreviousOf != t.desired.Name:
		return previousStale
	case !r.KeptSince.IsZero():
		return previousKept
	case r.compareWrites(l) > 0 || r.Accepted:
		return previousStale
	}
	return previousEqual
}

// previousMetadata is the metadata of the previous one: the secret's scopes, and a comment by which
// the program and people recognize it after a crash.
func (t *triple) previousMetadata() *DesiredSecret {
	return &DesiredSecret{Scopes: t.desired.Scopes, Comment: new("previous value of " + t.desired.Name)}
}

// duplicate plans the previous one as a duplicate of the secret. One that exists is deleted before.
func (b *builder) duplicate(s *versions, t, p *triple, why ...Reason) {
	d := t.desired
	a := Action{
		Op: OpPrepare, Store: s.key, Secret: d.Previous, From: d.Name, Delete: new(true), Pos: d.Pos,
		Reasons: append(why, b.whyStale(s, t, p)...),
	}
	if s.live != nil {
		a.StoreID = s.live.ID
	}
	if t.live != nil {
		a.FromID = t.live.ID
	}
	a.sendNewMetadata(t.previousMetadata())
	if p.live != nil {
		a.Op, a.ID, a.Current = OpRetire, p.live.ID, p.current()
		a.Scopes.Before, a.Comment.Before = sorted(a.Current.Scopes), a.Current.Comment
	} else {
		b.noteMayExist(s, a.Secret)
	}
	a.Recovery.ListedAt = b.in.Now
	if r := p.recorded; r != nil {
		a.Recovery.PreviousID = r.ID
		if r.Pending != nil {
			a.Recovery.SentWindow, a.Recovery.PreviousID = r.Pending.sent(), r.Pending.PreviousID
		}
	}
	b.add(a)
}

// whyStale says why the previous one is not as the record has it, or that it is new.
func (b *builder) whyStale(s *versions, t, p *triple) []Reason {
	switch r := p.recorded; {
	case r == nil:
		return []Reason{ReasonNew}
	case r.Pending != nil:
		b.note(NoteInterrupted, s, r.Name)
		return []Reason{ReasonInterrupted}
	case p.live == nil:
		return []Reason{ReasonDeletedOutside}
	case r.PreviousOf != t.desired.Name:
		return []Reason{ReasonNotDesired}
	case r.KeptSince.IsZero():
		return []Reason{ReasonChangedOutside}
	}
	return nil
}
