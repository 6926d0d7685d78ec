package survey

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/secretsync/secretsync/planner"
	"github.com/secretsync/secretsync/reconcile/internal/enginetest"
)

// quotas are the quotas of accounts, and which of them were read and could not be read.
type quotas struct {
	of map[planner.AccountID]planner.Quota

	mu           sync.Mutex
	read, unread []planner.AccountID
}

var errQuota = errors.New("no such quota")

func (q *quotas) reader() Quotas {
	return Quotas{
		Read: func(ctx context.Context, id planner.AccountID) (planner.Quota, error) {
			q.mu.Lock()
			defer q.mu.Unlock()
			q.read = append(q.read, id)
			quota, ok := q.of[id]
			if !ok {
				return quota, errQuota
			}
			return quota, ctx.Err()
		},
		Unread: func(id planner.AccountID, err error) {
			if errors.Is(err, errQuota) {
				q.unread = append(q.unread, id)
			}
		},
	}
}

// creating has, in an account, a number of desired and of other live secrets.
func creating(in *planner.Input, id planner.AccountID, desired, others int) {
	k := planner.StoreKey{Account: id, Name: "prod"}
	d, l := planner.DesiredStore{Key: k}, planner.LiveStore{Key: k, ID: planner.StoreID(id)}
	for i := range desired {
		d.Secrets = append(d.Secrets, planner.DesiredSecret{Name: fmt.Sprintf("s%03d", i), Value: planner.ValueNew})
	}
	for i := range others {
		l.Secrets = append(l.Secrets, planner.LiveSecret{ID: planner.SecretID(fmt.Sprint(i)), Name: fmt.Sprintf("other-%03d", i)})
	}
	in.Desired, in.Live = append(in.Desired, d), append(in.Live, l)
}

// TestQuotas: quotas that matter are read before the plan is built if that was expected, or else once
// the live state shows it; each is read once. Errors are reported for quotas that matter.
func TestQuotas(t *testing.T) {
	for name, tt := range map[string]struct {
		desired, others int
		quota           *planner.Quota
		expected, late  bool
		problems        int
	}{
		"few":                               {2, 2, nil, false, false, 0},
		"many to create":                    {101, 0, &planner.Quota{Limit: 200}, true, false, 0},
		"too many to create":                {101, 0, &planner.Quota{Limit: 100}, true, false, 1},
		"many to create, unread":            {101, 0, nil, true, false, 0},
		"many with those of others":         {2, 99, &planner.Quota{Usage: 99, Limit: 200}, false, true, 0},
		"too many with those of others":     {2, 99, &planner.Quota{Usage: 99, Limit: 100}, false, true, 1},
		"many with those of others, unread": {2, 99, nil, false, true, 0},
	} {
		q := &quotas{of: map[planner.AccountID]planner.Quota{}}
		var want, unread []planner.AccountID
		if tt.expected || tt.late {
			want = []planner.AccountID{"a"}
			if tt.quota == nil {
				unread = want
			}
		}
		if tt.quota != nil {
			q.of["a"] = *tt.quota
		}
		in := planner.Input{Now: now}
		creating(&in, "a", tt.desired, tt.others)
		creating(&in, "b", 1, 1)
		wait := q.reader().Expect(t.Context(), in)
		expected := wait()
		enginetest.Equal(t, name+": expected", len(expected.Quotas)+len(expected.Failed) == 1, tt.expected)
		plan, with := q.reader().Build(t.Context(), in, func() QuotasRead { return expected })
		enginetest.Equal(t, name+": read", q.read, want)
		enginetest.Equal(t, name+": unread", q.unread, unread)
		enginetest.Equal(t, name+": problems", len(plan.Problems), tt.problems)
		enginetest.Equal(t, name+": input", with.Quotas, q.of)
	}
}

// TestQuotaThatDoesNotMatter: if a quota was expected to matter and does not, its error is not
// reported.
func TestQuotaThatDoesNotMatter(t *testing.T) {
	q := new(quotas)
	in := planner.Input{Now: now}
	creating(&in, "a", 1, 1)
	q.reader().Build(t.Context(), in, func() QuotasRead {
		return QuotasRead{Quotas: map[planner.AccountID]planner.Quota{}, Failed: map[planner.AccountID]error{"a": errQuota}}
	})
	if len(q.read)+len(q.unread) > 0 {
		t.Errorf("read %v, reported %v", q.read, q.unread)
	}
}

// TestReport: in the order of the accounts, and not after an interrupt.
func TestReport(t *testing.T) {
	q := new(quotas)
	failed := map[planner.AccountID]error{"b": errQuota, "c": errQuota, "a": errQuota}
	interrupted, cancel := context.WithCancel(t.Context())
	cancel()
	q.reader().Report(interrupted, failed)
	enginetest.Equal(t, "after an interrupt", q.unread, []planner.AccountID(nil))
	q.reader().Report(t.Context(), failed)
	enginetest.Equal(t, "unread", q.unread, []planner.AccountID{"a", "b", "c"})
}

// TestSideBySide: all quotas are read at once.
func TestSideBySide(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := Quotas{Read: func(_ context.Context, id planner.AccountID) (planner.Quota, error) {
			time.Sleep(time.Second)
			if id == "b" {
				return planner.Quota{}, errQuota
			}
			return planner.Quota{Usage: 1, Limit: 100}, nil
		}}
		begun := time.Now()
		read := q.Of(t.Context(), []planner.AccountID{"a", "b", "c"})
		enginetest.Equal(t, "time", time.Since(begun), time.Second)
		enginetest.Equal(t, "quotas", read.Quotas, map[planner.AccountID]planner.Quota{"a": {Usage: 1, Limit: 100}, "c": {Usage: 1, Limit: 100}})
		enginetest.Equal(t, "failed", errorsOf(read.Failed), map[planner.AccountID]string{"b": errQuota.Error()})
	})
}
