package lockfile

import (
	"bytes"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// keysOf are keys of records of the store prod.
func keysOf(names ...string) []RecordKey {
	keys := []RecordKey{{Store: prod}}
	for _, name := range names {
		keys = append(keys, RecordKey{prod, name})
	}
	return keys
}

// put records a secret with a comment in the store prod.
func put(t *testing.T, h *Handle, name, comment string) {
	t.Helper()
	try(t, h.Record(keysOf(name), func(f *File) { f.PutStore(prod, "1").PutSecret(name, Secret{ID: "2", Comment: comment}) }))
}

// killed returns a lockfile, with or without content, and the journal of a run that was killed
// after it had recorded the secrets a, b and a again, and had removed stripe-key.
func killed(t *testing.T, content []byte) (path string, want *File) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "x.lock")
	if content != nil {
		try(t, os.WriteFile(path, content, 0o644))
	}
	h := openAt(t, path)
	put(t, h, "a", "first")
	put(t, h, "b", "")
	put(t, h, "a", "second")
	if content != nil {
		try(t, h.Record(keysOf("stripe-key"), func(f *File) { delete(f.Stores[prod].Secrets, "stripe-key") }))
	}
	want = h.File()
	try(t, h.Close())
	return path, want
}

func exists(t *testing.T, path string) bool {
	t.Helper()
	_, err := os.Lstat(path)
	return !errors.Is(err, fs.ErrNotExist)
}

// TestJournalOutlivesAKill: once Record has returned, Read and Open return the change. Open folds
// the journal into the lockfile; until then the lockfile is unchanged.
func TestJournalOutlivesAKill(t *testing.T) {
	for name, content := range map[string][]byte{"first apply": nil, "later apply": full().Format()} {
		t.Run(name, func(t *testing.T) {
			path, want := killed(t, content)
			before, _ := os.ReadFile(path)
			if !bytes.Equal(before, content) {
				t.Error("the lockfile was written before the end")
			}
			f, err := Read(path)
			try(t, err)
			if diff := cmp.Diff(sorted(want), sorted(f)); diff != "" {
				t.Errorf("Read (-want +got):\n%s", diff)
			}
			h := openAt(t, path)
			if diff := cmp.Diff(sorted(want), sorted(h.File())); diff != "" {
				t.Errorf("Open (-want +got):\n%s", diff)
			}
			data, err := os.ReadFile(path)
			try(t, err)
			if !bytes.Equal(data, want.Format()) || exists(t, journalPath(path)) {
				t.Errorf("not folded:\n%s", data)
			}
		})
	}
}

// TestFold: the lockfile has everything, and the journal is gone. A run that recorded nothing has
// no journal and writes nothing.
func TestFold(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.lock")
	h := openAt(t, path)
	try(t, h.Fold())
	if exists(t, path) || exists(t, journalPath(path)) {
		t.Error("something was written")
	}
	put(t, h, "a", "")
	if !exists(t, journalPath(path)) {
		t.Error("there is no journal")
	}
	try(t, h.Fold())
	put(t, h, "b", "")
	try(t, h.Update(func(f *File) { f.Stores[prod].PutSecret("c", Secret{}) }))
	f, err := Read(path)
	try(t, err)
	if len(f.Stores[prod].Secrets) != 3 || exists(t, journalPath(path)) {
		t.Errorf("after the fold: %v", f.Stores[prod].Secrets)
	}
}

// TestRecordCostsItsRecords: the bytes that Record appends do not depend on the size of the
// lockfile.
func TestRecordCostsItsRecords(t *testing.T) {
	sizes := map[int]int64{}
	for _, n := range []int{10, 1000} {
		path := filepath.Join(t.TempDir(), "x.lock")
		h := openAt(t, path)
		try(t, h.Update(func(f *File) {
			for i := range n {
				f.PutStore(prod, "1").PutSecret(fmt.Sprint("other-", i), Secret{ID: "3", Comment: "one of many"})
			}
		}))
		put(t, h, "a", "")
		sizes[n] = stat(t, journalPath(path)).Size()
	}
	if sizes[10] != sizes[1000] {
		t.Errorf("bytes by records in the lockfile: %v", sizes)
	}
}

