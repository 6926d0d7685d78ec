package planner_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/secretsync/secretsync/planner"
)

// acceptances describes what can be accepted and what cannot, each as a line.
func acceptances(in planner.Input) string {
	var lines []string
	for _, a := range planner.FindAcceptable(in) {
		line := a.Key.Name
		for _, d := range a.Drift {
			line += " " + string(d.Kind)
		}
		if a.Refusal != "" {
			line += ", refused: " + string(a.Refusal)
		} else {
			line += fmt.Sprintf(", records %s of %s: %s %s %q", a.Live.ID, a.StoreID, a.Live.Modified, strings.Join(a.Live.Scopes, "+"), a.Live.Comment)
		}
		if !a.Desired {
			line += ", not desired"
		}
		if a.ValueUnknown {
			line += ", value unknown"
		}
		if a.OtherScopes {
			line += ", other scopes"
		}
		if a.OtherComment {
			line += ", other comment"
		}
		lines = append(lines, line)
	}
	return strings.Join(lines, "\n")
}

func TestFindAcceptable(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(d *planner.DesiredSecret, r *planner.RecordedSecret, l *planner.LiveSecret)
		want   string
	}{
		{"no drift", func(*planner.DesiredSecret, *planner.RecordedSecret, *planner.LiveSecret) {}, ""},
		{"a value that may have changed", func(_ *planner.DesiredSecret, _ *planner.RecordedSecret, l *planner.LiveSecret) { l.Modified = newer },
			`api-key changed, records s1 of st1: ` + string(newer) + ` workers "ours", value unknown`},
		{"metadata, and the manifest has other", func(d *planner.DesiredSecret, _ *planner.RecordedSecret, l *planner.LiveSecret) {
			l.Modified, l.Scopes, l.Comment, d.Comment = newer, []string{"dex"}, "theirs", ptr("ours")
		}, `api-key scopes comment, records s1 of st1: ` + string(newer) + ` dex "theirs", value unknown, other scopes, other comment`},
		{"metadata, and the manifest has the same", func(d *planner.DesiredSecret, _ *planner.RecordedSecret, l *planner.LiveSecret) {
			l.Modified, l.Scopes, l.Comment = newer, []string{"dex", "workers"}, "theirs"
			d.Scopes, d.Comment = []string{"workers", "dex"}, ptr("theirs")
		}, `api-key scopes comment, records s1 of st1: ` + string(newer) + ` dex+workers "theirs", value unknown`},
		{"metadata, without a later write", func(_ *planner.DesiredSecret, _ *planner.RecordedSecret, l *planner.LiveSecret) { l.Comment = "theirs" },
			`api-key comment, records s1 of st1: ` + string(applied) + ` workers "theirs"`},
		{"scopes that the list leaves out", func(_ *planner.DesiredSecret, _ *planner.RecordedSecret, l *planner.LiveSecret) {
			l.Modified, l.Scopes = newer, nil
		}, `api-key changed, records s1 of st1: ` + string(newer) + ` workers "ours", value unknown`},
		{"another id", func(_ *planner.DesiredSecret, _ *planner.RecordedSecret, l *planner.LiveSecret) {
			l.ID, l.Comment = "s2", "theirs"
		},
			`api-key recreated comment, records s2 of st1: ` + string(applied) + ` workers "theirs", value unknown`},
		{"another id, of an external secret", func(d *planner.DesiredSecret, _ *planner.RecordedSecret, l *planner.LiveSecret) {
			l.ID, d.External = "s2", true
		}, `api-key recreated, refused: replaced, not desired`},
		{"changed, of an external secret", func(d *planner.DesiredSecret, _ *planner.RecordedSecret, l *planner.LiveSecret) {
			l.Modified, d.External, d.Scopes = newer, true, []string{"dex"}
		}, `api-key changed, records s1 of st1: ` + string(newer) + ` workers "ours", not desired, value unknown`},
		{"interrupted", func(_ *planner.DesiredSecret, r *planner.RecordedSecret, l *planner.LiveSecret) {
			l.Modified, r.Pending = newer, &planner.Pending{Op: planner.OpUpdate, Since: now}
		}, `api-key interrupted, refused: interrupted`},
		{"a list that lags", func(_ *planner.DesiredSecret, _ *planner.RecordedSecret, l *planner.LiveSecret) { l.Modified = older }, ""},
		{"a status", func(_ *planner.DesiredSecret, _ *planner.RecordedSecret, l *planner.LiveSecret) { l.Status = "deleted" }, ""},
		{"accepted before", func(_ *planner.DesiredSecret, r *planner.RecordedSecret, _ *planner.LiveSecret) { r.Accepted = true }, ""},
	} {
		d, r, l := desired(), recorded(), live()
		c.change(d, r, l)
		if got := acceptances(input(d, r, l)); got != c.want {
			t.Errorf("%s:\ngot  %s\nwant %s", c.name, got, c.want)
		}
	}
	replaced := live()
	replaced.ID = "s2"
	gone := input(desired(), recorded(), nil)
	storeGone := input(desired(), recorded(), nil)
	storeGone.Live = nil
	for name, c := range map[string]struct {
		in   planner.Input
		want string
	}{
		"not recorded":                     {input(desired(), nil, live()), ""},
		"deleted":                          {gone, "api-key deleted, refused: deleted"},
		"the store is gone":                {storeGone, "api-key deleted, refused: deleted"},
		"deleted, and not in the manifest": {input(nil, recorded(), nil), "api-key deleted, refused: deleted, not desired"},
		"another client's, and not in the manifest":      {input(nil, recorded(), replaced), "api-key recreated, refused: replaced, not desired"},
		"ours, unchanged, and no longer in the manifest": {input(nil, recorded(), live()), ""},
	} {
		if got := acceptances(c.in); got != c.want {
			t.Errorf("%s: got %s, want %s", name, got, c.want)
		}
	}
}

