package planner

import (
	"slices"
	"time"
)

// A record whose creation was interrupted has no id yet. A live secret of that name may have been
// created by our request or by another client. Its creation time, scopes and comment decide
// ([Window], [Metadata.Distinctive]). There are three answers:
//
//   - ours: it was created while our request was under way, with our metadata, which is
//     distinctive. Only then may it be deleted.
//   - mayBeOurs: nothing contradicts that it is ours, and its metadata is distinctive or its value
//     is proven to be the one that we sent. Then it may be written to, which completes it.
//   - unproven: nothing contradicts it, and nothing proves it. Another client may have created
//     it in the same seconds. Then it is left alone, until the manifest says adopt.

// ours reports whether the live secret is certainly the recorded one, so that it may be
// deleted.
func (b *builder) ours(r *RecordedSecret, l *LiveSecret) bool {
	p := r.Pending
	switch {
	case r.ID != "":
		return r.ID == l.ID
	case p == nil:
		return false
	}
	return l.ID == p.PreviousID ||
		p.sent().contains(l.Created) && l.hasMetadata(r.metadata()) && r.metadata().Distinctive()
}

// mayBeOurs reports whether the live secret can come from an interrupted creation, so that it
// may be completed. For an interrupted rename of a generated value this has to be certain: the
// secret with the new name would be kept as it is, and the old one, which alone has the value,
// deleted.
func (b *builder) mayBeOurs(r *RecordedSecret, l *LiveSecret, generated bool) bool {
	p := r.Pending
	switch {
	case p == nil:
		return false
	case generated && p.Op == OpRename:
		return b.ours(r, l)
	}
	return l.ID == p.PreviousID || b.notContradicted(r, l) && (p.Op == OpAdopt || r.metadata().Distinctive() || l.provenRequested())
}

// unproven reports whether it is unknown if the live secret comes from an interrupted creation or
// from another client.
func (b *builder) unproven(r *RecordedSecret, l *LiveSecret) bool {
	return r != nil && r.ID == "" && r.Pending != nil && b.notContradicted(r, l)
}

// asCreated reports whether a live secret looks as an interrupted creation of ours, which cannot
// be proven, would have left it: nothing contradicts that, and it was not changed since.
func (r *RecordedSecret) asCreated(l *LiveSecret, now time.Time) bool {
	p := r.Pending
	return l != nil && r.ID == "" && p.Op.CreatesSecret() && !r.metadata().Distinctive() &&
		p.sent().MayHaveCreated(l, r.metadata(), now) && p.sent().mayContain(l.Modified, now)
}

// notContradicted reports whether no evidence contradicts that the live secret comes from an
// interrupted creation.
func (b *builder) notContradicted(r *RecordedSecret, l *LiveSecret) bool {
	return r.Pending.sent().MayHaveCreated(l, r.metadata(), b.in.Now)
}

// overtaken reports whether another client wrote to a secret after an update of ours was
// interrupted: it was changed when no request of ours can have been under way.
func (b *builder) overtaken(r *RecordedSecret, l *LiveSecret) bool {
	if r.Pending.Op != OpUpdate && r.Pending.Op != OpRotate {
		return false
	}
	return r.compareWrites(l) > 0 && !r.Pending.sent().mayContain(l.Modified, b.in.Now)
}

// sent is when the requests of an interrupted write can have taken effect.
func (p *Pending) sent() *Window {
	w := &Window{ListedAt: p.ListedAt, From: p.Since, To: p.Until}
	if w.To.Before(w.From) {
		w.To = w.From
	}
	return w
}

// Window is a span of time, by Cloudflare's clock, in which requests of ours were under way.
type Window struct {
	// ListedAt is when the list was read that the requests were decided on; zero where that
	// isn't known.
	ListedAt time.Time
	// From is when the first request was about to be sent, and To when the last one had
	// ended.
	From, To time.Time
}

// MayHaveCreated reports whether a request in the window that asked for the metadata may have
// created the live secret. If not, it is another client's secret of the same name.
func (w Window) MayHaveCreated(l *LiveSecret, m Metadata, now time.Time) bool {
	return l.hasMetadata(m) && w.mayContain(l.Created, now)
}

// contains reports whether a moment is in the window.
func (w Window) contains(m Modified) bool {
	at, err := time.Parse(time.RFC3339Nano, string(m))
	return err == nil && !at.Before(w.From.Add(-ClockSkew)) && !at.After(w.To.Add(ClockSkew))
}

// mayContain reports whether the effect of a request in the window can have that time.
//
// A time that cannot be right proves nothing, and counts as possible: a time that cannot be
// read, a time in the future, and a time well before the list was read on which the request was
// based. That list did not show the effect, so the time comes from another clock.
func (w Window) mayContain(m Modified, now time.Time) bool {
	at, err := time.Parse(time.RFC3339Nano, string(m))
	return err != nil || w.contains(m) || at.Before(w.ListedAt.Add(-listComplete)) || at.After(now.Add(ClockSkew))
}

// Distinctive reports whether a secret with this metadata is hardly another client's by
// accident: it has a comment. Scopes prove nothing, because they follow from what a secret of
// that name is for.
func (m Metadata) Distinctive() bool { return m.Comment != "" }

