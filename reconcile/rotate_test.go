package reconcile

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/secretsync/secretsync/applier"
	"github.com/secretsync/secretsync/planner"
	"github.com/secretsync/secretsync/reconcile/internal/enginetest"
)

const generated = `stores:
  prod:
    secrets:
      a: {from: {env: A}}
      g: {generate: {encoding: uuid}}
      g-2: {generate: {encoding: uuid}}
`

func TestRotate(t *testing.T) {
	w := newWorld(t, generated)
	w.env["A"] = "va"
	w.applied()
	before := w.live().Values()
	report := w.apply(Rotate("prod/g"))
	equal(t, "calls", w.live().Transcript(), []string{"list secrets st1", "update st1/id2 value"})
	equal(t, "actions", actionsOf(report), []string{"rotate prod/g done"})
	after := w.live().Values()
	if after["prod/g"] == before["prod/g"] || after["prod/g-2"] != before["prod/g-2"] {
		t.Errorf("want a new value of prod/g alone: %v, then %v", before, after)
	}
	run := w.lock()
	p := planned(t, run, Rotate("prod/g"), Rotate("prod/g-*"))
	lines(t, "both", actions(p.Plan), `
		rotate prod/g rotation_asked_for +value
		rotate prod/g-2 rotation_asked_for +value`)
	equal(t, "the file's globs", p.File().Inputs.Rotate, []string{"prod/g", "prod/g-*"})
	if f := p.File().Plan(); !f.RotateOnly || f.Targeted {
		t.Errorf("the file's plan: %+v", f)
	}
}

