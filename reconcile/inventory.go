package reconcile

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/secretsync/secretsync/lockfile"
	"github.com/secretsync/secretsync/planner"
	"github.com/secretsync/secretsync/planner/outside"
	"github.com/secretsync/secretsync/reconcile/internal/observe"
	"github.com/secretsync/secretsync/reconcile/internal/records"
	"github.com/secretsync/secretsync/reconcile/internal/scope"
	"github.com/secretsync/secretsync/reconcile/internal/shown"
	"github.com/secretsync/secretsync/reconcile/internal/survey"
)

// Inventory is what is known about the stores and secrets of a project, for an overview of them.
// It has no values.
type Inventory struct {
	// Stores are the stores of the manifest and the lockfile, by account and name.
	Stores []StoreInventory
	// Quotas are the quotas of the accounts, as far as they could be read.
	Quotas map[planner.AccountID]planner.Quota
	// Findings are how the live state differs from the lockfile, as [Project.Drift] reports it.
	Findings []planner.Drift
	// UnreadConfigs are the wrangler configurations whose bindings could not be read, and
	// UnreadReaders the accounts whose deployed readers could not all be read.
	UnreadConfigs []planner.Position
	UnreadReaders []planner.AccountID
	// Unreachable joins the errors of all accounts that could not be read; it may be nil.
	Unreachable error
	// Time is the API's clock.
	Time time.Time
}

// StoreInventory is a store with its secrets.
type StoreInventory struct {
	Key planner.StoreKey
	// ID is empty if it is not known.
	ID planner.StoreID
	// Unread says that the account could not be read, so that nothing is known about what is live.
	Unread bool
	// Exists says that Cloudflare has the store.
	Exists bool
	// Incomplete says that Cloudflare's list of its secrets was known to lack some.
	Incomplete bool
	// Others counts the live secrets that Secrets does not have: those outside the prefixes of the
	// manifest, and unmanaged ones under [planner.UnmanagedIgnore].
	Others int
	// Secrets are in the order of their names.
	Secrets []SecretInventory
}

// SecretInventory is a secret in its three versions.
type SecretInventory struct {
	// Versions are the desired, the recorded and the live secret; each may be nil.
	planner.Versions
	// Source describes where the value comes from, as the manifest says, or the lockfile for a
	// secret that the manifest does not have. It is empty if neither does.
	Source string
	// Readers are the Workers in the wrangler configurations, and with [Config.LiveBindings] also
	// what is deployed.
	Readers []planner.Reference
}

// Inventory reads the live state, the quotas and the wrangler configurations, and joins them with
// the manifest and the lockfile. It reads no values. It needs a key only under [Config.Verify]: then
// all live values are compared with the last applied ones. [Config.Who] and [Config.LiveBindings] add
// the same information as for drift and plans.
//
// If no account could be read, it returns that error. If some could not, their stores say so.
func (p *Project) Inventory(ctx context.Context) (*Inventory, error) {
	lock, err := p.ReadLockfile(ctx)
	if err != nil {
		return nil, err
	}
	if err := p.checkLock(lock, Mode{}); err != nil {
		return nil, err
	}
	p.cfg.Guard.Public(shown.Lockfile(lock)...)
	all, err := p.withoutValues(lock)
	if err != nil {
		return nil, err
	}
	inv := &Inventory{}
	all.References, inv.UnreadConfigs = p.configuredReaders(lock)
	reading, stop := context.WithCancel(ctx)
	defer stop()
	quotas := make(chan survey.QuotasRead, 1)
	go func() { quotas <- p.quotas().Of(reading, scope.Accounts(all)) }()
	seen, in, err := p.see(ctx, all)
	if err != nil {
		return nil, err
	}
	inv.Unreachable = seen.Err()
	in.Live = p.verifyAll(ctx, in, lock)
	p.attribute(ctx, &in)
	inv.UnreadReaders = p.addDeployed(ctx, &in)
	read := <-quotas
	maps.DeleteFunc(read.Failed, func(id planner.AccountID, _ error) bool { return seen.Unread[id] != nil })
	p.quotas().Report(ctx, read.Failed)
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	inv.Quotas, inv.Time, inv.Findings = read.Quotas, in.Now, planner.FindDrift(in)
	all.Live, all.References = in.Live, in.References
	inv.Stores = storesOf(all, lock, seen.Unread)
	return inv, nil
}

