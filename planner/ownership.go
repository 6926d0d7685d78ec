package planner

import (
	"slices"
	"time"
)

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
	return err != nil || w.covers(m) || at.Before(w.ListedAt.Add(-listComplete)) || at.After(now.Add(ClockSkew))
}

func looks(l *LiveSecret, m Metadata) bool {
	return slices.Equal(sorted(l.Scopes), sorted(m.Scopes)) && l.Comment == m.Comment
}

// covers reports whether something was made in the window.
func (w Window) covers(created Modified) bool {
	at, err := time.Parse(time.RFC3339Nano, string(created))
	return err == nil && !at.Before(w.From.Add(-ClockSkew)) && !at.After(w.To.Add(ClockSkew))
}

// overtaken reports whether somebody else wrote to a secret that an update of ours, cut
// short, was for: it was changed when no request of ours can have been under way.
func (b *builder) overtaken(r *RecordedSecret, l *LiveSecret) bool {
	if r.Pending.Op != OpUpdate && r.Pending.Op != OpRotate {
		return false
	}
	return r.compareWrites(l) > 0 && !r.Pending.sent().mayHold(l.Modified, b.in.Now)
}
