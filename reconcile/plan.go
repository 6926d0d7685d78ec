package reconcile

import (
	"context"
	"crypto/sha256"
	"fmt"
	"maps"
	"slices"

	"github.com/secretsync/secretsync/lockfile"
	"github.com/secretsync/secretsync/planner"
	"github.com/secretsync/secretsync/planner/planfile"
	"github.com/secretsync/secretsync/reconcile/internal/observe"
	"github.com/secretsync/secretsync/reconcile/internal/pattern"
	"github.com/secretsync/secretsync/reconcile/internal/records"
	"github.com/secretsync/secretsync/reconcile/internal/scope"
	"github.com/secretsync/secretsync/reconcile/internal/shown"
)

// Proposal is a plan with its inputs. It holds values, so it must be closed.
type Proposal struct {
	Plan *planner.Plan
	// Unreachable joins the errors of all accounts that could not be read, which the plan
	// leaves out and names in its notes; it may be nil.
	Unreachable error

	project *Project
	run     *Run // nil if it was planned without the lock
	lock    *lockfile.File
	desired *desired
	input   planner.Input // the plan's input
	unread  map[planner.AccountID]error
}

// Close wipes the values.
func (p *Proposal) Close() {
	if p != nil {
		p.desired.wipe()
	}
}

// Plan says what an apply would do. It takes no lock and changes nothing.
func (p *Project) Plan(ctx context.Context, mode Mode) (*Proposal, error) {
	lock, err := p.ReadLockfile(ctx)
	if err != nil {
		return nil, err
	}
	d, err := p.desire(ctx, lock, mode)
	if err != nil {
		return nil, err
	}
	return p.propose(ctx, lock, d)
}

// propose reads the live state and builds the plan. Accounts that cannot be read are left
// out of it; if no others are left, that is an error.
func (p *Project) propose(ctx context.Context, lock *lockfile.File, d *desired) (*Proposal, error) {
	prop := &Proposal{project: p, lock: lock, desired: d}
	in := planner.Input{
		Desired: d.stores, Recorded: records.Stores(lock), References: d.references, Unread: d.unread,
		Forged: d.forgery(lock, p.Lockfile()), Options: p.options(), Now: p.now(),
	}
	in.Options.Destroy, in.Options.VerifyLater = d.destroy, !d.applied
	if len(d.rotate) > 0 {
		scope.ToRotations(&in, d.rotate)
	}
	if d.mode.Offline {
		in.Live, in.Options.Offline = records.AsLive(in.Recorded), true
		prop.input, prop.Plan = in, planner.Build(in)
		return prop.applicable(ctx)
	}
	reading, stop := context.WithCancel(ctx)
	defer stop()
	quotas := p.expectQuotas(reading, in)
	seen, in, err := p.see(ctx, in)
	if err != nil {
		d.wipe()
		return nil, err
	}
	prop.Unreachable, prop.unread = seen.Err(), seen.Unread
	p.verify(ctx, &in, lock, d)
	p.attribute(ctx, &in)
	p.liveBindings(ctx, &in)
	prop.Plan, prop.input = p.buildWithQuotas(ctx, in, quotas)
	if err := ctx.Err(); err != nil {
		d.wipe()
		return nil, err
	}
	return prop.applicable(ctx)
}

// applicable returns the proposal, unless an apply of it would fail for lack of a fingerprint
// key.
func (p *Proposal) applicable(ctx context.Context) (*Proposal, error) {
	if len(p.Plan.Actions) == 0 || len(p.Plan.Problems) > 0 {
		return p, nil
	}
	if err := p.project.checkNewKey(ctx, p.desired.key, p.lock.Key, p.desired.mode.Keyless); err != nil {
		p.Close()
		return nil, err
	}
	return p, nil
}

// observer reads live state with the project's clients.
func (p *Project) observer(progress func(account planner.AccountID, done, total int)) observe.Observer {
	return observe.Observer{
		Account:     func(id planner.AccountID) (observe.Account, error) { return p.account(id) },
		Now:         p.now,
		Parallelism: p.cfg.Parallelism,
		Progress:    progress,
	}
}

// see adds the live state to an input, and removes the accounts that cannot be read. If no
// others are left, that is an error.
func (p *Project) see(ctx context.Context, in planner.Input) (observe.Observed, planner.Input, error) {
	if p.cfg.API == nil {
		return observe.Observed{}, in, ErrNoAPI
	}
	places := observe.Places(in.Desired, in.Recorded)
	report, ended := p.progress(PhaseStores)
	seen := p.observer(report).Observe(ctx, places)
	ended()
	p.cfg.Guard.Public(shown.Live(seen.Live)...)
	in.Live = seen.Live
	for _, place := range places {
		if seen.Unread[place.Key.Account] != nil {
			in.UnreadStores = append(in.UnreadStores, place.Key)
		}
	}
	in.Desired = scope.Readable(in.Desired, seen.Unread)
	in.Recorded = slices.DeleteFunc(slices.Clone(in.Recorded), func(st planner.RecordedStore) bool {
		return seen.Unread[st.Key.Account] != nil
	})
	in.Now = p.now() // updated by the answers
	if len(in.Desired)+len(in.Recorded) == 0 {
		return seen, in, seen.Err()
	}
	return seen, in, nil
}

// forgery describes, for the planner, the fingerprints that were not written by an apply.
func (d *desired) forgery(lock *lockfile.File, path string) planner.Forgery {
	return planner.Forgery{
		Secrets: slices.Collect(maps.Keys(d.compared.Forged)), Matched: d.compared.Matched, KeyID: lock.Key.ID, Pos: planner.Position{File: path},
	}
}

// File is the plan as a plan file for review: complete, and without values.
func (p *Proposal) File() *planfile.File { return planfile.New(p.Plan, p.inputs()) }

// inputs describes what the plan was built from.
func (p *Proposal) inputs() planfile.Inputs {
	m := p.project.manifest
	in := planfile.Inputs{
		Manifest: m.File, ManifestDigest: m.Digest,
		Keyless: p.desired.mode.Keyless, Offline: p.desired.mode.Offline, Targets: p.input.Options.Targets,
		Rotate: p.input.Options.Rotate,
		Commit: p.project.cfg.Commit, RunURL: p.project.cfg.RunURL,
	}
	if !p.desired.mode.Offline {
		in.LiveDigest = planfile.LiveDigest(p.input.Live)
	}
	if len(p.lock.Stores) > 0 {
		in.LockfileDigest = fmt.Sprintf("sha256:%x", sha256.Sum256(p.lock.Format()))
	}
	return in
}

// checkRotate returns a [PatternError] unless the manifest or the lockfile has a secret that the
// glob matches, and only one if the glob names no store.
func (d *desired) checkRotate(glob string, lock *lockfile.File) error {
	all := slices.SortedFunc(scope.Known(d.stores, records.Stores(lock)), scope.CompareSecrets)
	_, err := pattern.Choose([]string{glob}, "the manifest or the lockfile", slices.Compact(all))
	return err
}
