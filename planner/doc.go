// Package planner decides what has to be done to make Cloudflare's Secrets Store match a
// manifest. It is pure: it reads no file, no clock and no network. It never holds a value, so
// it cannot leak one.
//
// Call [Build] with the three versions of the truth: what should be ([DesiredStore]), what was
// last applied ([RecordedStore]) and what Cloudflare reports ([LiveStore]). It returns a
// [Plan]: actions in the order in which they have to be done, notes that change nothing, and
// problems that forbid applying the plan. [FindDrift] compares the last two versions alone.
//
// The decision on a secret depends on which of the three versions have it:
//
//	desired  recorded  live   action
//	yes      no        no     create
//	yes      no        yes    problem: it exists and isn't ours; or adopt, if asked for
//	yes      yes       no     create: deleted outside
//	yes      yes       yes    nothing or update, by value, scopes and comment, if the
//	                          recorded id and modification time still hold
//	yes      yes       older  as above, with a note: the list lags behind our last write
//	yes      yes       newer  update that sends the value again: changed outside. A value
//	                          cannot be read back, so a change must be assumed
//	yes      yes       newer  nothing or update, as above, with a note, if the record was
//	                          pending and the secret has become active since
//	yes      yes       other  likewise: deleted and created again outside
//	no       yes       yes    delete, or forget under the recorded policy delete: false
//	no       yes       other  forget: the secret of that name isn't ours any more
//	no       yes       no     forget
//	no       no        yes    a note: unmanaged; or delete, under unmanaged: delete
//
// A generated secret is rotated when it is due. Where the table says that a value is sent
// again, a generated one is rotated too: the old value cannot be restored. A secret that the
// manifest renames is renamed within Cloudflare if its value stays the same. If that is
// unknown, because no fingerprint key is available, the new name is created and the old one
// deleted, with a note. An external secret is never written: it must exist with its scopes.
// testdata/cells.txt has the decision for every combination.
//
// A secret with an overlap has a second one beside it, which keeps its earlier value for a while
// when it gets another one: overlap.go has the states and the stages.
//
// A plan for [Options.Rotate] has rotations only: of matching secrets that all three versions
// have and that are generated, and what their overlaps take. The other matching secrets of the manifest and the lockfile are
// notes.
//
// A record whose last write was interrupted (pending) is settled by doing what is desired now,
// which is idempotent.
package planner
