package planner

import (
	"slices"
	"time"
)

// ClockSkew is how much older than our request a secret that it made may seem. The time
// is Cloudflare's own, to some seconds, as its answers tell it.
const ClockSkew = 5 * time.Second

// listLag is more than lists lag behind what others write (docs/cloudflare-api.md §3): a
// secret that is older and was not in a list has its time from another clock.
const listLag = 15 * time.Second

// lagWindow is how long after our last write Cloudflare's lists are believed to lag
// behind it.
const lagWindow = 10 * time.Minute

// freshWindow is how long reads of a secret by its id are believed to.
const freshWindow = time.Minute

// compare decides about a secret that all three versions know: what of it has to
// be sent again, if anything.
func (b *builder) compare(s *versions, t *triple) {
	d, r, l := t.desired, t.recorded, t.live
	if r.ID == "" && !b.mayBeOurs(r, l, d.Generated) {
		b.adopt(s, t) // somebody else's, as if nothing were recorded
		return
	}
	a := b.action(OpUpdate, s, t)
	a.Recovery.ListedAt = b.in.Now
	switch {
	case r.Pending != nil:
		b.note(NoteInterrupted, s, d.Name)
		b.finish(&a, s, t)
	case l.ID != r.ID:
		a.putValue(ReasonReplaced)
	case r.Modified == "": // Cloudflare never told, so there is nothing to compare
		b.compareValue(&a, s, t)
	case l.Modified.Compare(r.Modified) > 0:
		a.putValue(ReasonChangedOutside)
	case l.Modified.Compare(r.Modified) < 0:
		// What the list shows is older than our last write: Current comes from the record.
		note := NoteBackwards
		if r.Modified.canLag(b.in.Now) {
			note = NoteLagging
		}
		b.note(note, s, d.Name)
		fallthrough
	default:
		b.compareValue(&a, s, t)
	}
	a.putMetadata(d, a.Current.Metadata)
	if r.Pending != nil && len(a.Reasons) == 0 { // or it would stay pending
		a.putValue(ReasonInterrupted)
	}

	switch {
	case len(a.Reasons) == 0 && d.Delete == r.Delete:
		b.plan.Unchanged++
		return
	case len(a.Reasons) == 0:
		a.Op, a.Source = OpRecord, ""
	}
	if d.Delete != r.Delete {
		a.Reasons = append(a.Reasons, ReasonPolicy)
	}
	b.add(a)
}

// MayLag reports whether lists read now may lack the secret although it is there: we
// wrote it moments ago.
func (r *RecordedSecret) MayLag(now time.Time) bool { return r.writtenWithin(lagWindow, now) }

// Fresh reports whether the secret was written so lately that even a read of it by its id
// may not find it yet (docs/cloudflare-api.md §3).
func (r *RecordedSecret) Fresh(now time.Time) bool { return r.writtenWithin(freshWindow, now) }

func (r *RecordedSecret) writtenWithin(d time.Duration, now time.Time) bool {
	applied := Modified(r.Applied.Format(time.RFC3339))
	return r.ID != "" && (r.Modified.within(d, now) || applied.within(d, now))
}

// finish decides what a write whose outcome is unknown has to be done again with.
func (b *builder) finish(a *Action, s *versions, t *triple) {
	d, r, l := t.desired, t.recorded, t.live
	switch {
	case r.ID != "" && l.ID != r.ID:
		a.putValue(ReasonReplaced)
	case r.Pending.Op == OpRename && d.Generated && d.Value != ValueChanged,
		r.Pending.Op == OpAdopt && !r.Pending.Value && d.Adopt == AdoptKeep:
		// Of a rename, both names have the value already, and no other can be known: take it.
		a.Op, a.Source = OpAdopt, ""
		a.Reasons = append(a.Reasons, ReasonInterrupted)
	case r.Pending.Op == OpUpdate && !r.Pending.Value && l.Modified.Compare(r.Modified) == 0:
		// It was about metadata alone, and did not happen: the value is as we left it.
		b.compareValue(a, s, t)
	case b.overtaken(r, l):
		a.putValue(ReasonChangedOutside) // what came of our write is not known, and matters no more
	default:
		a.putValue(ReasonInterrupted)
		a.Recovery.ValueUnchanged = !r.Pending.Value && d.Value == ValueSame && !d.Generated
	}
}

// overtaken reports whether somebody else wrote to a secret that an update of ours, cut
// short, was for: it was changed when no request of ours can have been under way.
func (b *builder) overtaken(r *RecordedSecret, l *LiveSecret) bool {
	if r.Pending.Op != OpUpdate && r.Pending.Op != OpRotate || r.Modified == "" {
		return false
	}
	return l.Modified.Compare(r.Modified) > 0 && !r.Pending.sent().mayHold(l.Modified, b.in.Now)
}

