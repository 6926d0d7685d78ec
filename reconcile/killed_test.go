package reconcile

import (
	"os"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/secretsync/secretsync/lockfile"
	"github.com/secretsync/secretsync/planner"
	"github.com/secretsync/secretsync/reconcile/internal/enginetest"
)

// TestKilled kills an apply right before and right after each request that changes
// something, which is after every record in the journal. What is on disk then must be enough
// for the next plan to be accurate, and for the next apply to converge, moments later or an
// hour later.
func TestKilled(t *testing.T) {
	for _, tt := range []killTest{
		{
			name: "create", after: "prod: {secrets: {a: {from: {env: A}, comment: c}}}", values: map[string]string{"prod/a": "va"},
			plans: `
				create store prod, before: create-store prod/ new; create prod/a new +value
				create store prod, after: create prod/a new +value
				create st1/a, before: create prod/a interrupted +value
				create st1/a, after: update prod/a interrupted +value`,
		},
		{
			name: "create without a comment", after: "prod: {secrets: {a: {from: {env: A}}}}", values: map[string]string{"prod/a": "va"},
			plans: `
				create store prod, before: create-store prod/ new; create prod/a new +value
				create store prod, after: create prod/a new +value
				create st1/a, before: create prod/a interrupted +value
				create st1/a, after: note unproven a`,
		},
		{
			name: "update", before: "prod: {secrets: {a: {from: {env: OLD}}}}", after: "prod: {secrets: {a: {from: {env: A}}}}",
			values: map[string]string{"prod/a": "va"},
			plans: `
				update st1/id1 value, before: update prod/a interrupted +value
				update st1/id1 value, after: update prod/a interrupted +value`,
		},
		{
			name: "update of metadata", before: "prod: {secrets: {a: {from: {env: A}}}}",
			after: "prod: {secrets: {a: {from: {env: A}, comment: new}}}", values: map[string]string{"prod/a": "va"},
			plans: `
				update st1/id1 comment, before: update prod/a comment_changed
				update st1/id1 comment, after: update prod/a interrupted +value`,
		},
		{
			name: "rename", before: "prod: {secrets: {a: {from: {env: A}, comment: c}}}",
			after:  "prod: {secrets: {b: {from: {env: A}, comment: c, renamed_from: a}}}",
			values: map[string]string{"prod/b": "va"},
			plans: `
				duplicate st1/id1 as b, before: rename prod/b from a renamed interrupted
				duplicate st1/id1 as b, after: update prod/b interrupted +value; delete prod/a not_in_manifest interrupted
				delete st1/id1, before: update prod/b interrupted +value; delete prod/a not_in_manifest interrupted
				delete st1/id1, after: update prod/b interrupted +value; forget prod/a not_in_manifest interrupted already_gone`,
		},
		{
			name: "rename of a generated value", before: "prod: {secrets: {a: {generate: {encoding: uuid}, comment: c}}}",
			after: "prod: {secrets: {b: {generate: {encoding: uuid}, renamed_from: a}}}", values: map[string]string{"prod/b": "as prod/a"},
			plans: `
				duplicate st1/id1 as b, before: rename prod/b from a renamed interrupted
				duplicate st1/id1 as b, after: adopt prod/b interrupted; delete prod/a not_in_manifest interrupted
				delete st1/id1, before: adopt prod/b interrupted; delete prod/a not_in_manifest interrupted
				delete st1/id1, after: adopt prod/b interrupted; forget prod/a not_in_manifest interrupted already_gone`,
		},
		{
			name: "rename without a comment", before: "prod: {secrets: {a: {from: {env: A}}}}", after: "prod: {secrets: {b: {from: {env: A}, renamed_from: a}}}",
			values: map[string]string{"prod/b": "va"},
			plans: `
				duplicate st1/id1 as b, before: rename prod/b from a renamed interrupted
				duplicate st1/id1 as b, after: delete prod/a not_in_manifest interrupted; note unproven b
				delete st1/id1, before: update prod/b interrupted +value; delete prod/a not_in_manifest interrupted
				delete st1/id1, after: update prod/b interrupted +value; forget prod/a not_in_manifest interrupted already_gone`,
		},
		{
			name: "rotate", before: "prod: {secrets: {a: {generate: {encoding: uuid}}}}", after: "prod: {secrets: {a: {generate: {encoding: uuid}}}}",
			edits: []Edit{Rotate("prod/a")}, values: map[string]string{"prod/a": "any"},
			plans: `
				update st1/id1 value, before: rotate prod/a interrupted +value
				update st1/id1 value, after: rotate prod/a interrupted +value`,
		},
		{
			name: "adopt", theirs: "a", after: "prod: {adopt: overwrite, secrets: {a: {from: {env: A}}}}", values: map[string]string{"prod/a": "va"},
			plans: `
				update st1/id1 value+scopes, before: adopt prod/a adopted scopes_changed +value
				update st1/id1 value+scopes, after: adopt prod/a adopted +value`,
		},
		{
			name: "metadata of an accepted secret, whose value stays", before: "prod: {secrets: {a: {from: {env: A}}}}", accept: "a",
			after: "prod: {secrets: {a: {from: {env: A}, comment: new}}}", values: map[string]string{"prod/a": "as prod/a"},
			plans: `
				update st1/id1 comment, before: adopt prod/a interrupted comment_changed
				update st1/id1 comment, after: adopt prod/a interrupted`,
		},
		{
			name: "rename of an accepted secret, whose value stays", before: "prod: {secrets: {a: {from: {env: A}, comment: c}}}", accept: "a",
			after: "prod: {secrets: {b: {from: {env: A}, renamed_from: a}}}", values: map[string]string{"prod/b": "as prod/a"},
			plans: `
				duplicate st1/id1 as b, before: rename prod/b from a renamed interrupted
				duplicate st1/id1 as b, after: adopt prod/b interrupted; delete prod/a not_in_manifest interrupted
				delete st1/id1, before: adopt prod/b interrupted; delete prod/a not_in_manifest interrupted
				delete st1/id1, after: adopt prod/b interrupted; forget prod/a not_in_manifest interrupted already_gone`,
		},
		{
			name: "delete", before: "prod: {secrets: {a: {from: {env: A}}, b: {from: {env: B}}}}", after: "prod: {secrets: {a: {from: {env: A}}}}",
			values: map[string]string{"prod/a": "va"},
			plans: `
				delete st1/id2, before: delete prod/b not_in_manifest
				delete st1/id2, after: forget prod/b not_in_manifest already_gone`,
		},
		{
			name:   "delete of a store",
			before: "prod: {secrets: {a: {from: {env: A}}}}, second: {create: true, delete: true, secrets: {b: {from: {env: B}}}}",
			after:  "prod: {secrets: {a: {from: {env: A}}}}", values: map[string]string{"prod/a": "va"},
			plans: `
				delete st2/id2, before: delete second/b not_in_manifest; delete-store second/ not_in_manifest
				delete st2/id2, after: delete-store second/ not_in_manifest; forget second/b not_in_manifest already_gone
				delete store st2, before: delete-store second/ not_in_manifest
				delete store st2, after: `,
		},
	} {
		for _, later := range []time.Duration{time.Second, time.Hour} {
			t.Run(tt.name+" "+later.String(), func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) { tt.run(t, later) })
			})
		}
	}
}

