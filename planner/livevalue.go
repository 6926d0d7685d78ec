package planner

import "time"

// LiveValue says how the value that Workers read from a live secret compares with another value. No
// API returns a value, so this is unknown unless it was verified.
type LiveValue string

// The zero LiveValue is what every value is without verification.
const (
	LiveUnknown LiveValue = ""
	// LiveSame is proven to be the other value.
	LiveSame LiveValue = "same"
	// LiveOther is proven not to be the other value.
	LiveOther LiveValue = "other"
	// LiveUnreadable is a value that no Worker can read, so that it cannot be verified.
	LiveUnreadable LiveValue = "unreadable"
)

// Known reports whether the comparison is proven.
func (v LiveValue) Known() bool { return v == LiveSame || v == LiveOther }

// provenDesired reports whether the live value is proven to be the desired one.
func (t *triple) provenDesired() bool {
	l := t.live
	return l.DesiredValue == LiveSame || t.recorded != nil && t.desired.Value == ValueSame && l.Value == LiveSame
}

// changedUnseen reports whether the live value is proven to differ from the recorded one, for a secret
// that shows no later write than ours. If the secret was taken over as it is, that is not a change.
func (t *triple) changedUnseen() bool {
	return t.live.Value == LiveOther && !t.recorded.Accepted && !t.keptOther()
}

// keptOther reports whether a secret was adopted as it is, and its value is proven to differ from the
// manifest's.
func (t *triple) keptOther() bool {
	return t.live.Value == LiveOther && t.desired != nil && t.desired.Adopt == AdoptKeep
}

// proven continues with a secret whose live value is proven to be the desired one. Whatever else
// the lockfile has about it is recorded, and no value is sent.
func (a *Action) proven(t *triple) {
	a.Proven = true
	if len(a.Reasons) > 0 || t.desired.Value != ValueSame || t.recorded.Accepted {
		a.Reasons = append(a.Reasons, ReasonProven)
	}
}

// settled reports whether an interrupted write need not be repeated, because the live value is
// proven to be the desired one. A requested rotation has to be repeated: the proven value is the one
// before it. So may a write that should have replaced the proven value: a Worker may not read the new
// one yet.
func (b *builder) settled(t *triple) bool {
	p := t.recorded.Pending
	switch {
	case p.Op == OpRotate || !t.provenDesired():
		return false
	case p.Value && t.recorded.ID != "" && t.desired.Value == ValueSame:
		return b.in.Now.Sub(p.Until) > ListLag
	}
	return true
}

// provenRequested reports whether the live value is proven to be the value that our interrupted
// creation asked for, or the value that is desired now.
func (l *LiveSecret) provenRequested() bool {
	return l.RequestedValue == LiveSame || l.DesiredValue == LiveSame
}

// InQuestion reports whether a plan or a report of drift has to assume something about the live
// value, unless it was verified: the list does not show it as our last write left it, or that
// write's outcome is not known, or the live value was accepted or is to be adopted.
func (v *Versions) InQuestion(now time.Time) bool {
	r, l := v.Recorded, v.Live
	switch {
	case l == nil:
		return false
	case r == nil:
		return v.Desired != nil && (v.Desired.Adopt == AdoptVerify || v.Desired.Adopt == AdoptOverwrite)
	case r.Pending != nil, r.Accepted, l.ID != r.ID, r.activationMoved(l):
		return true
	}
	order := r.compareWrites(l)
	return order > 0 || order < 0 && !r.Modified.canLag(now)
}

// VerifyToAdopt reports whether a plan may adopt the secret only if its value is verified.
func (v *Versions) VerifyToAdopt() bool {
	r, d := v.Recorded, v.Desired
	return v.Live != nil && d != nil && d.Adopt == AdoptVerify && !d.Generated && (r == nil || r.ID == "")
}

// JustWritten reports whether a Worker that reads the live secret now may still get the value before
// our last write: it was made less than lag ago, and no other followed.
func (v *Versions) JustWritten(now time.Time, lag time.Duration) bool {
	r, l := v.Recorded, v.Live
	return lag > 0 && r.wroteLast(l) && r.writtenWithin(lag, now)
}

// Unsettled reports whether a Worker that reads the live secret now may still get the value before
// another client's last write: it was made less than lag ago.
func (v *Versions) Unsettled(now time.Time, lag time.Duration) bool {
	r, l := v.Recorded, v.Live
	switch {
	case lag == 0 || l.Modified == l.Created: // or it has had no other value
		return false
	case r != nil && r.wroteLast(l):
		return false
	}
	return l.Modified.within(lag, now)
}
