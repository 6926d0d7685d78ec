package cli

import (
	"context"
	"errors"

	"github.com/secretsync/secretsync/planner/planfile"
)

// The exit codes.
const (
	exitOK          = 0
	exitError       = 1
	exitChanges     = 2 // plan --detailed-exitcode or drift found changes
	exitStale       = 3 // the reviewed plan no longer holds
	exitIncomplete  = 4
	exitInterrupted = 130
)

// exitCodesHelp is the end of the root command's help.
const exitCodesHelp = `Exit codes:
    0  done, or nothing to do
    1  error
    2  plan --detailed-exitcode or drift found changes
    3  the reviewed plan no longer holds
    4  the apply is incomplete; the lockfile says what was done
  130  interrupted
`

// status ends the program with an exit code. Err may be nil: then everything was already
// printed.
type status struct {
	code int
	err  error
}

func (s *status) Error() string {
	if s.err == nil {
		return ""
	}
	return s.err.Error()
}

func (s *status) Unwrap() error { return s.err }

func exitCode(err error) int {
	var s *status
	switch {
	case err == nil:
		return exitOK
	case errors.As(err, &s):
		return s.code
	case errors.Is(err, planfile.ErrStale):
		return exitStale
	case errors.Is(err, context.Canceled):
		return exitInterrupted
	}
	return exitError
}
