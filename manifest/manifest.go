// Package manifest reads the desired state: which stores and secrets should
// exist, and where each value comes from.
//
// Call [Find] for the manifest of a folder, and [Load], which reads its files and
// reports every mistake in them at once, with positions. Then call
// [Manifest.Check] for what can be known of the sources without a key, or
// [Manifest.Resolve] to read the values. [Draft] writes a manifest of secrets that
// exist already.
//
// Files that SOPS encrypted are read by an implementation of [SOPS], which the
// caller provides in [Options].
//
// The package talks to no network, starts a process only where
// [Options.AllowCommands] says so, and reads no file outside the repository
// unless [Options.AllowOutside] does. Its errors name places, never values.
package manifest

import (
	"context"
	"time"

	"github.com/secretsync/secretsync/internal/generate"
	"github.com/secretsync/secretsync/internal/position"
	"github.com/secretsync/secretsync/internal/secret"
	"github.com/secretsync/secretsync/internal/syntax"
	"github.com/secretsync/secretsync/internal/visible"
)

// Manifest is the desired state, merged from the manifest and its includes.
type Manifest struct {
	// File is the manifest's name as it was given.
	File string
	// Root is the folder that must contain all sources: the repository.
	Root   string
	Stores []Store
	Safety Safety
	// Lease is where machines that apply this manifest exclude one another, and Lockfile is the
	// lockfile that they share. Each may be missing.
	Lease, Lockfile Location
	// Digest is of the manifest's files, "sha256:" and hexadecimal digits; empty where they
	// hold plaintext values, which a digest would give away.
	Digest string
	// Warnings are remarks that forbid nothing.
	Warnings []*Error

	sources sources
}

// Location is a place in an object store, as the manifest names it.
type Location struct {
	// URL is "s3://BUCKET/PREFIX" or "r2://BUCKET/PREFIX"; empty if the manifest names none.
	URL string
	Pos Position
}

// Safety are limits on what an apply may do.
type Safety struct {
	MaxDeletes     *int // nil: no limit
	StrictBindings bool // a plan that breaks a Worker's binding is refused
}

// Store is a store as the manifest describes it. Several may be one store in
// Cloudflare; their secrets' names are distinct even so.
type Store struct {
	Label string
	// AccountID is "" for the account that CLOUDFLARE_ACCOUNT_ID names.
	AccountID string
	// TokenEnv is "" for CLOUDFLARE_API_TOKEN.
	TokenEnv string
	// Name is the store's name in Cloudflare.
	Name   string
	Prefix string
	// Unmanaged is "report", "ignore", "fail" or "delete".
	Unmanaged string
	// Delete says that the store itself is deleted, once empty, when it leaves the
	// manifest.
	Delete bool
	// Create confirms that the store is created even if its account has another one.
	Create  bool
	Pos     Position
	Secrets []Secret
}

// Secret is a secret as the manifest describes it.
type Secret struct {
	Label string
	// Name is its name in Cloudflare: the store's prefix and the label.
	Name string
	// Scopes are sorted and distinct.
	Scopes []string
	// Comment is nil where the comment is not managed.
	Comment *string
	// Delete is the policy for the day it leaves the manifest: false forgets it.
	Delete bool
	// Adopt is "overwrite", "keep", "verify" or "", for a secret of that name that isn't ours.
	Adopt string
	// RenamedFrom is the name in Cloudflare that it had before, or "".
	RenamedFrom string
	// RotateAfter is the age at which its value is to be replaced; 0 for never.
	RotateAfter time.Duration
	// Overlap is how long the value that a new one replaces stays readable, under the name
	// Previous in Cloudflare; 0 and "" for not at all.
	Overlap  time.Duration
	Previous string
	// External says that its value comes from elsewhere: it has no Source.
	External bool
	Source   Source
	Pos      Position
}

// SecretRef names a secret by its labels, which the manifest keeps distinct.
type SecretRef struct {
	Store, Secret string
}

// Resolved is a value that was read.
type Resolved struct {
	Value Value
	Ciphertext
	// Note is a remark about the value that forbids nothing; nil if there is none.
	Note *Error

	at Position // in a SOPS file
}

// Ciphertext is what is known about a value without a key.
type Ciphertext struct {
	// Digest is of the encrypted text in a SOPS file; "" without one.
	Digest string
	// File is the SOPS file's name; "" without one.
	File string
}

// SOPS reads files that SOPS encrypted. Errors of it and of [SOPSFile] are a
// [ErrorList] or a [*Error]; others are not shown. Files are opened and decrypted side by side:
// Open is called from several goroutines at once, and the methods of one file are not.
type SOPS interface {
	// Open parses a file. It needs no key. format is yaml, json, dotenv, ini or binary, or ""
	// if it is recognized by the content and the name.
	Open(name, format string, data []byte) (SOPSFile, error)
}

