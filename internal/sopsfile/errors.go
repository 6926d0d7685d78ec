package sopsfile

import (
	"fmt"
	"slices"
	"strings"

	"github.com/secretsync/secretsync/internal/position"
	"github.com/secretsync/secretsync/internal/shell"
	"github.com/secretsync/secretsync/internal/sopstext"
	"github.com/secretsync/secretsync/internal/syntax"
)

// Kind says what is wrong with a file, or with a request for one of its values.
type Kind string

// The kinds of errors.
const (
	NotSOPS        Kind = "not encrypted with SOPS"
	Malformed      Kind = "malformed" // among others: several documents, a list at the top
	Damaged        Kind = "damaged"
	NoKey          Kind = "no available key"
	KeyTypeRefused Kind = "key type not allowed"
	BadMAC         Kind = "MAC mismatch"
	Missing        Kind = "no such value"
	NotEncrypted   Kind = "value not encrypted"
	WrongType      Kind = "value not a string"
	Empty          Kind = "empty value"
)

// Error is about one file. It holds no value, and no text of SOPS's own errors.
type Error struct {
	Kind     Kind
	Mistakes syntax.ErrorList // one, or all that its syntax has
}

// Error is one mistake a line, each with its position.
func (e *Error) Error() string { return e.Mistakes.Error() }

// Unwrap returns the mistakes.
func (e *Error) Unwrap() error { return e.Mistakes }

// TypesNotAllowed is the kind of a mistake about keys of types that are not allowed, as
// [errors.As] finds it. It lists the key types that [Options.KeyTypes] would need, separated by
// commas.
type TypesNotAllowed string

func (t TypesNotAllowed) Error() string { return "key types that are not allowed: " + string(t) }

// restore is the hint for damage that cannot be repaired by editing.
func (f *File) restore() string {
	text := "restore it with " + shell.Git(f.name, "checkout", "HEAD") + ", or from an older commit if it was committed like this"
	if f.part {
		return text
	}
	return text + "; change it with " + f.command("edit")
}

// command is a command of sops about the file, for a hint.
func (f *File) command(words string) string {
	return sopstext.Command(words, f.name, sopstext.FormatOf(f.name, f.data))
}

// rule is the rule of a mistake.
func rule(kind Kind) string {
	if kind == NoKey {
		return "sops-no-key"
	}
	return "sops"
}

// failTypes is fail for a file that names keys of types that are refused.
func (f *File) failTypes(kind Kind, refused []string, hint, what string, args ...any) error {
	m := &syntax.Error{Pos: f.whole(), What: fmt.Sprintf(what, args...), Hint: hint, Rule: rule(kind)}
	if kind == NoKey && f.part {
		m.Kind = ErrSealed
	}
	if len(refused) > 0 {
		m.Rule = "sops-key-type"
		m.Kind = TypesNotAllowed(strings.Join(slices.Concat(f.opener.gate.Allowed(), refused), ","))
	}
	return &Error{kind, syntax.ErrorList{m}}
}

func fail(kind Kind, at position.Position, hint, what string, args ...any) error {
	e := &Error{Kind: kind}
	e.Mistakes.Add(at, hint, what, args...)
	e.Mistakes.Tag(rule(kind), 0)
	return e
}

// rescue turns a panic into an error, since SOPS and its parsers may quote in it what
// they read. To be deferred.
func rescue(f *File, err *error) {
	if recover() != nil {
		*err = fail(Damaged, f.whole(), f.restore(), "is damaged: SOPS cannot read it")
	}
}
