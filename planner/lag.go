package planner

import (
	"strings"
	"time"
)

// Cloudflare's reads are eventually consistent, and it does not say by how much
// (docs/cloudflare-api.md §3): other clients saw seconds. Every guess at it is here, and how late its
// audit logs may be, together with the tolerances for comparing Cloudflare's clock with ours. Timeouts, and pauses between
// retries, are not: they belong to the code that waits.
//
// ListLag and listComplete bound the same unknown from its two sides. Each errs towards the
// harmless mistake.

// ListLag is how long after a write of ours a list may still lack it. It is generous: if it
// is too long, drift is reported some minutes late; if it is too short, a secret that we
// have just written is taken for changed or deleted by another client, and written again.
const ListLag = 10 * time.Minute

// listComplete is how long before a list was read a secret must have been created for us to
// rely on its being listed. A creation time that is older, of a secret that the list lacked,
// comes from a clock that cannot be compared with ours. It is tight, but well over the seconds
// that were seen: if it is too long, a secret of ours is reported as a conflict where the
// clocks differ, and the user adopts it; if it is too short, another client's secret of the
// same name and metadata may be taken for ours.
const listComplete = 15 * time.Second

// ValueLag is how long after a write Workers may still read the value before it. Cloudflare does
// not say (docs/cloudflare-api.md §3); other clients wait ten seconds for a secret to become
// usable. For that long after another client's write, a value that is found unchanged proves
// nothing; for that long after our own write, a changed value proves nothing. If the time is too
// long, a proof has to be requested again a moment later; if it is too short, a changed value is
// recorded as unchanged.
const ValueLag = time.Minute

// readLag is how long after a write of ours a read by id may still not find the secret. Such
// reads lag for moments only. If it is too long, a secret that was deleted within a minute
// of being written costs some repeated reads.
const readLag = time.Minute

// activeWithin is how long after a write of ours a secret may have the status pending. Other
// clients wait ten seconds for it. If it is too long, a secret that never becomes active is
// reported as drift some minutes late.
const activeWithin = 10 * time.Minute

// activationMoves is how long after a write of ours the activation of the secret may move its
// modification time. If it is too long, a value that another client set in that time goes
// unnoticed; if it is too short, a secret that takes longer to become active is written again
// at every apply.
const activationMoves = time.Hour

// DateNoise is how far a time read from a Date header may be off: the header counts whole
// seconds, and the answer takes its time to arrive.
const DateNoise = 3 * time.Second

// ResendAfter is the longest delay between journaling a request and sending it before the
// request is journaled again.
const ResendAfter = time.Second

// ClockSkew is how far outside the window of our request the creation time of the secret that
// it created may be. The window's ends are read from Date headers, are recorded in whole
// seconds, and do not include a wait of up to [ResendAfter].
const ClockSkew = DateNoise + time.Second + ResendAfter

// AuditLogNoise is how far the time in an audit log may be from the modification time that the same
// change gave a secret. Both are Cloudflare's, and how they are related is not documented
// (docs/cloudflare-api.md §16). If it is too long, a change that the log does not have yet may be
// attributed to whoever made another one in the same minute; if it is too short, nothing is
// attributed.
const AuditLogNoise = time.Minute

// OwnWriteNoise is AuditLogNoise where our own write has to be in the log, so that all changes
// after it are known. It is tight: a change by another client within this time of our write,
// which the log lacks, would be mistaken for ours.
const OwnWriteNoise = 5 * time.Second

// AuditLogComplete is how old a change must be for the audit log to have all changes before it.
// Entries arrive late, and Cloudflare does not say how late. It is generous: if it is too long, a
// value is sent again that need not be; if it is too short, one that was replaced is taken for
// ours.
const AuditLogComplete = time.Hour

// MayLag reports whether a list read now may lack the secret although it exists, because we
// wrote it recently.
func (r *RecordedSecret) MayLag(now time.Time) bool { return r.writtenWithin(ListLag, now) }

// Fresh reports whether even a read by id may not find the secret yet, because we wrote it
// moments ago.
func (r *RecordedSecret) Fresh(now time.Time) bool { return r.writtenWithin(readLag, now) }

func (r *RecordedSecret) writtenWithin(d time.Duration, now time.Time) bool {
	applied := Modified(r.Applied.Format(time.RFC3339))
	return r.ID != "" && (r.Modified.within(d, now) || applied.within(d, now))
}

// canLag reports whether a list read now may not show a write of ours at m yet.
func (m Modified) canLag(now time.Time) bool { return m.within(ListLag, now) }

// within reports whether m was at most d ago, and is not in the future.
func (m Modified) within(d time.Duration, now time.Time) bool {
	at, err := time.Parse(time.RFC3339Nano, string(m))
	return err == nil && !at.After(now.Add(ClockSkew)) && !at.Before(now.Add(-d))
}

// An apply waits for what it wrote to become active, but not forever. A secret that is still
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

// Modified is a time as Cloudflare writes it: RFC 3339, usually with microseconds. It is kept
// as text, so that a lockfile holds exactly what Cloudflare reported.
type Modified string

// Compare returns a negative number, zero or a positive number if m is before, equal to or
// after n. It compares with the lower precision of the two, so that an endpoint which leaves
// out the microseconds does not make a secret look changed. Text that is not a time is after
// everything but itself, because a change must be assumed then.
func (m Modified) Compare(n Modified) int {
	if m == n {
		return 0
	}
	a, errA := time.Parse(time.RFC3339Nano, string(m))
	b, errB := time.Parse(time.RFC3339Nano, string(n))
	if errA != nil || errB != nil {
		return 1
	}
	unit := max(m.precision(), n.precision())
	return a.Truncate(unit).Compare(b.Truncate(unit))
}

// follows reports whether m is at most d after n. Text that is not a time follows nothing.
func (m Modified) follows(n Modified, d time.Duration) bool {
	a, errA := time.Parse(time.RFC3339Nano, string(m))
	b, errB := time.Parse(time.RFC3339Nano, string(n))
	return errA == nil && errB == nil && a.After(b) && !a.After(b.Add(d))
}

// precision is the unit of m's last digit.
func (m Modified) precision() time.Duration {
	_, fraction, _ := strings.Cut(string(m), ".")
	unit := time.Second
	for _, c := range fraction {
		if c < '0' || c > '9' || unit == 1 {
			break
		}
		unit /= 10
	}
	return unit
}