// TestTornJournal cuts the journal after each of its bytes: the changes whose lines are complete
// count, and the next run goes on from there.
func TestTornJournal(t *testing.T) {
	path, _ := killed(t, nil)
	whole, err := os.ReadFile(journalPath(path))
	try(t, err)
	for n := range len(whole) + 1 {
		try(t, os.WriteFile(journalPath(path), whole[:n], 0o644))
		want := max(0, bytes.Count(whole[:n], []byte("\n"))-1)
		f, err := Read(path)
		if err != nil {
			t.Fatalf("after %d bytes: %v", n, err)
		}
		comment := ""
		if a := f.Stores[prod].Secret("a"); a != nil {
			comment = a.Comment
		}
		if got := map[string]int{"": 0, "first": 1, "second": 3}[comment]; got != want && (want != 2 || f.Stores[prod].Secret("b") == nil) {
			t.Errorf("after %d bytes with %d changes, a is %q", n, want, comment)
		}
	}
	try(t, os.WriteFile(journalPath(path), whole[:len(whole)-1], 0o644))
	h := openAt(t, path)
	if got := h.File().Stores[prod].Secret("a").Comment; got != "first" {
		t.Errorf("Open: a is %q", got)
	}
	put(t, h, "c", "")
	try(t, h.Fold())
}

// TestLastLineNotOnDisk: after a power failure, a file may have zeros in place of its last line, with
// or without a line break at the end.
func TestLastLineNotOnDisk(t *testing.T) {
	for _, torn := range []string{"\x00\x00\x00\n", "\x00\x00\x00", "00000000 {}\n"} {
		path, want := killed(t, nil)
		whole, err := os.ReadFile(journalPath(path))
		try(t, err)
		try(t, os.WriteFile(journalPath(path), append(whole, torn...), 0o644))
		f, err := Read(path)
		if err != nil {
			t.Errorf("%q: %v", torn, err)
		} else if diff := cmp.Diff(sorted(want), sorted(f)); diff != "" {
			t.Errorf("%q (-want +got):\n%s", torn, diff)
		}
	}
}

// TestRemovedFromTheJournal: what a change removes is gone at once, for readers too.
func TestRemovedFromTheJournal(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.lock")
	try(t, os.WriteFile(path, full().Format(), 0o644))
	h := openAt(t, path)
	try(t, h.Record(keysOf("stripe-key", "half-made"), func(f *File) { delete(f.Stores[prod].Secrets, "stripe-key") }))
	try(t, h.Record([]RecordKey{{Store: empty}}, func(f *File) { delete(f.Stores, empty) }))
	want := sorted(full())
	delete(want.Stores[prod].Secrets, "stripe-key")
	delete(want.Stores, empty)
	f, err := Read(path)
	wantFile(t, "read", f, err, want)
	wantFile(t, "in memory", h.File(), nil, want)
}

// TestCombined: the records as they were before the first change, and after the last one, even if
// the journal began with a removal.
func TestCombined(t *testing.T) {
	part := func(api, key string, secrets ...string) *File {
		f := &File{API: api, Key: Key{ID: key}, Shared: Shared{Lineage: key}}
		st := f.PutStore(prod, "1")
		for _, name := range secrets {
			st.PutSecret(name, Secret{Comment: key})
		}
		return f
	}
	first, second, third := part("", "first", "a", "b"), part(APILoopback, "second", "b"), part(APILoopback, "third", "b", "c")
	j := &journal{changes: []step{{first, second}, {second, third}}}
	was, now := j.combined()
	wantFile(t, "was", was, nil, first)
	wantFile(t, "now", now, nil, third)
}

