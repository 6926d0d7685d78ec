package harden

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// process needs both settings. If core dumps are piped to a program, as systemd configures
// it, the limit alone does not prevent them (core(5)). The flag does not survive an exec,
// but the limit does (prctl(2), PR_SET_DUMPABLE).
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

func prevented() (prevented, known bool) {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_CORE, &limit); err != nil {
		return false, false
	}
	flag, err := unix.PrctlRetInt(unix.PR_GET_DUMPABLE, 0, 0, 0, 0)
	return limit.Cur == 0 && flag == 0, err == nil
}
