package reconcile

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/secretsync/secretsync/applier"
	"github.com/secretsync/secretsync/internal/keyring"
	"github.com/secretsync/secretsync/internal/repo"
	"github.com/secretsync/secretsync/internal/secret"
	"github.com/secretsync/secretsync/lockfile"
	"github.com/secretsync/secretsync/planner"
	"github.com/secretsync/secretsync/reconcile/internal/pattern"
	"github.com/secretsync/secretsync/reconcile/internal/records"
	"github.com/secretsync/secretsync/reconcile/internal/shown"
)

// Run is a project that holds its lock: no other apply changes the lockfile meanwhile. Only
// its plans can be applied.
type Run struct {
	project *Project
	handle  *lockfile.Handle
	shared  *sharedRun // nil unless leases keep other machines away
}

// Lock acquires the lock of the lockfile, waiting up to Config.LockTimeout. The run must be
// closed.
func (p *Project) Lock(ctx context.Context) (*Run, error) {
	r := &Run{project: p}
	var err error
	if p.cfg.leaseStore.URL != "" {
		r.handle, r.shared, err = p.lockShared(ctx)
	} else {
		r.handle, err = p.openLockfile(ctx)
	}
	if err != nil {
		return nil, err
	}
	if err := p.prepare(); err != nil {
		r.Close()
		return nil, err
	}
	return r, nil
}

// prepare checks, after waiting for the lock, that the files read before are unchanged, and makes
// git ignore the files that belong to the lockfile.
func (p *Project) prepare() error {
	if err := p.checkInputs(); err != nil {
		return err
	}
	dir := filepath.Dir(p.cfg.Lockfile)
	if !repo.InWorkTree(dir) {
		return nil
	}
	var ignored []string
	if p.cfg.lockKey == "" {
		ignored = lockfile.Ignored(p.cfg.Lockfile)
	}
	if _, err := os.Lstat(p.KeyFile()); err == nil { // it may have been moved here, or be older than the repository
		ignored = append(ignored, filepath.Base(p.KeyFile()))
	}
	return keyring.Ignore(dir, ignored...)
}

// Close releases the lock, and the leases if there are any. The error is a [*lockfile.ReplacedError]
// if another program replaced the lockfile since this run wrote it: then the run's records are
// beside it.
func (r *Run) Close() error {
	p := r.project
	if r.shared != nil {
		r.shared.publish(r.handle.File(), p.cfg.RunURL, p.now())
	}
	err := r.handle.Close()
	if err := r.shared.release(context.Background()); err != nil {
		p.cfg.Notify(LeaseNotReleased{err})
	}
	return err
}

// Project is the project of the run.
func (r *Run) Project() *Project { return r.project }

// Edit changes what a run plans: [Rotate] or [Destroy].
type Edit struct {
	rotate  string
	destroy bool
}

// PatternError says that an argument does not name secrets: it matches none, or it is a name
// that several secrets have. Its Pattern is the argument, Among says where it was looked for,
// Matching are the secrets that a name without a store matches, and Known are all that could
// have been named.
type PatternError = pattern.Error

// Rotate limits a plan to rotations: the generated secrets that the glob matches get new values,
// and nothing else is done. The glob is STORE/SECRET or ACCOUNT/STORE/SECRET, or SECRET if only
// one secret of the manifest and the lockfile matches that. Otherwise Plan returns a
// [PatternError]. Matching secrets that cannot be rotated are notes of the plan.
func Rotate(glob string) Edit { return Edit{rotate: glob} }

// Destroy requests nothing to exist: every secret in the lockfile is deleted, or forgotten
// if its policy says so. It reads no values.
func Destroy() Edit { return Edit{destroy: true} }

// Plan says what Apply would do.
func (r *Run) Plan(ctx context.Context, edits ...Edit) (*Proposal, error) {
	lock := r.handle.File()
	d, err := r.desire(ctx, lock, edits)
	if err != nil {
		return nil, err
	}
	prop, err := r.project.propose(ctx, lock, d)
	if err != nil {
		return nil, err
	}
	prop.run = r
	return prop, nil
}

func (r *Run) desire(ctx context.Context, lock *lockfile.File, edits []Edit) (*desired, error) {
	for _, e := range edits {
		if e.destroy {
			return r.project.desireNothing(lock)
		}
	}
	d, err := r.project.desire(ctx, lock, Mode{})
	if err != nil {
		return nil, err
	}
	d.applied = true
	for _, e := range edits {
		if err := d.checkRotate(e.rotate, lock); err != nil {
			d.wipe()
			return nil, err
		}
		d.rotate = append(d.rotate, e.rotate)
	}
	return d, nil
}

// desireNothing is the desired state of a manifest without secrets.
func (p *Project) desireNothing(lock *lockfile.File) (*desired, error) {
	if err := p.checkAPI(lock); err != nil {
		return nil, err
	}
	p.cfg.Guard.Public(shown.Lockfile(lock)...)
	d := &desired{destroy: true}
	var err error
	d.references, d.unread, err = p.references(lock)
	return d, err
}