// TestDamagedJournal: a line in the middle that was not written like this stops every run, with
// its position and no content.
func TestDamagedJournal(t *testing.T) {
	path, _ := killed(t, full().Format())
	data, err := os.ReadFile(journalPath(path))
	try(t, err)
	lines := bytes.SplitAfter(data, []byte("\n"))
	for name, damaged := range map[string][]byte{
		"a changed byte":    bytes.Replace(data, []byte("first"), []byte("fresh"), 1),
		"a line is missing": bytes.Join([][]byte{lines[1], lines[2], lines[3]}, nil),
		"two first lines":   bytes.Join([][]byte{lines[0], lines[0], lines[1]}, nil),
		"no version":        bytes.Join([][]byte{journalLine{Lockfile: "sha256:0"}.format(), lines[1]}, nil),
		"no change":         bytes.Join([][]byte{lines[0], journalLine{Was: []byte("{}"), Now: []byte("{}")}.format()}, nil),
	} {
		t.Run(name, func(t *testing.T) {
			try(t, os.WriteFile(journalPath(path), damaged, 0o644))
			_, readErr := Read(path)
			_, openErr := Open(t.Context(), path, 0)
			for _, err := range []error{readErr, openErr} {
				if !errors.Is(err, ErrLost) || !strings.Contains(err.Error(), JournalFile(path)+":") || !strings.Contains(err.Error(), ":1: the lockfile's journal is damaged here") {
					t.Errorf("%v", err)
				}
				if strings.Contains(fmt.Sprint(err), "first") {
					t.Errorf("the content is quoted: %v", err)
				}
			}
			if now, _ := os.ReadFile(journalPath(path)); !bytes.Equal(now, damaged) {
				t.Error("the journal was changed")
			}
		})
	}
}

// TestNewerJournal: a journal of a later format is not damaged, and is left alone.
func TestNewerJournal(t *testing.T) {
	path, _ := killed(t, nil)
	newer := journalLine{Version: journalVersion + 1}.format()
	try(t, os.WriteFile(journalPath(path), newer, 0o644))
	if _, err := Open(t.Context(), path, 0); err == nil || errors.Is(err, ErrLost) || !strings.Contains(err.Error(), "newer version of secretsync (upgrade secretsync)") {
		t.Errorf("%v", err)
	}
	if now, _ := os.ReadFile(journalPath(path)); !bytes.Equal(now, newer) {
		t.Error("the journal was changed")
	}
}

// FuzzJournal: whatever a journal holds, reading it does not panic, and the result can be written.
func FuzzJournal(f *testing.F) {
	was, now := full(), full()
	now.Stores[prod].PutSecret("a", Secret{ID: "1"})
	delete(now.Stores, StoreKey{accountB, "empty"})
	line, err := journaled(was, now)
	if err != nil {
		f.Fatal(err)
	}
	header := journalLine{Version: journalVersion}.format()
	f.Add(header)
	f.Add(append(bytes.Clone(header), line...))
	f.Add(append(append(bytes.Clone(header), line...), journalLine{Folded: "sha256:0"}.format()...))
	f.Fuzz(func(_ *testing.T, data []byte) {
		// The checksum must not stop the fuzzer: each line gets the right one.
		var text []byte
		for line := range bytes.Lines(data) {
			_, json, _ := bytes.Cut(bytes.TrimSuffix(line, []byte("\n")), []byte(" "))
			text = fmt.Appendf(text, "%08x %s\n", crc32.Checksum(json, checksums), json)
		}
		j, err := parseJournal("x.lock.journal", text)
		if err != nil || j == nil {
			return
		}
		file := new(File)
		for _, c := range j.changes {
			file.replace(c.was, c.now)
		}
		file.Format()
		was, now := j.combined()
		was.Format()
		now.Format()
	})
}

