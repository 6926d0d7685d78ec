package manifest

import (
	"github.com/secretsync/secretsync/internal/generate"
	"github.com/secretsync/secretsync/internal/position"
	"github.com/secretsync/secretsync/internal/secret"
	"github.com/secretsync/secretsync/internal/syntax"
)

// Position is a place in a file. Line and Column count from 1, columns in characters;
// a zero Line means the file as a whole. String returns "file:line:column", and Compare
// orders positions.
type Position = position.Position

// Error is one mistake: What is wrong, at which Pos, and a Hint at what would be right,
// which may be empty. [errors.Is] finds its Kind, such as [ErrOutside]. Its text is
// "file:line:column: what (hint)" and never holds a value.
type Error = syntax.Error

// ErrorList is an error of several mistakes, one a line. [errors.As] finds it in every
// error of this package but those of [Find] and of a context.
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