// TestAccepted: the value counts as the recorded one until it changes at its source. A note
// says that it is not known.
func TestAccepted(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(in *planner.Input)
		want   string
	}{
		{"nothing to do", func(*planner.Input) {}, "note accepted"},
		{"generated", func(in *planner.Input) { in.Desired[0].Secrets[0].Generated = true }, "note accepted"},
		{"other metadata", func(in *planner.Input) { in.Desired[0].Secrets[0].Scopes = []string{"dex"} }, "update+scopes (scopes_changed); note accepted"},
		{"another value", func(in *planner.Input) { in.Desired[0].Secrets[0].Value = planner.ValueChanged }, "update+value (value_changed)"},
		{"changed outside again", func(in *planner.Input) { in.Live[0].Secrets[0].Modified = newer }, "update+value (changed_outside); note assumed_changed"},
		{"not in the manifest", func(in *planner.Input) { in.Desired[0].Secrets = nil }, "delete (not_in_manifest)"},
		{"adopt has no effect on what is recorded", func(in *planner.Input) { in.Options.AdoptRequested = true }, "note accepted; note adopt_ignored"},
		{"adopt: keep that was followed", func(in *planner.Input) { in.Desired[0].Secrets[0].Adopt = planner.AdoptKeep }, "note accepted"},
		{"adopt: keep, and changed outside", func(in *planner.Input) {
			in.Desired[0].Secrets[0].Adopt, in.Live[0].Secrets[0].Modified = planner.AdoptKeep, newer
		}, "update+value (changed_outside); note adopt_ignored; note assumed_changed"},
		{"adopt: keep, and replaced", func(in *planner.Input) {
			in.Desired[0].Secrets[0].Adopt, in.Live[0].Secrets[0].ID = planner.AdoptKeep, "s2"
		}, "update+value (replaced_outside); note adopt_ignored"},
		{"adopt: overwrite, and changed outside: that is what it wants", func(in *planner.Input) {
			in.Desired[0].Secrets[0].Adopt, in.Live[0].Secrets[0].Modified = planner.AdoptOverwrite, newer
		}, "update+value (changed_outside); note assumed_changed"},
	} {
		r := recorded()
		r.Accepted = true
		in := input(desired(), r, live())
		c.change(&in)
		if got := describe(planner.Build(in)); got != c.want {
			t.Errorf("%s: got %s, want %s", c.name, got, c.want)
		}
	}
}
