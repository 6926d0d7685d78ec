package reconcile

import (
	"context"
	"maps"
	"slices"

	"github.com/secretsync/secretsync/planner"
)

// Reading a quota costs a request, and can matter only in an account that comes near the usual
// quota. Where the lockfile and the manifest say so, the quota is read beside the live state, and
// else after it, if the live state says so.

// quotasRead are the quotas that were read, and why others could not be.
type quotasRead struct {
	quotas map[planner.AccountID]planner.Quota
	failed map[planner.AccountID]error
}

// expectQuotas begins to read the quotas that are expected to matter for a plan, and returns a
// function that waits for them. Reading ends with ctx.
func (p *Project) expectQuotas(ctx context.Context, in planner.Input) (wait func() quotasRead) {
	read := make(chan quotasRead, 1)
	go func() { read <- p.readQuotas(ctx, planner.ExpectNearQuota(in)) }()
	return func() quotasRead { return <-read }
}

// buildWithQuotas builds the plan, after reading the quotas that turn out to matter. It returns
// the input with them.
func (p *Project) buildWithQuotas(ctx context.Context, in planner.Input, wait func() quotasRead) (*planner.Plan, planner.Input) {
	expected := wait()
	in.Quotas = expected.quotas
	plan := planner.Build(in)
	near := plan.NearQuota(in)
	maps.DeleteFunc(expected.failed, func(id planner.AccountID, _ error) bool { return !slices.Contains(near, id) })
	p.notifyUnread(ctx, expected.failed)
	late := p.readQuotas(ctx, slices.DeleteFunc(near, func(id planner.AccountID) bool {
		_, ok := in.Quotas[id]
		return ok || expected.failed[id] != nil
	}))
	p.notifyUnread(ctx, late.failed)
	if len(late.quotas) == 0 {
		return plan, in
	}
	maps.Copy(in.Quotas, late.quotas)
	return planner.Build(in), in
}

// readQuotas reads the quotas of accounts side by side.
func (p *Project) readQuotas(ctx context.Context, accounts []planner.AccountID) quotasRead {
	read := quotasRead{quotas: map[planner.AccountID]planner.Quota{}, failed: map[planner.AccountID]error{}}
	for id, q := range perAccount(accounts, func(id planner.AccountID) (planner.Quota, error) { return p.quota(ctx, id) }) {
		if q.err != nil {
			read.failed[id] = q.err
		} else {
			read.quotas[id] = q.got
		}
	}
	return read
}

func (p *Project) quota(ctx context.Context, id planner.AccountID) (q planner.Quota, err error) {
	account, err := p.account(id)
	if err == nil {
		q.Usage, q.Limit, err = account.GetQuota(ctx)
	}
	return q, err
}

// notifyUnread notifies of quotas that could not be read, which does not stop a plan.
func (p *Project) notifyUnread(ctx context.Context, failed map[planner.AccountID]error) {
	if ctx.Err() != nil {
		return
	}
	for _, id := range slices.Sorted(maps.Keys(failed)) {
		p.cfg.Notify(QuotaUnread{id, failed[id]})
	}
}