var (
	// ErrNotRefreshed means that everything was applied, but the lockfile could not be
	// updated with new sources of unchanged values.
	ErrNotRefreshed = errors.New("recording where unchanged values come from")
	// ErrProblems means that a plan has problems and cannot be applied.
	ErrProblems = errors.New("the plan has problems")
)

// Apply executes a plan of this run. The report is nil only if nothing was attempted.
//
// It refuses a plan with problems. It sends nothing if another program has changed the plan's
// inputs: the lockfile ([lockfile.ReplacedError]) or another file ([ChangedError]). A failed
// action does not stop the others. The report says what was done, what failed and what is
// unknown, and the lockfile agrees with it.
func (r *Run) Apply(ctx context.Context, p *Proposal) (*applier.Report, error) {
	switch {
	case p.run != r:
		return nil, fmt.Errorf("the plan does not belong to this run")
	case len(p.Plan.Problems) > 0:
		return nil, ErrProblems
	}
	if err := r.unchanged(ctx, p.desired.key, p.lock.Key); err != nil {
		return nil, err
	}
	if len(p.Plan.Actions) == 0 {
		return &applier.Report{}, r.journal(p.desired, p.lock.Key).Refresh(p.lock, p.input.Live)
	}
	key, recorded, err := r.project.ensureKey(ctx, p.desired.key, p.lock.Key)
	if err != nil {
		return nil, err
	}
	p.desired.key = key
	targets, err := r.targets(p.Plan)
	if err != nil {
		return nil, err
	}
	ctx, stop := r.shared.while(ctx)
	defer stop()
	c := r.project.cfg
	p.desired.generate(p.Plan, c.Guard.Know)
	j := r.journal(p.desired, recorded)
	outcome, ended := r.project.applying(p.Plan)
	defer ended()
	report, err := applier.Apply(ctx, p.Plan, applier.Config{
		Targets: targets, Journal: j, Parallelism: c.Parallelism, Wait: c.Wait, Now: c.API.Now, Quota: r.project.quota,
		Value: func(k planner.SecretKey) (secret.Value, bool) {
			w, ok := p.desired.secrets[k]
			return w.Value, ok
		},
		Events: outcome, Waiting: r.project.activating,
	})
	r.project.restoreKey(key, recorded)
	if lost := r.shared.check(); lost != nil && (err == nil || errors.Is(err, context.Canceled)) {
		err = lost
	}
	if p.Plan.RotateOnly {
		return report, cmp.Or(err, r.handle.Fold())
	}
	if refreshed := j.Refresh(r.handle.File(), p.input.Live); err == nil && refreshed != nil {
		err = fmt.Errorf("%w: %w", ErrNotRefreshed, refreshed)
	}
	return report, err
}

// journal records in the lockfile what an apply of desired values does.
func (r *Run) journal(d *desired, key lockfile.Key) *records.Journal {
	p := r.project
	j := &records.Journal{
		Handle: r.handle, API: p.apiKind(), Key: key,
		Wants: d.secrets, FingerprintKey: d.key, StorePolicy: map[planner.StoreKey]bool{},
		Now: p.now, Timeout: p.cfg.RequestTimeout,
	}
	for _, st := range d.stores {
		j.StorePolicy[st.Key] = j.StorePolicy[st.Key] || st.Delete
	}
	return j
}

// targets are the clients of all accounts in the plan's actions.
func (r *Run) targets(p *planner.Plan) (map[planner.AccountID]applier.Target, error) {
	targets := map[planner.AccountID]applier.Target{}
	for _, a := range p.Actions {
		if targets[a.Store.Account] != nil {
			continue
		}
		account, err := r.project.account(a.Store.Account)
		if err != nil {
			return nil, err
		}
		targets[a.Store.Account] = r.shared.guard(account)
	}
	return targets, nil
}

// applying returns what reports the outcomes of a plan, and how far its actions are in each account.
func (p *Project) applying(plan *planner.Plan) (outcome func(applier.Result), end func()) {
	report, end := p.progress(PhaseApply)
	total, done := map[planner.AccountID]int{}, map[planner.AccountID]int{}
	for _, a := range plan.Actions {
		total[a.Store.Account]++
	}
	for _, id := range slices.Sorted(maps.Keys(total)) {
		report(id, 0, total[id])
	}
	return func(res applier.Result) {
		p.cfg.Notify(ActionDone{res})
		if id := res.Action.Store.Account; res.Outcome != applier.Skipped {
			done[id] = min(done[id]+1, total[id]) // an action may be tried twice
			report(id, done[id], total[id])
		}
	}, end
}

// activating reports for how many secrets of an account an apply waits.
func (p *Project) activating(account planner.AccountID, pending int, until time.Time) {
	if pending == 0 {
		p.cfg.Notify(WaitEnded{WaitActive, account})
	} else {
		p.cfg.Notify(Waiting{For: WaitActive, Account: account, Secrets: pending, Until: until})
	}
}
