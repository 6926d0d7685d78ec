package lockfile

import (
	"errors"
	"fmt"
)

// RecordKey names a secret's record, or, without a Secret, only the record of a store.
type RecordKey struct {
	Store  StoreKey
	Secret string
}

// Record applies change to the records that keys name, and appends them to the journal beside
// the lockfile. The file that change gets has only these records, with their stores; change must
// add no others. When Record returns nil, the change is on the disk, and [Read] and [Open] return
// it even after a crash. When it returns an error, the change is discarded. A change that changes
// nothing is not written.
//
// The time that Record takes depends on the number of keys, not on the number of all records.
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
	if err == nil && line != nil && h.next != nil {
		now.Shared = *h.next
		line, err = journaled(was, now)
	}
	if err != nil || line == nil {
		return errors.Join(err, h.replacedError())
	}
	if h.replaced == nil {
		err := h.append(line, func(journal string) []byte {
			now.Shared.Journal = journal
			h.file.replace(was, now)
			defer h.file.replace(now, was)
			return h.file.Format()
		})
		if err != nil {
			return err
		}
		h.file.replace(was, now)
		h.written, h.next = true, nil
		return nil
	}
	h.file.replace(was, now)
	return h.saveBeside()
}
