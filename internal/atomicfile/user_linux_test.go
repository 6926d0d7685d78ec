package atomicfile

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"
)

// A file system that cannot sync directories, such as proc, is not an error.
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

// asOrdinaryUser runs do with the permissions of an ordinary user, even if root runs the
// tests, as in containers: root can write to read-only directories.
func asOrdinaryUser(t *testing.T, dir string, do func()) {
	t.Helper()
	if os.Geteuid() != 0 {
		do()
		return
	}
	try(t, os.Chmod(filepath.Dir(dir), 0o755)) // the testing package created it for root only
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread() // never unlocked, so that the thread ends with the goroutine
		const nobody = 65534
		_, _, _ = syscall.RawSyscall(syscall.SYS_SETFSUID, nobody, 0, 0) // of this thread only
		do()
	}()
	<-done
}
