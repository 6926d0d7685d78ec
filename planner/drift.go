package planner

import (
	"cmp"
	"slices"
	"time"
)

// DriftKind is how the live state differs from what was last applied.
type DriftKind string

// The kinds of drift.
const (
	// DriftAccountUnread is a store that was not checked, because its account could not be read.
	// It does not count, and comes before all other findings.
	DriftAccountUnread DriftKind = "account_unread"

	DriftStoreGone DriftKind = "store_gone"
	DriftDeleted   DriftKind = "deleted"
	// DriftRecreated is a secret that was deleted and created again.
	DriftRecreated DriftKind = "recreated"
	// DriftChanged is a secret that was written to without a visible difference: its value
	// must be assumed to have changed.
	DriftChanged DriftKind = "changed"
	DriftScopes  DriftKind = "scopes"
	DriftComment DriftKind = "comment"
	// DriftNotActive is a status other than active.
	DriftNotActive DriftKind = "not_active"
	// DriftInterrupted is a record whose last write was interrupted.
	DriftInterrupted DriftKind = "interrupted"
	DriftUnmanaged   DriftKind = "unmanaged"
	// DriftRotationOverdue is a value past its rotate_after.
	DriftRotationOverdue DriftKind = "rotation_overdue"
	// DriftActivated is a secret that became active after the last apply had ended, which moved
	// its modification time. It does not count.
	DriftActivated DriftKind = "activated"
	// DriftListIncomplete is a store whose list of secrets was known to lack some, so that there
	// may be others than the findings show. It does not count.
	DriftListIncomplete DriftKind = "list_incomplete"
	// DriftAccepted is a secret whose live state was accepted: its value is not known. It does
	// not count.
	DriftAccepted DriftKind = "accepted"
	// DriftLagging is a list that shows an older state than our last write, which was
	// recent. It does not count.
	DriftLagging DriftKind = "lagging_read"
)

// DriftKinds are the kinds that can count as drift.
var DriftKinds = []DriftKind{
	DriftStoreGone, DriftDeleted, DriftRecreated, DriftChanged, DriftScopes, DriftComment, DriftNotActive, DriftInterrupted, DriftUnmanaged,
	DriftRotationOverdue,
}

// ChangedOutside reports whether a finding of this kind is another client's change of what was
// applied.
func (k DriftKind) ChangedOutside() bool {
	switch k {
	case DriftStoreGone, DriftDeleted, DriftRecreated, DriftChanged, DriftScopes, DriftComment:
		return true
	}
	return false
}

// Drift is one difference between live and the record.
type Drift struct {
	Kind   DriftKind
	Store  StoreKey
	Secret string // empty for DriftAccountUnread, DriftStoreGone and DriftListIncomplete
	// Counts is false for a finding that is reported but is not drift.
	Counts  bool
	Scopes  *Change[[]string] // recorded and live, for DriftScopes
	Comment *Change[string]   // recorded and live, for DriftComment
	Status  string            // for DriftNotActive
	// Generated says that a plan rotates the value, for DriftRotationOverdue.
	Generated bool
	// Outside is who made the change; nil if the audit log was not read.
	Outside *OutsideChange
}

// OutsideChange is what an account's audit log says about the changes of a secret, or of a whole
// store, since our last write.
type OutsideChange struct {
	// At is when the latest change was made; empty if the log does not have it yet.
	At Modified
	// Actor is who made it: an e-mail address, an API token's name or an id. Channel is how, in
	// Cloudflare's words, such as "dash" or "api_token".
	Actor, Channel string
	// Value says whether it set a value.
	Value ValueChange
	// MetadataOnly says that no change since our last write set a value.
	MetadataOnly bool
}

// ValueChange says whether a change of a secret set a value.
type ValueChange string

// The zero ValueChange is not known.
const (
	ValueModified ValueChange = "modified"
	ValueKept     ValueChange = "kept"
)

