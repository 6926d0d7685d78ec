package planner

import (
	"slices"
	"time"
)

// ClockSkew is how much older than our request a secret that it made may seem. The time
// is Cloudflare's own, to some seconds, as its answers tell it.
const ClockSkew = 5 * time.Second

// claimWindow is how long after its intent a request of ours can take effect: it
// may wait for the rate limit, 5 minutes at most as Cloudflare tells (CLOUDFLARE_API.md
// 6), and is tried for some seconds more. What was made later is somebody else's.
const claimWindow = 10 * time.Minute

// lagWindow is how long after our last write Cloudflare's lists are believed to lag
// behind it.
const lagWindow = 10 * time.Minute

// compare decides about a secret that all three versions know: what of it has to
// be sent again, if anything.
func (b *builder) compare(s *versions, t *triple) {
	d, r, l := t.desired, t.recorded, t.live
	if r.ID == "" && !ours(r, l) {
		b.adopt(s, t) // somebody else's, as if nothing were recorded
		return
	}
	a := b.action(OpUpdate, s, t)
	have := a.Have
	if have.Scopes == nil { // not told: they are nullable (CLOUDFLARE_API.md 1.2)
		have.Scopes = r.Scopes
	}
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
		// What the list shows is older than our last write: go by the record.
		note := NoteBackwards
		if r.Modified.canLag(b.in.Now) {
			note = NoteLagging
		}
		b.note(note, s, d.Name)
		have = Metadata{Scopes: r.Scopes, Comment: r.Comment, Modified: r.Modified}
		a.Have = have
		fallthrough
	default:
		b.compareValue(&a, s, t)
	}
	a.putMetadata(d, have)
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
func (r *RecordedSecret) MayLag(now time.Time) bool {
	return r.ID != "" && (r.Modified.canLag(now) || !r.Applied.After(now.Add(ClockSkew)) && r.Applied.After(now.Add(-lagWindow)))
}

// finish decides what a write whose outcome is unknown has to be done again with.
func (b *builder) finish(a *Action, s *versions, t *triple) {
	d, r, l := t.desired, t.recorded, t.live
	switch {
	case r.ID != "" && l.ID != r.ID:
		a.putValue(ReasonReplaced)
	case r.Pending.Op == OpRename && d.Generated && d.Value != ValueChanged:
		// Both names have the value already, and no other can be known: take it.
		a.Op, a.Source = OpAdopt, ""
		a.Reasons = append(a.Reasons, ReasonInterrupted)
	case r.Pending.Op == OpUpdate && !r.Pending.Value && l.Modified.Compare(r.Modified) == 0:
		// It was about metadata alone, and did not happen: the value is as we left it.
		b.compareValue(a, s, t)
	default:
		a.putValue(ReasonInterrupted)
	}
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

// Metadata is what can be read back of a secret.
type Metadata struct {
	Scopes   []string
	Comment  string
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

// ours reports whether the live secret is the one that the record tells of. A
// record whose creation was cut short has no id: then the secret is ours if it
// was made after we meant to make it and looks as we wanted it.
func ours(r *RecordedSecret, l *LiveSecret) bool {
	if r.ID != "" {
		return r.ID == l.ID
	}
	return r.Pending != nil && MadeBy(l, r.Pending.Since, Metadata{Scopes: r.Scopes, Comment: r.Comment})
}

// MadeBy reports whether a live secret can be the work of a request sent at
// since with that metadata, rather than somebody else's of the same name: those
// are older, or much younger, or look different.
func MadeBy(l *LiveSecret, since time.Time, m Metadata) bool {
	return MadeBetween(l, since, since.Add(claimWindow-ClockSkew), m)
}

// MadeBetween is MadeBy for a request of which it is known when its answer came.
func MadeBetween(l *LiveSecret, from, to time.Time, m Metadata) bool {
	created, err := time.Parse(time.RFC3339Nano, string(l.Created))
	return err == nil && !created.Before(from.Add(-ClockSkew)) && !created.After(to.Add(ClockSkew)) &&
		slices.Equal(sorted(l.Scopes), sorted(m.Scopes)) && l.Comment == m.Comment
}
