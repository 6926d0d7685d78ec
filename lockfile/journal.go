package lockfile

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"path/filepath"

	"github.com/secretsync/secretsync/internal/syntax"
)

// The journal is a file beside the lockfile to which a [Handle] appends what it changes, so that
// recording one request of an apply does not write every record. It exists while an apply runs,
// or after one was killed. The first line names the lockfile that the rest is about:
//
//	CHECKSUM {"journal":1,"lockfile":"sha256:…"}
//
// Each other line is one change, completely or not at all: the records that it touched, as they
// were and as they are now, as two lockfiles with these records only. A record that is missing
// from the second was removed. Each line holds states and not differences, so replaying is
// idempotent. Before the whole is written to the lockfile, a last line says so:
//
//	CHECKSUM {"folded":"sha256:…"}
//
// A last line that is incomplete was being written when the process was killed, and counts as
// not written. docs/formats.md describes the format.

// JournalFile returns the name of the journal beside the lockfile at path. Git should ignore it.
func JournalFile(path string) string { return "." + filepath.Base(path) + ".journal" }

func journalPath(path string) string { return filepath.Join(filepath.Dir(path), JournalFile(path)) }

// journalVersion is the version of the format.
const journalVersion = 1

// journalLine is one line of a journal.
type journalLine struct {
	// Version and Lockfile are on the first line. Lockfile is the digest of the lockfile's content,
	// or empty if there was none.
	Version  int    `json:"journal,omitempty"`
	Lockfile string `json:"lockfile,omitempty"`
	// Was and Now are the records of a change.
	Was json.RawMessage `json:"was,omitempty"`
	Now json.RawMessage `json:"now,omitempty"`
	// Folded is the digest of the lockfile with all changes.
	Folded string `json:"folded,omitempty"`
	// Sealed is the run that took over, in an object store. Nothing follows.
	Sealed string `json:"sealed,omitempty"`
}

var checksums = crc32.MakeTable(crc32.Castagnoli)

// format returns the line with its checksum.
func (l journalLine) format() []byte {
	text, err := json.Marshal(l)
	if err != nil {
		panic(fmt.Sprintf("lockfile: a line of the journal cannot be encoded: %T", err))
	}
	return fmt.Appendf(nil, "%08x %s\n", crc32.Checksum(text, checksums), text)
}

// parseJournalLine reads a line without its line break. ok is false if it is damaged.
func parseJournalLine(line []byte) (l journalLine, ok bool) {
	sum, text, found := bytes.Cut(line, []byte(" "))
	if !found || string(sum) != fmt.Sprintf("%08x", crc32.Checksum(text, checksums)) {
		return l, false
	}
	return l, json.Unmarshal(text, &l) == nil
}

// journal is the content of a journal.
type journal struct {
	changes []step
	// based has, for the digest of each lockfile that the journal was based on or was to be
	// folded into, the number of journal changes already in that lockfile.
	based map[string]int
}

// step is what one line changed.
type step struct{ was, now *File }

// digest is the digest of a lockfile's content, and empty if there is no such file.
func (s snapshot) digest() string {
	if !s.exists {
		return ""
	}
	return fmt.Sprintf("sha256:%x", sha256.Sum256(s.data))
}

// readJournal returns nil if there is no journal, or none with a complete first line.
func readJournal(path string, most limits) (*journal, error) {
	name := journalPath(path)
	data, err := readUpTo(name, most.journal())
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("the lockfile's journal cannot be read: %w", err)
	}
	return parseJournal(name, data)
}

// parseJournal returns nil if there is no complete first line.
func parseJournal(name string, data []byte) (*journal, error) {
	lines := bytes.Split(data, []byte("\n"))
	lines = lines[:len(lines)-1] // what follows the last line break is incomplete
	j := &journal{based: map[string]int{}}
	for i, text := range lines {
		l, complete := parseJournalLine(text)
		if !complete && i == len(lines)-1 {
			break // the file system had not written all of it
		}
		if !complete || (i == 0) != (l.Version != 0) || !j.add(name, l) {
			return nil, journalDamage(name, i+1, l.Version)
		}
	}
	if len(j.based) == 0 {
		return nil, nil
	}
	return j, nil
}

// journalDamage is the error for a line that this package did not write.
func journalDamage(name string, line, version int) error {
	e := &syntax.Error{
		Pos: Position{File: name, Line: line, Column: 1}, What: "the lockfile's journal is damaged here",
		Hint: "restore it, or remove it: to the next plan, what an interrupted apply wrote since then looks like another client's work",
		Kind: ErrLost, Rule: "lockfile",
	}
	if version > journalVersion {
		e.What, e.Hint, e.Kind = "the lockfile's journal was written by a newer version of secretsync", upgrade.hint, upgrade.kind
	}
	return e
}

