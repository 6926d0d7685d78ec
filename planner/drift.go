package planner

import (
	"cmp"
	"slices"
	"time"
)

// DriftKind says how the live state differs from what was last applied.
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
	// DriftChanged is a secret that was written to without a visible difference, so the value
	// may have changed.
	DriftChanged DriftKind = "changed"
	// DriftValue is a secret whose value is proven not to be the recorded one.
	DriftValue DriftKind = "value_changed"
	// DriftTouched is a secret that was written to although its scopes and comment are the recorded
	// ones, and its value is proven to be. It does not count.
	DriftTouched DriftKind = "touched"
	DriftScopes  DriftKind = "scopes"
	DriftComment DriftKind = "comment"
	// DriftNotActive is a status other than active.
	DriftNotActive DriftKind = "not_active"
	// DriftInterrupted is a record whose last write was interrupted.
	DriftInterrupted DriftKind = "interrupted"
	DriftUnmanaged   DriftKind = "unmanaged"
	// DriftRotationOverdue is a value past its rotate_after.
	DriftRotationOverdue DriftKind = "rotation_overdue"
	// DriftRetireOverdue is an earlier value that is still readable although its overlap is over.
	DriftRetireOverdue DriftKind = "retire_overdue"
	// DriftActivated is a secret that became active after the last apply had ended, which moved
	// its modification time. It does not count.
	DriftActivated DriftKind = "activated"
	// DriftListIncomplete is a store whose list of secrets was known to lack some, so that there
	// may be others than the findings show. It does not count.
	DriftListIncomplete DriftKind = "list_incomplete"
	// DriftAccepted is a secret whose live state was accepted: its value is not known. It does
	// not count.
	DriftAccepted DriftKind = "accepted"
	// DriftKeptOther is a secret that was adopted under AdoptKeep, and whose value is proven to
	// differ from the manifest's. It does not count.
	DriftKeptOther DriftKind = "adopted_value_differs"
	// DriftLagging is a list that shows an older state than our last write, which was
	// recent. It does not count.
	DriftLagging DriftKind = "lagging_read"
	// DriftValueLagging is a secret whose value was sent moments ago, while Workers still read
	// another one. It does not count.
	DriftValueLagging DriftKind = "value_lagging"
)

// DriftKinds are the kinds that can count as drift.
var DriftKinds = []DriftKind{
	DriftStoreGone, DriftDeleted, DriftRecreated, DriftChanged, DriftValue, DriftScopes, DriftComment, DriftNotActive,
	DriftInterrupted, DriftUnmanaged, DriftRotationOverdue, DriftRetireOverdue,
}

