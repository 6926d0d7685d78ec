package lockfile

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/secretsync/secretsync/objectstore"
)

// A lockfile in an object store is one object, changed by compare-and-swap. Its journal is one
// object for each change, because stores limit how often one object may be written:
//
//	KEY.journal/ID/000001
//
// ID is new for each journal. The first change is written to the lockfile itself, which then names
// the journal: only then is there a journal to read. A run that takes over from an unfinished one
// first seals the journal, by writing an object where the next change would be. From then on the
// journal cannot grow. If the other run is still alive, it cannot record the intent of another
// request, and therefore does not send it.

// OpenObject opens the lockfile at key in an object store. The caller must hold the lease that
// keeps other runs away; held returns an error if it no longer holds it. If an earlier run did not
// end, OpenObject seals that run's journal and writes it to the lockfile. Before each of these
// writes, it calls held, after it has read what the write is based on: a run that lost the lease
// while it was suspended must not seal the journal of the run that holds it now.
//
// The methods of the Handle use no context: a change that was begun is completed, within the
// limits of the store's own requests.
func OpenObject(ctx context.Context, store objectstore.Store, key string, held func() error, opts ...Option) (*Handle, error) {
	run, at := newID(), object{store, key, limitsOf(opts)}
	read, err := at.read(ctx, &sealer{run, held})
	if err != nil {
		return nil, err
	}
	h := &Handle{
		name: at.name(), storage: &inBucket{object: at, version: read.version, run: run},
		file: read.file, saved: read.file.Format(), folded: read.changes,
	}
	h.opened = h.saved
	h.share(run)
	if read.file.Shared.Journal == "" {
		return h, nil
	}
	if err := held(); err != nil {
		return nil, err
	}
	h.file.Shared, h.next = *h.next, nil
	return h, h.save(h.file.Format())
}

// ReadObject reads the lockfile at key in an object store and its journal, without a lease. If
// there is none, it returns an empty File.
func ReadObject(ctx context.Context, store objectstore.Store, key string, opts ...Option) (*File, error) {
	read, err := object{store, key, limitsOf(opts)}.read(ctx, nil)
	if err != nil {
		return nil, err
	}
	return read.file, nil
}

// object is where a lockfile in an object store is.
type object struct {
	store objectstore.Store
	key   string
	most  limits
}

// name is the lockfile's name in messages.
func (o object) name() string { return o.store.String() + "/" + o.key }

// journalObject is the n-th object of a journal of the lockfile, beginning with 1.
func (o object) journalObject(id string, n int) object {
	o.key = fmt.Sprintf("%s.journal/%s/%06d", o.key, id, n)
	return o
}

// readObject is a lockfile that was read from an object store.
type readObject struct {
	file    *File // with the changes of the journal
	version objectstore.Version
	changes int // in the journal
}

// sealer is a run that seals the journals of others. held returns an error if the run does not hold
// the lease any more.
type sealer struct {
	run  string
	held func() error
}

// read reads the lockfile, and what its journal has. If there is a sealer, it seals the journal.
func (o object) read(ctx context.Context, by *sealer) (*readObject, error) {
	for range loadTries {
		read, err := o.readAlone(ctx)
		if err != nil || read.file.Shared.Journal == "" {
			return read, err
		}
		if read.changes, err = o.replay(ctx, by, read.file); err != nil {
			return nil, err
		}
		again, err := o.readAlone(ctx) // the run may have ended, and removed its journal, meanwhile
		if err != nil || again.version == read.version {
			return read, err
		}
	}
	return nil, fmt.Errorf("%s keeps changing: an apply is running", o.name())
}

// readAlone reads the lockfile without its journal.
func (o object) readAlone(ctx context.Context) (*readObject, error) {
	got, err := objectstore.Get(ctx, o.store, o.key)
	switch {
	case errors.Is(err, objectstore.ErrNotExist):
		return &readObject{file: new(File)}, nil
	case err != nil:
		return nil, fmt.Errorf("the lockfile cannot be read: %w", err)
	case int64(len(got.Data)) > o.most.size:
		return nil, tooLarge(o.name(), o.most.size)
	}
	f, err := Parse(o.name(), got.Data)
	if list, ok := errors.AsType[ErrorList](err); ok {
		for _, e := range list {
			e.Hint = strings.Replace(e.Hint, fromGit, fromVersions, 1)
		}
	}
	return &readObject{file: f, version: got.Version}, err
}

