//go:build !linux

package atomicfile

import (
	"os"
	"testing"
)

// asOrdinaryUser runs do, unless root runs the tests, because root can write to read-only
// directories.
func asOrdinaryUser(t *testing.T, _ string, do func()) {
	t.Helper()
	if os.Geteuid() == 0 {
		t.Skip("root writes to read-only directories")
	}
	do()
}
