package planner

import "slices"

// ScopeWorkers is the scope of secrets that Workers may use.
const ScopeWorkers = "workers"

// checkReferences finds the Workers that the plan breaks. Cloudflare would tell only when
// they are deployed the next time (CLOUDFLARE_API.md 6: 10182).
func (b *builder) checkReferences() {
	for _, a := range b.plan.Actions {
		name := a.takesAway()
		if name == "" {
			continue
		}
		for _, r := range b.in.References {
			if r.StoreID != a.StoreID || r.Secret != name {
				continue
			}
			if b.in.Options.StrictBindings {
				b.problem(Problem{Kind: ProblemBreaksWorker, Store: a.Store, Secret: name, Worker: r.Worker, Pos: r.Pos})
			} else {
				b.plan.Notes = append(b.plan.Notes, Note{Kind: NoteBreaksWorker, Store: a.Store, Secret: name, Worker: r.Worker, Pos: r.Pos})
			}
		}
	}
}

// takesAway is the name that Workers cannot read any more after the action, or empty.
func (a *Action) takesAway() string {
	switch {
	case a.Op == OpDelete:
		return a.Secret
	case a.Op == OpRename:
		return a.From
	case a.Scopes != nil && slices.Contains(a.Scopes.Before, ScopeWorkers) && !slices.Contains(a.Scopes.After, ScopeWorkers):
		return a.Secret
	}
	return ""
}
