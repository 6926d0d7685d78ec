package lockfile

import (
	"github.com/secretsync/secretsync/internal/position"
	"github.com/secretsync/secretsync/internal/secret"
	"github.com/secretsync/secretsync/internal/syntax"
)

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
// [Parse], [Read] and [Open] return for content that is no lockfile.
type ErrorList = syntax.ErrorList
