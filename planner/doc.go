// Package planner decides what has to be done. It is pure: it reads no file,
// no clock and no network, and it never holds a value, so it cannot leak one.
//
// Call [Build] with the three versions of the truth, which are what should be
// ([Desired]), what was last applied ([Recorded]) and what Cloudflare reports
// ([Live]). It answers with a [Plan]: actions in the order in which they have to
// be done, notes that change nothing, and problems that forbid applying.
//
// One secret's fate hangs on which of the three versions know it:
//
//	desired  recorded  live   action
//	yes      no        no     create
//	yes      no        yes    problem: it exists and isn't ours; or adopt, if asked for
//	yes      yes       no     create: deleted outside
//	yes      yes       yes    nothing or update, by value, scopes and comment, where
//	                          the recorded id and modification time still hold
//	yes      yes       older  as above, with a note: the list lags behind our last write
//	yes      yes       newer  update with the value put again: changed outside. A value
//	                          cannot be read back, so a change must be assumed
//	yes      yes       other  likewise: deleted and made again outside
//	no       yes       yes    delete, or forget under the recorded policy delete: false
//	no       yes       other  forget: what bears the name now isn't ours
//	no       yes       no     forget
//	no       no        yes    a note: unmanaged; or delete, under unmanaged: delete
//
// A generated secret that is due, or that is asked for, is rotated. A secret with
// another name before, its value the same, is renamed within Cloudflare; where no key
// can tell whether it is, it is created, and the old one deleted, with a note. An external
// secret is never written: it must exist with its scopes. testdata/cells.txt has
// the decision for every combination.
//
// A record whose last write was cut short (pending) is settled by doing what is
// desired now again, which is idempotent.
package planner