// configuredReaders are the bindings in the wrangler configurations, and the configurations that
// could not be read. Mistakes in them are warnings, whatever the manifest says about plans.
func (p *Project) configuredReaders(lock *lockfile.File) (refs []planner.Reference, unread []planner.Position) {
	b, mistakes := p.bindings(lock)
	for _, e := range append(mistakes, b.Unread...) {
		p.cfg.Notify(BindingsSkipped{e})
		unread = append(unread, e.Pos)
	}
	return b.References(), unread
}

// verifyAll compares all live values with the recorded ones, if that was requested. It returns the
// live stores with what is known then.
func (p *Project) verifyAll(ctx context.Context, in planner.Input, lock *lockfile.File) []planner.LiveStore {
	if !p.cfg.Verify || len(lock.Stores) == 0 {
		return in.Live
	}
	key, err := p.findKey(ctx, lock)
	if err != nil {
		p.cfg.Notify(VerificationFailed{Err: err})
		return in.Live
	}
	return p.prove(ctx, in, lock, &desired{key: key}, func(v *planner.Versions) bool { return v.Recorded != nil })
}

// addDeployed adds what is deployed to the references of an input, if that was requested. It
// returns the accounts in which not everything could be read. It also adds Workers that a
// configuration describes, because the configuration does not show whether they are deployed.
func (p *Project) addDeployed(ctx context.Context, in *planner.Input) (unread []planner.AccountID) {
	if !p.cfg.LiveBindings {
		return nil
	}
	found, failed := p.surveyor(PhaseReaders).Deployed(ctx, scope.Accounts(*in))
	names := outside.NamesOf(in.Recorded, in.Live)
	for _, id := range slices.Sorted(maps.Keys(found)) {
		in.References = append(slices.Clip(in.References), outside.References(found[id], names)...)
	}
	for _, id := range slices.Sorted(maps.Keys(failed)) {
		p.cfg.Notify(ReadersUnread{Account: id, Err: failed[id]})
		unread = append(unread, id)
	}
	return unread
}

// storesOf joins the three versions of all stores, with the readers of their secrets.
func storesOf(in planner.Input, lock *lockfile.File, unread map[planner.AccountID]error) []StoreInventory {
	stores := map[planner.StoreKey]*StoreInventory{}
	put := func(k planner.StoreKey) *StoreInventory {
		if stores[k] == nil {
			stores[k] = &StoreInventory{Key: k, Unread: unread[k.Account] != nil}
		}
		return stores[k]
	}
	desired := map[planner.StoreKey]bool{}
	for _, st := range in.Desired {
		put(st.Key)
		desired[st.Key] = true
	}
	for _, st := range in.Recorded {
		put(st.Key).ID = st.ID
	}
	for _, st := range in.Live {
		if s := stores[st.Key]; s != nil {
			s.ID, s.Exists, s.Incomplete = st.ID, true, st.Incomplete
		}
	}
	readers := map[planner.StoreID]map[string][]planner.Reference{}
	for _, ref := range in.References {
		if readers[ref.StoreID] == nil {
			readers[ref.StoreID] = map[string][]planner.Reference{}
		}
		readers[ref.StoreID][ref.Secret] = append(readers[ref.StoreID][ref.Secret], ref)
	}
	for _, v := range planner.Join(in) {
		st := put(v.Key.Store)
		if v.Desired == nil && v.Recorded == nil && (v.Within == nil && desired[v.Key.Store] || v.Within != nil && v.Within.Unmanaged == planner.UnmanagedIgnore) {
			st.Others++
			continue
		}
		sec := SecretInventory{Versions: v}
		if st.ID != "" {
			sec.Readers = readers[st.ID][v.Key.Name]
		}
		if v.Desired != nil {
			sec.Source = v.Desired.Source
		} else if r := lock.Stores[records.LockKey(v.Key.Store)].Secret(v.Key.Name); r != nil {
			sec.Source = r.Source
		}
		st.Secrets = append(st.Secrets, sec)
	}
	var list []StoreInventory
	for _, st := range stores {
		list = append(list, *st)
	}
	slices.SortFunc(list, func(x, y StoreInventory) int { return scope.CompareStores(x.Key, y.Key) })
	return list
}