// add adds a line, and reports false if it has no meaning.
func (j *journal) add(name string, l journalLine) bool {
	switch {
	case l.Version != 0:
		j.based[l.Lockfile] = 0
		return l.Version == journalVersion
	case l.Folded != "":
		j.based[l.Folded] = len(j.changes)
		return true
	}
	was, errWas := Parse(name, l.Was)
	now, errNow := Parse(name, l.Now)
	if errWas != nil || errNow != nil {
		return false
	}
	j.changes = append(j.changes, step{was, now})
	return true
}

// missing returns the changes that a lockfile lacks. ok is false if the journal is about another
// lockfile: another program replaced it.
func (j *journal) missing(disk snapshot) (changes []step, ok bool) {
	n, ok := j.based[disk.digest()]
	if !ok {
		return nil, false
	}
	return j.changes[n:], true
}

// combined returns the records that the journal is about, as they were at first and as they are
// at last.
func (j *journal) combined() (was, now *File) {
	was, now = new(File), new(File)
	seen := map[StoreKey]map[string]bool{}
	first := func(k StoreKey, name string) bool {
		if seen[k] == nil {
			seen[k] = map[string]bool{}
		}
		again := seen[k][name]
		seen[k][name] = true
		return !again
	}
	for i, c := range j.changes {
		if i == 0 {
			was.API, was.Shared, was.Key = c.was.API, c.was.Shared, c.was.Key
		}
		for k, st := range c.was.Stores {
			if first(k, "") {
				was.PutStore(k, st.ID).Delete = st.Delete
			}
			for name, sec := range st.Secrets {
				if first(k, name) {
					was.PutStore(k, "").PutSecret(name, *sec.clone())
				}
			}
		}
		for k, st := range c.now.Stores { // what is new was not there
			first(k, "")
			for name := range st.Secrets {
				first(k, name)
			}
		}
		now.replace(c.was, c.now)
	}
	return was, now
}

// touched are the records that a change is about: secrets, or stores without a name of a secret.
type touched map[StoreKey]map[string]bool

func (t touched) add(k RecordKey) {
	if t[k.Store] == nil {
		t[k.Store] = map[string]bool{}
	}
	t[k.Store][k.Secret] = true
}

// part returns a copy of these records, with what all records depend on.
func (f *File) part(t touched) *File {
	p := &File{API: f.API, Shared: f.Shared, Key: f.Key}
	for k, names := range t {
		st := f.Stores[k]
		if st == nil {
			continue
		}
		copied := p.PutStore(k, st.ID)
		copied.Delete = st.Delete
		for name := range names {
			if sec := st.Secrets[name]; sec != nil {
				copied.PutSecret(name, *sec.clone())
			}
		}
	}
	return p
}

// replace replaces the records in was by the records in now. Both are parts of the file: see
// [File.part].
func (f *File) replace(was, now *File) {
	f.API, f.Shared = now.API, now.Shared
	if f.Key.ID != now.Key.ID || len(now.Key.Sealed) > 0 {
		f.Key = now.Key
	}
	for k, st := range was.Stores {
		if now.Stores[k] == nil {
			delete(f.Stores, k)
			continue
		}
		for name := range st.Secrets {
			if own := f.Stores[k]; own != nil && now.Stores[k].Secrets[name] == nil {
				delete(own.Secrets, name)
			}
		}
	}
	for k, st := range now.Stores {
		own := f.PutStore(k, st.ID)
		own.ID, own.Delete = st.ID, st.Delete
		for name, sec := range st.Secrets {
			own.PutSecret(name, *sec.clone())
		}
	}
}

// journaled returns the line of a change; nil if it changes nothing. The sealed key is part of it
// only if it changed.
func journaled(was, now *File) (line []byte, err error) {
	if was.Key.ID == now.Key.ID && bytes.Equal(was.Key.Sealed, now.Key.Sealed) {
		was, now = was.withoutSeal(), now.withoutSeal()
	}
	l := journalLine{Was: was.compact(), Now: now.compact()}
	if bytes.Equal(l.Was, l.Now) {
		return nil, nil
	}
	if _, err := Parse("", l.Now); err != nil {
		return nil, fmt.Errorf("not saved, because it could not be read back: %w", err)
	}
	return l.format(), nil
}

func (f *File) withoutSeal() *File {
	return &File{API: f.API, Shared: f.Shared, Key: Key{ID: f.Key.ID}, Stores: f.Stores}
}

// compact returns the file as JSON in one line.
func (f *File) compact() json.RawMessage { return bytes.TrimSpace(f.encode("")) }

// outside names a record in part that the change was not allowed to touch.
func (t touched) outside(part *File) string {
	for k, st := range part.Stores {
		if _, ok := t[k]; !ok {
			return fmt.Sprintf("the store %q", k.Name)
		}
		for name := range st.Secrets {
			if !t[k][name] {
				return fmt.Sprintf("the secret %q of the store %q", name, k.Name)
			}
		}
	}
	return ""
}
