package planfile_test

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/secretsync/secretsync/planner"
	"github.com/secretsync/secretsync/planner/planfile"
	"pgregory.net/rapid"
)

var store = planner.StoreKey{Account: "0123456789abcdef0123456789abcdef", Name: "prod"}

// digest identifies a value.
var digest = "sha256:" + strings.Repeat("0a", 32)

// change is a reviewed update of a secret's value, and the live state at that time.
func change(secret string) planner.Action {
	return planner.Action{
		Op: planner.OpUpdate, Store: store, StoreID: "st1", Secret: secret, ID: planner.SecretID("id-" + secret), SetValue: true,
		ValueID: "sha256:1", Source: "sops values.yaml#" + secret, Reasons: []planner.Reason{planner.ReasonValue},
		Current: planner.LiveState{Metadata: planner.Metadata{Scopes: []string{"workers"}}, Modified: "2026-11-23T12:00:00Z"},
		Pos:     planner.Position{File: "secretsync.yaml", Line: 3, Column: 7},
	}
}

// isProven turns an action that sends a value into one that does not, because the value is proven to
// be live.
func isProven(op planner.Op, reasons ...planner.Reason) func(*planner.Action) {
	return func(a *planner.Action) {
		a.Op, a.Reasons, a.SetValue, a.ValueID, a.Source, a.Proven = op, reasons, false, "", "", true
	}
}

func planOf(actions ...planner.Action) *planner.Plan { return &planner.Plan{Actions: actions} }

// plans generates arbitrary plans.
func plans() *rapid.Generator[*planner.Plan] {
	return rapid.Custom(func(t *rapid.T) *planner.Plan {
		p := &planner.Plan{Unchanged: rapid.IntRange(0, 9).Draw(t, "unchanged")}
		for i := range rapid.IntRange(0, 5).Draw(t, "actions") {
			a := change(fmt.Sprint(i, rapid.String().Draw(t, "secret")))
			a.Op = rapid.SampledFrom([]planner.Op{planner.OpCreate, planner.OpUpdate, planner.OpRename, planner.OpDelete, planner.OpForget}).Draw(t, "op")
			a.SetValue = rapid.Bool().Draw(t, "sets")
			if a.ValueID = rapid.SampledFrom([]string{digest, "hmac-" + digest, planfile.Unverified}).Draw(t, "value"); !a.SetValue {
				a.ValueID, a.Source = "", ""
			}
			if a.Op == planner.OpRename {
				a.SetValue, a.ValueID = false, digest
			}
			if rapid.Bool().Draw(t, "scopes") {
				a.Scopes = &planner.Change[[]string]{Before: []string{}, After: []string{rapid.String().Draw(t, "scope")}}
			}
			if rapid.Bool().Draw(t, "comment") {
				a.Comment = &planner.Change[string]{Before: rapid.String().Draw(t, "before"), After: rapid.String().Draw(t, "after")}
			}
			if rapid.Bool().Draw(t, "policy") {
				a.Delete = new(rapid.Bool().Draw(t, "delete"))
			}
			if a.ValueID == planfile.Unverified && rapid.Bool().Draw(t, "source") {
				a.SourceDigest = digest
			}
			p.Actions = append(p.Actions, a)
		}
		if rapid.Bool().Draw(t, "notes") {
			p.Notes = []planner.Note{{Kind: planner.NoteUnmanaged, Store: store, Secret: rapid.String().Draw(t, "noted")}}
			p.Problems = []planner.Problem{{Kind: planner.ProblemQuota, Store: store, Count: 101, Limit: 100, Pos: planner.Position{File: "m", Line: 1, Column: 2}}}
		}
		return p
	})
}