// TestKilledWhileFolding: with the lockfile written and the journal still there, or with the last
// line of the journal but the old lockfile, nothing is lost and nothing is done twice.
func TestKilledWhileFolding(t *testing.T) {
	path, want := killed(t, full().Format())
	journal, err := os.ReadFile(journalPath(path))
	try(t, err)
	later := want.clone()
	later.Stores[prod].Secret("a").Source = "moved" // written to the lockfile only
	folded := append(bytes.Clone(journal), journalLine{Folded: snapshot{exists: true, data: later.Format()}.digest()}.format()...)
	for name, tt := range map[string]struct {
		lockfile []byte
		want     *File
	}{"before the lockfile": {full().Format(), want}, "before the journal was removed": {later.Format(), later}} {
		t.Run(name, func(t *testing.T) {
			try(t, os.WriteFile(path, tt.lockfile, 0o644))
			try(t, os.WriteFile(journalPath(path), folded, 0o644))
			f, err := Read(path)
			try(t, err)
			if diff := cmp.Diff(sorted(tt.want), sorted(f)); diff != "" {
				t.Errorf("Read (-want +got):\n%s", diff)
			}
			h := openAt(t, path)
			if diff := cmp.Diff(sorted(tt.want), sorted(h.File())); diff != "" {
				t.Errorf("Open (-want +got):\n%s", diff)
			}
			if exists(t, journalPath(path)) {
				t.Error("the journal is still there")
			}
			try(t, h.Close())
		})
	}
}

// TestJournalOfAReplacedLockfile: git replaced the lockfile during an apply, which was then killed.
// Its records are saved beside the lockfile, and merged record by record.
func TestJournalOfAReplacedLockfile(t *testing.T) {
	path, _ := killed(t, full().Format())
	try(t, os.WriteFile(path, colleagues(), 0o644))
	var unmerged *UnmergedError
	f, err := Read(path)
	if !errors.As(err, &unmerged) || unmerged.Saved[0].Ours != journalPath(path) || f.Stores[prod].Secret("a-colleagues") == nil {
		t.Errorf("Read: %v", err)
	}
	if _, err := Open(t.Context(), path, 0); !errors.As(err, &unmerged) || unmerged.Saved[0] != savedAt(path, 1) {
		t.Fatalf("Open: %v", err)
	}
	if exists(t, journalPath(path)) {
		t.Error("the journal is still there")
	}
	var files [3]*File
	for i, name := range []string{savedAt(path, 1).Base, savedAt(path, 1).Ours, path} {
		data, err := os.ReadFile(name)
		try(t, err)
		files[i], err = Parse(name, data)
		try(t, err)
	}
	m, err := Merge(files[0], files[1], files[2])
	try(t, err)
	got := m.File.Stores[prod]
	if got.Secret("a").Comment != "second" || got.Secret("b") == nil || got.Secret("a-colleagues") == nil || got.Secret("stripe-key") != nil || got.Secret("half-made") == nil {
		t.Errorf("merged:\n%s", m.Format())
	}
	if len(m.Conflicts) > 0 {
		t.Errorf("conflicts: %v", m.Conflicts)
	}
}

// TestJournalOfARemovedLockfile: the journal has only what the apply touched, so it cannot take the
// lockfile's place.
func TestJournalOfARemovedLockfile(t *testing.T) {
	path, _ := killed(t, full().Format())
	try(t, os.Remove(path))
	if _, err := Open(t.Context(), path, 0); !errors.Is(err, ErrLost) || !strings.Contains(err.Error(), "restore it from git") {
		t.Errorf("%v", err)
	}
	try(t, os.WriteFile(path, full().Format(), 0o644))
	if h := openAt(t, path); h.File().Stores[prod].Secret("a") == nil {
		t.Error("the restored lockfile lacks the journal's records")
	}
}

// TestJournalIsRemoved: git clean removes ignored files. What the journal had is in memory, and
// goes to the lockfile.
func TestJournalIsRemoved(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.lock")
	h := openAt(t, path)
	put(t, h, "a", "")
	try(t, os.Remove(journalPath(path)))
	put(t, h, "b", "")
	f, err := Read(path)
	try(t, err)
	if len(f.Stores[prod].Secrets) != 2 {
		t.Errorf("read: %v", f.Stores[prod].Secrets)
	}
	try(t, os.Remove(journalPath(path)))
	try(t, h.Fold())
	data, err := os.ReadFile(path)
	if err != nil || !bytes.Equal(data, h.File().Format()) {
		t.Errorf("folded (%v):\n%s", err, data)
	}
}

