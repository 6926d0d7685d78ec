package manifest

import (
	"context"
	"errors"
	"slices"

	"github.com/secretsync/secretsync/internal/repo"
	"github.com/secretsync/secretsync/internal/syntax"
)

// Kinds of mistakes that an option permits, as [errors.Is] finds them: the caller knows how
// its user sets the option.
var (
	// ErrOutside: a file lies outside the repository ([Options.AllowOutside]).
	ErrOutside = repo.ErrOutside
	// ErrCommand: a source runs a command ([Options.AllowCommands]).
	ErrCommand = errors.New("a command is refused")
	// ErrPlaintext: the manifest holds a plaintext value ([Options.AllowPlaintextValues]).
	ErrPlaintext = errors.New("a plaintext value is refused")
)

// The rules of mistakes, by what they are about. docs/output.md lists them.
const (
	ruleManifest    = "manifest"
	ruleVersion     = "version"
	ruleUnknownKey  = "unknown-key"
	ruleType        = "wrong-type"
	ruleAccount     = "account"
	ruleStore       = "store"
	ruleSecret      = "secret"
	ruleScope       = "scope"
	rulePolicy      = "policy"
	ruleVariable    = "variable"
	ruleCondition   = "condition"
	ruleInclude     = "include"
	ruleWorkers     = "workers"
	ruleSource      = "source"
	ruleEnvironment = "environment"
	ruleCommand     = "command"
	ruleSOPS        = "sops"
	ruleValue       = "value"
	ruleCiphertext  = "ciphertext"
)

// mistake returns a mistake of a rule. hint may be empty.
func mistake(rule string, at Position, hint, what string, args ...any) *Error {
	e := syntax.Errorf(at, hint, what, args...)
	e.Rule = rule
	return e
}

// refused returns a mistake that an option would permit. hint may be empty.
func refused(kind error, at Position, hint, what string, args ...any) *Error {
	e := mistake(map[error]string{ErrCommand: "command-refused", ErrPlaintext: "plaintext-value"}[kind], at, hint, what, args...)
	e.Kind = kind
	return e
}

// mistakesOf returns the mistakes that an error lists. It hides the text of errors of
// other types, which may quote plaintext.
func mistakesOf(err error) ErrorList {
	var list ErrorList
	var one *Error
	switch {
	case err == nil:
		return nil
	case errors.As(err, &list):
		return list
	case errors.As(err, &one):
		return ErrorList{one}
	case errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded):
		return ErrorList{{What: "interrupted", Rule: "interrupted"}}
	}
	return ErrorList{{What: "the SOPS file cannot be decrypted", Rule: ruleSOPS}}
}

// located reports a mistake in another file at the place of the manifest that refers
// to it.
func located(at Position, e *Error) *Error {
	switch {
	case e.Pos.File == at.File && e.Pos.Line > 0:
		return e
	case e.Pos.File == "" || e.Pos.File == at.File:
		return &Error{Pos: at, What: e.What, Hint: e.Hint, Kind: e.Kind, Rule: e.Rule}
	}
	return &Error{Pos: at, What: e.Pos.String() + ": " + e.What, Hint: e.Hint, Kind: e.Kind, Rule: e.Rule}
}

// sortedKeys returns a map's keys in order.
func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
