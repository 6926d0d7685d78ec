package planner

// LiveValue is what is known about the value that Workers read of a live secret: how it compares
// with another value. No API returns a value, so it is unknown unless it was verified.
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

// changedUnseen reports whether the live value is proven not to be the recorded one, for a secret
// that shows no later write than ours. Where it was taken over as it is, that is no change.
func (t *triple) changedUnseen() bool {
	return t.live.Value == LiveOther && !t.recorded.Accepted && !t.keptOther()
}

// keptOther reports whether a secret was adopted as it is, and its value is proven not to be the
// one in the manifest.
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

// settled reports whether an interrupted write needs no repetition, because the live value is
// proven to be the desired one. A requested rotation does: the proven value is the one before it.
// So may a write that was to replace the proven value: a Worker may not read the new one yet.
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

// provenRequested reports whether the live value is proven to be the one that an interrupted
// creation of ours asked for, or the one that is desired now.
func (l *LiveSecret) provenRequested() bool {
	return l.RequestedValue == LiveSame || l.DesiredValue == LiveSame
}