// TestRoundTrip: a file is read as it was written, contains the plan, and a change of any
// byte is detected.
func TestRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := plans().Draw(t, "plan")
		data := planfile.New(p, planfile.Inputs{Manifest: "secretsync.yaml"}).Format()
		f, err := planfile.Parse("plan.json", data)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(data, f.Format()); diff != "" {
			t.Fatal(diff)
		}
		// Creations keep no ids, because there is nothing that they could identify.
		if diff := cmp.Diff(p, f.Plan(), cmpopts.EquateEmpty()); diff != "" {
			t.Fatal(diff)
		}
		edited := slices.Clone(data)
		at := rapid.IntRange(0, len(edited)-1).Draw(t, "at")
		edited[at] ^= 1 << rapid.IntRange(0, 7).Draw(t, "bit")
		if _, err := planfile.Parse("plan.json", edited); err == nil {
			t.Fatalf("byte %d was changed unnoticed", at)
		}
	})
}

func FuzzParse(f *testing.F) {
	f.Add(planfile.New(planOf(change("a")), planfile.Inputs{Manifest: "m"}).Format())
	f.Add([]byte(`{"schema_version": 2}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		file, err := planfile.Parse("plan.json", data)
		if err == nil && string(file.Format()) != string(data) {
			t.Errorf("read as another file")
		}
	})
}

func TestIDIsOfWhatIsDone(t *testing.T) {
	id := planfile.ID(planOf(change("a"), change("b")))
	moved := change("a")
	moved.Reasons = []planner.Reason{planner.ReasonReencrypted}
	moved.Pos, moved.Source = planner.Position{File: "other.toml", Line: 99}, "sops moved.yaml#a"
	if planfile.ID(planOf(change("b"), moved)) != id {
		t.Error("order, position, reason or source of a value that is identified change the id")
	}
	for name, edit := range map[string]func(*planner.Action){
		"op":           func(a *planner.Action) { a.Op = planner.OpRotate },
		"account":      func(a *planner.Action) { a.Store.Account = "another" },
		"store":        func(a *planner.Action) { a.Store.Name = "another" },
		"secret":       func(a *planner.Action) { a.Secret = "another" },
		"value":        func(a *planner.Action) { a.ValueID = "sha256:2" },
		"no value":     func(a *planner.Action) { a.SetValue, a.ValueID = false, "" },
		"scopes":       func(a *planner.Action) { a.Scopes = &planner.Change[[]string]{After: []string{"dex"}} },
		"comment":      func(a *planner.Action) { a.Comment = &planner.Change[string]{After: "new"} },
		"precondition": func(a *planner.Action) { a.Current.Modified = "2026-11-23T12:00:01Z" },
		"policy":       func(a *planner.Action) { a.Delete = new(false) },
		"order":        func(a *planner.Action) { a.BeforeCreates = true }, // before the creations
		"unverified source": func(a *planner.Action) {
			a.ValueID = planfile.Unverified
		},
		"command": func(a *planner.Action) { a.ValueID, a.SourceDigest = planfile.Unverified, digest },
	} {
		a := change("a")
		edit(&a)
		if planfile.ID(planOf(a, change("b"))) == id {
			t.Errorf("another %s has the same id", name)
		}
	}
}

// TestIDHoldsToAnUnverifiedSource: a reviewer knows such a value only by its source.
func TestIDHoldsToAnUnverifiedSource(t *testing.T) {
	from := func(source string) *planner.Plan {
		a := change("a")
		a.ValueID, a.Source = planfile.Unverified, source
		return planOf(a)
	}
	if planfile.ID(from("env KEY")) == planfile.ID(from("env OTHER")) {
		t.Error("a value from another source has the same id")
	}
}

// TestHolds: a plan holds if it does no more than was reviewed.
func TestHolds(t *testing.T) {
	actions, pairs, blocked := []planner.Action{change("a")}, []planfile.Pair{{}}, []planfile.Blocked{{}}
	for _, c := range []struct {
		name string
		d    planfile.Difference
		want bool
	}{
		{"the same", planfile.Difference{}, true},
		{"less", planfile.Difference{Gone: actions}, true},
		{"more", planfile.Difference{Added: actions}, false},
		{"other details", planfile.Difference{Changed: pairs}, false},
		{"a problem", planfile.Difference{Blocked: blocked}, false},
		{"more, with other details", planfile.Difference{Added: actions, Changed: pairs}, false},
		{"more, and a problem", planfile.Difference{Added: actions, Blocked: blocked}, false},
		{"other details, and a problem", planfile.Difference{Changed: pairs, Blocked: blocked}, false},
	} {
		if got := c.d.Holds(); got != c.want {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}

func TestCompare(t *testing.T) {
	with := func(edit func(*planner.Action)) planner.Action {
		a := change("a")
		edit(&a)
		return a
	}
	unverified := with(func(a *planner.Action) { a.ValueID, a.Source = planfile.Unverified, "env KEY" })
	creation := planner.Action{
		Op: planner.OpCreate, Store: store, Secret: "a", SetValue: true, ValueID: "sha256:1", Scopes: &planner.Change[[]string]{After: []string{"workers"}},
	}
	rename := planner.Action{
		Op: planner.OpRename, Store: store, Secret: "new", From: "old", ID: "id-old", ValueID: "sha256:1", Scopes: &planner.Change[[]string]{After: []string{"workers"}},
	}
	interrupted := []planner.Reason{planner.ReasonInterrupted}
	completion := planner.Action{Op: planner.OpAdopt, Store: store, Secret: "new", ID: "id-new", Reasons: interrupted}
	gone := planner.Action{Op: planner.OpDelete, Store: store, Secret: "gone", ID: "id-gone"}
	early := gone
	early.BeforeCreates = true
	forgotten := func(why ...planner.Reason) planner.Action {
		return planner.Action{Op: planner.OpForget, Store: store, Secret: "gone", Reasons: why}
	}
	commented := with(func(a *planner.Action) {
		a.SetValue, a.ValueID, a.Source, a.Comment = false, "", "", &planner.Change[string]{After: "new"}
	})
	again := func(same bool) planner.Action {
		return with(func(a *planner.Action) {
			a.Recovery.ValueUnchanged, a.Reasons, a.Current.Comment, a.Current.Modified = same, interrupted, "new", "2026-11-23T13:00:00Z"
		})
	}
	seen := func(comment string, scopes []string) planner.Action {
		a := again(true)
		a.Current.Comment, a.Current.Scopes = comment, scopes
		if comment != "new" {
			a.Comment = &planner.Change[string]{Before: comment, After: "new"}
		}
		return a
	}
	acceptedCut := func(comment string) planner.Action {
		return with(func(a *planner.Action) {
			a.Op, a.SetValue, a.ValueID, a.Source, a.Reasons, a.Current.Comment = planner.OpAdopt, false, "", "", interrupted, comment
		})
	}
	kept := func(edit func(*planner.Action)) planner.Action {
		a := change("a")
		if a.Delete = new(false); edit != nil {
			edit(&a)
		}
		return a
	}
	record := func(a *planner.Action) {
		a.Op, a.SetValue, a.ValueID, a.Source = planner.OpRecord, false, "", ""
	}
	adoption := func(overwrite bool) planner.Action {
		return with(func(a *planner.Action) {
			if a.Op = planner.OpAdopt; !overwrite {
				a.SetValue, a.ValueID, a.Source = false, "", ""
			}
		})
	}
	generated := func(op planner.Op, edit func(*planner.Action)) planner.Action {
		return with(func(a *planner.Action) {
			if a.Op, a.ValueID, a.Source = op, planfile.Unverified, "generate uuid"; edit != nil {
				edit(a)
			}
		})
	}
	metadataAlone := func(a *planner.Action) {
		a.SetValue, a.ValueID, a.Source, a.Comment = false, "", "", &planner.Change[string]{After: "new"}
	}
	cut := func(a *planner.Action) { a.Reasons = interrupted }
	// An update of value, scopes and comment, of which the scopes were not sent yet.
	everything := with(func(a *planner.Action) {
		a.Scopes, a.Comment = &planner.Change[[]string]{After: []string{"dex"}}, &planner.Change[string]{After: "new"}
	})
	scopesLeft := func(scope string) planner.Action {
		return with(func(a *planner.Action) {
			a.Scopes, a.Current.Comment, a.Reasons = &planner.Change[[]string]{After: []string{scope}}, "new", interrupted
		})
	}
	// The plan for a rename without keys, and with keys.
	created := planner.Action{
		Op: planner.OpCreate, Store: store, Secret: "new", SetValue: true, ValueID: planfile.Unverified, Source: "env KEY",
		Scopes: &planner.Change[[]string]{After: []string{"workers"}},
	}
	old := planner.Action{Op: planner.OpDelete, Store: store, Secret: "old", ID: "id-old", Current: planner.LiveState{Metadata: planner.Metadata{Comment: "theirs"}}}
	renamed := func(edit func(*planner.Action)) planner.Action {
		a := planner.Action{
			Op: planner.OpRename, Store: store, Secret: "new", From: "old", ID: "id-old", Current: old.Current, ValueID: "hmac-sha256:3", Source: "env KEY",
			Scopes:  &planner.Change[[]string]{Before: []string{"workers"}, After: []string{"workers"}},
			Comment: &planner.Change[string]{Before: "theirs", After: "theirs"},
		}
		if edit != nil {
			edit(&a)
		}
		return a
	}
	for _, c := range []struct {
		name                 string
		reviewed, now        *planner.Plan
		added, changed, gone int
	}{
		{"the same", planOf(change("a")), planOf(change("a")), 0, 0, 0},
		{"for another reason", planOf(change("a")), planOf(with(func(a *planner.Action) { a.Reasons = nil })), 0, 0, 0},
		{"more", planOf(change("a")), planOf(change("a"), change("b")), 1, 0, 0},
		{"less", planOf(change("a"), change("b")), planOf(change("a")), 0, 0, 1},
		{"nothing any more", planOf(change("a")), planOf(), 0, 0, 1},
		{"another value", planOf(change("a")), planOf(with(func(a *planner.Action) { a.ValueID = "sha256:2" })), 0, 1, 0},
		{"a deletion instead", planOf(change("a")), planOf(with(func(a *planner.Action) { a.Op, a.SetValue, a.ValueID = planner.OpDelete, false, "" })), 0, 1, 0},
		{"Cloudflare was changed", planOf(change("a")), planOf(with(func(a *planner.Action) { a.Current.Modified = "2026-11-23T13:00:00Z" })), 0, 1, 0},
		{"scopes besides", planOf(change("a")), planOf(with(func(a *planner.Action) { a.Scopes = &planner.Change[[]string]{After: []string{"dex"}} })), 0, 1, 0},
		{"reviewed without keys", planOf(unverified), planOf(with(func(a *planner.Action) { a.ValueID, a.Source = "hmac-sha256:3", "env KEY" })), 0, 0, 0},
		{"from another source", planOf(unverified), planOf(with(func(a *planner.Action) { a.ValueID, a.Source = "hmac-sha256:3", "env OTHER" })), 0, 1, 0},
		{"reviewed with keys, built without", planOf(with(func(a *planner.Action) { a.ValueID, a.Source = "hmac-sha256:3", "env KEY" })), planOf(unverified), 0, 1, 0},
		{
			"a creation that was interrupted and happened", planOf(creation),
			planOf(with(func(a *planner.Action) { a.Reasons = []planner.Reason{planner.ReasonInterrupted} })), 0, 0, 0,
		},
		{
			"a creation that was interrupted, with another value now", planOf(creation),
			planOf(with(func(a *planner.Action) {
				a.ValueID, a.Reasons = "sha256:2", []planner.Reason{planner.ReasonInterrupted}
			})), 0, 1, 0,
		},
		{"metadata that was interrupted, with an accepted value in place", planOf(commented), planOf(acceptedCut("new")), 0, 0, 0},
		{"such metadata, with another comment in place", planOf(commented), planOf(acceptedCut("theirs")), 0, 1, 0},
		{"a value that was interrupted, with an accepted one in place", planOf(change("a")), planOf(acceptedCut("")), 0, 1, 0},
		{
			"a rename that was interrupted", planOf(rename),
			planOf(completion, planner.Action{Op: planner.OpDelete, Store: store, Secret: "old", ID: "id-old", Reasons: interrupted}), 0, 0, 0,
		},
		{
			"the old name alone is deleted", planOf(rename),
			planOf(planner.Action{Op: planner.OpDelete, Store: store, Secret: "old", ID: "id-old", Reasons: interrupted}), 1, 0, 1,
		},
		{
			"both names, and nothing was interrupted", planOf(rename),
			planOf(completion, planner.Action{Op: planner.OpDelete, Store: store, Secret: "old", ID: "id-old"}), 1, 0, 0,
		},
		{
			"a value is generated instead of a rename", planOf(rename),
			planOf(planner.Action{Op: planner.OpCreate, Store: store, Secret: "new", SetValue: true, ValueID: "sha256:1", Reasons: interrupted}), 0, 1, 0,
		},
		{"less: the value is not sent", planOf(change("a")), planOf(with(func(a *planner.Action) { a.SetValue, a.ValueID, a.Source = false, "", "" })), 0, 0, 0},
		{"an update, and the live value is proven to be the one by now", planOf(change("a")), planOf(with(isProven(planner.OpRecord, planner.ReasonProven))), 0, 0, 0},
		{"such a value was reviewed, and the value is sent", planOf(with(isProven(planner.OpRecord, planner.ReasonProven))), planOf(change("a")), 0, 1, 0},
		{"an update that was interrupted, and the live value is proven", planOf(change("a")),
			planOf(with(isProven(planner.OpAdopt, planner.ReasonInterrupted, planner.ReasonProven))), 0, 0, 0},
		{"a creation that was interrupted, and the live value is proven", planOf(with(func(a *planner.Action) { *a = creation })),
			planOf(with(isProven(planner.OpAdopt, planner.ReasonInterrupted, planner.ReasonProven))), 0, 0, 0},
		{"adopt: overwrite, and the live value is proven by now", planOf(with(func(a *planner.Action) { a.Op = planner.OpAdopt })),
			planOf(with(isProven(planner.OpAdopt, planner.ReasonAdoptedProven))), 0, 0, 0},
		{"adopt: overwrite, and the live value is kept, whatever it is", planOf(with(func(a *planner.Action) { a.Op = planner.OpAdopt })),
			planOf(with(func(a *planner.Action) {
				isProven(planner.OpAdopt, planner.ReasonAdoptedKept)(a)
				a.Proven = false
			})), 0, 1, 0},
		{"less: the policy alone is recorded", planOf(kept(nil)), planOf(kept(record)), 0, 0, 0},
		{"another policy is recorded", planOf(kept(nil)), planOf(kept(func(a *planner.Action) { record(a); a.Delete = new(true) })), 0, 1, 0},
		{"the policy alone, of another secret", planOf(kept(nil)), planOf(kept(func(a *planner.Action) { record(a); a.ID = "id-another" })), 0, 1, 0},
		{"the policy alone was reviewed", planOf(kept(record)), planOf(kept(nil)), 0, 1, 0},
		{"the quota has it deleted first", planOf(gone), planOf(early), 0, 1, 0},
		{"it need not be deleted first", planOf(early), planOf(gone), 0, 0, 0},
		{"it is gone already", planOf(gone), planOf(forgotten(planner.ReasonNotDesired, planner.ReasonGone)), 0, 0, 0},
		{"it is another's now", planOf(gone), planOf(forgotten(planner.ReasonNotDesired, planner.ReasonReplaced)), 0, 1, 0},
		{"it is to be forgotten instead", planOf(gone), planOf(forgotten(planner.ReasonNotDesired, planner.ReasonKeepPolicy)), 0, 1, 0},
		{"metadata alone, interrupted: the value as it was", planOf(commented), planOf(again(true)), 0, 0, 0},
		{"metadata alone, interrupted, and another value", planOf(commented), planOf(again(false)), 0, 1, 0},
		{"metadata alone, interrupted, and a third comment by now", planOf(commented), planOf(seen("hotfix", change("a").Current.Scopes)), 0, 1, 0},
		{"metadata alone, interrupted, and other scopes by now", planOf(commented), planOf(seen("new", []string{"dex"})), 0, 1, 0},
		{"metadata alone, interrupted before it was done", planOf(commented), planOf(seen(change("a").Current.Comment, change("a").Current.Scopes)), 0, 0, 0},
		{
			"metadata alone, interrupted, and changed outside since", planOf(commented),
			planOf(with(func(a *planner.Action) {
				a.Reasons, a.Current.Comment, a.Current.Modified = []planner.Reason{planner.ReasonChangedOutside}, "new", "2026-11-23T13:00:00Z"
			})), 0, 1, 0,
		},
		{
			"the value sent again where nothing was interrupted", planOf(commented),
			planOf(with(func(a *planner.Action) { a.Recovery.ValueUnchanged = true })), 0, 1, 0,
		},
		{"a rotation", planOf(generated(planner.OpRotate, nil)), planOf(generated(planner.OpRotate, nil)), 0, 0, 0},
		{"a rotation, and an update was reviewed", planOf(generated(planner.OpUpdate, nil)), planOf(generated(planner.OpRotate, nil)), 0, 1, 0},
		{"an update with a value, and a rotation was reviewed", planOf(generated(planner.OpRotate, nil)), planOf(generated(planner.OpUpdate, nil)), 0, 1, 0},
		{
			"less: the metadata alone is left of a rotation",
			planOf(generated(planner.OpRotate, func(a *planner.Action) { a.Comment = &planner.Change[string]{After: "new"} })),
			planOf(generated(planner.OpUpdate, metadataAlone)), 0, 0, 0,
		},
		{"metadata that was not reviewed with a rotation", planOf(generated(planner.OpRotate, nil)), planOf(generated(planner.OpUpdate, metadataAlone)), 0, 1, 0},
		{
			"less: the policy alone is left of a rotation", planOf(generated(planner.OpRotate, func(a *planner.Action) { a.Delete = new(false) })),
			planOf(kept(record)), 0, 0, 0,
		},
		{"a rotation that was interrupted", planOf(generated(planner.OpRotate, nil)), planOf(generated(planner.OpRotate, cut)), 0, 0, 0},
		{"a creation that was interrupted, generated", planOf(with(func(a *planner.Action) {
			a.Op, a.ID, a.Current, a.ValueID, a.Source = planner.OpCreate, "", planner.LiveState{}, planfile.Unverified, "generate uuid"
		})), planOf(generated(planner.OpRotate, cut)), 0, 0, 0},
		{
			"an interrupted update of metadata alone, and the value is rotated now", planOf(generated(planner.OpUpdate, metadataAlone)),
			planOf(generated(planner.OpRotate, cut)), 0, 1, 0,
		},
		{
			"an interrupted rename, and the value is rotated now", planOf(rename),
			planOf(planner.Action{
				Op: planner.OpRotate, Store: store, Secret: "new", ID: "id-new", SetValue: true, ValueID: planfile.Unverified, Reasons: interrupted,
			}), 0, 1, 0,
		},
		{"taken over as it is instead", planOf(adoption(true)), planOf(adoption(false)), 0, 1, 0},
		{"overwritten instead", planOf(adoption(false)), planOf(adoption(true)), 0, 1, 0},
		{
			"taken over as it is, interrupted", planOf(adoption(false)),
			planOf(planner.Action{Op: planner.OpAdopt, Store: store, Secret: "a", ID: "id-a", Current: change("a").Current, Reasons: interrupted}), 0, 0, 0,
		},
		{
			"overwritten and interrupted, taken over as it is now", planOf(adoption(true)),
			planOf(planner.Action{Op: planner.OpAdopt, Store: store, Secret: "a", ID: "id-a", Reasons: interrupted}), 0, 1, 0,
		},
		{"another policy", planOf(change("a")), planOf(with(func(a *planner.Action) { a.Delete = new(false) })), 0, 1, 0},
		{
			"another policy after it was interrupted", planOf(creation),
			planOf(with(func(a *planner.Action) { a.Delete, a.Reasons = new(false), interrupted })), 0, 1, 0,
		},
		{"other arguments of a command", planOf(unverified), planOf(with(func(a *planner.Action) {
			a.ValueID, a.Source, a.SourceDigest = "hmac-sha256:3", "env KEY", digest
		})), 0, 1, 0},
		{"from another source, interrupted, without keys", planOf(unverified), planOf(with(func(a *planner.Action) {
			a.ValueID, a.Source, a.Reasons = planfile.Unverified, "env OTHER", interrupted
		})), 0, 1, 0},
		{"a rename, reviewed without keys", planOf(created, old), planOf(renamed(nil)), 0, 0, 0},
		{"a rename, reviewed without keys, that keeps another comment", planOf(created, old), planOf(renamed(func(a *planner.Action) { a.Comment.After = "new" })), 0, 1, 1},
		{"a rename, reviewed without keys, with other scopes", planOf(created, old), planOf(renamed(func(a *planner.Action) { a.Scopes.After = []string{"dex"} })), 0, 1, 1},
		{"a rename, reviewed without keys, from another source", planOf(created, old), planOf(renamed(func(a *planner.Action) { a.Source = "env OTHER" })), 0, 1, 1},
		{"a rename, reviewed without keys, of another secret", planOf(created, old), planOf(renamed(func(a *planner.Action) { a.ID = "id-another" })), 0, 1, 1},
		{"a rename, reviewed without keys, of one that was to stay", planOf(created), planOf(renamed(nil)), 0, 1, 0},
		{
			"an update that was interrupted", planOf(change("a")),
			planOf(with(func(a *planner.Action) { a.Current.Modified, a.Reasons = "2026-11-23T13:00:00Z", interrupted })), 0, 0, 0,
		},
		{
			"an update that was interrupted, and another client created another secret of that name", planOf(change("a")),
			planOf(with(func(a *planner.Action) { a.ID, a.Reasons = "id-another", interrupted })), 0, 1, 0,
		},
		{
			"a rename that was interrupted after the new name was created", planOf(rename),
			planOf(planner.Action{
				Op: planner.OpUpdate, Store: store, Secret: "new", ID: "id-new", SetValue: true, ValueID: "sha256:1", Reasons: []planner.Reason{planner.ReasonInterrupted},
			}), 0, 0, 0,
		},
		{
			"the same, with another value now", planOf(rename),
			planOf(planner.Action{
				Op: planner.OpUpdate, Store: store, Secret: "new", ID: "id-new", SetValue: true, ValueID: "sha256:2", Reasons: []planner.Reason{planner.ReasonInterrupted},
			}), 0, 1, 0,
		},
		{"an update interrupted, the scopes are left to send", planOf(everything), planOf(scopesLeft("dex")), 0, 0, 0},
		{"an update interrupted, and other scopes now", planOf(everything), planOf(scopesLeft("access")), 0, 1, 0},
		{"a creation interrupted, and tried again without the comment", planOf(with(func(a *planner.Action) {
			*a = creation
			a.Comment = &planner.Change[string]{After: "new"}
		})), planOf(with(func(a *planner.Action) { *a, a.Reasons = creation, interrupted })), 0, 0, 0},
		{
			"a creation interrupted, and deleted instead of completed", planOf(creation),
			planOf(planner.Action{Op: planner.OpDelete, Store: store, Secret: "a", ID: "id-a", Reasons: interrupted}), 0, 1, 0,
		},
		{"overwritten and interrupted, the value sent again", planOf(adoption(true)), planOf(with(func(a *planner.Action) { a.Reasons = interrupted })), 0, 0, 0},
		{
			"overwritten and interrupted, and deleted instead", planOf(adoption(false)),
			planOf(planner.Action{Op: planner.OpDelete, Store: store, Secret: "a", ID: "id-a", Current: change("a").Current, Reasons: interrupted}), 0, 1, 0,
		},
		{
			"a rename interrupted, and the old name is gone already", planOf(rename),
			planOf(completion, planner.Action{Op: planner.OpForget, Store: store, Secret: "old", Reasons: interrupted}), 0, 0, 0,
		},
		{
			"the old name is another secret's now", planOf(rename),
			planOf(completion, planner.Action{Op: planner.OpDelete, Store: store, Secret: "old", ID: "id-another", Reasons: interrupted}), 1, 0, 0,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := planfile.Compare(c.reviewed, c.now)
			if len(d.Added) != c.added || len(d.Changed) != c.changed || len(d.Gone) != c.gone {
				t.Errorf("added %d, changed %d, gone %d; want %d, %d, %d", len(d.Added), len(d.Changed), len(d.Gone), c.added, c.changed, c.gone)
			}
			if d.Holds() != (c.added+c.changed == 0) {
				t.Errorf("holds: %v", d.Holds())
			}
		})
	}
}

// TestCompareProblems: the review does not cover what a problem blocks now.
func TestCompareProblems(t *testing.T) {
	now := planOf()
	now.Problems = []planner.Problem{{Kind: planner.ProblemConflict, Store: store, Secret: "a"}, {Kind: planner.ProblemQuota, Store: store}}
	d := planfile.Compare(planOf(change("a"), change("b")), now)
	want := planfile.Difference{Blocked: []planfile.Blocked{{Reviewed: change("a"), Problem: now.Problems[0]}}, Gone: []planner.Action{change("b")}}
	if diff := cmp.Diff(want, d); diff != "" || d.Holds() {
		t.Error(diff)
	}
	created := planner.Action{Op: planner.OpCreateStore, Store: store}
	if d := planfile.Compare(planOf(created), now); len(d.Blocked) != 0 || len(d.Gone) != 1 {
		t.Errorf("a problem of the account is taken for one of its store: %+v", d)
	}
}

func TestParseErrors(t *testing.T) {
	for data, stale := range map[string]bool{
		"": false, "{}": false, "[]": false, "version: 1": false, `{"schema_version": 2}`: false,
		`{"schema_version": 2, "plan_id": ""}`: true, `{"schema_version": 1, "plan_id": ""}`: true, `{"schema_version": 0, "plan_id": ""}`: true,
	} {
		if _, err := planfile.Parse("plan.json", []byte(data)); err == nil || errors.Is(err, planfile.ErrStale) != stale {
			t.Errorf("%q: %v", data, err)
		}
	}
}

// TestWindows: line ends and a byte order mark are not a part of a plan, and another encoding is
// said.
func TestWindows(t *testing.T) {
	data := planfile.New(planOf(change("a")), planfile.Inputs{Manifest: "m"}).Format()
	if _, err := planfile.Parse("p.json", append([]byte("\ufeff"), bytes.ReplaceAll(data, []byte("\n"), []byte("\r\n"))...)); err != nil {
		t.Error(err)
	}
	wide := []byte{0xff, 0xfe}
	for _, b := range data {
		wide = append(wide, b, 0)
	}
	if _, err := planfile.Parse("p.json", wide); err == nil || err.Error() != "p.json is not encoded in UTF-8 but in UTF-16" {
		t.Error(err)
	}
}

// TestProblemsHaveAnIDOfTheirOwn: the id of a plan with problems cannot be used to apply.
func TestProblemsHaveAnIDOfTheirOwn(t *testing.T) {
	good, bad := planOf(change("a")), planOf(change("a"))
	bad.Problems = []planner.Problem{{Kind: planner.ProblemTooManyDeletes, Count: 1}}
	if planfile.ID(good) == planfile.ID(bad) {
		t.Error("it is that of the same actions without the problem")
	}
}

// TestIDStays: an id quoted in a review remains the plan's id in later versions.
func TestIDStays(t *testing.T) {
	const want = "8d534d5be6ac0987421685ea0ae52c26aecb919843ac2b4c03fbdbcc204cf105" + "55bcd747680958b75b74fae37906e4a6"
	if got := planfile.ID(planOf(change("a"))); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// BenchmarkCompare compares plans of more and more actions with themselves, from two files.
func BenchmarkCompare(b *testing.B) {
	for _, n := range []int{100, 1000, 10_000, 100_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			p := &planner.Plan{Actions: make([]planner.Action, n)}
			for i := range p.Actions {
				p.Actions[i] = change(fmt.Sprint("secret-", i))
			}
			for b.Loop() {
				if d := planfile.Compare(planfile.Union(p, p), p); !d.Holds() || len(d.Gone) > 0 {
					b.Fatal("a plan differs from itself")
				}
			}
			b.ReportMetric(float64(b.Elapsed())/float64(time.Microsecond)/float64(n)/float64(b.N), "µs/action")
		})
	}
}