// FindDrift compares what was last applied with what Cloudflare reports. It needs no values. Of
// in.Desired, it reads the stores' prefixes and unmanaged policies, and their secrets' External,
// RotateAfter and Generated. A store that in.Desired does not have is treated as under
// UnmanagedReport.
func FindDrift(in Input) []Drift {
	var found []Drift
	for _, store := range in.UnreadStores {
		found = append(found, Drift{Kind: DriftAccountUnread, Store: store})
	}
	for _, s := range join(in) {
		if s.live == nil {
			if s.recorded != nil && len(s.recorded.Secrets) > 0 {
				found = append(found, Drift{Kind: DriftStoreGone, Store: s.key, Counts: true})
			}
			continue
		}
		if s.live.Incomplete {
			found = append(found, Drift{Kind: DriftListIncomplete, Store: s.key})
		}
		for name, t := range triples(s) {
			if t.recorded != nil {
				found = append(found, secretDrift(s.key, t, in.Now)...)
				found = append(found, overdue(s.key, t, in.Now)...)
				continue
			}
			policy := UnmanagedReport
			switch {
			case t.live == nil || t.desired != nil && t.desired.External:
				continue
			case t.within != nil:
				policy = t.within.Unmanaged
			case len(s.desired) > 0:
				continue // another environment's, by its prefix
			}
			if policy != UnmanagedIgnore {
				found = append(found, Drift{Kind: DriftUnmanaged, Store: s.key, Secret: name, Counts: policy == UnmanagedFail})
			}
		}
	}
	for i := range found {
		if o, ok := in.Outside[found[i].Store.Secret(found[i].Secret)]; ok && found[i].Kind.ChangedOutside() {
			found[i].Outside = &o
		}
	}
	slices.SortFunc(found, func(x, y Drift) int {
		return cmp.Or(trueFirst(x.Kind == DriftAccountUnread, y.Kind == DriftAccountUnread), compareKeys(x.Store, y.Store),
			cmp.Compare(x.Secret, y.Secret), cmp.Compare(x.Kind, y.Kind))
	})
	return found
}

func secretDrift(store StoreKey, t *triple, now time.Time) []Drift {
	r, l := t.recorded, t.live
	drift := func(k DriftKind) Drift { return Drift{Kind: k, Store: store, Secret: r.Name, Counts: true} }
	switch {
	case r.Pending != nil:
		d := drift(DriftInterrupted)
		// A secret that is left alone because it may be another client's is no drift: it is as an
		// interrupted creation of ours was to leave it.
		d.Counts = !r.asCreated(l, now)
		return []Drift{d}
	case l == nil:
		return []Drift{drift(DriftDeleted)}
	case l.ID != r.ID:
		return []Drift{drift(DriftRecreated)}
	}
	order := r.compareWrites(l)
	if order < 0 && r.Modified.canLag(now) {
		return []Drift{{Kind: DriftLagging, Store: store, Secret: r.Name}}
	}
	found := metadataDrift(store, r, l)
	switch {
	case len(found) > 0:
	case order != 0:
		found = append(found, drift(DriftChanged))
	case r.Accepted:
		found = append(found, Drift{Kind: DriftAccepted, Store: store, Secret: r.Name})
	}
	if r.activationMoved(l) {
		d := drift(DriftActivated)
		d.Counts = false
		found = append(found, d)
	}
	if l.Status != "" && l.Status != StatusActive {
		d := drift(DriftNotActive)
		d.Status = l.Status
		// A secret that we have just written is pending for a while (docs/cloudflare-api.md §3).
		d.Counts = l.Status != StatusPending || now.Sub(r.Applied) >= activeWithin
		found = append(found, d)
	}
	return found
}

// metadataDrift compares scopes and comment.
func metadataDrift(store StoreKey, r *RecordedSecret, l *LiveSecret) []Drift {
	var found []Drift
	if before, after := sorted(r.Scopes), sorted(l.Scopes); l.Scopes != nil && !slices.Equal(before, after) {
		found = append(found, Drift{
			Kind: DriftScopes, Store: store, Secret: r.Name, Counts: true, Scopes: &Change[[]string]{Before: before, After: after},
		})
	}
	if r.Comment != l.Comment {
		found = append(found, Drift{
			Kind: DriftComment, Store: store, Secret: r.Name, Counts: true, Comment: &Change[string]{Before: r.Comment, After: l.Comment},
		})
	}
	return found
}

func overdue(store StoreKey, t *triple, now time.Time) []Drift {
	if t.desired == nil || t.desired.RotateAfter == 0 || now.Sub(t.recorded.Applied) < t.desired.RotateAfter {
		return nil
	}
	return []Drift{{Kind: DriftRotationOverdue, Store: store, Secret: t.recorded.Name, Counts: true, Generated: t.desired.Generated}}
}
