package render

import (
	"strings"
	"testing"

	"github.com/secretsync/secretsync/planner"
)

// TestKnownOrAssumed: plans and drift reports present a proof about a live value as known, and
// everything else as assumed.
func TestKnownOrAssumed(t *testing.T) {
	at := planner.StoreKey{Account: "0123456789abcdef0123456789abcdef", Name: "prod"}
	drift := func(kind planner.DriftKind, v planner.LiveValue) string {
		return driftWords(planner.Drift{Kind: kind, Store: at, Secret: "a", Counts: true, Value: v, Scopes: &planner.Change[[]string]{
			Before: []string{"workers"}, After: []string{"dex"},
		}})
	}
	action := func(op planner.Op, reasons ...planner.Reason) string {
		return facts(planner.Action{Op: op, Store: at, Secret: "a", Reasons: reasons})
	}
	note := func(kind planner.NoteKind, v planner.LiveValue) string {
		return strings.Join(noteLines([]planner.Note{{Kind: kind, Store: at, Secret: "a", Value: v}}, Names{}), "\n")
	}
	for _, tt := range []struct{ got, want string }{
		{drift(planner.DriftChanged, planner.LiveUnknown), "changed outside: the value may have changed"},
		{drift(planner.DriftChanged, planner.LiveUnreadable), "changed outside: the value may have changed, and no Worker can read it"},
		{drift(planner.DriftValue, planner.LiveOther), "value known to have changed outside"},
		{drift(planner.DriftTouched, planner.LiveSame), "changed outside, value known to be unchanged"},
		{drift(planner.DriftScopes, planner.LiveUnknown), "scopes changed outside, the value may have changed: workers -> dex"},
		{drift(planner.DriftScopes, planner.LiveSame), "scopes changed outside, value known to be unchanged: workers -> dex"},
		{drift(planner.DriftScopes, planner.LiveOther), "scopes changed outside, value known to have changed: workers -> dex"},
		{drift(planner.DriftRecreated, planner.LiveUnknown), "deleted and recreated outside"},
		{drift(planner.DriftRecreated, planner.LiveSame), "deleted and recreated outside, value known to be unchanged"},
		{drift(planner.DriftAccepted, planner.LiveUnknown), "accepted with lock accept: its value is not known"},
		{drift(planner.DriftAccepted, planner.LiveSame), "accepted with lock accept: its value is known to be the one that was applied before"},
		{drift(planner.DriftAccepted, planner.LiveOther), "accepted with lock accept: its value is known not to be the one that was applied before"},
		{action(planner.OpUpdate, planner.ReasonChangedOutside), "changed outside: value sent again"},
		{action(planner.OpUpdate, planner.ReasonValueChangedOutside), "value known to have changed outside: sent again"},
		{
			action(planner.OpRotate, planner.ReasonValueChangedOutside),
			"value known to have changed outside: the old one cannot be restored, so a new one is generated",
		},
		{action(planner.OpRecord, planner.ReasonChangedOutside, planner.ReasonProven), "changed outside; value known to be the desired one: not sent"},
		{
			action(planner.OpAdopt, planner.ReasonInterrupted, planner.ReasonProven),
			"the last apply was interrupted; value known to be the desired one: not sent",
		},
		{action(planner.OpAdopt, planner.ReasonAdoptedProven), "adopted, value known to be the desired one"},
		{action(planner.OpAdopt, planner.ReasonAdoptedIfProven), "adopted if its value is verified to be the desired one"},
	} {
		if tt.got != tt.want {
			t.Errorf("got  %q\nwant %q", tt.got, tt.want)
		}
	}
	for _, tt := range []struct{ got, want string }{
		{note(planner.NoteAssumedChanged, planner.LiveUnknown), "they may have changed"},
		{note(planner.NoteAssumedChanged, planner.LiveUnreadable), "No Worker can read the values"},
		{note(planner.NoteAccepted, planner.LiveUnknown), "are not known"},
		{note(planner.NoteAccepted, planner.LiveUnreadable), "no Worker can read the values"},
		{note(planner.NoteAccepted, planner.LiveOther), "are known not to be the manifest's"},
	} {
		if !strings.Contains(tt.got, tt.want) {
			t.Errorf("got  %q\nwant %q in it", tt.got, tt.want)
		}
	}
}
