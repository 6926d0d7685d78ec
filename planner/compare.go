package planner

import "slices"

// compare decides on a secret that all three versions have: which of its value, scopes and
// comment have to be sent, if any.
func (b *builder) compare(s *versions, t *triple) {
	d, r, l := t.desired, t.recorded, t.live
	if r.ID == "" && !b.mayBeOurs(r, l, d.Generated || r.Accepted) {
		b.adopt(s, t) // another client's, as if nothing were recorded
		return
	}
	a := b.action(OpUpdate, s, t)
	a.Recovery.ListedAt = b.in.Now
	if r.Pending != nil {
		if !b.settled(t) {
			b.note(NoteInterrupted, s, d.Name)
		}
		b.finish(&a, s, t)
	} else {
		b.compareLive(&a, s, t)
	}
	a.sendMetadata(d, a.Current.Metadata)
	if r.Pending != nil && len(a.Reasons) == 0 { // or it would stay pending
		a.sendValue(ReasonInterrupted)
	}
	b.noteAccepted(&a, s, t)
	b.addUpdate(a, t)
}

// noteAccepted adds the notes about live state that no apply sent: that it was accepted or
// adopted before, or that adopt is ignored.
func (b *builder) noteAccepted(a *Action, s *versions, t *triple) {
	switch {
	case a.SetValue || a.Proven:
	case t.recorded.Accepted:
		b.noteValue(NoteAccepted, s, t)
	case t.keptOther():
		b.note(NoteKeptOther, s, a.Secret)
	}
	outside := slices.Contains(a.Reasons, ReasonReplaced) || slices.Contains(a.Reasons, ReasonChangedOutside) ||
		slices.Contains(a.Reasons, ReasonValueChangedOutside)
	if b.in.Options.AdoptRequested || t.desired.Adopt == AdoptKeep && outside {
		b.note(NoteAdoptIgnored, s, a.Secret)
	}
}

// compareLive compares the live secret's last write with ours, which is known to have
// ended. Only if there was none after ours is the value in Cloudflare the recorded one, and
// worth comparing.
func (b *builder) compareLive(a *Action, s *versions, t *triple) {
	r, l := t.recorded, t.live
	switch order := r.compareWrites(l); {
	case l.ID != r.ID:
		b.changedOutside(a, s, t, ReasonReplaced)
		return
	case order > 0:
		b.changedOutside(a, s, t, ReasonChangedOutside)
		return
	case order < 0 && r.Modified.canLag(b.in.Now):
		b.note(NoteLagging, s, r.Name)
	case t.changedUnseen() && r.writtenWithin(ValueLag, b.in.Now):
		b.note(NoteValueLagging, s, r.Name)
	case t.changedUnseen() && !t.provenDesired():
		a.sendValue(ReasonValueChangedOutside)
		return
	case order < 0:
		b.note(NoteBackwards, s, r.Name)
	case r.activationMoved(l) && l.Value != LiveSame:
		b.note(NoteActivated, s, r.Name)
	}
	b.compareValue(a, s, t)
}

// changedOutside decides on a secret that another client wrote to. What is not known about its
// value is assumed: that it was changed.
func (b *builder) changedOutside(a *Action, s *versions, t *triple, how Reason) {
	l := t.live
	switch {
	case t.provenDesired():
		a.Reasons = append(a.Reasons, how)
		b.compareValue(a, s, t)
	case how == ReasonChangedOutside && l.Value == LiveSame: // the desired value is another
		b.compareValue(a, s, t)
	case how == ReasonChangedOutside && l.Value == LiveOther:
		a.sendValue(ReasonValueChangedOutside)
	default:
		a.sendValue(how)
		if l.Value == LiveOther {
			a.Reasons = append(a.Reasons, ReasonValueChangedOutside)
		}
		o := b.in.Outside[s.key.Secret(l.Name)]
		set := o.Value == ValueModified || o.ValueBefore // which the note about it says
		if how == ReasonChangedOutside && t.recorded.sameMetadata(l) && !set {
			b.noteValue(NoteAssumedChanged, s, t)
		}
	}
}

// compareWrites is positive where the live secret was written to after our last write,
// negative where the list shows a state before it, and zero where it shows our write, whose
// activation may have come later, or where Cloudflare reported no time for that.
func (r *RecordedSecret) compareWrites(l *LiveSecret) int {
	if r.Modified == "" || r.activationMoved(l) {
		return 0
	}
	return l.Modified.Compare(r.Modified)
}

// wroteLast reports whether the live secret is the recorded one, and shows no write after ours.
func (r *RecordedSecret) wroteLast(l *LiveSecret) bool {
	return r.ID == l.ID && r.compareWrites(l) <= 0
}

