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
	"github.com/secretsync/secretsync/reconcile/internal/proof"
	"github.com/secretsync/secretsync/reconcile/internal/records"
	"github.com/secretsync/secretsync/reconcile/internal/scope"
	"github.com/secretsync/secretsync/reconcile/internal/shown"
	"github.com/secretsync/secretsync/reconcile/internal/survey"
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
	quotas := p.quotas().Expect(reading, in)
	seen, in, err := p.see(ctx, in)
	if err != nil {
		d.wipe()
		return nil, err
	}
	prop.Unreachable, prop.unread = seen.Err(), seen.Unread
	in.Live = p.verify(ctx, in, lock, d)
	p.attribute(ctx, &in)
	p.liveBindings(ctx, &in)
	prop.Plan, prop.input = p.quotas().Build(ctx, in, quotas)
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

// Review is what was reviewed before an apply: plan files, plan ids, or nothing. Together they
// allow every action that one of them has.
type Review struct {
	Files []*planfile.File
	IDs   []string
}

// Given reports whether anything was reviewed.
func (r Review) Given() bool { return len(r.Files)+len(r.IDs) > 0 }

// SkipReason says why a reviewed action is not in the current plan.
type SkipReason int

// The reasons.
const (
	// SkipNotNeeded means that the action is no longer necessary.
	SkipNotNeeded SkipReason = iota
	// SkipNotDesired means that the manifest no longer asks for the value.
	SkipNotDesired
	// SkipUnread means that the account could not be read.
	SkipUnread
)

// Skipped is a reviewed action that is not in the current plan.
type Skipped struct {
	Action planner.Action
	Reason SkipReason
}

// StaleError means that a plan does more than the reviewed one, or has another id.
type StaleError struct {
	// Difference lists the differences from the reviewed plans. It is nil if only ids were reviewed,
	// and none of them has an action of the plan.
	Difference *planfile.Difference
	// PlanID is the id of the current plan.
	PlanID string
}

func (e *StaleError) Error() string {
	return "the reviewed plan no longer holds: nothing was changed"
}

// Check compares the plan with what was reviewed. It returns the reviewed actions that are not
// in the plan, which plan files show and ids do not, and a [StaleError] if the plan does more than
// was reviewed.
func (p *Proposal) Check(r Review) ([]Skipped, error) {
	stale := &StaleError{PlanID: planfile.ID(p.Plan)}
	nothing := len(p.Plan.Actions)+len(p.Plan.Problems) == 0
	if !r.Given() || len(r.Files) == 0 && (nothing || slices.Contains(r.IDs, stale.PlanID)) {
		return nil, nil
	}
	reviewed := p.reviewed(r)
	p.project.cfg.Guard.Public(shown.Plan(reviewed)...)
	d := planfile.Compare(reviewed, p.Plan)
	var skipped []Skipped
	for _, gone := range d.Gone {
		skipped = append(skipped, Skipped{gone, p.whyNot(gone)})
	}
	// A plan with only problems is not one of the plans whose ids were given.
	problemsAlone := len(r.Files) == 0 && len(p.Plan.Actions) == 0
	if d.Holds() && !problemsAlone {
		return skipped, nil
	}
	if len(reviewed.Actions) > 0 || len(r.Files) > 0 {
		stale.Difference = &d
	}
	return skipped, stale
}

// reviewed returns the reviewed actions: the files' actions, and those actions of the plan or a variant
// that an id covers.
func (p *Proposal) reviewed(r Review) *planner.Plan {
	var plans []*planner.Plan
	for _, f := range r.Files {
		plans = append(plans, f.Plan())
	}
	if len(r.IDs) > 0 {
		for _, variant := range p.variants() {
			for _, id := range r.IDs {
				plans = append(plans, &planner.Plan{Actions: planfile.Recognized(id, variant)})
			}
		}
	}
	return planfile.Union(plans...)
}

// variants returns the plans for the same state that may have been reviewed: this one, the one
// without a key, and both without proofs about live values.
func (p *Proposal) variants() []*planner.Plan {
	plans := []*planner.Plan{p.Plan, p.keyless(p.input)}
	if without, proven := proof.Unproven(p.input); proven {
		plans = append(plans, planner.Build(without), p.keyless(without))
	}
	return plans
}

// keyless is the plan for a state without a key.
func (p *Proposal) keyless(in planner.Input) *planner.Plan {
	in.Desired = p.desired.keyless(p.lock, in.Desired)
	in.Forged = planner.Forgery{}
	return planner.Build(in)
}

func (p *Proposal) whyNot(a planner.Action) SkipReason {
	_, wanted := p.desired.secrets[a.Store.Secret(a.Secret)]
	switch {
	case p.unread[a.Store.Account] != nil:
		return SkipUnread
	case a.SetValue && !wanted:
		return SkipNotDesired
	}
	return SkipNotNeeded
}

// quotas reads the quotas of accounts. One that could not be read is an event, and does not stop a
// plan.
func (p *Project) quotas() survey.Quotas {
	return survey.Quotas{Read: p.quota, Unread: func(id planner.AccountID, err error) { p.cfg.Notify(QuotaUnread{id, err}) }}
}

func (p *Project) quota(ctx context.Context, id planner.AccountID) (q planner.Quota, err error) {
	account, err := p.account(id)
	if err == nil {
		q.Usage, q.Limit, err = account.GetQuota(ctx)
	}
	return q, err
}