// SOPSFile is a file that SOPS encrypted. A path leads through maps by key and
// through lists by decimal index; the empty path is a binary file's content.
type SOPSFile interface {
	// Entry returns what is known about a value without a key.
	Entry(path []string) (SOPSEntry, error)
	// Value decrypts a value. The first call decrypts the file and verifies its MAC.
	Value(ctx context.Context, path []string) (Value, error)
}

// SOPSEntry is what can be known of a value in a SOPS file without a key.
type SOPSEntry struct {
	Pos Position
	// Type is str, int, float, bool, time or bytes; "" for a value that is not encrypted.
	Type string
	// Digest is of the encrypted text: "sha256:" and hexadecimal digits.
	Digest string
	// InList is set for values in a list, whose ciphertexts can be exchanged
	// without a key (docs/sops.md §10).
	InList bool
}

// Position is a place in a file. Line and Column count from 1, columns in characters;
// a zero Line means the file as a whole. String returns "file:line:column", and Compare
// orders positions.
type Position = position.Position

// Error is one mistake: What is wrong, at which Pos, and a Hint at what would be right,
// which may be empty. [errors.Is] finds its Kind, such as [ErrOutside]. Its text is
// "file:line:column: what (hint)" and never holds a value.
type Error = syntax.Error

// ErrorList is an error of several mistakes, one a line. [errors.As] finds it in every
// error of this package, except errors of [Find] and of a context.
type ErrorList = syntax.ErrorList

// Value is a secret's value. It cannot be printed, logged or marshalled; Reveal returns
// the bytes, which the caller must neither change nor keep. IsSet reports whether there is
// a value, Equal compares in constant time, and Wipe overwrites the bytes.
type Value = secret.Value

// NewValue returns a value, for an implementation of [SOPSFile]. It takes b over: the
// caller must not use it afterwards.
func NewValue(b []byte) Value { return secret.New(b) }

// Generate says what value to generate: a number of Bytes in an Encoding, a Length in
// characters for [Alphanumeric], or neither for [UUID]. Check reports a combination that
// has no meaning, and Value generates a value.
type Generate = generate.Spec

// Encoding is how generated random bytes become text.
type Encoding = generate.Encoding

// The encodings.
const (
	Hex          Encoding = generate.Hex
	Base64       Encoding = generate.Base64
	Base64URL    Encoding = generate.Base64URL // without padding
	Alphanumeric Encoding = generate.Alphanumeric
	UUID         Encoding = generate.UUID // version 4
)

// FileRole says what a file is to a manifest.
type FileRole int

// The roles.
const (
	// RoleManifest is the manifest itself.
	RoleManifest FileRole = iota
	// RoleIncluded is a file that the manifest includes.
	RoleIncluded
	// RoleSOPS is a SOPS file with values.
	RoleSOPS
	// RoleValue is a file whose content is a value.
	RoleValue
	// RoleWorker is a wrangler configuration.
	RoleWorker
)

// File is a file that a manifest consists of or names.
type File struct {
	Name string
	Role FileRole
}

// Files returns all files that the manifest consists of or names. They need not exist.
func (m *Manifest) Files() []File {
	var files []File
	for i, name := range m.sources.names {
		role := RoleIncluded
		if i == 0 {
			role = RoleManifest
		}
		files = append(files, File{name, role})
	}
	for _, st := range m.Stores {
		for _, sec := range st.Secrets {
			switch s := sec.Source; {
			case s.target == "":
			case s.Kind == SourceSOPS:
				files = append(files, File{s.target, RoleSOPS})
			case s.Kind == SourceFile:
				files = append(files, File{s.target, RoleValue})
			}
		}
	}
	for _, w := range m.sources.workers {
		names, _ := m.sources.files.Glob(w.pos, w.from, w.pattern) // WorkerFiles reports mistakes
		for _, name := range names {
			files = append(files, File{name, RoleWorker})
		}
	}
	return files
}

// Watch adds a file that something else reads to the files that [Manifest.Changed] checks.
func (m *Manifest) Watch(name string) { m.sources.files.Seen.Watch(name) }

// Changed returns the names of the files that were read so far and have changed or
// disappeared since: the manifest, the files that it includes, its sources and its
// wrangler configurations.
func (m *Manifest) Changed() []string {
	if m.sources.files.Seen == nil { // not from Load
		return nil
	}
	return m.sources.files.Seen.Changed()
}

// IsName reports whether a text can be a secret's name, and a store's label.
func IsName(text string) bool { return text != "" && isPrefix(text) }

// IsStoreName reports whether a text can be a store's name in Cloudflare, as a manifest and a
// lockfile have it: what such a name may hold is not documented, so any text that can be shown
// as it is.
func IsStoreName(text string) bool { return text != "" && visible.Text(text) == text }