// addUpdate adds an update that has something to do. Where only the delete policy differs,
// that is recorded. Sending a generated value always generates a new one, so it is a rotation.
func (b *builder) addUpdate(a Action, t *triple) {
	d, r := t.desired, t.recorded
	switch {
	case a.SetValue && a.Op == OpUpdate && d.Generated:
		a.Op = OpRotate
	case len(a.Reasons) == 0 && d.Delete == r.Delete:
		b.plan.Unchanged++
		return
	case a.Op == OpUpdate && !a.SetValue && a.Scopes == nil && a.Comment == nil:
		a.Op, a.Source = OpRecord, ""
	}
	if d.Delete != r.Delete {
		a.Reasons = append(a.Reasons, ReasonPolicy)
	}
	b.add(a)
}

// finish decides what has to be sent after a write whose outcome is unknown.
func (b *builder) finish(a *Action, s *versions, t *triple) {
	d, r, l := t.desired, t.recorded, t.live
	switch {
	case b.settled(t):
		a.Op, a.Source, a.Proven = OpAdopt, "", true
		a.Reasons = append(a.Reasons, ReasonInterrupted, ReasonProven)
	case r.ID != "" && l.ID != r.ID:
		a.sendValue(ReasonReplaced)
	case r.Pending.Op == OpRename && d.Generated && d.Value != ValueChanged,
		r.Pending.Op == OpAdopt && !r.Pending.Value && d.Adopt == AdoptKeep,
		b.keepsAccepted(d, r, l):
		// The live secret has the right value already: after a rename, it is a duplicate of
		// the generated value, which exists in Cloudflare only. An accepted value stays.
		a.Op, a.Source = OpAdopt, ""
		a.Reasons = append(a.Reasons, ReasonInterrupted)
	case r.Pending.Op == OpUpdate && !r.Pending.Value && l.Modified.Compare(r.Modified) == 0:
		// The write was of metadata alone, and did not happen: the value is as we left it.
		b.compareValue(a, s, t)
	case b.overtaken(r, l):
		a.sendValue(ReasonChangedOutside) // so the outcome of our write does not matter any more
	default:
		a.sendValue(ReasonInterrupted)
		a.Recovery.ValueUnchanged = !r.Pending.Value && d.Value == ValueSame && !d.Generated
	}
}

// keepsAccepted reports whether an accepted value is still live after a write of ours that did
// not include a value was interrupted. Only another client's later write may have replaced it.
func (b *builder) keepsAccepted(d *DesiredSecret, r *RecordedSecret, l *LiveSecret) bool {
	if !r.Accepted || r.Pending.Value || d.Value != ValueSame {
		return false
	}
	switch r.Pending.Op {
	case OpRename:
		return true
	case OpUpdate:
		return !b.overtaken(r, l)
	}
	return r.compareWrites(l) == 0
}

func (b *builder) compareValue(a *Action, s *versions, t *triple) {
	d, r := t.desired, t.recorded
	due := d.RotateAfter > 0 && b.in.Now.Sub(r.Applied) >= d.RotateAfter
	switch {
	case due && d.Generated:
		a.sendValue(ReasonRotationDue)
	case t.provenDesired():
		a.proven(t)
		if due {
			b.note(NoteRotationOverdue, s, d.Name)
		}
	case d.Value == ValueUnknown:
		b.note(NoteValueUnknown, s, d.Name)
	case d.Value == ValueReencrypted:
		a.sendValue(ReasonReencrypted)
	case d.Value == ValueEdited:
		a.sendValue(ReasonEdited)
	case d.Value != ValueSame:
		a.sendValue(ReasonValue)
	case due:
		b.note(NoteRotationOverdue, s, d.Name)
	}
}

func (a *Action) sendValue(why Reason) {
	a.SetValue = true
	a.Reasons = append(a.Reasons, why)
}

// Metadata is what a client sets of a secret besides its value.
type Metadata struct {
	Scopes  []string
	Comment string
}

// LiveState is what can be read back of a live secret. Status is empty where it is not known.
type LiveState struct {
	Metadata
	Modified Modified
	Status   string
}

// sendMetadata sends the metadata that differs.
func (a *Action) sendMetadata(d *DesiredSecret, have Metadata) {
	if before, after := sorted(have.Scopes), sorted(d.Scopes); !slices.Equal(before, after) {
		a.Scopes = &Change[[]string]{Before: before, After: after}
		a.Reasons = append(a.Reasons, ReasonScopes)
	}
	if d.Comment != nil && *d.Comment != have.Comment {
		a.Comment = &Change[string]{Before: have.Comment, After: *d.Comment}
		a.Reasons = append(a.Reasons, ReasonComment)
	}
}

// sendNewMetadata sends the metadata of a secret that does not exist yet.
func (a *Action) sendNewMetadata(d *DesiredSecret) {
	a.Scopes = &Change[[]string]{After: sorted(d.Scopes)}
	if d.Comment != nil {
		a.Comment = &Change[string]{After: *d.Comment}
	}
}
