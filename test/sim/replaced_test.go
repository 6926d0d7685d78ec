package sim

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/secretsync/secretsync/lockfile"
	"github.com/secretsync/secretsync/test/program"
)

// replacement is what another program does to the lockfile of a run when a request comes in.
type replacement struct {
	at  int // the request
	how replacementKind
}

type replacementKind int

const (
	replaceByOld  replacementKind = iota // git checkout of the lockfile
	replaceRemove                        // git clean of a lockfile that is not committed
	replaceSide                          // git clean of the file that carries the lock
	replaceKinds                         // how many there are
)

const (
	lockName = "secretsync.lock"
	sideName = "." + lockName + ".flock"
)

// replaceLock does what the other program does. before is the lockfile as this run found it.
func (w *world) replaceLock(how replacementKind, before []byte) {
	switch {
	case how == replaceSide:
		w.removeFile(sideName)
	case how == replaceRemove || before == nil:
		w.removeFile(lockName)
	default:
		w.write(lockName, string(before))
	}
	w.replacedLocks++
}

func (w *world) removeFile(name string) {
	if err := os.Remove(filepath.Join(w.dir, name)); !errors.Is(err, fs.ErrNotExist) {
		program.Must(w.T, err)
	}
}

// readLock returns nil if there is no lockfile.
func (w *world) readLock() []byte {
	data, err := os.ReadFile(filepath.Join(w.dir, lockName))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	program.Must(w.T, err)
	return data
}

// rejoin does what a person does after a run during which the lockfile was replaced: add the
// records that the run saved, or restore a lockfile that is gone.
func (w *world) rejoin(before []byte) {
	w.Helper()
	saved, err := lockfile.Unmerged(filepath.Join(w.dir, lockName))
	program.Must(w.T, err)
	if len(saved) > 0 {
		code, said := program.Program{}.Run(w.Context(), "lock", "merge", "--lockfile", filepath.Join(w.dir, lockName))
		w.log.WriteString(said)
		if code != program.OK {
			w.Fatalf("lock merge: exit code %d\n%s", code, said)
		}
	}
	if before != nil && w.readLock() == nil {
		w.write(lockName, string(before))
	}
}
