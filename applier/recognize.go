package applier

import (
	"errors"
	"slices"

	"github.com/secretsync/secretsync/planner"
)

// mayBeOurs reports whether a request of ours may have created the secret, if it is there:
// one of this apply, of one before that was cut short, or an older one, since lists may lag.
func (it *item) mayBeOurs() bool {
	a := it.Action
	return it.unknown || !it.refused.From.IsZero() || !a.Recovery.SentWindow.From.IsZero() || a.Recovery.PreviousID != ""
}

// isOurs reports whether a secret that is there can be our own work, of this apply or of
// one before that was cut short.
func (c *creation) isOurs(it *item, found *planner.LiveSecret) bool {
	a, now := it.Action, c.run.cfg.Now()
	windows := []planner.Window{a.Recovery.SentWindow, it.refused}
	if it.unknown {
		windows = append(windows, planner.Window{ListedAt: a.Recovery.ListedAt, From: c.begun, To: now})
	}
	return found.ID == a.Recovery.PreviousID || slices.ContainsFunc(windows, func(w planner.Window) bool {
		return !w.From.IsZero() && w.MayHaveCreated(found, requestedMetadata(a), now)
	})
}

// requestedMetadata is the metadata that a create action asks for.
func requestedMetadata(a planner.Action) planner.Metadata {
	m := planner.Metadata{Scopes: a.Scopes.After}
	if a.Comment != nil {
		m.Comment = a.Comment.After
	}
	return m
}

// possiblyCreated returns the items that a refused request may have created all the same.
// On a name conflict those are the items before the conflicting one, which Cloudflare has
// found free; if the error does not say which name that is, none are assumed.
func possiblyCreated(items []*item, refusal error) []*item {
	if !errors.Is(refusal, ErrNameTaken) {
		return items
	}
	n := slices.IndexFunc(items, func(it *item) bool { return isTaken(refusal, it.Action.Secret) })
	return items[:max(n, 0)]
}

// isTaken reports whether the error says that a secret of that name exists.
func isTaken(err error, name string) bool {
	var named interface{ NameTaken(name string) bool }
	return errors.As(err, &named) && named.NameTaken(name)
}

// fail records a refusal. After a request whose outcome is unknown the secret may be
// there even so, missing from a list that lags: that stays unknown.
func fail(items []*item, err error) {
	for _, it := range items {
		if it.unknown {
			it.conclude(planner.LiveSecret{}, errors.Join(ErrOutcomeUnknown, err))
			continue
		}
		it.conclude(planner.LiveSecret{}, err)
	}
}

func resultsOf(items []*item) []*Result {
	results := make([]*Result, len(items))
	for i, it := range items {
		results[i] = it.Result
	}
	return results
}
