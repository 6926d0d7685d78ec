package planner

import "slices"

// ScopeWorkers is the scope of secrets that Workers may use.
const ScopeWorkers = "workers"

// checkReferences finds the Workers that the plan breaks. Cloudflare would refuse them only at
// their next deployment (docs/cloudflare-api.md §6: 10182).
func (b *builder) checkReferences() {
	bound := bindings{}
	for i := range b.in.References {
		bound.add(&b.in.References[i])
	}
	for _, a := range b.plan.Actions {
		if name := a.takesAway(); name != "" {
			b.breaks(a.Store, bound[boundTo{a.StoreID, name}])
		}
	}
	for _, st := range b.recreated {
		b.breaks(st.Key, bound[boundTo{st.ID, ""}])
	}
	for _, pos := range b.in.Unread {
		b.plan.Notes = append(b.plan.Notes, Note{Kind: NoteBindingsUnread, Pos: pos})
	}
}

// boundTo is a secret, or a whole store if the name is empty.
type boundTo struct {
	store StoreID
	name  string
}

// bindings are the known bindings of each secret and store.
type bindings map[boundTo][]*Reference

func (b bindings) add(r *Reference) {
	if r.StoreID == "" {
		return
	}
	store := boundTo{r.StoreID, ""}
	b[store] = append(b[store], r)
	if to := (boundTo{r.StoreID, r.Secret}); to != store {
		b[to] = append(b[to], r)
	}
}

// breaks reports bindings of a secret or of a store.
func (b *builder) breaks(store StoreKey, bound []*Reference) {
	for _, r := range bound {
		if b.in.Options.StrictBindings {
			b.problem(Problem{Kind: ProblemBreaksWorker, Store: store, Secret: r.Secret, Worker: r.Worker, Pos: r.Pos})
		} else {
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
