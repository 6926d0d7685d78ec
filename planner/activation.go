package planner

// An apply waits for what it wrote to become active, but not for ever. A secret that is still
// pending then is recorded as such. It becomes active later, and that may move its modification
// time: Cloudflare does not say (docs/cloudflare-api.md §3). This one move is expected. If it
// were taken for another client's change, the value would be sent again, which makes the
// secret pending again, and so on with every apply.
//
// If another client sets the value alone in that time, it looks the same. So reports say that
// the value is assumed to be the one that was sent.

// Activation reports whether the live secret was pending when it was recorded, and has become
// active since. at is the modification time to record for it, which is later than the recorded
// one if the activation moved it.
func (r *RecordedSecret) Activation(l *LiveSecret) (at Modified, ok bool) {
	if r.Status != StatusPending || r.Pending != nil || l.ID != r.ID || l.Status != StatusActive {
		return "", false
	}
	switch order := l.Modified.Compare(r.Modified); {
	case r.Modified == "" || order == 0:
		return r.Modified, true
	case order < 0: // the list lags behind our write
		return "", false
	}
	return l.Modified, r.sameMetadata(l) && l.Modified.follows(r.Modified, activationMoves)
}

// activationMoved reports whether the live secret differs from the record by the time of its
// activation only.
func (r *RecordedSecret) activationMoved(l *LiveSecret) bool {
	at, ok := r.Activation(l)
	return ok && at != r.Modified
}
