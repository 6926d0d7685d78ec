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

func (w *world) inventory() *Inventory {
	w.t.Helper()
	inv, err := w.open().Inventory(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	return inv
}

// inventoried is a line for each store and secret: which versions there are, and the source.
func inventoried(inv *Inventory) []string {
	var all []string
	for _, st := range inv.Stores {
		line := st.Key.Name
		for what, holds := range map[string]bool{" unread": st.Unread, " missing": !st.Exists && !st.Unread} {
			if holds {
				line += what
			}
		}
		if st.Others > 0 {
			line += fmt.Sprintf(" %d others", st.Others)
		}
		all = append(all, line)
		for _, sec := range st.Secrets {
			line := sec.Key.Name + ":"
			for _, version := range []struct {
				what string
				has  bool
			}{{" desired", sec.Desired != nil}, {" recorded", sec.Recorded != nil}, {" live", sec.Live != nil}} {
				if version.has {
					line += version.what
				}
			}
			all = append(all, strings.TrimSpace(line+" "+sec.Source))
		}
	}
	return all
}

// An inventory reads no value and needs no key, and sends one request more than drift.
func TestInventory(t *testing.T) {
	w := driftWorld(t)
	w.env = map[string]string{}
	w.live().Create(w.live().Stores[0], "theirs", "v", nil, "")
	w.drop("b")
	inv := w.inventory()
	lines(t, "stores", inventoried(inv), `
		prod
		  a: desired recorded live env A
		  b: desired recorded env B
		  theirs: live`)
	equal(t, "quota", inv.Quotas, map[planner.AccountID]planner.Quota{account: {Usage: 2, Limit: 100}})
	equal(t, "time", inv.Time, w.clock)
	equal(t, "unreachable", inv.Unreachable, error(nil))
	if got := w.live().Transcript(); len(got) != 2 || !strings.Contains(strings.Join(got, "\n"), "list secrets st1") {
		t.Errorf("calls: %q", got)
	}
	kinds := map[planner.DriftKind]int{}
	for _, d := range inv.Findings {
		kinds[d.Kind]++
	}
	equal(t, "findings", kinds, map[planner.DriftKind]int{planner.DriftDeleted: 1, planner.DriftUnmanaged: 1})
}

// Before the first apply, everything is desired. Other environments' secrets are only counted.
func TestInventoryBeforeTheFirstApply(t *testing.T) {
	w := newWorld(t, `stores:
  prod: {prefix: p-, unmanaged: ignore, secrets: {a: {from: {env: A}}}}
`)
	lines(t, "without a store", inventoried(w.inventory()), "prod missing\np-a: desired env A")
	st := w.live().Put("prod")
	w.live().Create(st, "p-theirs", "v", nil, "")
	w.live().Create(st, "q-other", "v", nil, "")
	lines(t, "with one", inventoried(w.inventory()), "prod 2 others\np-a: desired env A")
}

func TestInventoryUnreachable(t *testing.T) {
	w := newWorld(t, `accounts: {second: {id: `+string(other)+`}}
stores:
  prod: {secrets: {a: {from: {env: A}}}}
  elsewhere: {account: second, secrets: {b: {from: {env: A}, rotate_after: 30d}}}
`)
	w.env["A"] = "va"
	w.api.Add(other)
	w.applied()
	w.api.Accounts[other].Down("")
	inv := w.inventory()
	if !errors.Is(inv.Unreachable, enginetest.ErrDown) {
		t.Errorf("unreachable: %v", inv.Unreachable)
	}
	lines(t, "stores", inventoried(inv), `
		prod
		  a: desired recorded live env A
		elsewhere unread
		  b: desired recorded env A`)
	if sec := inv.Stores[1].Secrets[0]; sec.Desired.RotateAfter != 30*24*time.Hour || !sec.Recorded.Applied.Equal(start) {
		t.Errorf("the policy is %v, the value was sent at %v", sec.Desired.RotateAfter, sec.Recorded.Applied)
	}
	w.live().Down("")
	if _, err := w.open().Inventory(t.Context()); !errors.Is(err, enginetest.ErrDown) {
		t.Errorf("without any account: %v", err)
	}
}
