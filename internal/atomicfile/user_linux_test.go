package atomicfile

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"
)

// A file system that cannot sync folders, as proc, is no failure.
func TestSyncDirWhereThatIsNotPossible(t *testing.T) {
	const proc = "/proc"
	d, err := os.Open(proc)
	try(t, err)
	defer d.Close()
	if err := d.Sync(); !errors.Is(err, syscall.EINVAL) {
		t.Skipf("sync of %s: %v", proc, err)
	}
	try(t, syncDir(proc))
}

// asOrdinaryUser runs do with the permissions of an ordinary user, also where root runs
// the tests, as containers do: root writes to read-only directories.
func asOrdinaryUser(t *testing.T, dir string, do func()) {
	t.Helper()
	if os.Geteuid() != 0 {
		do()
		return
	}
	try(t, os.Chmod(filepath.Dir(dir), 0o755)) // testing makes it for root alone
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread() // and never unlocked: the thread ends with its user
		const nobody = 65534
		_, _, _ = syscall.RawSyscall(syscall.SYS_SETFSUID, nobody, 0, 0) // of this thread alone
		do()
	}()
	<-done
}
