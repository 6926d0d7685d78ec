// Package hint attaches a hint about what to do to an error, so that the error's text says
// only what is wrong. [With] adds a hint, [Of] returns it.
package hint

import (
	"errors"

	"github.com/secretsync/secretsync/internal/syntax"
)

// hinted is an error with a hint.
type hinted struct {
	err  error
	hint string
}

func (h *hinted) Error() string { return h.err.Error() }
func (h *hinted) Unwrap() error { return h.err }

// With returns err with a hint, a sentence for the user; nil for a nil error.
func With(err error, text string) error {
	if err == nil {
		return nil
	}
	return &hinted{err, text}
}

// Of returns the outermost hint of an error, or "".
func Of(err error) string {
	var h *hinted
	if errors.As(err, &h) {
		return h.hint
	}
	return ""
}

// Join combines several errors into one: a list of all mistakes in order, with the first
// hint. If one of the errors is not a list of mistakes, Join returns that error alone.
func Join(errs ...error) error {
	var all syntax.ErrorList
	text := ""
	for _, err := range errs {
		var list syntax.ErrorList
		if err != nil && !errors.As(err, &list) {
			return err
		}
		all = append(all, list...)
		if text == "" {
			text = Of(err)
		}
	}
	if text != "" {
		return With(all.Err(), text)
	}
	return all.Err()
}