// killTest is a change of a manifest's stores.
type killTest struct {
	name          string
	before, after string // before is empty if nothing was applied
	theirs        string // a secret that another client created
	accept        string // a secret that another client changed, and whose state was accepted
	edits         []Edit
	// plans are the plans after each kill. values are the values in Cloudflare at the end: "as X"
	// is the value that X had before, and "any" is a generated one.
	plans  string
	values map[string]string
}

// killPoint is what a killed apply left behind.
type killPoint struct {
	name string
	// files are the lockfile and its journal, as far as they exist.
	files map[string][]byte
	live  *enginetest.Account
}

// write writes the files to a folder.
func (p killPoint) write(w *world) {
	w.t.Helper()
	for name, data := range p.files {
		w.write(name, string(data))
	}
}

func (k killTest) run(t *testing.T, later time.Duration) {
	w := killWorld(t, k.after)
	if k.before != "" {
		w.manifest("stores: {" + k.before + "}\n")
		w.applied()
		w.manifest("stores: {" + k.after + "}\n")
	}
	if k.theirs != "" {
		w.live().Create(w.live().Put("prod"), k.theirs, "theirs", nil, "")
	}
	if k.accept != "" {
		time.Sleep(time.Minute)
		w.outside("prod", k.accept, "theirs")
		w.accept(k.accept)
	}
	time.Sleep(time.Hour)
	had := w.live().Values()
	points := k.points(w)
	var plans []string
	for _, p := range points {
		plans = append(plans, p.name+": "+k.goOn(t, p, later, had))
	}
	for i := range plans {
		plans[i] = strings.TrimSpace(plans[i])
	}
	lines(t, "plans", plans, k.plans)
	k.check(t, "without a kill", w.live().Values(), had)
}