// TestJournalIsNoLink: a pull request can plant a link or a folder in the journal's place. Nothing
// is written through it.
func TestJournalIsNoLink(t *testing.T) {
	for name, plant := range map[string]func(path string) error{
		"link":   func(path string) error { return os.Symlink(filepath.Join(filepath.Dir(path), "target"), path) },
		"folder": func(path string) error { return os.Mkdir(path, 0o755) },
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "x.lock")
			try(t, plant(journalPath(path)))
			if _, err := Open(t.Context(), path, 0); !errors.Is(err, ErrNotRegular) {
				t.Errorf("Open: %v", err)
			}
			if _, err := Read(path); !errors.Is(err, ErrNotRegular) {
				t.Errorf("Read: %v", err)
			}
			if exists(t, filepath.Join(filepath.Dir(path), "target")) {
				t.Error("written through the link")
			}
		})
	}
}

// TestRecordRefuses: a change of records that were not named would be lost, and a change that cannot
// be read back would stop every later run. Both are discarded.
func TestRecordRefuses(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.lock")
	h := openAt(t, path)
	put(t, h, "a", "")
	before := h.File()
	for name, tt := range map[string]struct {
		change func(*File)
		want   string
	}{
		"another secret":       {func(f *File) { f.Stores[prod].PutSecret("b", Secret{}) }, `the secret "b" of the store "prod"`},
		"another store":        {func(f *File) { f.PutStore(StoreKey{accountB, "x"}, "1") }, `the store "x"`},
		"not to be read again": {func(f *File) { f.Stores[prod].Secret("a").Modified = "2026/10/01" }, "could not be read back"},
	} {
		if err := h.Record(keysOf("a"), tt.change); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if diff := cmp.Diff(before, h.File()); diff != "" {
		t.Errorf("not discarded (-want +got):\n%s", diff)
	}
	size := stat(t, journalPath(path)).Size()
	try(t, h.Record(keysOf("a"), func(*File) {}))
	if stat(t, journalPath(path)).Size() != size {
		t.Error("a change that changes nothing was written")
	}
}

// TestSealedKeyIsJournaledOnce: the key's document is kilobytes, and part of the first line only.
func TestSealedKeyIsJournaledOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.lock")
	key := Key{ID: strings.Repeat("0", 16), Sealed: []byte(`{"sops":{"version":"3"}}`)}
	h := openAt(t, path)
	for _, name := range []string{"a", "b"} {
		try(t, h.Record(keysOf(name), func(f *File) {
			f.Key = key
			f.PutStore(prod, "1").PutSecret(name, Secret{ID: "2"})
		}))
	}
	data, err := os.ReadFile(journalPath(path))
	try(t, err)
	if n := bytes.Count(data, []byte("sops")); n != 1 {
		t.Errorf("the key is there %d times:\n%s", n, data)
	}
	f, err := Read(path)
	try(t, err)
	if f.Key.ID != key.ID || !bytes.Equal(f.Key.Sealed, key.Sealed) {
		t.Errorf("key: %+v", f.Key)
	}
}

// TestChangedLockfileIsNoticed although it has the size and the modification time of before.
func TestChangedLockfileIsNoticed(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.lock")
	try(t, os.WriteFile(path, []byte("aaaa"), 0o644))
	s, err := takeSnapshot(path, limitsOf(nil))
	try(t, err)
	at := stat(t, path).ModTime()
	time.Sleep(20 * time.Millisecond) // more than a clock tick of the kernel
	try(t, os.WriteFile(path, []byte("bbbb"), 0o644))
	try(t, os.Chtimes(path, at, at))
	if what, err := s.difference(path); err != nil || what == "" {
		t.Errorf("a changed file was not noticed: %v", err)
	}
}
