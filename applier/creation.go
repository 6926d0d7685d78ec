package applier

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/secretsync/secretsync/planner"
)

// creation is the state of one batch while it is being created.
type creation struct {
	run      *run
	target   Target
	store    planner.StoreID
	begun    time.Time
	lastSent time.Time // when the latest request was sent; zero before the first
}

// item is one secret of a batch.
type item struct {
	*Result
	// unknown says that a request to create the secret had an unknown outcome.
	unknown bool
	// refused is when a request may have created the secret although it was refused because
	// of another secret in it.
	refused planner.Window
}

func newCreation(r *run, target Target, store planner.StoreID) *creation {
	return &creation{run: r, target: target, store: store, begun: r.cfg.Now()}
}

// createAll creates the secrets, and sets the outcome of each secret for which it sent a request.
func (c *creation) createAll(ctx context.Context, results []*Result) {
	items := make([]*item, len(results))
	for i, res := range results {
		items[i] = &item{Result: res}
	}
	c.create(ctx, items, settleTries)
	for _, it := range items {
		if it.unknown && it.Outcome == Skipped { // interrupted before it was settled
			it.conclude(planner.LiveSecret{}, ErrOutcomeUnknown)
		}
	}
}

// create sends the secrets in one request and handles its outcome. tries bounds how often
// a request with an unknown outcome is looked for and sent again.
func (c *creation) create(ctx context.Context, items []*item, tries int) {
	again := !c.lastSent.IsZero() && c.run.cfg.Now().Sub(c.lastSent) >= ResendAfter
	if len(items) == 0 || again && c.resend(items) != nil {
		return
	}
	c.lastSent = c.run.cfg.Now()
	live, err := c.send(ctx, items)
	unknown := errors.Is(err, ErrOutcomeUnknown)
	for _, it := range items {
		it.unknown = it.unknown || unknown
	}
	switch {
	case err == nil:
		for i, it := range items {
			it.conclude(live[i], nil)
		}
	case errors.Is(err, ErrTooLarge) && len(items) > 1:
		c.halve(ctx, items, tries)
	case unknown, errors.Is(err, ErrNameTaken) && len(items) == 1 && items[0].mayBeOurs():
		c.settleByLooking(ctx, items, tries, err)
	case len(items) > 1 && (errors.Is(err, ErrInvalid) || errors.Is(err, ErrNameTaken) || errors.Is(err, ErrQuota)):
		c.settleRefused(ctx, items, tries, err)
	default:
		fail(items, err)
	}
}

// send sends one request.
func (c *creation) send(ctx context.Context, items []*item) ([]planner.LiveSecret, error) {
	secrets := make([]NewSecret, len(items))
	for i, it := range items {
		a := it.Action
		v, err := c.run.value(a)
		if err != nil {
			return nil, err
		}
		secrets[i] = NewSecret{Name: a.Secret, Value: v, Scopes: a.Scopes.After}
		if a.Comment != nil {
			secrets[i].Comment = &a.Comment.After
		}
	}
	return c.target.CreateSecrets(ctx, c.store, secrets, func() error { return c.resend(items) })
}

// resend journals that the items' request is sent now, a while after it was journaled.
func (c *creation) resend(items []*item) error {
	c.lastSent = c.run.cfg.Now()
	return c.run.resend(resultsOf(items)...)
}

// settleByLooking looks for the secrets that a request may have created, and creates the
// others again.
func (c *creation) settleByLooking(ctx context.Context, items []*item, tries int, cause error) {
	if !c.run.pause(ctx, min(settleTries-tries, settleTries-1)) {
		fail(items, cause)
		return
	}
	absent := c.completeFound(ctx, items, cause)
	if tries == 0 {
		fail(absent, cause)
		return
	}
	c.create(ctx, absent, tries-1)
}

// settleRefused handles a request that was refused because of one of its secrets. Cloudflare
// does not document whether the others exist then (docs/cloudflare-api.md §6: bulk atomicity),
// so it looks for them first.
func (c *creation) settleRefused(ctx context.Context, items []*item, tries int, refusal error) {
	stopped := c.run.stopped(ctx) != nil
	for _, it := range possiblyCreated(items, refusal) {
		it.refused = planner.Window{ListedAt: it.Action.Recovery.ListedAt, From: c.lastSent, To: c.run.cfg.Now()}
		it.unknown = it.unknown || stopped // it is too late to look for it
	}
	if stopped {
		fail(items, refusal)
		return
	}
	absent := c.completeFound(ctx, items, refusal)
	if !errors.Is(refusal, ErrQuota) {
		c.halve(ctx, absent, tries)
		return
	}
	if len(absent) > 0 && c.run.pause(ctx, 0) { // lists may lag
		absent = c.completeFound(ctx, absent, refusal)
	}
	fail(absent, refusal)
}

// halve sends the secrets in two requests.
func (c *creation) halve(ctx context.Context, items []*item, tries int) {
	for half := range slices.Chunk(items, max(1, (len(items)+1)/2)) {
		if c.run.stopped(ctx) != nil {
			return
		}
		c.create(ctx, half, tries)
	}
}

// completeFound lists the store and returns the items that it does not have. A secret that
// our own request created is completed: its value is set again, because it cannot be read
// and compared. A secret that another client created is left alone, and the item fails.
//
// If the store cannot be listed, the outcome of the items that may exist is unknown, and the
// others failed; cause is the error that led here. If the list is incomplete, the items that it
// lacks and that may exist are unknown until they are found.
func (c *creation) completeFound(ctx context.Context, items []*item, cause error) (absent []*item) {
	all, err := c.target.ListSecrets(ctx, c.store)
	incomplete := errors.Is(err, ErrIncomplete)
	if err != nil && !incomplete && !errors.Is(err, ErrNotFound) { // a store that is gone has none
		for _, it := range items {
			it.unknown = it.mayExist()
		}
		fail(items, errors.Join(cause, err))
		return nil
	}
	byName := make(map[string]*planner.LiveSecret, len(all))
	for i := range all {
		byName[all[i].Name] = &all[i]
	}
	for _, it := range items {
		found := byName[it.Action.Secret]
		if found == nil {
			it.unknown = it.unknown || incomplete && it.mayExist()
			absent = append(absent, it)
			continue
		}
		switch c.originOf(it, found) {
		case foreign:
			fail([]*item{it}, ErrNameTaken)
		case unproven:
			it.conclude(planner.LiveSecret{}, fmt.Errorf("%w: %w", ErrOutcomeUnknown, errUnproven))
		case ours:
			live, err := c.complete(ctx, it, found.ID)
			if err != nil { // the secret exists in any case
				err = errors.Join(ErrOutcomeUnknown, err)
			}
			it.conclude(live, err)
		}
	}
	return absent
}

// complete sets the value and the metadata of a secret that our request created.
func (c *creation) complete(ctx context.Context, it *item, id planner.SecretID) (planner.LiveSecret, error) {
	p, err := c.run.patch(it.Action)
	if err != nil {
		return planner.LiveSecret{}, err
	}
	return c.target.UpdateSecret(ctx, c.store, id, p)
}
