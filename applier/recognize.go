package applier

import (
	"errors"
	"slices"

	"github.com/secretsync/secretsync/planner"
)

// mayBeOurs reports whether the secret, if it exists, may have been created by a request of
// this apply, by one of an interrupted apply, or by an older one whose effect the list did not
// show because it lagged.
func (it *item) mayBeOurs() bool {
	a := it.Action
	sent := a.Recovery.SentWindow
	return it.mayExist() || sent != nil && !sent.From.IsZero() || a.Recovery.PreviousID != ""
}

// mayExist reports whether a request of this apply may have created the secret.
func (it *item) mayExist() bool { return it.unknown || !it.refused.From.IsZero() }

// errUnproven is why a secret that may be another client's is left alone.
var errUnproven = errors.New("a secret of that name was created by this apply, or by another client at the same time: " +
	"secretsync cannot tell which, so its value is not overwritten")

// origin is who created a secret that was found, as far as it can be known.
type origin int

const (
	// foreign is another client's.
	foreign origin = iota
	// unproven is ours, or another client's that was created in the same seconds.
	unproven
	// ours was created by a request of ours.
	ours
)

// originOf judges a secret that was found under the name of one to be created. A request of
// ours may have created it if metadata and creation time match the request. Another client
// may have created one that looks the same, unless the metadata is distinctive.
func (c *creation) originOf(it *item, found *planner.LiveSecret) origin {
	a, now, m := it.Action, c.run.cfg.Now(), requestedMetadata(it.Action)
	windows := []planner.Window{it.refused}
	if sent := a.Recovery.SentWindow; sent != nil {
		windows = append(windows, *sent)
	}
	if it.unknown {
		windows = append(windows, planner.Window{ListedAt: a.Recovery.ListedAt, From: c.begun, To: now})
	}
	switch {
	case found.ID == a.Recovery.PreviousID:
		return ours
	case !slices.ContainsFunc(windows, func(w planner.Window) bool { return !w.From.IsZero() && w.MayHaveCreated(found, m, now) }):
		return foreign
	case m.Distinctive():
		return ours
	}
	return unproven
}

// requestedMetadata is the metadata that a create action asks for.
func requestedMetadata(a planner.Action) planner.Metadata {
	m := planner.Metadata{Scopes: a.Scopes.After}
	if a.Comment != nil {
		m.Comment = a.Comment.After
	}
	return m
}

// possiblyCreated returns the items that a refused bulk create may have created anyway. On
// a name conflict only the items before the conflicting one can have been created; if the
// error does not say which name is in conflict, none are assumed.
func possiblyCreated(items []*item, refusal error) []*item {
	if !errors.Is(refusal, ErrNameTaken) {
		return items
	}
	n := slices.IndexFunc(items, func(it *item) bool { return isTaken(refusal, it.Action.Secret) })
	return items[:max(n, 0)]
}

// isTaken reports whether the error names this secret as the one in conflict.
func isTaken(err error, name string) bool {
	var named interface{ NameTaken(name string) bool }
	return errors.As(err, &named) && named.NameTaken(name)
}

// fail sets the outcome after a refusal. If an earlier request had an unknown outcome, the
// secret may exist although a list that lags lacks it, so the outcome stays unknown.
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
