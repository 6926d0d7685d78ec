package lockfile

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/gofrs/flock"

	"github.com/secretsync/secretsync/internal/atomicfile"
)

// onDisk is the storage of a lockfile that is a file, with its journal beside it.
type onDisk struct {
	path     string
	lock     *flock.Flock
	disk     snapshot
	opened   *os.File // the journal; nil until something is appended
	appended int64    // its size
}

// spare is roughly how much an apply adds to a lockfile.
const spare = 64 << 10

func (d *onDisk) difference() (replacement, error) {
	side := sidePath(d.path)
	switch named, err := stillNames(side, d.lock); {
	case err != nil:
		return replacement{}, err
	case !named:
		what, err := d.disk.difference(d.path)
		return replacement{
			what:     fmt.Sprintf("%q, which carries its lock, was removed or replaced", side),
			lockOnly: err == nil && what == "",
		}, nil
	}
	what, err := d.disk.difference(d.path)
	return replacement{what: what}, err
}

func (d *onDisk) save(data []byte, check func() error) (saved bool, err error) {
	appended, exists := d.journal()
	if appended && exists {
		if err := d.append(journalLine{Folded: snapshot{exists: true, data: data}.digest()}.format(), nil); err != nil {
			return false, err
		}
	}
	saved, err = atomicfile.WriteIf(d.path, data, 0o644, check)
	if saved {
		d.disk = snapshot{exists: true, data: data, most: d.disk.most}
	}
	if err != nil {
		return saved, err
	}
	if appended {
		d.opened.Close()
		d.opened = nil
	}
	return saved, removeJournal(d.path)
}

func (d *onDisk) append(line []byte, _ func(string) []byte) error {
	created := d.opened == nil
	if created {
		f, err := os.OpenFile(journalPath(d.path), os.O_WRONLY|os.O_APPEND|os.O_CREATE|os.O_EXCL, 0o644)
		if err != nil {
			return fmt.Errorf("the lockfile's journal cannot be written: %w", err)
		}
		d.opened, d.appended = f, 0
		line = append(journalLine{Version: journalVersion, Lockfile: d.disk.digest()}.format(), line...)
	}
	_, err := d.opened.Write(line)
	err = errors.Join(err, d.opened.Sync())
	if created {
		err = errors.Join(err, atomicfile.SyncDir(d.path))
	}
	switch {
	case err != nil && created: // it has no complete first line
		err = errors.Join(err, d.opened.Close(), removeJournal(d.path))
		d.opened = nil
	case err != nil:
		err = errors.Join(err, d.opened.Truncate(d.appended))
	}
	if err != nil {
		return fmt.Errorf("the lockfile's journal cannot be written: %w", err)
	}
	d.appended += int64(len(line))
	return nil
}

func (d *onDisk) journal() (appended, exists bool) {
	if d.opened == nil {
		return false, false
	}
	own, err := d.opened.Stat()
	if err != nil {
		return true, false
	}
	info, err := os.Lstat(journalPath(d.path))
	return true, err == nil && os.SameFile(own, info)
}

func (d *onDisk) saveBeside(again Saved, base, ours []byte) (Saved, error) {
	if again.Ours != "" {
		return again, atomicfile.Write(again.Ours, ours, 0o644)
	}
	s, err := savePair(d.path, base, ours)
	if err != nil {
		return s, err
	}
	if _, exists := d.journal(); exists { // its records are in the two files
		return s, removeJournal(d.path)
	}
	return s, nil
}

func (d *onDisk) close() error {
	err := d.lock.Unlock()
	if d.opened != nil { // it was not folded: the next run does that
		err = errors.Join(err, d.opened.Close())
	}
	return err
}

// removeJournal removes a journal whose changes are in the lockfile.
func removeJournal(path string) error {
	if err := os.Remove(journalPath(path)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("the lockfile's journal, which is no longer needed: %w", err)
	}
	return nil
}

// errRemoved is the error for a journal without its lockfile, which it cannot replace: it has only
// the records that an apply touched.
func errRemoved(path string) error {
	return &pathError{ErrLost, fmt.Sprintf("%q was removed, and %q has records of an interrupted apply that belong to it: restore it from git",
		path, journalPath(path))}
}

// unfold saves the records of a journal beside the lockfile, so that they can be merged: another
// program replaced the lockfile while an apply ran, and then the apply was killed.
func unfold(path string, j *journal, disk snapshot) error {
	if !disk.exists {
		return errRemoved(path)
	}
	was, now := j.combined()
	if _, err := savePair(path, was.Format(), now.Format()); err != nil {
		return err
	}
	return removeJournal(path)
}
