package planner

import "slices"

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

// otherLive returns the names of the stores that the account of k has: those that the manifest
// does not describe, and those that it does.
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

// createdToo returns the names, before that of k, of the stores that the plan creates in the same
// account, without those whose creation the manifest confirms.
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
