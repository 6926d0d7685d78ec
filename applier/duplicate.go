package applier

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/secretsync/secretsync/planner"
)

var (
	errNotKept = errors.New("not tried: the value that it replaces could not be kept")
	errNotSeen = errors.New("not tried: the duplicate that keeps the value is not active yet, so no Worker could read it")
	errNoFrom  = errors.New("not tried: the secret to be duplicated could not be written")
)

// prepare duplicates the secrets that no later write of this apply changes, and those whose values
// are replaced next: their duplicates keep the old values.
func (r *run) prepare(ctx context.Context) {
	all := r.pendingWrites(planner.OpPrepare, planner.OpRetire)
	if len(all) == 0 {
		return
	}
	r.index()
	r.forEach(ctx, slices.DeleteFunc(all, func(res *Result) bool {
		from := r.source(res)
		return from != nil && from.Outcome != Done && from.Action.Previous != res.Action.Secret
	}), r.duplicate)
	keeps := map[*Result]bool{}
	for _, res := range r.pendingWrites(planner.OpAdopt, planner.OpUpdate, planner.OpRotate) {
		keeps[r.keeper(res)] = true
	}
	r.await(ctx, func(res *Result) bool { return keeps[res] && res.pending() })
}

// duplicateAll duplicates the other secrets. Their own writes come first.
func (r *run) duplicateAll(ctx context.Context) {
	var ready []*Result
	for _, res := range r.pendingWrites(planner.OpPrepare, planner.OpRetire) {
		if from := r.source(res); from != nil && from.Outcome != Done {
			res.Err = errNoFrom
			continue
		}
		ready = append(ready, res)
	}
	r.forEach(ctx, ready, r.duplicate)
}

// updates lists the writes to existing secrets. A write is left out if the old value should be kept
// and is not, because it would be lost. If the apply waits for secrets, the duplicate that keeps the
// old value has to be active.
func (r *run) updates() []*Result {
	all := r.pendingWrites(planner.OpAdopt, planner.OpUpdate, planner.OpRotate)
	return slices.DeleteFunc(all, func(res *Result) bool {
		switch k := r.keeper(res); {
		case k == nil:
			return false
		case k.Outcome != Done:
			res.Err = errNotKept
		case k.pending() && r.cfg.Wait > 0:
			res.Err = errNotSeen
		}
		return res.Err != nil
	})
}

// index finds the writes that have to come before or after others.
func (r *run) index() {
	r.writes = map[planner.SecretKey]*Result{}
	for _, res := range r.results {
		if a := res.Action; a.Op.Duplicates() {
			r.writes[a.Store.Secret(a.Secret)], r.writes[a.Store.Secret(a.From)] = res, nil
		}
	}
	for _, res := range r.results {
		k := res.Action.Store.Secret(res.Action.Secret)
		if _, ok := r.writes[k]; ok && res.Action.Writes() {
			r.writes[k] = res
		}
	}
}

// source returns the result of the write to the secret that is duplicated; nil if there is none.
func (r *run) source(res *Result) *Result { return r.writes[res.Action.Store.Secret(res.Action.From)] }

// keeper returns the result of the duplicate that keeps the value which a write replaces; nil if
// the duplicate already existed.
func (r *run) keeper(res *Result) *Result {
	if res.Action.Previous == "" {
		return nil
	}
	return r.writes[res.Action.Store.Secret(res.Action.Previous)]
}

// duplicate creates a secret with the value of another. For OpRetire, it first deletes the existing
// secret of that name. If only that succeeds, the outcome is unknown, so that it stays pending.
func (r *run) duplicate(ctx context.Context, res *Result) (planner.LiveSecret, error) {
	a := res.Action
	t, err := r.target(a)
	if err != nil {
		return planner.LiveSecret{}, err
	}
	store, from := r.stores[a.Store], a.FromID
	if w := r.source(res); w != nil && from == "" {
		from = w.Live.ID
	}
	d := Duplicate{Name: a.Secret, Scopes: a.Scopes.After, Comment: &a.Comment.After}
	resend := func() error { return r.resend(res) }
	if a.Op != planner.OpRetire {
		return t.DuplicateSecret(ctx, store, from, d, resend)
	}
	begun := r.cfg.Now()
	if err := t.DeleteSecret(ctx, store, a.ID); err != nil {
		return planner.LiveSecret{}, err
	}
	var live planner.LiveSecret
	if err = r.resendLate(res, begun); err == nil {
		live, err = t.DuplicateSecret(ctx, store, from, d, resend)
	}
	if err != nil {
		err = fmt.Errorf("%w: the earlier value was deleted, and %s could not be duplicated again: %w", ErrOutcomeUnknown, a.From, err)
	}
	return live, err
}
