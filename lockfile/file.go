// Package lockfile keeps what the last apply left behind: one record per secret, with a
// keyed fingerprint instead of its value. No value can be in a lockfile: no field takes one.
//
// To look at one, call [Read]. To change one, call [Open], which holds its lock until
// [Handle.Close], and [Handle.Update], which returns once the change is on the disk.
// [Parse] and [File.Format] convert between a [File] and its JSON and touch no files.
//
// The same content is always formatted as the same bytes, so a lockfile in git changes only
// where a secret did. docs/formats.md describes the format. Errors
// about content are an [ErrorList]; those that a caller may want to tell apart are
// [HeldError], [ErrLost], [ErrConflict] and [ErrNotRegular].
package lockfile

import (
	"cmp"
	"encoding/json"
	"iter"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// Version is the version of the format that this package reads and writes.
const Version = 1

// APILoopback is [File.API] for an emulator.
const APILoopback = "loopback"

// Identifiers of Cloudflare's, each a type of its own so that the compiler finds a swap.
type (
	AccountID string
	StoreID   string
	SecretID  string
)

// File is a lockfile's content. The zero File is what a missing file holds.
type File struct {
	// API tells which API its facts are about: "" is Cloudflare's, [APILoopback] an
	// emulator's. The two are never mixed.
	API string
	Key Key
	// Stores holds no nil. [File.PutStore] adds to it, delete removes, and [File.All] goes
	// through it in order.
	Stores map[StoreKey]*Store
}

// Key tells which key the fingerprints were made with.
type Key struct {
	// ID is derived from the key and says nothing about it: 16 hexadecimal digits, empty where nothing was fingerprinted yet.
	ID string `json:"id"`
	// Sealed is the key as a SOPS document in JSON; empty where it is kept elsewhere.
	Sealed json.RawMessage `json:"sealed,omitempty"`
}

// StoreKey is what identifies a store, with an id or without: no account has two stores
// of one name.
type StoreKey struct {
	Account AccountID
	Name    string
}

// Store is a store and those of its secrets that are managed. It stays without
// any: its id saves a request.
type Store struct {
	// ID is empty where it isn't known yet.
	ID StoreID
	// Delete is the policy for the day the store leaves the manifest.
	Delete bool
	// Secrets are under their names, and none is nil. [Store.PutSecret] adds to it, delete
	// removes, and [Store.All] goes through it in order.
	Secrets map[string]*Secret
}

// Secret is a secret as the last apply left it. Times are kept in UTC and whole
// seconds, a fraction being cut off; a zero time is one that is not known.
type Secret struct {
	// ID is empty while the outcome of its creation is unknown.
	ID      SecretID
	Scopes  []string
	Comment string
	// Modified is Cloudflare's time of the last change that we know of, as it was told.
	Modified string
	// Applied is when the value was last sent.
	Applied     time.Time
	Fingerprint Fingerprint
	// Source tells where the value came from, in words for people.
	Source string
	// Ciphertext is "sha256:" and the digest of the value's SOPS ciphertext.
	Ciphertext string
	// Delete is the policy for the day it leaves the manifest: false forgets it.
	Delete bool
	// Pending is set from before a write until its outcome is known.
	Pending *Pending
}

// Pending is a write whose outcome is unknown.
type Pending struct {
	// Op is the planner's name of the operation.
	Op string
	// Since is when it was about to be sent.
	Since time.Time
	// Until is when the last request for it will have ended, whatever became of it.
	Until time.Time
	// ListedAt is when the list was read that it was decided on.
	ListedAt time.Time
	// PreviousID is the id of the secret that seemed to be gone, and is to be made again.
	PreviousID SecretID
	// Value says that the value was to be sent, not metadata alone.
	Value bool
}

// PathFor is where a manifest's lockfile lies unless told otherwise: beside it,
// "x.yaml" giving "x.lock".
func PathFor(manifest string) string {
	switch ext := filepath.Ext(manifest); ext {
	case ".yaml", ".yml", ".toml", ".json":
		manifest = strings.TrimSuffix(manifest, ext)
	}
	return manifest + ".lock"
}

// PutStore returns the store of that key, which it adds if need be and gives the id,
// unless that is empty.
func (f *File) PutStore(k StoreKey, id StoreID) *Store {
	st := f.Stores[k]
	if st == nil {
		st = new(Store)
		if f.Stores == nil {
			f.Stores = map[StoreKey]*Store{}
		}
		f.Stores[k] = st
	}
	st.ID = cmp.Or(id, st.ID)
	return st
}

// All goes through the stores in the format's order: by account, then by name.
func (f *File) All() iter.Seq2[StoreKey, *Store] {
	return inOrder(f.Stores, func(a, b StoreKey) int {
		return cmp.Or(cmp.Compare(a.Account, b.Account), cmp.Compare(a.Name, b.Name))
	})
}

// Secret returns the secret of that name, or nil; nil too for a nil store.
func (s *Store) Secret(name string) *Secret {
	if s == nil {
		return nil
	}
	return s.Secrets[name]
}

// PutSecret adds a secret under that name, instead of one that is there, and returns it.
func (s *Store) PutSecret(name string, x Secret) *Secret {
	if s.Secrets == nil {
		s.Secrets = map[string]*Secret{}
	}
	s.Secrets[name] = &x
	return &x
}

// All goes through the secrets in the format's order: by name.
func (s *Store) All() iter.Seq2[string, *Secret] { return inOrder(s.Secrets, cmp.Compare[string]) }

func inOrder[K comparable, V any](m map[K]V, compare func(a, b K) int) iter.Seq2[K, V] {
	return func(yield func(K, V) bool) {
		for _, k := range slices.SortedFunc(maps.Keys(m), compare) {
			if !yield(k, m[k]) {
				return
			}
		}
	}
}

// clone returns a copy that shares nothing with f.
func (f *File) clone() *File {
	c := &File{API: f.API, Key: Key{ID: f.Key.ID, Sealed: slices.Clone(f.Key.Sealed)}}
	for k, st := range f.Stores {
		copied := c.PutStore(k, st.ID)
		copied.Delete = st.Delete
		for name, sec := range st.Secrets {
			x := copied.PutSecret(name, *sec)
			x.Scopes = slices.Clone(sec.Scopes)
			if sec.Pending != nil {
				pending := *sec.Pending
				x.Pending = &pending
			}
		}
	}
	return c
}