// A rotation changes nothing else in Cloudflare and in the lockfile: not other changes of the
// manifest, nor other values that are due, nor the recorded sources of unchanged values.
func TestRotateAlone(t *testing.T) {
	w := newWorld(t, generated)
	w.env["A"], w.env["A2"] = "va", "va"
	w.applied()
	w.live().Transcript()
	values, before := w.live().Values(), enginetest.Records(w.disk(), "va")
	w.clock = start.Add(time.Hour)
	w.manifest(`stores:
  prod:
    delete: true
    secrets:
      a: {from: {env: A2}, comment: changed}
      b: {from: {env: A}}
      g: {generate: {encoding: uuid}, delete: false, scopes: [dex], comment: changed}
      h: {generate: {encoding: uuid}, rotate_after: 1h, renamed_from: g-2}
  another: {secrets: {g: {generate: {encoding: uuid}}}}
`)
	run := w.lock()
	p := planned(t, run, Rotate("prod/*"))
	lines(t, "plan", actions(p.Plan), `rotate prod/g rotation_asked_for +value`)
	var notes []string
	for _, n := range p.Plan.Notes {
		notes = append(notes, string(n.Kind)+" "+n.Secret)
	}
	lines(t, "notes", notes, `
		not_rotated_not_in_manifest g-2
		not_rotated_not_live h
		not_rotated_other_source a
		not_rotated_other_source b`)
	if _, err := run.Apply(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	equal(t, "calls", w.live().Transcript(), []string{"list secrets st1", "update st1/id2 value"})
	after := w.live().Values()
	if after["prod/g"] == values["prod/g"] {
		t.Error("g has its old value")
	}
	delete(after, "prod/g")
	delete(values, "prod/g")
	equal(t, "other values", after, values)
	changed := slices.DeleteFunc(enginetest.Records(w.disk(), "va"), func(line string) bool { return slices.Contains(before, line) })
	lines(t, "records that changed", changed,
		`g id2 from=generate_uuid value=? scopes=workers modified=2026-11-27T13:00:00Z applied=1h0m0s delete`)
}

// A rotation that was interrupted is completed by the next one.
func TestRotateAgain(t *testing.T) {
	w := newWorld(t, generated)
	w.env["A"] = "va"
	w.applied()
	w.live().After = func(call string) error {
		if strings.HasPrefix(call, "update") {
			return fmt.Errorf("cut: %w", applier.ErrOutcomeUnknown)
		}
		return nil
	}
	run := w.lock()
	if _, err := run.Apply(t.Context(), planned(t, run, Rotate("g"))); err != nil {
		t.Fatal(err)
	}
	run.Close()
	w.live().After = nil
	run = w.lock()
	p := planned(t, run, Rotate("g"))
	lines(t, "plan", actions(p.Plan), "rotate prod/g rotation_asked_for interrupted +value")
	if report, err := run.Apply(t.Context(), p); err != nil || !report.Complete() {
		t.Fatalf("%v, %v", report, err)
	}
	if again := planned(t, run); len(again.Plan.Actions) > 0 {
		t.Errorf("then a plan has: %v", actions(again.Plan))
	}
}

// A name without a store has to be one secret's.
func TestRotateNames(t *testing.T) {
	w := newWorld(t, generated+`  dev: {create: true, secrets: {g: {generate: {encoding: uuid}}, only-dev: {generate: {encoding: uuid}}}}
  left: {create: true, secrets: {old: {generate: {encoding: uuid}}}}
`)
	w.env["A"] = "va"
	w.applied()
	w.manifest(generated + `  dev: {create: true, secrets: {g: {generate: {encoding: uuid}}, only-dev: {generate: {encoding: uuid}}}}
`)
	run := w.lock()
	lines(t, "a unique name", actions(planned(t, run, Rotate("only-dev")).Plan), "rotate dev/only-dev rotation_asked_for +value")
	for _, tt := range []struct{ glob, text string }{
		{"g", `"g" matches more than one secret in the manifest or the lockfile: dev/g, prod/g`},
		{"g*", `"g*" matches more than one secret in the manifest or the lockfile: dev/g, prod/g, prod/g-2`},
		{"none", `no secret in the manifest or the lockfile matches "none"`},
		{"prod/none", `no secret in the manifest or the lockfile matches "prod/none"`},
	} {
		_, err := run.Plan(t.Context(), Rotate(tt.glob))
		var bad *PatternError
		if !errors.As(err, &bad) || bad.Pattern != tt.glob || err.Error() != tt.text {
			t.Errorf("%s: %v", tt.glob, err)
		}
	}
	p := planned(t, run, Rotate("old")) // of the lockfile
	if len(p.Plan.Problems) != 1 || len(p.Plan.Notes) != 1 || p.Plan.Notes[0].Kind != planner.NoteRotateNotDesired {
		t.Errorf("what left the manifest: notes %v, problems %v", p.Plan.Notes, p.Plan.Problems)
	}
	if _, err := run.Apply(t.Context(), p); !errors.Is(err, ErrProblems) {
		t.Errorf("applying nothing: %v", err)
	}
}

// Names of several accounts are given with their accounts, and stores without a matching secret
// are not read.
func TestRotateAccounts(t *testing.T) {
	w := newWorld(t, `accounts:
  second: {id: `+string(other)+`}
stores:
  prod: {secrets: {g: {generate: {encoding: uuid}}}}
  elsewhere: {name: prod, account: second, secrets: {g: {generate: {encoding: uuid}}}}
`)
	w.api.Add(other)
	w.applied()
	run := w.lock()
	_, err := run.Plan(t.Context(), Rotate("g"))
	if want := `"g" matches more than one secret in the manifest or the lockfile: ` + string(account) + "/prod/g, " + string(other) + "/prod/g"; err == nil || err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
	w.live().Transcript()
	w.api.Accounts[other].Transcript()
	p := planned(t, run, Rotate(string(other)+"/prod/g"))
	lines(t, "plan", actions(p.Plan), "rotate prod/g rotation_asked_for +value")
	if p.Plan.Actions[0].Store.Account != other || len(w.live().Transcript()) > 0 {
		t.Errorf("%+v", p.Plan.Actions)
	}
}
