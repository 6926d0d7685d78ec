// Package lockstatus finds out the state of a lockfile, of its key and of its leases, for
// lock status, and what lock break does about leases.
package lockstatus

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/secretsync/secretsync/internal/advice"
	"github.com/secretsync/secretsync/internal/sopsfile"
	"github.com/secretsync/secretsync/lockfile"
	"github.com/secretsync/secretsync/objectstore"
	"github.com/secretsync/secretsync/reconcile"
)

// Status is the output of lock status as JSON, as documented in docs/formats.md.
type Status struct {
	Lockfile string           `json:"lockfile"`
	State    string           `json:"state"` // ok, absent, damaged or unread
	Unmerged []string         `json:"unmerged,omitempty"`
	Journal  string           `json:"journal,omitempty"` // the file or the objects, if there is one
	Tracked  []string         `json:"tracked,omitempty"` // by git, and should not be
	Version  int              `json:"version,omitempty"`
	API      string           `json:"api,omitempty"`
	Shared   *Shared          `json:"shared,omitempty"`
	Key      *Key             `json:"fingerprint_key,omitempty"`
	Stores   []Store          `json:"stores"`
	Pending  []Pending        `json:"pending"`
	Accepted []Accepted       `json:"accepted"`
	HeldBy   *lockfile.Holder `json:"held_by,omitempty"`
	Leases   []Lease          `json:"leases,omitempty"`
	problem  error            // the error of finding out who holds the lock
}

// Shared tells versions of a lockfile apart that several machines write.
type Shared struct {
	Lineage    string `json:"lineage"`
	Generation int    `json:"generation"`
}

// Key says whether the fingerprint key was found.
type Key struct {
	ID      string `json:"id"`
	Sealed  bool   `json:"sealed"`
	From    string `json:"from,omitempty"`
	Fits    bool   `json:"fits"`
	Problem string `json:"problem,omitempty"`
}

// Store is a store that the lockfile has records of.
type Store struct {
	AccountID lockfile.AccountID `json:"account_id"`
	ID        lockfile.StoreID   `json:"id,omitempty"`
	Name      string             `json:"name"`
	Secrets   int                `json:"secrets"`
}

// Pending is a write whose outcome is not recorded.
type Pending struct {
	AccountID lockfile.AccountID `json:"account_id"`
	Store     string             `json:"store"`
	Secret    string             `json:"secret"`
	Op        string             `json:"op"`
	Since     time.Time          `json:"since"`
}

// Accepted is a secret whose value is not known since it was accepted.
type Accepted struct {
	AccountID lockfile.AccountID `json:"account_id"`
	Store     string             `json:"store"`
	Secret    string             `json:"secret"`
	Since     time.Time          `json:"since"`
}

// Inspect collects the status. The error says what is wrong with the lockfile, or could not be read.
func Inspect(ctx context.Context, p *reconcile.Project) (*Status, error) {
	st := &Status{Lockfile: p.Lockfile(), State: "ok", Stores: []Store{}, Pending: []Pending{}, Accepted: []Accepted{}}
	lock, err := p.ReadLockfile(ctx)
	exists := st.beside(lock)
	if lock == nil {
		st.State = "damaged"
		if objectstore.IsURL(st.Lockfile) && !errors.As(err, new(lockfile.ErrorList)) {
			st.State = "unread"
		}
		return st, err
	}
	leases, leaseErr := inspectLeases(ctx, p, lock)
	st.Leases, err = leases, errors.Join(err, leaseErr)
	if !exists && len(lock.Stores) == 0 {
		st.State = "absent"
		return st, err
	}
	st.content(ctx, p, lock)
	return st, err
}

// beside finds the files beside the lockfile, and reports whether the lockfile itself exists. lock is
// nil if it cannot be read.
func (st *Status) beside(lock *lockfile.File) (exists bool) {
	path := st.Lockfile
	if objectstore.IsURL(path) {
		if lock != nil && lock.Shared.Journal != "" {
			st.Journal = path + ".journal/" + lock.Shared.Journal
		}
		return lock == nil || lock.Shared.Lineage != ""
	}
	st.HeldBy, st.problem = lockfile.Held(path)
	waiting, _ := lockfile.Unmerged(path) // reading the lockfile reports its errors
	for _, saved := range waiting {
		st.Unmerged = append(st.Unmerged, saved.Ours)
	}
	journal := filepath.Join(filepath.Dir(path), lockfile.JournalFile(path))
	if _, missing := os.Lstat(journal); !errors.Is(missing, fs.ErrNotExist) {
		st.Journal = journal
	}
	_, missing := os.Lstat(path)
	return !errors.Is(missing, fs.ErrNotExist)
}

// content collects what the lockfile has.
func (st *Status) content(ctx context.Context, p *reconcile.Project, lock *lockfile.File) {
	st.Version, st.API = lockfile.Version, "cloudflare"
	if lock.API != "" {
		st.API = lock.API
	}
	if lock.Shared.Lineage != "" {
		st.Shared = &Shared{lock.Shared.Lineage, lock.Shared.Generation}
	}
	if lock.Key.ID != "" {
		st.Key = inspectKey(ctx, p, lock.Key)
	}
	for k, s := range lock.All() {
		st.Stores = append(st.Stores, Store{k.Account, s.ID, k.Name, len(s.Secrets)})
		for name, sec := range s.All() {
			if p := sec.Pending; p != nil {
				st.Pending = append(st.Pending, Pending{k.Account, k.Name, name, p.Op, p.Since})
			}
			if !sec.Accepted.IsZero() {
				st.Accepted = append(st.Accepted, Accepted{k.Account, k.Name, name, sec.Accepted})
			}
		}
	}
}

// inspectKey looks for the key. A missing key is not an error: status does not need it.
func inspectKey(ctx context.Context, p *reconcile.Project, key lockfile.Key) *Key {
	found := p.FindKey(ctx, key)
	st := &Key{ID: key.ID, Sealed: len(key.Sealed) > 0, From: found.From, Fits: found.Fits}
	if found.Err != nil {
		st.Problem = found.Err.Error()
		if types, ok := errors.AsType[sopsfile.TypesNotAllowed](found.Err); ok { // the status has no separate line for advice
			st.Problem += " (" + advice.KeyTypes(types) + ")"
		}
	}
	return st
}
