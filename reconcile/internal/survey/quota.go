package survey

import (
	"context"
	"maps"
	"slices"

	"github.com/secretsync/secretsync/planner"
)

// Reading a quota costs a request, and can matter only in an account that comes near the usual
// quota. If the lockfile and the manifest show that, the quota is read at the same time as the live
// state; otherwise after it, if the live state shows that.

// Quotas reads quotas.
type Quotas struct {
	Read func(context.Context, planner.AccountID) (planner.Quota, error)
	// Unread receives the errors of quotas that could not be read.
	Unread func(planner.AccountID, error)
}

// QuotasRead are the quotas that were read, and why others could not be.
type QuotasRead struct {
	Quotas map[planner.AccountID]planner.Quota
	Failed map[planner.AccountID]error
}

// Expect begins to read the quotas that are expected to matter for a plan, and returns a function
// that waits for them. Reading ends with ctx.
func (q Quotas) Expect(ctx context.Context, in planner.Input) (wait func() QuotasRead) {
	read := make(chan QuotasRead, 1)
	go func() { read <- q.Of(ctx, planner.ExpectNearQuota(in)) }()
	return func() QuotasRead { return <-read }
}

// Build builds the plan, after reading the quotas that turn out to matter. It returns the input
// with them.
func (q Quotas) Build(ctx context.Context, in planner.Input, wait func() QuotasRead) (*planner.Plan, planner.Input) {
	expected := wait()
	in.Quotas = expected.Quotas
	plan := planner.Build(in)
	near := plan.NearQuota(in)
	maps.DeleteFunc(expected.Failed, func(id planner.AccountID, _ error) bool { return !slices.Contains(near, id) })
	q.Report(ctx, expected.Failed)
	late := q.Of(ctx, slices.DeleteFunc(near, func(id planner.AccountID) bool {
		_, ok := in.Quotas[id]
		return ok || expected.Failed[id] != nil
	}))
	q.Report(ctx, late.Failed)
	if len(late.Quotas) == 0 {
		return plan, in
	}
	maps.Copy(in.Quotas, late.Quotas)
	return planner.Build(in), in
}

// Of reads the quotas of accounts side by side.
func (q Quotas) Of(ctx context.Context, accounts []planner.AccountID) QuotasRead {
	read := QuotasRead{Quotas: map[planner.AccountID]planner.Quota{}, Failed: map[planner.AccountID]error{}}
	for id, r := range perAccount(accounts, func(id planner.AccountID) (planner.Quota, error) { return q.Read(ctx, id) }) {
		if r.err != nil {
			read.Failed[id] = r.err
		} else {
			read.Quotas[id] = r.got
		}
	}
	return read
}

// Report calls Unread for quotas that could not be read, which does not stop a plan.
func (q Quotas) Report(ctx context.Context, failed map[planner.AccountID]error) {
	if ctx.Err() != nil {
		return
	}
	for _, id := range slices.Sorted(maps.Keys(failed)) {
		q.Unread(id, failed[id])
	}
}
