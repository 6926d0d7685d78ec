package render

import (
	"github.com/secretsync/secretsync/applier"
	"github.com/secretsync/secretsync/internal/render/foreign"
	"github.com/secretsync/secretsync/planner"
)

// Names names stores and secrets, together with their accounts if there are several: two
// accounts can have stores of one name.
type Names struct{ accounts bool }

// NamesOf returns the names of stores.
func NamesOf(stores ...planner.StoreKey) Names {
	for _, s := range stores {
		if s.Account != stores[0].Account {
			return Names{accounts: true}
		}
	}
	return Names{}
}

// namesIn returns the names of the stores of several items.
func namesIn[T any](items []T, store func(T) planner.StoreKey) Names {
	stores := make([]planner.StoreKey, len(items))
	for i, item := range items {
		stores[i] = store(item)
	}
	return NamesOf(stores...)
}

// PlanNames returns the names of everything in a plan.
func PlanNames(p *planner.Plan) Names {
	var stores []planner.StoreKey
	for _, a := range p.Actions {
		stores = append(stores, a.Store)
	}
	for _, n := range p.Notes {
		stores = append(stores, n.Store)
	}
	for _, q := range p.Problems {
		stores = append(stores, q.Store)
	}
	return NamesOf(withoutNone(stores)...)
}

// withoutNone drops the stores of notes and problems that are about none.
func withoutNone(stores []planner.StoreKey) []planner.StoreKey {
	kept := stores[:0]
	for _, s := range stores {
		if s.Account != "" {
			kept = append(kept, s)
		}
	}
	return kept
}

// DriftNames returns the names of everything in which there is drift.
func DriftNames(drift []planner.Drift) Names {
	return namesIn(drift, func(d planner.Drift) planner.StoreKey { return d.Store })
}

// ReportNames returns the names of everything that an apply did.
func ReportNames(r *applier.Report) Names {
	return namesIn(r.Results, func(res applier.Result) planner.StoreKey { return res.Action.Store })
}

// Store is "prod", or "prod (account 0123...)".
func (n Names) Store(s planner.StoreKey) string { return foreign.Name(s.Name) + n.account(s) }

// Secret is "prod/key", or "prod/key (account 0123...)"; without a secret, it is the store.
func (n Names) Secret(s planner.StoreKey, secret string) string {
	if secret == "" {
		return n.Store(s)
	}
	return foreign.Name(s.Name) + "/" + foreign.Name(secret) + n.account(s)
}

// quoted is a store's name in quotes, with its account.
func (n Names) quoted(s planner.StoreKey) string {
	return foreign.Excerpt(s.Name, foreign.MaxName) + n.account(s)
}

func (n Names) account(s planner.StoreKey) string {
	if !n.accounts {
		return ""
	}
	return " (account " + foreign.Word(string(s.Account)) + ")"
}
