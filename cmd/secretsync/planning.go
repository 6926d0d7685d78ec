package main

import (
	"context"
	"crypto/sha256"
	"fmt"
	"slices"

	"github.com/secretsync/secretsync/lockfile"
	"github.com/secretsync/secretsync/planner"
	"github.com/secretsync/secretsync/planner/planfile"
)

// plan looks at Cloudflare and decides. Accounts that could not be looked at are left
// out of the plan; if there are no others, that is an error.
//
// To be certain of the quota takes a request. Where that is not asked for, as by the
// plan command, it is made only if what is seen comes near the usual quota, or if the
// order of the plan hangs on it.
func (w *workspace) plan(ctx context.Context, certain bool) (p *planner.Plan, unreachable, err error) {
	in := planner.Input{Desired: w.desired, Recorded: recordedStores(w.lock), References: w.references, Unread: w.unbound, Forged: w.forgery(), Now: w.clock.Now(), Options: w.options}
	if w.flags.offline {
		in.Live, in.Options.Offline = asRecorded(in.Recorded), true
		return planner.Build(in), nil, nil
	}
	unreachable = w.observe(ctx, &in)
	in.Now = w.clock.Now() // which Cloudflare's answers have set
	w.unread = unread(w.desired, recordedStores(w.lock), in)
	if unreachable != nil && len(in.Desired)+len(in.Recorded) == 0 {
		return nil, nil, unreachable
	}
	w.liveDigest = planfile.LiveDigest(in.Live)
	p = planner.Build(in)
	seen, deletes := map[planner.AccountID]int{}, map[planner.AccountID]bool{}
	for _, a := range p.Actions {
		deletes[a.Store.Account] = deletes[a.Store.Account] || a.Op == planner.OpDelete
	}
	w.storeIDs = map[planner.StoreKey]planner.StoreID{}
	for _, l := range in.Live {
		w.storeIDs[l.Key] = l.ID
		seen[l.Key.Account] += len(l.Secrets)
	}
	in.Quotas = map[planner.AccountID]planner.Quota{}
	for account, n := range p.Creates() {
		if certain || deletes[account] || seen[account]+n > planner.UsualQuota {
			if q, ok := w.quota(ctx, account); ok {
				in.Quotas[account] = q
			}
		}
	}
	w.seen = in
	return planner.Build(in), unreachable, ctx.Err() // with the quotas
}

// keylessPlan is what plan would have decided on what it saw, had there been no key.
func (w *workspace) keylessPlan() *planner.Plan {
	in := w.seen
	in.Desired = slices.Clone(in.Desired)
	for i := range in.Desired {
		d := &in.Desired[i]
		d.Secrets = slices.Clone(d.Secrets)
		for j := range d.Secrets {
			sec := &d.Secrets[j]
			ref := d.Key.Secret(sec.Name)
			sec.Value = w.valueState(ref, sec.RenamedFrom, w.wanted[ref], true)
			sec.ValueID = planfile.ValueID(w.wanted[ref].ciphertext.Digest, "")
		}
	}
	return planner.Build(in)
}

// unread are the accounts that were asked for and are not in the input any more.
func unread(desired []planner.DesiredStore, recorded []planner.RecordedStore, in planner.Input) map[planner.AccountID]bool {
	accounts := map[planner.AccountID]bool{}
	for _, d := range desired {
		accounts[d.Key.Account] = true
	}
	for _, r := range recorded {
		accounts[r.Key.Account] = true
	}
	for _, d := range in.Desired {
		delete(accounts, d.Key.Account)
	}
	for _, r := range in.Recorded {
		delete(accounts, r.Key.Account)
	}
	return accounts
}

// asRecorded is what is in Cloudflare by the lockfile's word.
func asRecorded(recorded []planner.RecordedStore) []planner.LiveStore {
	var live []planner.LiveStore
	for _, st := range recorded {
		l := planner.LiveStore{Key: st.Key, ID: st.ID}
		for _, r := range st.Secrets {
			if r.ID != "" {
				l.Secrets = append(l.Secrets, planner.LiveSecret{
					ID: r.ID, Name: r.Name, Scopes: r.Scopes, Comment: r.Comment, Status: planner.StatusActive, Modified: r.Modified,
				})
			}
		}
		live = append(live, l)
	}
	return live
}

// inputs tell what the plan was made from.
func (w *workspace) inputs() planfile.Inputs {
	in := planfile.Inputs{
		Manifest: w.manifest.File, ManifestDigest: w.manifest.Digest, LiveDigest: w.liveDigest,
		Keyless: w.flags.keyless, Offline: w.flags.offline, Targets: w.options.Targets,
	}
	if len(w.lock.Stores) > 0 {
		in.LockfileDigest = fmt.Sprintf("sha256:%x", sha256.Sum256(w.lock.Format()))
	}
	return in
}

// recordedStores is the lockfile as the planner sees it.
func recordedStores(lock *lockfile.File) []planner.RecordedStore {
	var stores []planner.RecordedStore
	for k, st := range lock.All() {
		r := planner.RecordedStore{Key: recordedKey(k), ID: planner.StoreID(st.ID), Delete: st.Delete}
		for name, sec := range st.All() {
			r.Secrets = append(r.Secrets, recordedSecret(name, sec))
		}
		stores = append(stores, r)
	}
	return stores
}

// lockStore is a store's key in the lockfile.
func lockStore(k planner.StoreKey) lockfile.StoreKey {
	return lockfile.StoreKey{Account: lockfile.AccountID(k.Account), Name: k.Name}
}

// recordedKey is the key of a store in the lockfile as the planner sees it.
func recordedKey(k lockfile.StoreKey) planner.StoreKey {
	return planner.StoreKey{Account: planner.AccountID(k.Account), Name: k.Name}
}

func recordedSecret(name string, sec *lockfile.Secret) planner.RecordedSecret {
	r := planner.RecordedSecret{
		Name: name, ID: planner.SecretID(sec.ID), Scopes: sec.Scopes, Comment: sec.Comment,
		Modified: planner.Modified(sec.Modified), Applied: sec.Applied, Delete: sec.Delete,
	}
	if p := sec.Pending; p != nil {
		r.Pending = &planner.Pending{
			Op: planner.Op(p.Op), Since: p.Since, Until: p.Until, ListedAt: p.ListedAt,
			PreviousID: planner.SecretID(p.PreviousID), Value: p.Value,
		}
	}
	return r
}
