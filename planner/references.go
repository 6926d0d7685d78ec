package planner

import "slices"

// ScopeWorkers is the scope of secrets that Workers may use.
const ScopeWorkers = "workers"

// checkReferences finds the Workers that the plan breaks. Cloudflare would refuse them only at
// their next deployment (docs/cloudflare-api.md §6: 10182).
func (b *builder) checkReferences() {
	for _, a := range b.plan.Actions {
		if name := a.takesAway(); name != "" {
			b.breaks(a.Store, a.StoreID, name)
		}
	}
	for _, st := range b.recreated {
		b.breaks(st.Key, st.ID, "")
	}
	for _, pos := range b.in.Unread {
		b.plan.Notes = append(b.plan.Notes, Note{Kind: NoteBindingsUnread, Pos: pos})
	}
}

// breaks reports the bindings of a secret, or of a whole store if name is empty.
func (b *builder) breaks(store StoreKey, id StoreID, name string) {
	for _, r := range b.in.References {
		switch {
		case r.StoreID != id || id == "" || name != "" && r.Secret != name:
		case b.in.Options.StrictBindings:
			b.problem(Problem{Kind: ProblemBreaksWorker, Store: store, Secret: r.Secret, Worker: r.Worker, Pos: r.Pos})
		default:
			b.plan.Notes = append(b.plan.Notes, Note{Kind: NoteBreaksWorker, Store: store, Secret: r.Secret, Worker: r.Worker, Pos: r.Pos})
		}
	}
}

// takesAway returns the name that Workers cannot read any more after the action, or "".
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
