package planner

import "slices"

// ScopeWorkers is the scope of secrets that Workers may use.
const ScopeWorkers = "workers"

// ScopeAIGateway is the scope of secrets that AI Gateways may use.
const ScopeAIGateway = "ai_gateway"

// checkReferences finds the Workers that the plan breaks. Cloudflare would refuse them only at
// their next deployment (docs/cloudflare-api.md §6: 10182).
func (b *builder) checkReferences() {
	bound := bindings{}
	for i := range b.in.References {
		bound.add(&b.in.References[i])
	}
	for _, a := range b.plan.Actions {
		if name := a.removes(); name != "" {
			b.breaks(a.Store, bound[boundTo{a.StoreID, name}])
		} else if a.Scopes != nil {
			b.breaks(a.Store, slices.DeleteFunc(slices.Clone(bound[boundTo{a.StoreID, a.Secret}]), func(r *Reference) bool {
				return !a.removesScope(r.Reader.scope())
			}))
		}
	}
	for _, st := range b.recreated {
		b.breaks(st.Key, bound[boundTo{st.ID, ""}])
	}
	for _, pos := range b.in.Unread {
		b.plan.Notes = append(b.plan.Notes, Note{Kind: NoteBindingsUnread, Pos: pos})
	}
	for _, account := range b.in.UnreadReaders {
		b.plan.Notes = append(b.plan.Notes, Note{Kind: NoteReadersUnread, Store: StoreKey{Account: account}})
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
			b.problem(Problem{Kind: ProblemBreaksWorker, Store: store, Secret: r.Secret, Reader: r.Reader, Worker: r.Worker, Pos: r.Pos})
		} else {
			b.plan.Notes = append(b.plan.Notes, Note{
				Kind: NoteBreaksWorker, Store: store, Secret: r.Secret, Reader: r.Reader, Worker: r.Worker, Pos: r.Pos,
			})
		}
	}
}

// removes returns the name that nothing can read any more after the action, or "".
func (a *Action) removes() string {
	switch a.Op {
	case OpDelete:
		return a.Secret
	case OpRename:
		return a.From
	}
	return ""
}

// removesScope reports whether the secret loses a scope.
func (a *Action) removesScope(scope string) bool {
	return slices.Contains(a.Scopes.Before, scope) && !slices.Contains(a.Scopes.After, scope)
}
