package report

import (
	"slices"

	"github.com/secretsync/secretsync/planner"
	"github.com/secretsync/secretsync/reconcile"
)

// State is what matters most about a secret.
type State string

// The states, those first that need attention.
const (
	// StateDrift is a secret that was changed outside, or whose status is not active.
	StateDrift State = "drift"
	// StateMissing is a secret that the manifest expects others to supply, and that does not exist.
	StateMissing State = "missing"
	// StateInterrupted is a secret whose last write was interrupted.
	StateInterrupted State = "interrupted"
	// StateOverdue is a value that is to be rotated, or an earlier value that is to be retired.
	StateOverdue State = "overdue"
	// StateUnread is a secret whose account could not be read.
	StateUnread State = "unread"
	// StateNew is a secret of the manifest that was not applied yet.
	StateNew State = "not_applied"
	// StateRemoved is a managed secret that the manifest does not have any more.
	StateRemoved State = "removed"
	// StateUnmanaged is a live secret that neither the manifest nor the lockfile has.
	StateUnmanaged State = "unmanaged"
	// StateExternal is a secret that others supply.
	StateExternal State = "external"
	// StatePrevious is the earlier value of another secret.
	StatePrevious State = "previous"
	// StateOK is a managed secret in the state that was applied.
	StateOK State = "ok"
)

// states are all states in their order, with the words for them.
var states = []stateWords{
	{StateDrift, "Drift", toneBad},
	{StateMissing, "Missing", toneBad},
	{StateInterrupted, "Interrupted", toneBad},
	{StateOverdue, "Overdue", toneWarn},
	{StateUnread, "Not read", toneWarn},
	{StateNew, "Not applied yet", toneInfo},
	{StateRemoved, "Left the manifest", toneInfo},
	{StateUnmanaged, "Unmanaged", toneQuiet},
	{StateExternal, "External", toneQuiet},
	{StatePrevious, "Previous value", toneQuiet},
	{StateOK, "In sync", toneGood},
}

type stateWords struct {
	state State
	words string
	tone  tone
}

// tone is how a badge looks: a class of the page.
type tone string

const (
	toneBad   tone = "bad"
	toneWarn  tone = "warn"
	toneInfo  tone = "info"
	toneGood  tone = "good"
	toneQuiet tone = "quiet"
)

// stateOf returns what matters most about a secret.
func stateOf(st reconcile.StoreInventory, in reconcile.SecretInventory, found []planner.Drift) State {
	switch {
	case st.Unread:
		return StateUnread
	case in.Desired != nil && in.Desired.External && in.Live == nil:
		return StateMissing
	case in.Desired != nil && in.Desired.External:
		return StateExternal
	case in.Recorded == nil && in.Desired != nil:
		return StateNew
	case in.Recorded == nil && slices.ContainsFunc(found, func(d planner.Drift) bool { return d.Counts }): // unmanaged: fail
		return StateDrift
	case in.Recorded == nil:
		return StateUnmanaged
	case !st.Exists && in.Live == nil: // what is found is about the store
		return StateDrift
	}
	if worst := worstOf(found); worst != "" {
		return worst
	}
	switch {
	case in.Recorded.PreviousOf != "":
		return StatePrevious
	case in.Desired == nil:
		return StateRemoved
	}
	return StateOK
}

// worstOf returns the first of the states that findings mean; empty if none counts.
func worstOf(found []planner.Drift) State {
	kinds := map[State]bool{}
	for _, d := range found {
		switch {
		case !d.Counts:
		case d.Kind == planner.DriftRotationOverdue || d.Kind == planner.DriftRetireOverdue:
			kinds[StateOverdue] = true
		case d.Kind == planner.DriftInterrupted:
			kinds[StateInterrupted] = true
		default:
			kinds[StateDrift] = true
		}
	}
	for _, s := range states {
		if kinds[s.state] {
			return s.state
		}
	}
	return ""
}

// Value is what is known about a live value.
type Value string

// What can be known.
const (
	// ValueVerified is proven to be the value that was last applied.
	ValueVerified Value = "verified"
	// ValueOther is proven to be another value.
	ValueOther Value = "other"
	// ValueAssumed is assumed to be the value that was last applied, because nothing was written to
	// the secret since.
	ValueAssumed Value = "assumed"
	// ValueMayDiffer may have changed, because the secret was written to.
	ValueMayDiffer Value = "may_differ"
	// ValueUnreadable can be read by no Worker, so that it cannot be verified.
	ValueUnreadable Value = "unreadable"
	// ValueUnknown is a value that others set, or that was accepted as it is.
	ValueUnknown Value = "unknown"
	// ValueNone means that there is no live value, as far as is known.
	ValueNone Value = "none"
)

// valueOrder is the order of a choice.
var valueOrder = []Value{ValueOther, ValueMayDiffer, ValueVerified, ValueAssumed, ValueUnreadable, ValueUnknown, ValueNone}

// values are the words for what is known.
var values = map[Value]struct {
	words string
	tone  tone
}{
	ValueVerified:   {"Verified", toneGood},
	ValueOther:      {"Another value", toneBad},
	ValueAssumed:    {"Assumed unchanged", toneQuiet},
	ValueMayDiffer:  {"May have changed", toneWarn},
	ValueUnreadable: {"Unreadable", toneQuiet},
	ValueUnknown:    {"Not known", toneQuiet},
	ValueNone:       {"None", toneQuiet},
}

// valueOf returns what is known about a live value.
func valueOf(st reconcile.StoreInventory, in reconcile.SecretInventory, found []planner.Drift) Value {
	r, l := in.Recorded, in.Live
	switch {
	case st.Unread:
		return ValueUnknown
	case l == nil:
		return ValueNone
	case r == nil:
		return ValueUnknown
	case l.Value == planner.LiveSame:
		return ValueVerified
	case l.Value == planner.LiveOther:
		return ValueOther
	case slices.ContainsFunc(found, mayDiffer):
		return ValueMayDiffer
	case r.Accepted || r.Applied.IsZero():
		return ValueUnknown
	case l.Value == planner.LiveUnreadable:
		return ValueUnreadable
	}
	return ValueAssumed
}

// mayDiffer reports whether a finding means that the value may have changed, because nothing proves the contrary.
func mayDiffer(d planner.Drift) bool {
	switch d.Kind {
	case planner.DriftRecreated, planner.DriftChanged, planner.DriftInterrupted:
		return true
	case planner.DriftScopes, planner.DriftComment:
		return d.Outside == nil || !d.Outside.MetadataOnly
	}
	return false
}
