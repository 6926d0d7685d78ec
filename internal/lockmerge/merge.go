// Package lockmerge merges versions of a lockfile record by record, for git and for the records
// that an apply saved beside a lockfile that was replaced.
package lockmerge

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"

	"github.com/secretsync/secretsync/internal/atomicfile"
	"github.com/secretsync/secretsync/internal/hint"
	"github.com/secretsync/secretsync/internal/shell"
	"github.com/secretsync/secretsync/internal/syntax"
	"github.com/secretsync/secretsync/lockfile"
)

// GitDriver configures git to merge lockfiles by secretsync lock merge.
const GitDriver = "git config merge.secretsync.driver 'secretsync lock merge --path %P %O %A %B'"

// GitRecursive configures git to leave no conflict in the lockfile when it merges several common
// ancestors: merges could not start from it.
const GitRecursive = "git config merge.secretsync.recursive binary"

// Versions are three versions of a lockfile as text. An empty base means that both sides
// created the file.
type Versions struct {
	// Name is the lockfile's name in messages.
	Name               string
	Base, Ours, Theirs []byte
}

// parse reads the three versions, and reports all mistakes in them.
func (v Versions) parse() (base, ours, theirs *lockfile.File, err error) {
	base = new(lockfile.File)
	var errs [3]error
	if len(v.Base) > 0 {
		base, errs[0] = lockfile.Parse(v.Name+" (base)", v.Base)
		if errors.Is(errs[0], lockfile.ErrConflict) {
			return nil, nil, nil, hint.With(fmt.Errorf("the two sides have several common ancestors, and the lockfile is in conflict between these"),
				"run "+GitRecursive+", and merge again")
		}
	}
	ours, errs[1] = lockfile.Parse(v.Name+" (ours)", v.Ours)
	theirs, errs[2] = lockfile.Parse(v.Name+" (theirs)", v.Theirs)
	return base, ours, theirs, hint.Join(errs[:]...)
}

// Merge returns the merged text. If that has conflicts, there is an error, too; without a
// text, the versions cannot be merged at all. It calls note with what a person
// should know.
func (v Versions) Merge(note func(format string, args ...any)) ([]byte, error) {
	base, ours, theirs, err := v.parse()
	if err != nil {
		return nil, err
	}
	m, err := lockfile.Merge(base, ours, theirs)
	if err != nil {
		return nil, fmt.Errorf("%s was not merged: %w", v.Name, err)
	}
	for _, s := range m.Superseded {
		side := "ours"
		if s.Theirs {
			side = "theirs"
		}
		note("note: both sides wrote the secret %q of the store %q; %s did so later, and is kept", s.Secret, s.Store.Name, side)
	}
	var list syntax.ErrorList
	for _, c := range m.Conflicts {
		list.Add(lockfile.Position{File: v.Name, Line: c.Line, Column: 1}, "", "%s", describeConflict(c))
	}
	return m.Format(), hint.With(list.Err(),
		"keep one of the two sides of each conflict in "+v.Name+", then run "+shell.Git(v.Name, "add")+", and plan")
}

// describeConflict says what the two sides disagree about.
func describeConflict(c lockfile.Conflict) string {
	what := "the sealed fingerprint key"
	switch {
	case c.Secret != "":
		what = fmt.Sprintf("the secret %q of the store %q", c.Secret, c.Store.Name)
	case c.Store.Name != "":
		what = fmt.Sprintf("the store %q of the account %s", c.Store.Name, c.Store.Account)
	}
	switch c.Reason {
	case lockfile.OursRemoved:
		return what + ": ours removed it, and theirs changed it"
	case lockfile.TheirsRemoved:
		return what + ": theirs removed it, and ours changed it"
	case lockfile.BothAdded:
		return what + ": both sides added it, with different content: " + strings.Join(c.Fields, ", ")
	}
	return what + ": both sides changed " + strings.Join(c.Fields, ", ")
}

// Drive merges as git's merge driver: it writes the result to the file ours. name is the lockfile's. It
// calls note with what a person should know.
func Drive(name, base, ours, theirs string, note func(format string, args ...any)) error {
	v := Versions{Name: name}
	for _, f := range []struct {
		to    *[]byte
		name  string
		empty bool
	}{{&v.Base, base, true}, {&v.Ours, ours, false}, {&v.Theirs, theirs, false}} {
		data, err := read(f.name)
		if err != nil && (!f.empty || !errors.Is(err, fs.ErrNotExist)) {
			return fmt.Errorf("lock merge: %w", err)
		}
		*f.to = data
	}
	text, err := v.Merge(note)
	if text == nil { // git would leave ours there, and the loss of theirs could be overlooked
		text = lockfile.Unmergeable(v.Ours, v.Theirs)
	}
	return errors.Join(err, atomicfile.Write(ours, text, 0o644))
}

// maxVersion bounds a file that is merged, as lockfiles are bounded.
const maxVersion = lockfile.DefaultMaxSize

// read reads one of the files that git merges. One that is larger than a lockfile can be is
// refused.
func read(name string) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxVersion+1))
	if err == nil && len(data) > maxVersion {
		err = fmt.Errorf("%q is larger than %d bytes, so it is not a lockfile", name, maxVersion)
	}
	return data, err
}
