package planner

import "slices"

// checkAccounts finds a lockfile of another account: applying it would create everything in
// one account and delete everything from the other.
func (b *builder) checkAccounts() {
	recorded, desired := map[AccountID]bool{}, map[AccountID]bool{}
	for _, r := range b.in.Recorded {
		recorded[r.Key.Account] = true
	}
	isNew := false
	for _, d := range b.in.Desired {
		desired[d.Key.Account] = true
		isNew = isNew || !recorded[d.Key.Account]
	}
	for _, r := range b.in.Recorded {
		if isNew && !desired[r.Key.Account] && len(r.Secrets) > 0 {
			b.problem(Problem{Kind: ProblemOtherAccount, Store: r.Key, Pos: b.in.Desired[0].Pos})
		}
	}
}

// checkDeletes compares the number of deletions with the limit.
func (b *builder) checkDeletes() {
	limit := b.in.Options.MaxDeletes
	if n := b.plan.Count(OpDelete) + b.plan.Count(OpDeleteStore); limit != nil && n > *limit {
		b.problem(Problem{Kind: ProblemTooManyDeletes, Count: n, Limit: *limit})
	}
}

// checkForgery forbids the plan if recorded fingerprints were forged: whoever planted the key
// could test guesses against the fingerprints that the next apply writes. That holds for a plan
// that is limited to other secrets too.
func (b *builder) checkForgery() {
	f := b.in.Forged
	if len(f.Secrets) == 0 {
		return
	}
	var secrets []string
	for _, s := range f.Secrets {
		secrets = append(secrets, s.Store.Name+"/"+s.Name)
	}
	slices.Sort(secrets)
	b.problem(Problem{Kind: ProblemForged, KeyID: f.KeyID, Count: len(secrets), Secrets: secrets, Matched: f.Matched, Pos: f.Pos})
}

// checkOtherStores checks the stores that the plan creates in accounts that have another one, or
// get one by the same plan. So far, Cloudflare has allowed one store per account
// (docs/cloudflare-api.md §5), so that a second one is more likely a name with a typing error. It
// is a problem unless the manifest confirms the creation; then it is a note.
func (b *builder) checkOtherStores() {
	noted := map[StoreKey]bool{}
	for _, a := range b.plan.Actions {
		if a.Op != OpCreateStore {
			continue
		}
		existing, described := b.otherLive(a.Store)
		if !b.confirmed(a.Store) {
			others := append(described, b.createdToo(a.Store)...)
			switch {
			case len(existing) > 0:
				b.problem(Problem{Kind: ProblemOtherStore, Store: a.Store, Existing: existing, Pos: a.Pos})
			case len(others) > 0:
				slices.Sort(others)
				b.problem(Problem{Kind: ProblemSeveralStores, Store: a.Store, Existing: others, Pos: a.Pos})
			}
			continue
		}
		for _, l := range b.in.Live {
			if l.Key.Account == a.Store.Account && !noted[l.Key] {
				noted[l.Key] = true
				b.plan.Notes = append(b.plan.Notes, Note{Kind: NoteOtherStore, Store: l.Key})
			}
		}
	}
}

// otherLive returns the names of the stores that k's account has: existing are the stores that the
// manifest does not describe, and described the ones that it does.
func (b *builder) otherLive(k StoreKey) (existing, described []string) {
	for _, l := range b.in.Live {
		switch {
		case l.Key.Account != k.Account:
		case b.describes(l.Key):
			described = append(described, l.Key.Name)
		default:
			existing = append(existing, l.Key.Name)
		}
	}
	slices.Sort(existing)
	return existing, described
}

// createdToo returns the stores that the plan creates in k's account and whose names come before
// k's, except stores whose creation the manifest confirms.
func (b *builder) createdToo(k StoreKey) (names []string) {
	for _, a := range b.plan.Actions {
		if a.Op == OpCreateStore && a.Store.Account == k.Account && a.Store.Name < k.Name && !b.confirmed(a.Store) {
			names = append(names, a.Store.Name)
		}
	}
	return names
}

// describes reports whether the manifest describes a store.
func (b *builder) describes(k StoreKey) bool {
	return slices.ContainsFunc(b.in.Desired, func(d DesiredStore) bool { return d.Key == k })
}

// confirmed reports whether the manifest confirms that a store is to be created.
func (b *builder) confirmed(k StoreKey) bool {
	return slices.ContainsFunc(b.in.Desired, func(d DesiredStore) bool { return d.Key == k && d.Create })
}

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
		b.readersUnread(account)
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

// readersUnread reports an account in which readers may break that are not known.
func (b *builder) readersUnread(account AccountID) {
	store := StoreKey{Account: account}
	if b.in.Options.StrictBindings {
		b.problem(Problem{Kind: ProblemReadersUnread, Store: store})
	} else {
		b.plan.Notes = append(b.plan.Notes, Note{Kind: NoteReadersUnread, Store: store})
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