// metadata is what our last write gave the secret, or was to give it.
func (r *RecordedSecret) metadata() Metadata { return Metadata{Scopes: r.Scopes, Comment: r.Comment} }

// sameMetadata reports whether the live secret has the recorded metadata. Scopes may be left out
// of a list (docs/cloudflare-api.md §1.2).
func (r *RecordedSecret) sameMetadata(l *LiveSecret) bool {
	live := *l
	if live.Scopes == nil {
		live.Scopes = r.Scopes
	}
	return live.hasMetadata(r.metadata())
}

func (l *LiveSecret) hasMetadata(m Metadata) bool {
	return slices.Equal(sorted(l.Scopes), sorted(m.Scopes)) && l.Comment == m.Comment
}

// adopt takes over a secret that exists and isn't ours, if the manifest says so.
func (b *builder) adopt(s *versions, t *triple) {
	d := t.desired
	a := b.action(OpAdopt, s, t)
	a.Proven = t.live.DesiredValue == LiveSame
	switch {
	case d.Adopt == AdoptOverwrite && !a.Proven:
		a.sendValue(ReasonAdopted)
	case d.Adopt == AdoptKeep:
		a.Source = ""
		a.Reasons = append(a.Reasons, ReasonAdoptedKept)
	case a.Proven && (d.Adopt == AdoptOverwrite || d.Adopt == AdoptVerify):
		a.Source = ""
		a.Reasons = append(a.Reasons, ReasonAdoptedProven)
	case d.Adopt == AdoptVerify && !d.Generated: // a value to be generated has nothing to be compared with
		if !b.provenLater(s, t) {
			return
		}
		a.Source = ""
		a.Reasons = append(a.Reasons, ReasonAdoptedIfProven)
	default:
		b.conflict(s, t)
		return
	}
	a.sendMetadata(d, a.Current.Metadata)
	b.add(a)
}

// provenLater reports whether the apply verifies the value of a secret under AdoptVerify. Otherwise
// it is a problem that the value is not proven.
func (b *builder) provenLater(s *versions, t *triple) bool {
	kinds := map[LiveValue]ProblemKind{
		LiveOther: ProblemAdoptOther, LiveUnreadable: ProblemAdoptUnreadable, LiveUnknown: ProblemAdoptUnverified,
	}
	v := t.live.DesiredValue
	if v == LiveUnknown && t.live.Scopes != nil && !slices.Contains(t.live.Scopes, ScopeWorkers) {
		v = LiveUnreadable // without asking
	}
	if v == LiveUnknown && b.in.Options.VerifyLater {
		b.note(NoteVerifiedAtApply, s, t.desired.Name)
		return true
	}
	b.problem(Problem{Kind: kinds[v], Store: s.key, Secret: t.desired.Name, Pos: t.desired.Pos})
	return false
}

// conflict is a secret that exists and is not proven to be ours. If it looks as an interrupted
// creation of ours would have left it, there is nothing to do: the value is ours unless another
// client created the secret in the same seconds, and then it must not be overwritten.
func (b *builder) conflict(s *versions, t *triple) {
	switch {
	case !b.unproven(t.recorded, t.live) || t.live.RequestedValue == LiveOther:
		b.problem(Problem{Kind: ProblemConflict, Store: s.key, Secret: t.desired.Name, Pos: t.desired.Pos})
	case !t.recorded.asCreated(t.live, b.in.Now) || !asRequested(t):
		b.problem(Problem{Kind: ProblemUnproven, Store: s.key, Secret: t.desired.Name, Pos: t.desired.Pos})
	default:
		b.note(NoteUnproven, s, t.desired.Name)
	}
}

// asRequested reports whether an interrupted creation asked for what is desired now. If a secret with
// a generated value should have been renamed, the old name alone may have the value.
func asRequested(t *triple) bool {
	d := t.desired
	return (t.recorded.Pending.Op == OpCreate || !d.Generated) && d.Requested &&
		slices.Equal(sorted(d.Scopes), sorted(t.live.Scopes)) && (d.Comment == nil || *d.Comment == t.live.Comment)
}

// external checks that a secret which is managed elsewhere exists with its scopes. It is never
// written.
func (b *builder) external(s *versions, t *triple) {
	d := t.desired
	if t.recorded != nil {
		b.add(b.action(OpForget, s, t, ReasonExternal))
	}
	if b.in.Options.Offline {
		b.plan.Unchanged++
		return
	}
	if t.live == nil && s.incomplete() {
		b.noteMayExist(s, d.Name)
		b.plan.Unchanged++
		return
	}
	if t.live == nil {
		b.problem(Problem{Kind: ProblemExternalMissing, Store: s.key, Secret: d.Name, Pos: d.Pos})
		return
	}
	var missing []string
	for _, scope := range sorted(d.Scopes) {
		if !slices.Contains(t.live.Scopes, scope) {
			missing = append(missing, scope)
		}
	}
	if len(missing) > 0 {
		b.problem(Problem{Kind: ProblemExternalScopes, Store: s.key, Secret: d.Name, Pos: d.Pos, Missing: missing})
		return
	}
	if t.recorded == nil {
		b.plan.Unchanged++
	}
}
