package applier

import (
	"errors"
	"slices"
	"time"

	"github.com/secretsync/secretsync/planner"
)

// creation is one batch under way.
type creation struct {
	*run
	target Target
	store  planner.StoreID
	since  time.Time              // when it was begun
	sent   time.Time              // when the latest request was sent
	unsure map[int]bool           // a request for it had an unknown outcome
	partly map[int]planner.Window // when a request that was refused for another may have made it
}

// maybe reports whether a request of ours may have made a secret, if it is there: one of
// this apply, of one before that was cut short, or an older one, since lists may lag.
func (c *creation) maybe(i int) bool {
	a := c.results[i].Action
	_, partly := c.partly[i]
	return c.unsure[i] || partly || !a.Recovery.SentWindow.From.IsZero() || a.Recovery.PreviousID != ""
}

// create sends the secrets in one request and deals with its refusal. tries
// bounds how often it looks and sends again where the outcome is unknown.
func (c *creation) create(is []int, tries int) {
	again := !c.sent.IsZero() && c.cfg.Now().Sub(c.sent) >= ResendAfter
	if len(is) == 0 || again && c.resend(is) != nil {
		return
	}
	c.sent = c.cfg.Now()
	live, err := c.send(is)
	unknown := errors.Is(err, ErrOutcomeUnknown)
	for _, i := range is {
		c.unsure[i] = c.unsure[i] || unknown
	}
	switch {
	case err == nil:
		for n, i := range is {
			c.conclude(i, live[n], nil)
		}
	case errors.Is(err, ErrTooLarge) && len(is) > 1:
		c.halve(is, tries)
	case unknown, errors.Is(err, ErrNameTaken) && len(is) == 1 && c.maybe(is[0]):
		c.lookAgain(is, tries, err)
	case len(is) > 1 && (errors.Is(err, ErrInvalid) || errors.Is(err, ErrNameTaken) || errors.Is(err, ErrQuota)):
		c.refused(is, tries, err)
	default:
		c.fail(is, err)
	}
}

// lookAgain looks for what a request may have made, and sends the rest again.
func (c *creation) lookAgain(is []int, tries int, why error) {
	if !c.pause(min(settleTries-tries, settleTries-1)) {
		c.fail(is, why)
		return
	}
	switch absent := c.claim(is, why); tries {
	case 0:
		c.fail(absent, why)
	default:
		c.create(absent, tries-1)
	}
}

// refused deals with a request that was refused for one of its secrets. Whether the
// others exist now is not documented (docs/cloudflare-api.md §6: bulk atomicity), so look first.
func (c *creation) refused(is []int, tries int, why error) {
	for _, i := range c.passed(is, why) {
		c.partly[i] = planner.Window{ListedAt: c.results[i].Action.Recovery.ListedAt, From: c.sent, To: c.cfg.Now()}
		c.unsure[i] = c.unsure[i] || c.stopped() != nil // nothing more can be looked at
	}
	if c.stopped() != nil {
		c.fail(is, why)
		return
	}
	absent := c.claim(is, why)
	if !errors.Is(why, ErrQuota) {
		c.halve(absent, tries)
		return
	}
	if len(absent) > 0 && c.pause(0) { // lists may lag
		absent = c.claim(absent, why)
	}
	c.fail(absent, why)
}

// resend journals that what was intended a while ago is sent only now.
func (c *creation) resend(is []int) error {
	c.sent = c.cfg.Now()
	c.note(c.cfg.Journal.Resend(c.actions(is)))
	return c.broken
}

// halve tries the secrets in two requests.
func (c *creation) halve(is []int, tries int) {
	for half := range slices.Chunk(is, max(1, (len(is)+1)/2)) {
		if c.stopped() != nil {
			return
		}
		c.create(half, tries)
	}
}