// ChangedOutside reports whether a finding of this kind means that another client changed what was
// applied.
func (k DriftKind) ChangedOutside() bool {
	switch k {
	case DriftStoreGone, DriftDeleted, DriftRecreated, DriftChanged, DriftValue, DriftTouched, DriftScopes, DriftComment:
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
	// Value is what is known about the live value, for findings about a live secret.
	Value LiveValue
}

// OutsideChange is what an account's audit log says about the changes of a secret, or of a whole
// store, since our last write.
type OutsideChange struct {
	// At is when the latest change was made; empty if the log does not have it yet.
	At Modified
	// Actor is who made it: an e-mail address, an API token's name or an id. Channel is how, in
	// Cloudflare's words, such as "dash" or "api_token".
	Actor, Channel string
	// Value says whether it set a value. ValueBefore says that it did not, but that a change between
	// our last write and this one did.
	Value       ValueChange
	ValueBefore bool
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

// FindDrift compares what was last applied with what Cloudflare reports. It needs no values. In
// in.Desired, it reads the stores' prefixes and unmanaged policies, and their secrets' External,
// Adopt, RotateAfter, Generated, Overlap and Previous. A store that in.Desired lacks is treated as
// if its policy were UnmanagedReport.
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
		all := triples(s)
		for name, t := range all {
			if t.recorded != nil {
				found = append(found, secretDrift(s.key, t, in.Now)...)
				found = append(found, overdue(s.key, t, in.Now)...)
				found = append(found, retireOverdue(s.key, t, all[t.recorded.PreviousOf], in.Now)...)
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
	drift := func(k DriftKind, counts bool) Drift {
		d := Drift{Kind: k, Store: store, Secret: r.Name, Counts: counts}
		if l != nil {
			d.Value = l.Value
		}
		return d
	}
	switch {
	case r.Pending != nil:
		// A secret that is left alone because it may be another client's is not drift: it looks as our
		// interrupted creation would have left it.
		return []Drift{drift(DriftInterrupted, !r.asCreated(l, now))}
	case l == nil:
		return []Drift{drift(DriftDeleted, true)}
	case l.ID != r.ID:
		return []Drift{drift(DriftRecreated, true)}
	case r.compareWrites(l) < 0 && r.Modified.canLag(now):
		return []Drift{drift(DriftLagging, false)}
	}
	found := metadataDrift(store, r, l)
	if kind, counts := t.valueDrift(len(found) > 0, now); kind != "" {
		found = append(found, drift(kind, counts))
	}
	if r.activationMoved(l) && !l.Value.Known() {
		found = append(found, drift(DriftActivated, false))
	}
	if l.Status != "" && l.Status != StatusActive {
		// A secret that we have just written is pending for a while (docs/cloudflare-api.md §3).
		d := drift(DriftNotActive, l.Status != StatusPending || now.Sub(r.Applied) >= activeWithin)
		d.Status = l.Status
		found = append(found, d)
	}
	return found
}

// valueDrift returns what is known or assumed about the value of a secret, and whether that counts. The
// kind is empty if it would add nothing to a change of metadata.
func (t *triple) valueDrift(metadata bool, now time.Time) (kind DriftKind, counts bool) {
	r, l := t.recorded, t.live
	order := r.compareWrites(l)
	switch {
	case l.Value == LiveOther && order != 0:
		return DriftValue, true
	case t.changedUnseen() && r.writtenWithin(ValueLag, now):
		return DriftValueLagging, false
	case t.changedUnseen():
		return DriftValue, true
	case metadata:
		return "", false
	case order != 0 && l.Value == LiveSame:
		return DriftTouched, false
	case order != 0:
		return DriftChanged, true
	case t.keptOther() && !r.Accepted:
		return DriftKeptOther, false
	case r.Accepted:
		return DriftAccepted, false
	}
	return "", false
}

// metadataDrift compares scopes and comment.
func metadataDrift(store StoreKey, r *RecordedSecret, l *LiveSecret) []Drift {
	var found []Drift
	drift := Drift{Store: store, Secret: r.Name, Counts: true, Value: l.Value}
	if before, after := sorted(r.Scopes), sorted(l.Scopes); l.Scopes != nil && !slices.Equal(before, after) {
		d := drift
		d.Kind, d.Scopes = DriftScopes, &Change[[]string]{Before: before, After: after}
		found = append(found, d)
	}
	if r.Comment != l.Comment {
		d := drift
		d.Kind, d.Comment = DriftComment, &Change[string]{Before: r.Comment, After: l.Comment}
		found = append(found, d)
	}
	return found
}

func overdue(store StoreKey, t *triple, now time.Time) []Drift {
	if t.desired == nil || t.desired.RotateAfter == 0 || now.Sub(t.recorded.Applied) < t.desired.RotateAfter {
		return nil
	}
	return []Drift{{Kind: DriftRotationOverdue, Store: store, Secret: t.recorded.Name, Counts: true, Generated: t.desired.Generated}}
}

// retireOverdue compares the age of an earlier value with the overlap of the secret that had it.
func retireOverdue(store StoreKey, t, owner *triple, now time.Time) []Drift {
	r := t.recorded
	if t.live == nil || owner == nil || owner.desired == nil || owner.desired.Previous != r.Name || !r.overlapOver(owner.desired, now) {
		return nil
	}
	if o := owner.recorded; o != nil && o.Pending != nil && o.asCreated(owner.live, now) {
		return nil // it may be another client's, and is left alone with its previous one
	}
	return []Drift{{Kind: DriftRetireOverdue, Store: store, Secret: r.Name, Counts: true}}
}
