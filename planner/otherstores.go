package planner

import "slices"

// checkOtherStores checks the stores that the plan creates in accounts that already have one. So
// far, Cloudflare has allowed one store per account (docs/cloudflare-api.md §5), so that a new
// one is more likely a name with a typing error. It is a problem if the manifest does not
// describe what exists and does not confirm the creation, else a note.
func (b *builder) checkOtherStores() {
	noted := map[StoreKey]bool{}
	for _, a := range b.plan.Actions {
		if a.Op != OpCreateStore {
			continue
		}
		var existing []string
		for _, l := range b.in.Live {
			if l.Key.Account == a.Store.Account && !b.describes(l.Key) {
				existing = append(existing, l.Key.Name)
			}
		}
		if len(existing) > 0 && !b.confirmed(a.Store) {
			slices.Sort(existing)
			b.problem(Problem{Kind: ProblemOtherStore, Store: a.Store, Existing: existing, Pos: a.Pos})
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

// describes reports whether the manifest describes a store.
func (b *builder) describes(k StoreKey) bool {
	return slices.ContainsFunc(b.in.Desired, func(d DesiredStore) bool { return d.Key == k })
}

// confirmed reports whether the manifest confirms that a store is to be created.
func (b *builder) confirmed(k StoreKey) bool {
	return slices.ContainsFunc(b.in.Desired, func(d DesiredStore) bool { return d.Key == k && d.Create })
}
