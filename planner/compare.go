package planner

import "slices"

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
	if r.Pending != nil {
		b.note(NoteInterrupted, s, d.Name)
		b.finish(&a, s, t)
	} else {
		b.compareLive(&a, s, t)
	}
	a.putMetadata(d, a.Current.Metadata)
	if r.Pending != nil && len(a.Reasons) == 0 { // or it would stay pending
		a.putValue(ReasonInterrupted)
	}
	b.addUpdate(a, t)
}

// compareLive compares the live secret's last write with ours, which is known to have
// ended. Only if there was none after ours is the value in Cloudflare the recorded one, and
// worth comparing.
func (b *builder) compareLive(a *Action, s *versions, t *triple) {
	r := t.recorded
	switch order := r.compareWrites(t.live); {
	case t.live.ID != r.ID:
		a.putValue(ReasonReplaced)
		return
	case order > 0:
		a.putValue(ReasonChangedOutside)
		return
	case order < 0 && r.Modified.canLag(b.in.Now):
		b.note(NoteLagging, s, r.Name)
	case order < 0:
		b.note(NoteBackwards, s, r.Name)
	}
	b.compareValue(a, s, t)
}

// compareWrites is positive where the live secret was written to after our last write,
// negative where the list shows a state before it, and zero where it shows our write, or
// where Cloudflare reported no time for that.
func (r *RecordedSecret) compareWrites(l *LiveSecret) int {
	if r.Modified == "" {
		return 0
	}
	return l.Modified.Compare(r.Modified)
}

// addUpdate adds an update that has something to do. Where only the delete policy differs,
// that is recorded.
func (b *builder) addUpdate(a Action, t *triple) {
	d, r := t.desired, t.recorded
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
