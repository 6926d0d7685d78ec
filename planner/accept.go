package planner

import (
	"cmp"
	"slices"
)

// Acceptance is a recorded secret that drifted, and what accepting its live state means.
type Acceptance struct {
	Key     SecretKey
	StoreID StoreID
	// Desired says that the manifest manages the secret.
	Desired bool
	// Drift is how the live state differs from the record.
	Drift []Drift
	// Refusal is why the live state cannot be accepted; empty if it can.
	Refusal AcceptRefusal
	// Live is the state to be recorded.
	Live LiveSecret
	// ValueUnknown says that the live value may not be the recorded one, or is proven not to be
	// (Live.Value).
	ValueUnknown bool
	// OtherScopes and OtherComment say that the manifest has others than the live secret, so
	// that the next plan changes them.
	OtherScopes, OtherComment bool
}

// AcceptRefusal is why the live state of a secret cannot be accepted.
type AcceptRefusal string

// The refusals.
const (
	// AcceptDeleted is a secret that does not exist.
	AcceptDeleted AcceptRefusal = "deleted"
	// AcceptInterrupted is a secret whose last write was interrupted, so that it is unknown what
	// of the live state is ours.
	AcceptInterrupted AcceptRefusal = "interrupted"
	// AcceptReplaced is another client's secret of the same name, and the manifest does not
	// have that name. Accepted, it would be deleted by the next apply.
	AcceptReplaced AcceptRefusal = "replaced"
)

// FindAcceptable lists the recorded secrets that drifted, by store and name. It needs no values.
// In in.Desired, it reads what [FindDrift] reads, and the secrets' metadata.
//
// A status or an age is not part of a record, so those kinds of drift cannot be accepted, and
// are left out. So are secrets whose drift may only be a lagging list.
func FindAcceptable(in Input) []Acceptance {
	var found []Acceptance
	for _, s := range join(in) {
		for _, t := range triples(s) {
			if t.recorded == nil {
				continue
			}
			if a := acceptance(s, t, in); len(a.Drift) > 0 {
				found = append(found, a)
			}
		}
	}
	slices.SortFunc(found, func(x, y Acceptance) int {
		return cmp.Or(compareKeys(x.Key.Store, y.Key.Store), cmp.Compare(x.Key.Name, y.Key.Name))
	})
	return found
}

func acceptance(s *versions, t *triple, in Input) Acceptance {
	d, r, l := t.desired, t.recorded, t.live
	a := Acceptance{Key: s.key.Secret(r.Name), Drift: secretDrift(s.key, t, in.Now), Desired: d != nil && !d.External}
	a.Drift = slices.DeleteFunc(a.Drift, func(d Drift) bool { return !d.Counts && d.Kind != DriftTouched || d.Kind == DriftNotActive })
	replaced := l != nil && l.ID != r.ID
	switch {
	case r.Pending != nil:
		a.Refusal = AcceptInterrupted
	case l == nil:
		a.Refusal = AcceptDeleted
	case replaced && !a.Desired:
		a.Refusal = AcceptReplaced
	default:
		a.StoreID, a.Live = s.live.ID, *l
		if l.Scopes == nil { // not reported: they are nullable (docs/cloudflare-api.md §1.2)
			a.Live.Scopes = r.Scopes
		}
		a.ValueUnknown = l.Value != LiveSame && (replaced || r.compareWrites(l) != 0 || l.Value == LiveOther)
	}
	if replaced && a.Refusal == "" {
		a.Drift = append(a.Drift, metadataDrift(s.key, r, l)...)
	}
	if a.Desired && a.Refusal == "" {
		a.OtherScopes = !slices.Equal(sorted(d.Scopes), sorted(a.Live.Scopes))
		a.OtherComment = d.Comment != nil && *d.Comment != a.Live.Comment
	}
	return a
}