// replay adds the changes of the journal to f, and returns how many there are.
func (o object) replay(ctx context.Context, by *sealer, f *File) (changes int, err error) {
	for {
		next := o.journalObject(f.Shared.Journal, changes+1)
		got, err := objectstore.Get(ctx, next.store, next.key)
		if errors.Is(err, objectstore.ErrNotExist) {
			if by == nil {
				return changes, nil
			}
			if err := by.held(); err != nil {
				return 0, err
			}
			_, err = objectstore.Put(ctx, next.store, next.key, journalLine{Sealed: by.run}.format(), objectstore.Condition{})
			if err == nil {
				return changes, nil
			}
			if errors.Is(err, objectstore.ErrConflict) { // the run is alive, or another one takes over
				continue
			}
		}
		if err != nil {
			return 0, fmt.Errorf("the lockfile's journal cannot be read: %w", err)
		}
		change, sealed, err := parseJournalObject(next.name(), got.Data)
		if err != nil {
			return 0, err
		}
		if sealed {
			return changes, nil
		}
		f.replace(change.was, change.now)
		changes++
	}
}

// parseJournalObject reads one object of a journal.
func parseJournalObject(name string, data []byte) (change step, sealed bool, err error) {
	var j journal
	text, whole := bytes.CutSuffix(data, []byte("\n"))
	l, ok := parseJournalLine(text)
	switch {
	case ok && whole && l.Sealed != "":
		return step{}, true, nil
	case ok && whole && len(l.Now) > 0 && j.add(name, l):
		return j.changes[0], false, nil
	}
	return step{}, false, journalDamage(name, 1, l.Version)
}

// inBucket is the storage of a lockfile in an object store.
type inBucket struct {
	object
	version objectstore.Version // of the lockfile; empty if there is none
	run     string
	unsaved bool     // something was appended since the last save
	id      string   // of the journal that the lockfile names; empty for none
	n       int      // how many objects that has
	written []string // all objects of journals that were not removed
	lost    string   // what another run did
}

func (b *inBucket) difference() (replacement, error) { return replacement{what: b.lost}, nil }

func (b *inBucket) save(data []byte, check func() error) (saved bool, err error) {
	if err := check(); err != nil {
		return false, err
	}
	b.id = "" // even if this fails, because it may take effect nevertheless
	if err := b.replace(data); err != nil {
		return false, err
	}
	b.unsaved = false
	// Nothing reads the journal any more. If it cannot be removed, as where the permission for that
	// is missing, that is not an error of the run: all is recorded.
	if b.store.Delete(context.Background(), b.written...) == nil {
		b.written = nil
	}
	return true, nil
}

// replace writes the lockfile.
func (b *inBucket) replace(data []byte) error {
	ctx := context.Background()
	if len(data) > objectstore.MaxSize {
		return fmt.Errorf("the lockfile is larger than %d MiB, the limit in an object store", objectstore.MaxSize>>20)
	}
	v, err := objectstore.Put(ctx, b.store, b.key, data, objectstore.Condition{Match: b.version})
	if errors.Is(err, objectstore.ErrConflict) {
		now, readErr := b.readAlone(ctx)
		switch {
		case readErr != nil:
			err = readErr
		case now.file.Shared.Run != b.run:
			b.lost = fmt.Sprintf("another run wrote its generation %d", now.file.Shared.Generation)
		case now.version != b.version: // a write of this run that failed although it took effect
			v, err = objectstore.Put(ctx, b.store, b.key, data, objectstore.Condition{Match: now.version})
		}
	}
	if err != nil {
		return fmt.Errorf("the lockfile cannot be written: %w", err)
	}
	b.version = v
	return nil
}

func (b *inBucket) append(line []byte, whole func(journal string) []byte) error {
	if b.id == "" {
		id := newID()
		b.unsaved = true
		if err := b.replace(whole(id)); err != nil {
			return err
		}
		b.id, b.n = id, 0
		return nil
	}
	for {
		next := b.journalObject(b.id, b.n+1)
		_, err := objectstore.Put(context.Background(), b.store, next.key, line, objectstore.Condition{})
		taken := errors.Is(err, objectstore.ErrConflict)
		if taken {
			err = b.checkOwn(next)
		}
		if err != nil {
			return fmt.Errorf("the lockfile's journal cannot be written: %w", err)
		}
		b.n++
		b.written = append(b.written, next.key)
		if !taken {
			return nil
		}
	}
}

// checkOwn returns nil for an object of the journal that this run wrote although the request
// seemed to fail. Otherwise another run has sealed the journal.
func (b *inBucket) checkOwn(of object) error {
	got, err := objectstore.Get(context.Background(), of.store, of.key)
	if err != nil {
		return err
	}
	_, sealed, err := parseJournalObject(of.name(), got.Data)
	if sealed {
		b.lost = "another run took over"
		return objectstore.ErrConflict
	}
	return err
}

func (b *inBucket) journal() (appended, exists bool) { return b.unsaved, b.unsaved }

// saveBeside saves nothing: the intents of all requests are in the journal, which the run that took
// over has read, and it settles those whose outcome it lacks by reading what is live.
func (b *inBucket) saveBeside(Saved, []byte, []byte) (Saved, error) { return Saved{}, nil }

func (b *inBucket) close() error { return nil }
