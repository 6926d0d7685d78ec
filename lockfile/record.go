package lockfile

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/secretsync/secretsync/internal/atomicfile"
)

// RecordKey names a secret's record, or, without a Secret, only the record of a store.
type RecordKey struct {
	Store  StoreKey
	Secret string
}

// Record applies change to the records that keys name, and appends them to the journal beside
// the lockfile. The file that change gets has these records alone, with their stores; it must
// add no others. When Record returns nil, the change is on the disk, and so it is in what [Read]
// and [Open] return, also after a crash; when it returns an error, the change is discarded. A
// change that changes nothing is not written.
//
// The time that Record takes depends on the number of keys, not on that of all records.
// [Handle.Fold] and [Handle.Update] write the whole lockfile.
//
// If another program has replaced the lockfile, the error is a [ReplacedError], and what this
// Handle had recorded before is saved beside it.
func (h *Handle) Record(keys []RecordKey, change func(*File)) error {
	return h.record(keys, change, false)
}

// Settle is [Handle.Record] for a change that must not be lost, such as the outcome of a
// request. If another program has replaced the lockfile, Settle saves the change beside it
// too; the error is a [ReplacedError] all the same.
func (h *Handle) Settle(keys []RecordKey, change func(*File)) error {
	return h.record(keys, change, true)
}

func (h *Handle) record(keys []RecordKey, change func(*File), mustKeep bool) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if err := h.check(); err != nil && (h.replaced == nil || !mustKeep) {
		return err
	}
	t := touched{}
	for _, k := range keys {
		t.add(k)
	}
	was, now := h.file.part(t), h.file.part(t)
	change(now)
	if other := t.outside(now); other != "" {
		return fmt.Errorf("not saved, because it would change %s, which was not to be changed", other)
	}
	line, err := journaled(was, now)
	if err != nil || line == nil {
		return errors.Join(err, h.replacedError())
	}
	if h.replaced == nil {
		if err := h.append(line); err != nil {
			return err
		}
		h.file.replace(was, now)
		h.written = true
		return nil
	}
	h.file.replace(was, now)
	return h.saveBeside()
}

// append appends a line to the journal. If that fails, the journal is as it was.
func (h *Handle) append(line []byte) error {
	if h.journal != nil && !h.journalExists() {
		// Another program removed it, such as git clean. All that it had is in memory.
		if err := h.write(h.file.Format()); err != nil {
			return err
		}
		h.journal.Close()
		h.journal = nil
	}
	created := h.journal == nil
	if created {
		f, err := os.OpenFile(journalPath(h.path), os.O_WRONLY|os.O_APPEND|os.O_CREATE|os.O_EXCL, 0o644)
		if err != nil {
			return fmt.Errorf("the lockfile's journal cannot be written: %w", err)
		}
		h.journal, h.appended = f, 0
		line = append(journalLine{Version: journalVersion, Lockfile: h.disk.digest()}.format(), line...)
	}
	_, err := h.journal.Write(line)
	if err == nil {
		err = h.journal.Sync()
	}
	if err == nil && created {
		err = atomicfile.SyncDir(h.path)
	}
	switch {
	case err != nil && created: // it has no complete first line
		err = errors.Join(err, h.journal.Close(), removeJournal(h.path))
		h.journal = nil
	case err != nil:
		err = errors.Join(err, h.journal.Truncate(h.appended))
	}
	if err != nil {
		return fmt.Errorf("the lockfile's journal cannot be written: %w", err)
	}
	h.appended += int64(len(line))
	return nil
}

// journalExists reports whether the journal's name is still that of the file that this Handle
// appends to.
func (h *Handle) journalExists() bool {
	own, err := h.journal.Stat()
	if err != nil {
		return false
	}
	info, err := os.Lstat(journalPath(h.path))
	return err == nil && os.SameFile(own, info)
}

// removeJournal removes a journal whose changes are in the lockfile.
func removeJournal(path string) error {
	if err := os.Remove(journalPath(path)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("the lockfile's journal, which is not needed any more: %w", err)
	}
	return nil
}

// errRemoved is the error for a journal without its lockfile, which it cannot replace: it has only
// the records that an apply touched.
func errRemoved(path string) error {
	return &pathError{ErrLost, fmt.Sprintf("%q was removed, and %q has records of an interrupted apply that belong to it: restore it from git", path, journalPath(path))}
}

// unfold saves the records of a journal beside the lockfile, which another program replaced
// while an apply ran that was then killed: so they can be merged.
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
