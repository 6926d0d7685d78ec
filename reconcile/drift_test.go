package reconcile

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/secretsync/secretsync/planner"
	"github.com/secretsync/secretsync/reconcile/internal/enginetest"
)

// driftWorld applied the secrets a and b an hour ago.
func driftWorld(t *testing.T) *world {
	w := newWorld(t, two)
	w.env["A"], w.env["B"] = "va", "vb"
	w.applied()
	w.clock = start.Add(time.Hour)
	return w
}

func (w *world) drift() *Drift {
	w.t.Helper()
	d, err := w.open().Drift(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	return d
}

// change lets another client change a secret of the store prod.
func (w *world) change(name string, change func(*planner.LiveSecret)) {
	sec := w.live().Stores[0].Secrets[name]
	sec.Modified = planner.Modified(w.clock.Format(time.RFC3339))
	change(&sec)
	w.live().Stores[0].Secrets[name] = sec
}

func (w *world) drop(name string) {
	delete(w.live().Stores[0].Secrets, name)
	delete(w.live().Stores[0].Values, name)
}

func findings(d *Drift) []string {
	var all []string
	for _, f := range d.Findings {
		line := fmt.Sprintf("%s %s/%s", f.Kind, f.Store.Name, f.Secret)
		if !f.Counts {
			line += " does not count"
		}
		all = append(all, line)
	}
	return all
}

// Drift reads no value and needs no key.
func TestDrift(t *testing.T) {
	w := driftWorld(t)
	w.env = map[string]string{}
	d := w.drift()
	lines(t, "without drift", findings(d), "")
	lines(t, "calls", w.live().Transcript(), "list secrets st1")
	equal(t, "time", d.Time, w.clock)
	equal(t, "secrets", d.Secrets, []CheckedSecret{{Key: prod.Secret("a"), Applied: start}, {Key: prod.Secret("b"), Applied: start}})

	w.drop("a")
	w.change("b", func(*planner.LiveSecret) {})
	w.live().Create(w.live().Stores[0], "theirs", "v", nil, "")
	d = w.drift()
	lines(t, "drift", findings(d), `
		deleted prod/a
		changed prod/b
		unmanaged prod/theirs does not count`)
	equal(t, "counted", d.Counted(), 2)
	equal(t, "unreachable", d.Unreachable, error(nil))
}

func TestDriftRotation(t *testing.T) {
	const month = 30 * 24 * time.Hour
	w := newWorld(t, `stores:
  prod:
    secrets:
      a: {from: {env: A}, rotate_after: 30d}
      drawn: {generate: {encoding: uuid}, rotate_after: 30d}
      b: {from: {env: A}}
`)
	w.env["A"] = "va"
	w.applied()
	w.clock = start.Add(month - time.Second)
	lines(t, "a second before", findings(w.drift()), "")
	w.clock = start.Add(month)
	d := w.drift()
	lines(t, "a month later", findings(d), "rotation_overdue prod/a\nrotation_overdue prod/drawn")
	equal(t, "secrets", d.Secrets, []CheckedSecret{
		{prod.Secret("a"), start, month}, {prod.Secret("b"), start, 0}, {prod.Secret("drawn"), start, month},
	})
	p, left, err := d.Repair(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	lines(t, "repair", actions(p.Plan), "rotate prod/drawn rotation_due +value")
	equal(t, "what is left", left, 1)
}

func TestDriftWithoutRecords(t *testing.T) {
	w := newWorld(t, two)
	if _, err := w.open().Drift(t.Context()); !errors.Is(err, ErrNoRecords) || !strings.HasPrefix(err.Error(), w.path("secretsync.lock")) {
		t.Errorf("%v", err)
	}
	w.env["A"], w.env["B"] = "va", "vb"
	w.applied()
	w.api.Default = ""
	if _, err := w.open().Drift(t.Context()); !errors.Is(err, ErrNoAccount) {
		t.Errorf("without an account: %v", err)
	}
}

// If no account can be read, drift still lists what would have been checked. If some can be read, it
// covers these.
func TestDriftUnreachable(t *testing.T) {
	w := newWorld(t, `accounts: {second: {id: `+string(other)+`}}
stores:
  prod: {secrets: {a: {from: {env: A}}}}
  elsewhere: {account: second, secrets: {b: {from: {env: A}}}}
`)
	w.env["A"] = "va"
	w.api.Add(other)
	w.applied()
	w.api.Accounts[other].Down("")
	d := w.drift()
	if !errors.Is(d.Unreachable, enginetest.ErrDown) {
		t.Errorf("unreachable: %v", d.Unreachable)
	}
	equal(t, "secrets", d.Secrets, []CheckedSecret{{Key: prod.Secret("a"), Applied: start}})
	elsewhere := planner.StoreKey{Account: other, Name: "elsewhere"}
	equal(t, "findings", d.Findings, []planner.Drift{{Kind: planner.DriftAccountUnread, Store: elsewhere}})
	equal(t, "counted", d.Counted(), 0)

	w.live().Down("")
	d, err := w.open().Drift(t.Context())
	if !errors.Is(err, enginetest.ErrDown) || d == nil || !errors.Is(d.Unreachable, enginetest.ErrDown) {
		t.Fatalf("%+v, %v", d, err)
	}
	equal(t, "findings", findings(d), []string(nil))
	equal(t, "what would have been checked", d.Secrets, []CheckedSecret{
		{Key: prod.Secret("a"), Applied: start}, {Key: planner.StoreKey{Account: other, Name: "elsewhere"}.Secret("b"), Applied: start},
	})
}

func TestDriftQuotas(t *testing.T) {
	w := newWorld(t, `accounts: {second: {id: `+string(other)+`}}
stores:
  prod: {secrets: {a: {from: {env: A}}}}
  again: {create: true, secrets: {a: {from: {env: A}}}}
  elsewhere: {account: second, secrets: {b: {from: {env: A}}}}
`)
	w.env["A"] = "va"
	w.api.Add(other)
	w.applied()
	d := w.drift()
	w.live().Transcript()
	w.api.Accounts[other].Down("quota")
	equal(t, "quotas", d.Quotas(t.Context()), map[planner.AccountID]planner.Quota{account: {Usage: 2, Limit: 100}})
	lines(t, "calls", w.live().Transcript(), "quota")
	if events := w.notified(); len(events) != 1 || events[0].(QuotaUnread).Account != other {
		t.Errorf("events: %+v", events)
	}
}

// Repair plans what can be repaired, and nothing else. It needs no key and sends no request.
func TestRepair(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change func(*world)
		plan   string // "" for none
		left   int
	}{
		{"no drift", func(*world) {}, "", 0},
		{"deleted", func(w *world) { w.drop("a") }, "create prod/a deleted_outside +value", 0},
		{"changed", func(w *world) { w.change("b", func(*planner.LiveSecret) {}) }, "update prod/b changed_outside +value", 0},
		{
			"scopes", func(w *world) {
				w.change("a", func(s *planner.LiveSecret) { s.Scopes = []string{"access"}; s.Comment = "theirs" })
			},
			"update prod/a changed_outside scopes_changed comment_changed +value", 0,
		},
		{
			"the store", func(w *world) { w.live().Stores = nil }, `
				create-store prod/ new
				create prod/a deleted_outside +value
				create prod/b deleted_outside +value`, 0,
		},
		{"not active, which nothing repairs", func(w *world) { w.notActive("b") }, "", 1},
		{
			"unmanaged, which nothing repairs", func(w *world) {
				w.manifest(strings.Replace(two, "  prod:\n", "  prod:\n    unmanaged: fail\n", 1))
				w.live().Create(w.live().Stores[0], "theirs", "v", nil, "")
			}, "", 1,
		},
		{"unmanaged, which does not count", func(w *world) { w.live().Create(w.live().Stores[0], "theirs", "v", nil, "") }, "", 0},
		{
			"two, of which one can be repaired", func(w *world) { w.drop("a"); w.notActive("b") }, "create prod/a deleted_outside +value", 1,
		},
		{ // other changes that the manifest asks for are not repairs
			"another change of the manifest", func(w *world) {
				w.manifest(strings.Replace(two, "delete: false", "comment: new", 1))
				w.drop("a")
			}, "create prod/a deleted_outside +value", 0,
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := driftWorld(t)
			tt.change(w)
			w.env = map[string]string{}
			d := w.drift()
			w.live().Transcript()
			p, left, err := d.Repair(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if (p == nil) != (tt.plan == "") {
				t.Fatalf("the plan: %+v", p)
			}
			if p != nil {
				lines(t, "plan", actions(p.Plan), tt.plan)
				if !p.Plan.Targeted && len(p.input.Options.Targets) == 0 || !p.File().Inputs.Keyless {
					t.Errorf("inputs: %+v", p.File().Inputs)
				}
				p.Close()
			}
			equal(t, "what is left", left, tt.left)
			equal(t, "calls", w.live().Transcript(), []string(nil))
		})
	}
}

// notActive is a secret that stays pending.
func (w *world) notActive(name string) {
	sec := w.live().Stores[0].Secrets[name]
	sec.Status = planner.StatusPending
	w.live().Stores[0].Secrets[name] = sec
}

func TestRepairFails(t *testing.T) {
	w := newWorld(t, "stores: {prod: {secrets: {a: {from: {sops: values.yaml, key: a}}}}}\n")
	w.write("values.yaml", "a: va n1\n")
	w.applied()
	w.clock = start.Add(time.Hour)
	w.drop("a")
	d := w.drift()
	remove(t, w.path("values.yaml"))
	p, left, err := d.Repair(t.Context())
	if p != nil || left != 0 || err == nil || !strings.Contains(err.Error(), "values.yaml") {
		t.Errorf("%v, %d, %v", p, left, err)
	}
}
