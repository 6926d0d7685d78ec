// Package lockfile keeps what the last apply left behind: one record per secret,
// with a keyed fingerprint where its value would be.
//
// To look, call [Read]. To change, call [Open], which holds the lock until
// [Handle.Close], and [Handle.Update]. [Parse] and [File.Format] are the format
// alone, without files: the JSON is the same for the same content, so that a
// lockfile in git changes only where a secret did.
//
// No value can be in a lockfile: no field takes one.
package lockfile

import (
	"cmp"
	"encoding/json"
	"path/filepath"
	"slices"
	"strings"

	"github.com/secretsync/secretsync/internal/secret"
)

// Version is the version of the format that this package reads and writes.
const Version = 1

// APILoopback is [File.API] for an emulator.
const APILoopback = "loopback"

// File is a lockfile's content. The zero File is what a missing file holds.
type File struct {
	// API tells which API its facts are about: "" is Cloudflare's, [APILoopback] an
	// emulator's. The two are never mixed.
	API string
	Key Key
	// Stores have distinct accounts and names.
	Stores []Store
}

// Key tells which key the fingerprints were made with.
type Key struct {
	// ID is [secret.Key.ID]; empty where nothing was fingerprinted yet.
	ID string `json:"id"`
	// Sealed is the key as a SOPS document in JSON; empty where it is kept elsewhere.
	Sealed json.RawMessage `json:"sealed,omitempty"`
}

// Store is a store and those of its secrets that are managed. It stays without
// any: its id saves a request.
type Store struct {
	AccountID string
	// ID is empty where it isn't known yet.
	ID, Name string
	// Delete is the policy for the day the store leaves the manifest.
	Delete bool
	// Secrets have distinct names.
	Secrets []Secret
}

// Secret is a secret as the last apply left it.
type Secret struct {
	Name string `json:"-"` // the key that the record stands under
	// ID is empty while the outcome of its creation is unknown.
	ID      string   `json:"id,omitempty"`
	Scopes  []string `json:"scopes,omitempty"`
	Comment string   `json:"comment,omitempty"`
	// Modified is Cloudflare's time of the last change that we know of, as it was told.
	Modified string `json:"modified,omitempty"`
	// Applied is when the value was last sent: RFC 3339, UTC, whole seconds.
	Applied     string             `json:"applied,omitempty"`
	Fingerprint secret.Fingerprint `json:"fingerprint,omitempty"`
	// Source tells where the value came from, in words for people.
	Source string `json:"source,omitempty"`
	// Ciphertext is "sha256:" and the digest of the value's SOPS ciphertext.
	Ciphertext string `json:"ciphertext,omitempty"`
	// Delete is the policy for the day it leaves the manifest: false forgets it.
	Delete bool `json:"delete"`
	// Pending is set from before a write until its outcome is known.
	Pending *Pending `json:"pending,omitempty"`
}

// Pending is a write whose outcome is unknown.
type Pending struct {
	// Op is the planner's name of the operation.
	Op string `json:"op"`
	// Since is when it was about to be sent: RFC 3339, UTC, whole seconds.
	Since string `json:"since"`
	// Until is when the last request for it will have ended, whatever became of it.
	Until string `json:"until,omitempty"`
	// Seen is when the list was read that it was decided on.
	Seen string `json:"seen,omitempty"`
	// Was is the id of the secret that seemed to be gone, and is to be made again.
	Was string `json:"was,omitempty"`
	// Value says that the value was to be sent, not metadata alone.
	Value bool `json:"value,omitempty"`
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

// Store returns the store of that account and name, or nil. The pointer is good
// until stores are added.
func (f *File) Store(account, name string) *Store {
	i := slices.IndexFunc(f.Stores, func(s Store) bool { return s.AccountID == account && s.Name == name })
	if i < 0 {
		return nil
	}
	return &f.Stores[i]
}

// PutStore returns the store of that account and name, which it adds if need be
// and gives the id, unless that is empty. The pointer is good until stores are added.
func (f *File) PutStore(account, name, id string) *Store {
	if f.Store(account, name) == nil {
		f.Stores = append(f.Stores, Store{AccountID: account, Name: name})
	}
	s := f.Store(account, name)
	s.ID = cmp.Or(id, s.ID)
	return s
}

// RemoveStore takes a store out, with its secrets.
func (f *File) RemoveStore(account, name string) {
	f.Stores = slices.DeleteFunc(f.Stores, func(s Store) bool { return s.AccountID == account && s.Name == name })
}

// Secret returns the secret of that name, or nil; nil too for a nil store. The
// pointer is good until secrets are added or removed.
func (s *Store) Secret(name string) *Secret {
	if s == nil {
		return nil
	}
	i := slices.IndexFunc(s.Secrets, func(x Secret) bool { return x.Name == name })
	if i < 0 {
		return nil
	}
	return &s.Secrets[i]
}

// PutSecret adds the secret, or replaces the one of its name. The pointer is good
// until secrets are added or removed.
func (s *Store) PutSecret(x Secret) *Secret {
	if old := s.Secret(x.Name); old != nil {
		*old = x
		return old
	}
	s.Secrets = append(s.Secrets, x)
	return &s.Secrets[len(s.Secrets)-1]
}

// RemoveSecret removes the secret of that name, if it is there.
func (s *Store) RemoveSecret(name string) {
	s.Secrets = slices.DeleteFunc(s.Secrets, func(x Secret) bool { return x.Name == name })
}

// clone returns a copy that shares nothing with f.
func (f *File) clone() *File {
	c := *f
	c.Key.Sealed = slices.Clone(f.Key.Sealed)
	c.Stores = slices.Clone(f.Stores)
	for i := range c.Stores {
		secrets := slices.Clone(c.Stores[i].Secrets)
		for j := range secrets {
			secrets[j].Scopes = slices.Clone(secrets[j].Scopes)
			if p := secrets[j].Pending; p != nil {
				pending := *p
				secrets[j].Pending = &pending
			}
		}
		c.Stores[i].Secrets = secrets
	}
	return &c
}
