package harden_test

import (
	"testing"

	"github.com/secretsync/secretsync/internal/harden"
	"golang.org/x/sys/unix"
)

func TestNoCoreDumps(t *testing.T) {
	if err := harden.Process(); err != nil {
		t.Fatal(err)
	}
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_CORE, &limit); err != nil || limit != (unix.Rlimit{}) {
		t.Errorf("RLIMIT_CORE is %v, %v", limit, err)
	}
	if yes, known := harden.Prevented(); !yes || !known {
		t.Errorf("prevented: %v, %v", yes, known)
	}
	if flag, err := unix.PrctlRetInt(unix.PR_GET_DUMPABLE, 0, 0, 0, 0); err != nil || flag != 0 {
		t.Errorf("the dumpable flag is %d, %v", flag, err)
	}
}
