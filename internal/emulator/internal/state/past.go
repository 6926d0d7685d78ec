package state

import (
	"slices"
	"time"
)

// maxPast limits how many earlier states of an account are kept for reads that lag.
const maxPast = 100

// version is the state of an account until a write replaced it.
type version struct {
	until   time.Time
	account Account
}

// remember keeps the state that a write replaces.
func (s *State) remember(id string, before Account, now time.Time) {
	past := append(s.past[id], version{now, before})
	s.past[id] = past[max(0, len(past)-maxPast):]
}

// Before returns an account's state some time ago; zero means before the latest write.
func (s *State) Before(id string, lag time.Duration, now time.Time) Account {
	past := s.past[id]
	if lag == 0 && len(past) > 0 {
		return past[len(past)-1].account
	}
	then := now.Add(-lag)
	if i := slices.IndexFunc(past, func(v version) bool { return v.until.After(then) }); i >= 0 {
		return past[i].account
	}
	return s.Accounts[id]
}
