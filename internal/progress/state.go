package progress

import (
	"slices"
	"strings"
	"time"

	"github.com/secretsync/secretsync/planner"
	"github.com/secretsync/secretsync/reconcile"
)

// state is what a run does at a moment, by its events.
type state struct {
	phases   []*phase // those under way, in the order in which they began
	waits    []reconcile.Waiting
	moved    time.Time // when something last happened
	busy     time.Time // since when there is something to show
	stopping bool
	accounts map[planner.AccountID]bool // that events were about
}

// phase is a phase under way.
type phase struct {
	name        reconcile.Phase
	began       time.Time
	done, total int
	accounts    []*account // in order
}

// account is an account's part of a phase.
type account struct {
	id          planner.AccountID
	done, total int
}

// event updates the state.
func (s *state) event(e reconcile.Event, now time.Time) {
	wasIdle := s.idle(now)
	switch e := e.(type) {
	case reconcile.Progress:
		s.progress(e, now)
	case reconcile.PhaseEnded:
		s.phases = slices.DeleteFunc(s.phases, func(p *phase) bool { return p.name == e.Phase })
	case reconcile.Waiting:
		s.wait(e)
	case reconcile.WaitEnded:
		s.waits = slices.DeleteFunc(s.waits, func(w reconcile.Waiting) bool { return w.For == e.For && w.Account == e.Account })
	case reconcile.ActionDone:
	default:
		return
	}
	s.moved = now
	if wasIdle {
		s.busy = now
	}
}

// idle reports whether nothing is under way.
func (s *state) idle(now time.Time) bool {
	s.expire(now)
	return len(s.phases) == 0 && len(s.waits) == 0
}

// asking reports whether someone else may use the terminal: SOPS, gpg and the plugins of age ask
// there for a passphrase while values are read, and a live view would write over the question.
func (s *state) asking() bool {
	return slices.ContainsFunc(s.phases, func(p *phase) bool { return p.name == reconcile.PhaseValues })
}

// expire forgets the waits that are over.
func (s *state) expire(now time.Time) {
	if len(s.waits) > 0 {
		s.waits = slices.DeleteFunc(s.waits, func(w reconcile.Waiting) bool { return w.Until.Before(now) })
	}
}

func (s *state) progress(e reconcile.Progress, now time.Time) {
	i := slices.IndexFunc(s.phases, func(p *phase) bool { return p.name == e.Phase })
	if i < 0 {
		i = len(s.phases)
		s.phases = append(s.phases, &phase{name: e.Phase, began: now})
	}
	p := s.phases[i]
	at, found := slices.BinarySearchFunc(p.accounts, e.Account, func(a *account, id planner.AccountID) int {
		return strings.Compare(string(a.id), string(id))
	})
	if !found {
		p.accounts = slices.Insert(p.accounts, at, &account{id: e.Account})
		s.name(e.Account)
	}
	a := p.accounts[at]
	p.done, p.total = p.done+e.Done-a.done, p.total+e.Total-a.total
	a.done, a.total = e.Done, e.Total
}

// wait adds a wait, or replaces the wait for the same thing. If several requests wait for the same
// reason, the last one counts.
func (s *state) wait(w reconcile.Waiting) {
	s.name(w.Account)
	i := slices.IndexFunc(s.waits, func(x reconcile.Waiting) bool {
		return x.For == w.For && x.Account == w.Account && x.Reason == w.Reason
	})
	switch {
	case i < 0:
		s.waits = append(s.waits, w)
	case w.For != reconcile.WaitRateLimit && w.For != reconcile.WaitRetry, w.Until.After(s.waits[i].Until):
		s.waits[i] = w
	}
}

// name remembers that events are about an account.
func (s *state) name(id planner.AccountID) {
	if id == "" || s.accounts[id] {
		return
	}
	if s.accounts == nil {
		s.accounts = map[planner.AccountID]bool{}
	}
	s.accounts[id] = true
}

// several reports whether events are about several accounts, so that each has to be named.
func (s *state) several() bool { return len(s.accounts) > 1 }