// surveyor reads audit logs, and what is deployed, with the project's clients.
func (p *Project) surveyor(phase Phase) survey.Surveyor {
	return survey.Surveyor{
		Account: func(id planner.AccountID) (any, error) { return p.account(id) },
		Cache:   p.cfg.ReaderCache,
		Progress: func() (report func(done, total int), end func()) {
			notify, end := p.progress(phase)
			return func(done, total int) { notify("", done, total) }, end
		},
		Public: p.cfg.Guard.Public,
	}
}

// attribute adds who caused drift, according to the audit logs, if that was requested.
func (p *Project) attribute(ctx context.Context, in *planner.Input) {
	if !p.cfg.Who {
		return
	}
	unread := p.surveyor(PhaseAuditLogs).Attribute(ctx, in, p.now())
	for _, id := range slices.Sorted(maps.Keys(unread)) {
		p.cfg.Notify(AuditLogUnread{Account: id, Err: unread[id]})
	}
}

// liveBindings adds to an input what is deployed in its accounts.
func (p *Project) liveBindings(ctx context.Context, in *planner.Input) {
	if !p.cfg.LiveBindings {
		return
	}
	found, failed := p.surveyor(PhaseReaders).Deployed(ctx, scope.Accounts(*in))
	names := outside.NamesOf(in.Recorded, in.Live)
	for _, id := range slices.Sorted(maps.Keys(found)) {
		in.References = append(slices.Clip(in.References), outside.Unknown(outside.References(found[id], names), in.References)...)
	}
	for _, id := range slices.Sorted(maps.Keys(failed)) {
		p.cfg.Notify(ReadersUnread{Account: id, Err: failed[id]})
		in.UnreadReaders = append(in.UnreadReaders, id)
	}
}

// SecretReaders is a secret and what reads it.
type SecretReaders struct {
	Key planner.SecretKey
	// StoreID is the store's id, which is all that is known of a store that is not in the lockfile.
	StoreID planner.StoreID
	// Managed says that the manifest or the lockfile has the secret.
	Managed bool
	// Readers are in order.
	Readers []planner.Reference
}

// Deployment is which deployed Workers, AI Gateways and container registries read which secrets.
type Deployment struct {
	// Secrets are the secrets of the manifest and the lockfile, and all others that something reads.
	Secrets []SecretReaders
	// Workers, Gateways and Registries count what is deployed, whether it reads secrets or not.
	Workers, Gateways, Registries int
	// Unread are the errors of accounts that could not be read completely.
	Unread map[planner.AccountID]error
}

// Err joins the errors of Unread, in order; it may be nil.
func (d *Deployment) Err() error {
	return observe.Observed{Unread: d.Unread}.Err()
}

// Deployment reads what is deployed in the accounts of the project. It needs no values and no key.
func (p *Project) Deployment(ctx context.Context) (*Deployment, error) {
	in, err := p.readWithoutValues(ctx)
	if err != nil {
		return nil, err
	}
	accounts := scope.Accounts(in)
	for _, id := range accounts {
		if _, err := p.account(id); err != nil { // such as a missing token
			return nil, err
		}
	}
	found, failed := p.surveyor(PhaseReaders).Deployed(ctx, accounts)
	secrets, n := survey.Readers(in, found)
	d := &Deployment{Workers: n.Workers, Gateways: n.Gateways, Registries: n.Registries, Unread: failed}
	for _, s := range secrets {
		d.Secrets = append(d.Secrets, SecretReaders(s))
	}
	return d, nil
}
