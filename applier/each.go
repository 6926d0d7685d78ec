package applier

import (
	"errors"
	"fmt"
	"sync"

	"github.com/secretsync/secretsync/internal/secret"
	"github.com/secretsync/secretsync/planner"
)

var errNoValue = errors.New("its value is not at hand")

// each does some actions in parallel. All intents are journaled
// in one record; outcomes are as they come in, those that come together in one.
func (r *run) each(do func(i int) (planner.LiveSecret, error), is []int) {
	if len(is) == 0 || !r.intend(is) {
		return
	}
	type answer struct {
		i    int
		live planner.LiveSecret
		err  error
	}
	answers := make(chan answer, len(is))
	slots := make(chan struct{}, max(1, r.cfg.Parallelism))
	stop := make(chan struct{}) // closed when the journal is broken
	var wg sync.WaitGroup
	wg.Go(func() {
		for _, i := range is {
			select {
			case slots <- struct{}{}:
			case <-stop:
				return
			case <-r.ctx.Done():
				return
			}
			if r.ctx.Err() != nil {
				return
			}
			wg.Go(func() {
				live, err := do(i)
				answers <- answer{i, live, err}
				<-slots
			})
		}
	})
	go func() { wg.Wait(); close(answers) }()

	for a := range answers {
		r.conclude(a.i, a.live, a.err)
		done := []int{a.i}
		for n := len(answers); n > 0; n-- {
			if b, ok := <-answers; ok {
				r.conclude(b.i, b.live, b.err)
				done = append(done, b.i)
			}
		}
		wasBroken := r.broken != nil
		r.settle(done...)
		if r.broken != nil && !wasBroken {
			close(stop)
		}
	}
	r.settleUntried(is)
}

// settleUntried takes back the intents of what was not tried after all.
func (r *run) settleUntried(is []int) {
	var untried []int
	for _, i := range is {
		if r.results[i].Outcome == Skipped {
			untried = append(untried, i)
			if r.results[i].Err == nil {
				r.results[i].Err = r.stopped()
			}
		}
	}
	if len(untried) > 0 {
		r.settle(untried...)
	}
}

func (r *run) update(i int) (planner.LiveSecret, error) {
	a := r.results[i].Action
	t, err := r.target(a)
	if err != nil {
		return planner.LiveSecret{}, err
	}
	p, err := r.patch(a)
	if err != nil {
		return planner.LiveSecret{}, err
	}
	return t.UpdateSecret(r.ctx, a.StoreID, a.ID, p)
}

// patch is what an action sends: nothing that it doesn't change.
func (r *run) patch(a planner.Action) (Patch, error) {
	p := Patch{Before: a.Current.Comment}
	if a.SetValue {
		v, err := r.value(a)
		if err != nil {
			return Patch{}, err
		}
		p.Value = v
	}
	if a.Scopes != nil {
		p.Scopes = a.Scopes.After
	}
	if a.Comment != nil {
		p.Comment = &a.Comment.After
	}
	return p, nil
}

func (r *run) value(a planner.Action) (secret.Value, error) {
	v, ok := r.cfg.Value(a.Store, a.Secret)
	if !ok {
		return secret.Value{}, errNoValue
	}
	return v, nil
}

func (r *run) remove(i int) (planner.LiveSecret, error) {
	a := r.results[i].Action
	t, err := r.target(a)
	if err != nil {
		return planner.LiveSecret{}, err
	}
	return planner.LiveSecret{}, t.DeleteSecret(r.ctx, a.StoreID, a.ID)
}

// rename duplicates a secret and deletes it under its old name. A duplicate whose
// original cannot be deleted is not done: both names stay pending.
func (r *run) rename(i int) (planner.LiveSecret, error) {
	a := r.results[i].Action
	t, err := r.target(a)
	if err != nil {
		return planner.LiveSecret{}, err
	}
	d := Duplicate{Name: a.Secret, Scopes: a.Scopes.After, Comment: &a.Comment.After}
	live, err := t.DuplicateSecret(r.ctx, a.StoreID, a.ID, d, func() error {
		return r.cfg.Journal.Resend([]planner.Action{a})
	})
	if err != nil {
		return live, err
	}
	if err := t.DeleteSecret(r.ctx, a.StoreID, a.ID); err != nil {
		return live, fmt.Errorf("%w: it has its new name, and the old one could not be deleted: %w", ErrOutcomeUnknown, err)
	}
	return live, nil
}

// deleteStores deletes stores, last of all: those that are not empty are refused.
func (r *run) deleteStores() {
	for _, i := range r.of(planner.OpDeleteStore) {
		if r.stopped() != nil {
			return
		}
		a := r.results[i].Action
		t, err := r.target(a)
		if err == nil {
			err = t.DeleteStore(r.ctx, a.StoreID)
		}
		r.conclude(i, planner.LiveSecret{}, err)
		r.settle(i)
	}
}
