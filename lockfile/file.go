// Package lockfile keeps a record of what was last applied: for each secret its id, its
// metadata and a keyed fingerprint of its value. It has no field that could hold a value.
//
// To look at one, call [Read]. To change one, call [Open], which holds its lock until
// [Handle.Close], and [Handle.Update], which returns once the change is on the disk.
// [Parse] and [File.Format] convert between a [File] and its JSON and touch no files.
//
// The same content is always formatted as the same bytes, so a lockfile in git changes only
// where a secret did. docs/formats.md describes the format. Errors in the content are an
// [ErrorList]; [HeldError], [ErrLost], [ErrConflict] and [ErrNotRegular] distinguish the
// kinds of errors that callers may want to handle.
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

	"github.com/secretsync/secretsync/internal/position"
	"github.com/secretsync/secretsync/internal/secret"
	"github.com/secretsync/secretsync/internal/syntax"
)

// Version is the version of the format that this package reads and writes.
const Version = 1

// APILoopback is the value of [File.API] for an emulator.
const APILoopback = "loopback"

// StatusPending is the value of [Secret.Status] for a secret that is not active yet. It has
// nothing to do with [Pending].
const StatusPending = "pending"

// AccountID identifies a Cloudflare account. The identifiers are distinct types, so that the
// compiler rejects one in the place of another.
type AccountID string

// StoreID is the identifier that Cloudflare assigned to a store.
type StoreID string

// SecretID is the identifier that Cloudflare assigned to a secret. A secret that is deleted and
// created again has another.
type SecretID string

// File is the content of a lockfile. A lockfile that does not exist reads as the zero File.
type File struct {
	// API is the API that the records are about: "" for Cloudflare's, [APILoopback] for an
	// emulator's. One lockfile never describes both.
	API string
	// Shared is zero unless several machines write the lockfile, and a lease keeps them apart.
	Shared Shared
	Key    Key
	// Stores holds no nil pointers. Use [File.PutStore] to add one, delete to remove one and
	// [File.All] to iterate in order.
	Stores map[StoreKey]*Store
}

// Shared distinguishes the versions of a lockfile that several machines write.
type Shared struct {
	// Lineage is 16 random hexadecimal digits, the same in all versions of a lockfile.
	Lineage string
	// Generation counts the runs that wrote to it.
	Generation int
	// Run identifies the run that wrote it last. It is set only in an object store, as is Journal.
	Run string
	// Journal identifies the journal with further records of a run that had not ended; empty if
	// there is none.
	Journal string
}

// Key identifies the key of the fingerprints.
type Key struct {
	// ID is 16 hexadecimal digits, derived from the key without revealing it. It is empty if
	// there is no fingerprint yet.
	ID string `json:"id"`
	// Sealed is the key as a SOPS document in JSON; empty if the key is kept elsewhere.
	Sealed json.RawMessage `json:"sealed,omitempty"`
}

// StoreKey identifies a store, even while its id is unknown: store names are unique within
// an account.
type StoreKey struct {
	Account AccountID
	Name    string
}

// Store is a store and its managed secrets. It is kept even without secrets, because knowing
// its id saves a request.
type Store struct {
	// ID is empty if it is not known yet.
	ID StoreID
	// Delete says that the store is to be deleted when it is removed from the manifest.
	Delete bool
	// Secrets maps names to secrets and holds no nil pointers. Use [Store.PutSecret] to add
	// one, delete to remove one and [Store.All] to iterate in order.
	Secrets map[string]*Secret
}

// Modified is a time exactly as Cloudflare's API returned it, in RFC 3339 with fractions of a second;
// empty if it is unknown.
type Modified string

// Secret is the record of a secret. Times are stored in UTC, truncated to seconds; the zero
// time means unknown.
type Secret struct {
	// ID is empty while the outcome of its creation is unknown.
	ID      SecretID
	Scopes  []string
	Comment string
	// Modified is the time of the last change that secretsync knows of.
	Modified Modified
	// Status is [StatusPending] if the last write was not active yet when secretsync last
	// looked; otherwise empty.
	Status string
	// Applied is when the value was last sent.
	Applied time.Time
	// Accepted is when a live state that secretsync did not write was accepted. Since then the
	// value in Cloudflare is not known, and may not match Fingerprint. It is zero if the value is
	// the last applied one.
	Accepted    time.Time
	Fingerprint Fingerprint
	// Source describes where the value came from, for people to read.
	Source string
	// Ciphertext is "sha256:" and the hexadecimal digest of the value's SOPS ciphertext.
	Ciphertext string
	// Delete says what happens when the secret is removed from the manifest: it is deleted,
	// or else only forgotten.
	Delete bool
	// PreviousOf is the secret of the store whose earlier value it keeps; empty for others.
	PreviousOf string
	// KeptSince is when that secret got another value. It is zero while both have the same.
	KeptSince time.Time
	// Pending is set before a write is sent and cleared once its outcome is known.
	Pending *Pending
}

