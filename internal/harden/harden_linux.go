package harden

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// process sets both: where core dumps are piped to a program, as systemd has it,
// the limit alone does not forbid them (core(5)); and the flag ends at an exec,
// which the limit survives (prctl(2), PR_SET_DUMPABLE).
func process() error {
	var errs []error
	if err := unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{}); err != nil {
		errs = append(errs, fmt.Errorf("setting RLIMIT_CORE: %w", err))
	}
	if err := unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0); err != nil {
		errs = append(errs, fmt.Errorf("setting PR_SET_DUMPABLE: %w", err))
	}
	return errors.Join(errs...)
}
