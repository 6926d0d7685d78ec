package render

import (
	"cmp"
	"slices"

	"github.com/secretsync/secretsync/planner"
)

// risk ranks changes for the reader of a plan. Every report lists the riskiest first and leaves
// out the least risky, so that harmless changes cannot push others out of sight.
type risk int

const (
	// riskBreaks is a secret that a Worker binds and can no longer read.
	riskBreaks risk = iota
	// riskLoses is a secret that loses something: it is deleted or renamed, its value is generated
	// again or was another client's, or it loses a scope.
	riskLoses
	// riskSends is an existing secret whose value is sent.
	riskSends
	riskCreates
	// riskLeast is a change of metadata or of the lockfile.
	riskLeast
)

// change is an action as the reader of a plan needs it.
type change struct {
	planner.Action
	risk   risk
	breaks []planner.Note // the Workers that can no longer read it
}

// losing are the operations under riskLoses, the worst first.
var losing = []planner.Op{planner.OpDeleteStore, planner.OpDelete, planner.OpRename, planner.OpRotate, planner.OpRetire, planner.OpAdopt, planner.OpUpdate}

// changesOf returns the actions of a plan, the riskiest first, with the notes about Workers that
// they break. rest are the notes that belong to no action, except those of [unreadInPlan].
func changesOf(p *planner.Plan) (changes []change, rest []planner.Note) {
	breaks := map[planner.SecretKey][]planner.Note{}
	for _, n := range p.Notes {
		if n.Kind == planner.NoteBreaksWorker {
			key := n.Store.Secret(n.Secret)
			breaks[key] = append(breaks[key], n)
		}
	}
	for _, a := range p.Actions {
		key := a.Store.Secret(a.Secret)
		if a.Op == planner.OpRename {
			key = a.Store.Secret(a.From)
		}
		changes = append(changes, change{a, riskOf(a, len(breaks[key]) > 0), breaks[key]})
		delete(breaks, key)
	}
	slices.SortStableFunc(changes, func(x, y change) int {
		return cmp.Or(cmp.Compare(x.risk, y.risk), cmp.Compare(x.Store.Account, y.Store.Account), cmp.Compare(x.Store.Name, y.Store.Name),
			cmp.Compare(slices.Index(losing, x.Op), slices.Index(losing, y.Op)))
	})
	for _, n := range p.Notes {
		if n.Kind != planner.NoteAccountUnread && (n.Kind != planner.NoteBreaksWorker || breaks[n.Store.Secret(n.Secret)] != nil) {
			rest = append(rest, n)
		}
	}
	return changes, rest
}

func riskOf(a planner.Action, breaks bool) risk {
	switch {
	case breaks:
		return riskBreaks
	case a.Op == planner.OpDelete, a.Op == planner.OpDeleteStore, a.Op == planner.OpRename, a.Op == planner.OpRotate, a.Op == planner.OpRetire,
		a.Op == planner.OpAdopt && a.SetValue, losesScope(a):
		return riskLoses
	case a.Op == planner.OpCreate, a.Op == planner.OpCreateStore, a.Op == planner.OpPrepare:
		return riskCreates
	case a.SetValue:
		return riskSends
	}
	return riskLeast
}

func losesScope(a planner.Action) bool {
	return a.Scopes != nil && slices.ContainsFunc(a.Scopes.Before, func(scope string) bool { return !slices.Contains(a.Scopes.After, scope) })
}

// driftRanks are the kinds of drift, the worst first.
var driftRanks = []planner.DriftKind{
	planner.DriftStoreGone, planner.DriftDeleted, planner.DriftRecreated, planner.DriftValue, planner.DriftChanged, planner.DriftScopes, planner.DriftInterrupted,
	planner.DriftNotActive, planner.DriftComment, planner.DriftUnmanaged, planner.DriftRotationOverdue, planner.DriftRetireOverdue, planner.DriftActivated,
	planner.DriftTouched, planner.DriftAccepted, planner.DriftKeptOther, planner.DriftLagging, planner.DriftValueLagging, planner.DriftListIncomplete,
}

// DriftByRisk returns drift, the worst first, and what does not count as drift last.
func DriftByRisk(drift []planner.Drift) []planner.Drift {
	ranked := slices.Clone(drift)
	uncounted := func(d planner.Drift) int {
		if d.Counts {
			return 0
		}
		return 1
	}
	slices.SortStableFunc(ranked, func(x, y planner.Drift) int {
		return cmp.Or(cmp.Compare(uncounted(x), uncounted(y)), cmp.Compare(slices.Index(driftRanks, x.Kind), slices.Index(driftRanks, y.Kind)))
	})
	return ranked
}
