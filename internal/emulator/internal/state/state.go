// Package state holds what the emulator knows of its accounts: in memory, in a state file, and as it
// was before the latest writes.
package state

import (
	"crypto/rand"
	"encoding/hex"
	"slices"
	"time"

	"github.com/gofrs/flock"
	"github.com/secretsync/secretsync/internal/emulator/internal/audit"
	"github.com/secretsync/secretsync/internal/emulator/internal/deployed"
)

// format is the version of the state file's format.
const format = 1

// State is what the emulator knows: the content of a state file, and earlier versions of it. It is
// not safe for concurrent use.
type State struct {
	Version  int                `json:"emulator_state"`
	Last     time.Time          `json:"last"` // the latest timestamp issued
	Accounts map[string]Account `json:"accounts"`

	file string               // "" if the state is in memory only
	lock *flock.Flock         // on the file; nil if there is none
	past map[string][]version // by account; see remember
}

// Account is the state of an account.
type Account struct {
	Stores   []Store        `json:"stores"`
	Deployed deployed.State `json:"deployed,omitzero"`
	Log      audit.Log      `json:"audit_log,omitempty"`
}

// Store is a store with its secrets.
type Store struct {
	ID       string    `json:"id"`
	Name     string    `json:"name"`
	Created  time.Time `json:"created"`
	Modified time.Time `json:"modified"`
	Secrets  Table     `json:"secrets"`
}

// Record is a secret. It is replaced and never modified, because copies of a table share it.
type Record struct {
	ID       string    `json:"id"`
	Name     string    `json:"name"`
	Comment  *string   `json:"comment"`
	Scopes   []string  `json:"scopes"`
	Created  time.Time `json:"created"`
	Modified time.Time `json:"modified"`
	Written  time.Time `json:"written,omitzero"` // when a PATCH last set the value
	Value    Digest    `json:"value"`
}

// Clone returns a copy.
func (a Account) Clone() Account {
	stores := slices.Clone(a.Stores)
	for i := range stores {
		stores[i].Secrets = a.Stores[i].Secrets.Copy()
	}
	return Account{stores, a.Deployed.Clone(), a.Log}
}

// Secrets returns the number of secrets in all stores.
func (a Account) Secrets() int {
	n := 0
	for i := range a.Stores {
		n += a.Stores[i].Secrets.Len()
	}
	return n
}

// Secret returns a secret, or nil, and the table that it is in.
func (a Account) Secret(storeID, name string) (*Record, *Table) {
	i := slices.IndexFunc(a.Stores, func(s Store) bool { return s.ID == storeID })
	if i < 0 {
		return nil, nil
	}
	secrets := &a.Stores[i].Secrets
	return secrets.Named(name), secrets
}

// NewID generates an id in Cloudflare's format: 32 hexadecimal digits.
func NewID() string {
	id := make([]byte, 16)
	_, _ = rand.Read(id) // never fails
	return hex.EncodeToString(id)
}

// Tick returns now to the microsecond, always later than the previous one: lists are
// sorted by it, and clients detect changes by it.
func (s *State) Tick(now time.Time) time.Time {
	now = now.UTC().Truncate(time.Microsecond)
	if !now.After(s.Last) {
		now = s.Last.Add(time.Microsecond)
	}
	s.Last = now
	return now
}
