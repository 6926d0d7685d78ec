package render

import (
	"bytes"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/secretsync/secretsync/planner"
)

// TestChangedBy: who made a change is said in every format, and what others chose of it cannot be
// taken for something else.
func TestChangedBy(t *testing.T) {
	store := planner.StoreKey{Account: "a", Name: "prod"}
	for _, c := range []struct {
		change planner.OutsideChange
		want   string
	}{
		{planner.OutsideChange{}, "changed outside: the value may have changed; not in the audit log yet"},
		{planner.OutsideChange{At: "2026-11-20T15:00:00.123456Z", Actor: "jane@example.com", Channel: "dash", Value: planner.ValueModified},
			`changed outside: the value was set; by "jane@example.com" (dashboard) at 2026-11-20T15:00:00Z, which set a value`},
		{planner.OutsideChange{At: "2026-11-20T15:00:00Z", Actor: "ci", Channel: "api_token", Value: planner.ValueKept},
			"changed outside: the value may have changed; by ci (API token) at 2026-11-20T15:00:00Z, which set no value"},
		{planner.OutsideChange{At: "2026-11-20T15:00:00Z", Channel: "new way", Value: planner.ValueKept, MetadataOnly: true},
			`changed outside: value known to be unchanged; by an unknown actor ("new way") at 2026-11-20T15:00:00Z, which set no value`},
		{planner.OutsideChange{At: "2026-11-20T15:00:00Z", Actor: "ci", Channel: "api_token", Value: planner.ValueKept, ValueBefore: true},
			"changed outside: the value was set; by ci (API token) at 2026-11-20T15:00:00Z; an earlier change set a value"},
		{planner.OutsideChange{At: "\x1b[2Jnow", Actor: "x\n::error::y"}, `changed outside: the value may have changed; by "x\n::error::y" at "\x1b[2Jnow"`},
	} {
		d := planner.Drift{Kind: planner.DriftChanged, Store: store, Secret: "key", Counts: true, Outside: &c.change}
		if got := driftWords(d); got != c.want {
			t.Errorf("got  %s\nwant %s", got, c.want)
		}
		note := planner.Note{Kind: planner.NoteChangedBy, Store: store, Secret: "key", Outside: &c.change}
		p := &planner.Plan{Notes: []planner.Note{note}}
		words := "prod/key was changed outside: " + changedBy(c.change)
		var text, json, quality bytes.Buffer
		if err := Plan(&text, p, PlanInfo{}, Style{}); err != nil || !strings.Contains(text.String(), "note: "+words+"\n") {
			t.Errorf("%v: the text is\n%s", err, text.String())
		}
		if err := PlanCodeQuality(&quality, p, PlanInfo{}); err != nil || strings.Count(quality.String(), "was changed outside") != 1 {
			t.Errorf("%v: the findings are\n%s", err, quality.String())
		}
		if err := DriftJSON(&json, []planner.Drift{d}, 1, Origin{}); err != nil || !strings.Contains(json.String(), `"changed_by": {`) ||
			strings.Contains(json.String(), `"logged": true`) != (c.change.At != "") || strings.Contains(json.String(), "\x1b") {
			t.Errorf("%v: the JSON is\n%s", err, json.String())
		}
	}
}

// TestReaders: a reader that a plan breaks is named with its kind. Only a configuration has a position.
func TestReaders(t *testing.T) {
	store := planner.StoreKey{Account: "a", Name: "prod"}
	p := &planner.Plan{Actions: []planner.Action{{Op: planner.OpDelete, Store: store, Secret: "key"}}}
	for _, r := range []struct {
		kind planner.ReaderKind
		name string
		pos  planner.Position
	}{
		{planner.ReaderConfigured, "api", planner.Position{File: "wrangler.toml", Line: 3, Column: 1}},
		{planner.ReaderDeployed, "old-api", planner.Position{}},
		{planner.ReaderDispatched, "customers/a", planner.Position{}},
	} {
		p.Notes = append(p.Notes, planner.Note{Kind: planner.NoteBreaksWorker, Store: store, Secret: "key", Reader: r.kind, Worker: r.name, Pos: r.pos})
	}
	p.Notes = append(p.Notes, planner.Note{Kind: planner.NoteBreaksWorker, Store: store, Secret: "other", Reader: planner.ReaderGateway, Worker: "chat"},
		planner.Note{Kind: planner.NoteBreaksWorker, Store: store, Secret: "pull", Reader: planner.ReaderRegistry, Worker: "docker.io"},
		planner.Note{Kind: planner.NoteReadersUnread, Store: planner.StoreKey{Account: "b"}})
	var text bytes.Buffer
	if err := Plan(&text, p, PlanInfo{}, Style{}); err != nil {
		t.Fatal(err)
	}
	want := `prod  account a
  - delete  key
            breaks the Worker "api": wrangler.toml:3:1
            breaks the deployed Worker "old-api"
            breaks the Worker "customers/a" in a dispatch namespace

note: the AI Gateway "chat" uses prod/other (account a), which it will no longer be able to read
note: the container registry "docker.io" uses prod/pull (account a), which it will no longer be able to read
note: what is deployed in account b could not all be read, so it is unknown which of its Workers, AI Gateways and container registries this plan breaks

Plan: 1 to delete; 0 unchanged.
`
	if diff := cmp.Diff(want, text.String()); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	what, hint := Problem(planner.Problem{Kind: planner.ProblemBreaksWorker, Store: store, Secret: "key", Reader: planner.ReaderGateway, Worker: "chat"}, Names{})
	if what != `the AI Gateway "chat" uses prod/key, which it will no longer be able to read` || !strings.Contains(hint, "provider") {
		t.Errorf("%s (%s)", what, hint)
	}
	what, hint = Problem(planner.Problem{Kind: planner.ProblemBreaksWorker, Store: store, Secret: "key", Reader: planner.ReaderRegistry, Worker: "docker.io"}, Names{})
	if what != `the container registry "docker.io" uses prod/key, which it will no longer be able to read` || !strings.Contains(hint, "configure it") {
		t.Errorf("%s (%s)", what, hint)
	}
}