// Pending is a write whose outcome is unknown.
type Pending struct {
	// Op is the operation, as the planner names it.
	Op string
	// Since is just before its first request was sent.
	Since time.Time
	// Until is when its last request must have ended, whatever its outcome.
	Until time.Time
	// ListedAt is when the list of secrets was read on which the decision was based.
	ListedAt time.Time
	// PreviousID is the id of a secret that was missing from the list and is created again, of
	// the duplicate that a rename created, or of a duplicate that is deleted and created again.
	PreviousID SecretID
	// Value says that the write includes the value, not only metadata.
	Value bool
	// Fingerprint and Ciphertext belong to the value of the secret to be created. They are empty
	// for a generated value.
	Fingerprint Fingerprint
	Ciphertext  string
}

// PathFor returns the default path of a manifest's lockfile: "x.lock" beside "x.yaml".
func PathFor(manifest string) string {
	switch ext := filepath.Ext(manifest); ext {
	case ".yaml", ".yml", ".toml", ".json":
		manifest = strings.TrimSuffix(manifest, ext)
	}
	return manifest + ".lock"
}

// PutStore returns the store with key k, adding it if necessary, and sets its id unless id
// is empty.
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

// All iterates over the stores by account and name, the order in which they are formatted.
func (f *File) All() iter.Seq2[StoreKey, *Store] {
	return inOrder(f.Stores, compareStores)
}

func compareStores(a, b StoreKey) int {
	return cmp.Or(cmp.Compare(a.Account, b.Account), cmp.Compare(a.Name, b.Name))
}

// Secret returns the secret with that name, or nil. A nil Store has no secrets.
func (s *Store) Secret(name string) *Secret {
	if s == nil {
		return nil
	}
	return s.Secrets[name]
}

// PutSecret stores a copy of x under that name, replacing any previous record, and returns
// the copy.
func (s *Store) PutSecret(name string, x Secret) *Secret {
	if s.Secrets == nil {
		s.Secrets = map[string]*Secret{}
	}
	s.Secrets[name] = &x
	return &x
}

// All iterates over the secrets by name, the order in which they are formatted.
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

// clone returns a deep copy.
func (f *File) clone() *File {
	c := &File{API: f.API, Shared: f.Shared, Key: Key{ID: f.Key.ID, Sealed: slices.Clone(f.Key.Sealed)}}
	for k, st := range f.Stores {
		copied := c.PutStore(k, st.ID)
		copied.Delete = st.Delete
		for name, sec := range st.Secrets {
			copied.PutSecret(name, *sec.clone())
		}
	}
	return c
}

// clone returns a deep copy.
func (s *Secret) clone() *Secret {
	x := *s
	x.Scopes = slices.Clone(s.Scopes)
	if s.Pending != nil {
		pending := *s.Pending
		x.Pending = &pending
	}
	return &x
}

// Fingerprint is a keyed digest of a secret's value: "v1.", a random salt, "." and an
// HMAC-SHA-256, as docs/formats.md specifies. Without the key it reveals nothing about the
// value, not even whether it equals another. Valid reports whether it has this form.
type Fingerprint = secret.Fingerprint

// Position is a place in a file. Line and Column count from 1, columns in characters.
// String returns "file:line:column".
type Position = position.Position

// Error is one mistake in a lockfile: What is wrong, at which Pos, and a Hint at what to do.
// [errors.Is] finds its Kind, such as [ErrLost]. Its text is "file:line:column: what (hint)"
// and quotes names but no other content.
type Error = syntax.Error

// ErrorList is an error of several mistakes, one a line. [errors.As] finds it in what
// [Parse], [Read] and [Open] return for content that is not a lockfile.
type ErrorList = syntax.ErrorList
