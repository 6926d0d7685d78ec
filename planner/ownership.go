package planner

import (
	"slices"
	"time"
)

// A record whose creation was interrupted has no id yet. Whether a live secret of that name
// is the one that our request created, or another client's, is then decided by when it was
// created and by its scopes and comment: [Window]. There are two answers, and a caller takes
// the one whose mistake is harmless:
//
//   - ours: it was created while our request was under way. Only then may it be deleted.
//   - mayBeOurs: nothing contradicts that it is ours. Then it may be written to, which
//     completes it; if nothing is known, Cloudflare has refused the name already, and the only
//     other way out is a conflict.

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
	return l.ID == p.PreviousID || p.sent().contains(l.Created) && l.hasMetadata(r.metadata())
}

// mayBeOurs reports whether the live secret can be the one of an interrupted creation, so
// that it may be completed. An interrupted rename of a generated value has to be certain:
// the new name would be kept as it is, and the old one, which alone has the value, deleted.
func (b *builder) mayBeOurs(r *RecordedSecret, l *LiveSecret, generated bool) bool {
	p := r.Pending
	switch {
	case p == nil:
		return false
	case generated && p.Op == OpRename:
		return b.ours(r, l)
	}
	return l.ID == p.PreviousID || p.sent().MayHaveCreated(l, r.metadata(), b.in.Now)
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
func (p *Pending) sent() Window {
	w := Window{ListedAt: p.ListedAt, From: p.Since, To: p.Until}
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

// contains reports whether a moment lies in the window.
func (w Window) contains(m Modified) bool {
	at, err := time.Parse(time.RFC3339Nano, string(m))
	return err == nil && !at.Before(w.From.Add(-ClockSkew)) && !at.After(w.To.Add(ClockSkew))
}

// mayContain reports whether the effect of a request in the window can have that time.
//
// A time that cannot be right proves nothing, and counts as possible: one that cannot be
// read, one in the future, and one well before the list was read that the request was
// decided on. That list did not show the effect, so the time comes from another clock.
func (w Window) mayContain(m Modified, now time.Time) bool {
	at, err := time.Parse(time.RFC3339Nano, string(m))
	return err != nil || w.contains(m) || at.Before(w.ListedAt.Add(-listComplete)) || at.After(now.Add(ClockSkew))
}

// metadata is what our last write gave the secret, or was to give it.
func (r *RecordedSecret) metadata() Metadata { return Metadata{Scopes: r.Scopes, Comment: r.Comment} }

func (l *LiveSecret) hasMetadata(m Metadata) bool {
	return slices.Equal(sorted(l.Scopes), sorted(m.Scopes)) && l.Comment == m.Comment
}