func (c *creation) send(is []int) ([]planner.LiveSecret, error) {
	items := make([]NewSecret, len(is))
	for n, i := range is {
		a := c.results[i].Action
		v, err := c.value(a)
		if err != nil {
			return nil, err
		}
		items[n] = NewSecret{Name: a.Secret, Value: v, Scopes: a.Scopes.After}
		if a.Comment != nil {
			items[n].Comment = &a.Comment.After
		}
	}
	return c.target.CreateSecrets(c.ctx, c.store, items, func() error { return c.resend(is) })
}

// fail records a refusal. After a request whose outcome is unknown the secret may be
// there for all that, missing from a list that lags: that stays unknown.
func (c *creation) fail(is []int, err error) {
	for _, i := range is {
		if c.unsure[i] {
			c.conclude(i, planner.LiveSecret{}, errors.Join(ErrOutcomeUnknown, err))
			continue
		}
		c.conclude(i, planner.LiveSecret{}, err)
	}
}

// passed are those of a refused request that it may have made. Where a name was taken,
// somebody else makes secrets just now: only those before that name were found free by
// Cloudflare, and where it doesn't tell the name, nothing is known of any.
func (c *creation) passed(is []int, refusal error) []int {
	if !errors.Is(refusal, ErrNameTaken) {
		return is
	}
	n := slices.IndexFunc(is, func(i int) bool { return saidTaken(refusal, c.results[i].Action.Secret) })
	return is[:max(n, 0)]
}

// saidTaken reports whether Cloudflare said that a secret of that name exists.
func saidTaken(err error, name string) bool {
	var named interface{ NameTaken(name string) bool }
	return errors.As(err, &named) && named.NameTaken(name)
}

// claim lists the store and returns those of is that are not there. What is there
// by our own request is completed, its value put again since it cannot be
// compared; what is somebody else's is left alone and fails.
//
// Where the list cannot be read, what is there is unknown: why is the error before.
func (c *creation) claim(is []int, why error) []int {
	all, err := c.target.ListSecrets(c.ctx, c.store)
	if err != nil && !errors.Is(err, ErrNotFound) { // a store that is gone has none
		for _, i := range is {
			c.conclude(i, planner.LiveSecret{}, errors.Join(ErrOutcomeUnknown, why, err))
		}
		return nil
	}
	byName := make(map[string]*planner.LiveSecret, len(all))
	for n := range all {
		byName[all[n].Name] = &all[n]
	}
	var absent []int
	for _, i := range is {
		l := byName[c.results[i].Action.Secret]
		switch {
		case l == nil:
			absent = append(absent, i)
		case !c.made(i, l):
			c.fail([]int{i}, ErrNameTaken)
		default:
			live, err := c.complete(i, l.ID)
			if err != nil { // refused, it is there all the same
				err = errors.Join(ErrOutcomeUnknown, err)
			}
			c.conclude(i, live, err)
		}
	}
	return absent
}

// made reports whether a secret that is there can be our own work, of this apply or of
// one before that was cut short.
func (c *creation) made(i int, l *planner.LiveSecret) bool {
	a, now := c.results[i].Action, c.cfg.Now()
	windows := []planner.Window{a.Recovery.SentWindow, c.partly[i]}
	if c.unsure[i] {
		windows = append(windows, planner.Window{ListedAt: a.Recovery.ListedAt, From: c.since, To: now})
	}
	return l.ID == a.Recovery.PreviousID || slices.ContainsFunc(windows, func(w planner.Window) bool {
		return !w.From.IsZero() && w.MayHaveCreated(l, wanted(a), now)
	})
}

// complete gives a secret that our request made the value and metadata it is to have.
func (c *creation) complete(i int, id planner.SecretID) (planner.LiveSecret, error) {
	p, err := c.patch(c.results[i].Action)
	if err != nil {
		return planner.LiveSecret{}, err
	}
	return c.target.UpdateSecret(c.ctx, c.store, id, p)
}

// wanted is the metadata that a create action asks for.
func wanted(a planner.Action) planner.Metadata {
	m := planner.Metadata{Scopes: a.Scopes.After}
	if a.Comment != nil {
		m.Comment = a.Comment.After
	}
	return m
}