// killWorld uses the clock of the bubble.
func killWorld(t *testing.T, stores string) *world {
	w := newWorld(t, "stores: {"+stores+"}\n")
	w.api.Clock = time.Now
	for name, value := range map[string]string{"OLD": "old", "A": "va", "B": "vb"} {
		w.env[name] = value
	}
	return w
}

// points applies, and returns the state at each point at which it could have been killed.
func (k killTest) points(w *world) []killPoint {
	var points []killPoint
	live := w.live()
	note := func(when string) func(string) error {
		return func(call string) error {
			if !strings.HasPrefix(call, "list") && !strings.HasPrefix(call, "get") && call != "quota" {
				files := map[string][]byte{}
				for _, name := range []string{"secretsync.lock", lockfile.JournalFile("secretsync.lock")} {
					if data, err := os.ReadFile(w.path(name)); err == nil {
						files[name] = data
					} else if !os.IsNotExist(err) {
						w.t.Error(err)
					}
				}
				points = append(points, killPoint{call + ", " + when, files, live.Clone()})
			}
			return nil
		}
	}
	live.Before, live.After = note("before"), note("after")
	if report := w.apply(k.edits...); !report.Complete() {
		w.t.Errorf("not everything was applied: %v", actionsOf(report))
	}
	live.Before, live.After = nil, nil
	return points
}

// goOn plans and applies from what is left, and returns the plan.
func (k killTest) goOn(t *testing.T, p killPoint, later time.Duration, had map[string]string) string {
	t.Helper()
	w := killWorld(t, k.after)
	w.api.Accounts[account] = p.live
	p.write(w)
	time.Sleep(later)
	plan := w.plan(Mode{}).Plan
	if len(plan.Problems) > 0 {
		t.Errorf("%s: problems: %v", p.name, plan.Problems)
		return ""
	}
	if report := w.apply(); !report.Complete() {
		t.Errorf("%s: the next apply: %v", p.name, actionsOf(report))
	}
	k.check(t, p.name, p.live.Values(), had)
	unproven := notesOf(plan, planner.NoteUnproven)
	for _, line := range enginetest.Records(w.disk()) {
		name, _, _ := strings.Cut(line, " ")
		if strings.Contains(line, "pending") && !slices.Contains(unproven, name) {
			t.Errorf("%s: still pending after the next apply: %s", p.name, line)
		}
	}
	if again := w.plan(Mode{}).Plan; len(again.Actions) > 0 {
		t.Errorf("%s: the plan after the next apply: %v", p.name, actions(again))
	}
	told := actions(plan)
	for _, name := range unproven {
		told = append(told, "note unproven "+name)
	}
	return strings.Join(told, "; ")
}

// check compares Cloudflare with the wanted values.
func (k killTest) check(t *testing.T, when string, values, had map[string]string) {
	t.Helper()
	for name, want := range k.values {
		before, same := strings.CutPrefix(want, "as ")
		got := values[name]
		if want == "any" && got == "" || same && got != had[before] || want != "any" && !same && got != want {
			t.Errorf("%s: %s has the value %q, want %q", when, name, got, want)
		}
	}
	if len(values) != len(k.values) {
		t.Errorf("%s: want %d secrets, got %v", when, len(k.values), values)
	}
}

// TestKilledBetween: something else happens between the kill and the next apply.
func TestKilledBetween(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := killTest{before: "prod: {secrets: {b: {from: {env: B}}}}", after: "prod: {secrets: {a: {from: {env: A}}, b: {from: {env: B}}}}"}
		w := killWorld(t, k.before)
		w.applied()
		w.manifest("stores: {" + k.after + "}\n")
		time.Sleep(time.Hour)
		points := k.points(w)
		i := slices.IndexFunc(points, func(p killPoint) bool { return p.name == "create st1/a, before" })
		again := killWorld(t, k.after)
		again.api.Accounts[account] = points[i].live
		points[i].write(again)
		time.Sleep(time.Hour)
		// The request was never sent; a colleague created the secret at the dashboard.
		points[i].live.Create(points[i].live.Stores[0], "a", "theirs", []string{"workers"}, "")
		lines(t, "plan", actions(again.plan(Mode{}).Plan), "problem conflict prod/a")

		// The manifest no longer wants the secret: theirs is left alone.
		again.manifest("stores: {" + k.before + "}\n")
		lines(t, "plan", actions(again.plan(Mode{}).Plan), "forget prod/a not_in_manifest replaced_outside")
		again.apply()
		equal(t, "values", points[i].live.Values(), map[string]string{"prod/a": "theirs", "prod/b": "vb"})
		_, _, err := points[i].live.Secret("st1", planner.SecretID("id2"))
		equal(t, "their secret", err, nil)
	})
}
