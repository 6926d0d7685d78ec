package reconcile

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/secretsync/secretsync/applier"
	"github.com/secretsync/secretsync/internal/lease"
	"github.com/secretsync/secretsync/lockfile"
	"github.com/secretsync/secretsync/planner"
)

// Progress is how far a phase of a run is. The first of each account has Done 0. Phases may
// overlap; [PhaseEnded] ends each.
type Progress struct {
	Phase Phase
	// Account is the account that the numbers are about; empty if they are about no single one.
	Account planner.AccountID
	// Done and Total count what the phase is about. Total is 0 if it is not known.
	Done, Total int
}

// PhaseEnded means that a phase is over, completely or not.
type PhaseEnded struct{ Phase Phase }

// Phase is a part of a run that may take a while.
type Phase string

// The phases, and what [Progress] counts in them.
const (
	// PhaseValues reads the desired values from their sources. Total is how many; Done stays 0.
	PhaseValues Phase = "values"
	// PhaseStores reads what is in Cloudflare. It counts stores.
	PhaseStores Phase = "stores"
	// PhaseVerify has Workers compare live values. It counts secrets.
	PhaseVerify Phase = "verify"
	// PhaseAuditLogs reads who changed secrets. It counts accounts.
	PhaseAuditLogs Phase = "audit_logs"
	// PhaseReaders reads what is deployed. It counts accounts.
	PhaseReaders Phase = "readers"
	// PhaseApply executes a plan. It counts actions that were tried; each has an [ActionDone] too.
	PhaseApply Phase = "apply"
)

// Waiting means that the run waits for half a second or more. A later one for the same thing and
// account replaces it.
type Waiting struct {
	For WaitFor
	// Account is the account that is waited for; empty if it is no single one. Accounts with the
	// same API token wait together for its rate limit, which is reported for one of them.
	Account planner.AccountID
	// Until is when the wait ends at the latest, by this machine's clock.
	Until time.Time
	// Reason says why a request waits. It has no text of an answer.
	Reason string
	// Secrets is how many secrets are waited for.
	Secrets int
	// Held says who holds the lockfile's lock or the lease.
	Held error
}

// WaitEnded means that a wait has ended. There is none for [WaitRateLimit] and [WaitRetry], which
// last until Waiting.Until.
type WaitEnded struct {
	For     WaitFor
	Account planner.AccountID
}

// WaitFor is what a run waits for.
type WaitFor string

// What a run waits for.
const (
	// WaitRateLimit is until Cloudflare's rate limit allows further requests. It is reported once
	// for all requests that it delays.
	WaitRateLimit WaitFor = "rate_limit"
	// WaitRetry is the pause before a request is sent again that failed.
	WaitRetry WaitFor = "retry"
	// WaitActive is for secrets that were written to become active.
	WaitActive WaitFor = "active"
	// WaitWorkers is for Workers to read the values that were written.
	WaitWorkers WaitFor = "workers"
	// WaitLock is for another process that holds the lockfile's lock.
	WaitLock WaitFor = "lock"
	// WaitLease is for another run that holds a lease.
	WaitLease WaitFor = "lease"
)

func (Progress) event()   {}
func (PhaseEnded) event() {}
func (Waiting) event()    {}
func (WaitEnded) event()  {}

// progress returns a function that reports how far a phase is, and one that ends the phase.
func (p *Project) progress(phase Phase) (report func(account planner.AccountID, done, total int), end func()) {
	notify := p.cfg.Notify
	return func(account planner.AccountID, done, total int) {
			notify(Progress{phase, account, done, total})
		},
		func() { notify(PhaseEnded{phase}) }
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

// openLockfile locks and opens the lockfile, and reports for whom it waits.
func (p *Project) openLockfile(ctx context.Context) (*lockfile.Handle, error) {
	until, waited := time.Now().Add(p.cfg.LockTimeout), false
	h, err := lockfile.Open(ctx, p.cfg.Lockfile, p.cfg.LockTimeout, p.cfg.lockLimit(), lockfile.Waiting(func(held *lockfile.HeldError) {
		waited = true
		p.cfg.Notify(Waiting{For: WaitLock, Held: held, Until: until})
	}))
	if waited {
		p.cfg.Notify(WaitEnded{For: WaitLock})
	}
	return h, err
}

// leaseWaits returns what reports that a lease is waited for, and the end of that.
func (p *Project) leaseWaits() (waiting func(*lease.HeldError), end func()) {
	until, waited := time.Now().Add(p.cfg.LockTimeout), false
	return func(held *lease.HeldError) {
			waited = true
			holder := *held
			holder.Waited = 0 // true only now, and shown for as long as the wait lasts
			p.cfg.Notify(Waiting{For: WaitLease, Held: &holder, Until: until})
		}, func() {
			if waited {
				p.cfg.Notify(WaitEnded{For: WaitLease})
			}
		}
}