func (b *builder) compareValue(a *Action, s *versions, t *triple) {
	d, r := t.desired, t.recorded
	due := d.RotateAfter > 0 && b.in.Now.Sub(r.Applied) >= d.RotateAfter
	switch {
	case d.Rotate && d.Generated:
		a.Op = OpRotate
		a.putValue(ReasonRotationAsked)
	case due && d.Generated:
		a.Op = OpRotate
		a.putValue(ReasonRotationDue)
	case d.Value == ValueUnknown:
		b.note(NoteValueUnknown, s, d.Name)
	case d.Value == ValueReencrypted:
		a.putValue(ReasonReencrypted)
	case d.Value == ValueEdited:
		a.putValue(ReasonEdited)
	case d.Value != ValueSame:
		a.putValue(ReasonValue)
	case due:
		b.note(NoteRotationOverdue, s, d.Name)
	}
}

func (a *Action) putValue(why Reason) {
	a.SetValue = true
	a.Reasons = append(a.Reasons, why)
}

// Metadata is what a client sets of a secret besides its value.
type Metadata struct {
	Scopes  []string
	Comment string
}

// LiveState is what can be read back of a live secret.
type LiveState struct {
	Metadata
	Modified Modified
}

// putMetadata sends what differs.
func (a *Action) putMetadata(d *DesiredSecret, have Metadata) {
	if before, after := sorted(have.Scopes), sorted(d.Scopes); !slices.Equal(before, after) {
		a.Scopes = &Change[[]string]{Before: before, After: after}
		a.Reasons = append(a.Reasons, ReasonScopes)
	}
	if d.Comment != nil && *d.Comment != have.Comment {
		a.Comment = &Change[string]{Before: have.Comment, After: *d.Comment}
		a.Reasons = append(a.Reasons, ReasonComment)
	}
}

// putNew sends the metadata of a secret that is made.
func (a *Action) putNew(d *DesiredSecret) {
	a.Scopes = &Change[[]string]{After: sorted(d.Scopes)}
	if d.Comment != nil {
		a.Comment = &Change[string]{After: *d.Comment}
	}
}

// ours reports whether the live secret is the one that the record tells of, so that it
// may be deleted. A record whose creation was cut short has no id: then it is ours if it
// was made while our request was under way and looks as we wanted it.
func (b *builder) ours(r *RecordedSecret, l *LiveSecret) bool {
	p := r.Pending
	switch {
	case r.ID != "":
		return r.ID == l.ID
	case p == nil:
		return false
	}
	return l.ID == p.PreviousID || p.sent().covers(l.Created) && looks(l, Metadata{Scopes: r.Scopes, Comment: r.Comment})
}

// mayBeOurs reports whether the live secret can be the one that the record of a creation
// which was cut short tells of, so that it may be completed. A duplicate of a generated
// value would be taken as it is, and the original deleted: it must be certain.
func (b *builder) mayBeOurs(r *RecordedSecret, l *LiveSecret, generated bool) bool {
	p := r.Pending
	switch {
	case p == nil:
		return false
	case generated && p.Op == OpRename:
		return b.ours(r, l)
	}
	return l.ID == p.PreviousID || p.sent().MayHaveMade(l, Metadata{Scopes: r.Scopes, Comment: r.Comment}, b.in.Now)
}

// sent is when the requests of a write that was cut short can have taken effect.
func (p *Pending) sent() Window {
	w := Window{ListedAt: p.ListedAt, From: p.Since, To: p.Until}
	if w.To.Before(w.From) {
		w.To = w.From
	}
	return w
}

// Window is when requests of ours were under way, by Cloudflare's time, and when the
// list was read that they were decided on; zero where that isn't known.
type Window struct{ ListedAt, From, To time.Time }

// MayHaveMade reports whether a live secret can be the work of a request in the window
// that asked for that metadata, rather than somebody else's of the same name: those look
// different, or were made at another time.
//
// Its name was not in the list that the request was decided on. So what claims to be
// older than that list, by more than lists lag, or younger than now, does not have its
// time from the clock that the window goes by, and no more can be told from it than from
// none.
func (w Window) MayHaveMade(l *LiveSecret, m Metadata, now time.Time) bool {
	return looks(l, m) && w.mayHold(l.Created, now)
}

// mayHold reports whether a request in the window can have been at that moment, which the
// list that it was decided on did not have.
func (w Window) mayHold(m Modified, now time.Time) bool {
	at, err := time.Parse(time.RFC3339Nano, string(m))
	return err != nil || w.covers(m) || at.Before(w.ListedAt.Add(-listLag)) || at.After(now.Add(ClockSkew))
}

func looks(l *LiveSecret, m Metadata) bool {
	return slices.Equal(sorted(l.Scopes), sorted(m.Scopes)) && l.Comment == m.Comment
}

// covers reports whether something was made in the window.
func (w Window) covers(created Modified) bool {
	at, err := time.Parse(time.RFC3339Nano, string(created))
	return err == nil && !at.Before(w.From.Add(-ClockSkew)) && !at.After(w.To.Add(ClockSkew))
}
