package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/secretsync/secretsync/internal/atomicfile"
	"github.com/secretsync/secretsync/internal/hint"
	"github.com/secretsync/secretsync/internal/syntax"
	"github.com/secretsync/secretsync/lockfile"
	"github.com/spf13/cobra"
)

// mergeOptions are the flags of lock merge.
type mergeOptions struct {
	manifestFlags
	lockFlags
	path string
}

func (a *App) mergeCommand() *cobra.Command {
	var o mergeOptions
	cmd := &cobra.Command{
		Use:   "merge [BASE OURS THEIRS]",
		Short: "Merge lockfiles record by record, as git's merge driver",
		Long: `merge merges two versions of a lockfile record by record: a secret that one
branch added, changed or removed becomes what that branch made of it. If both
branches wrote a secret, the later write is what is live, so its record is kept.

With three files it is a merge driver for git, and writes the result to OURS:
  ` + configDriver + `
  ` + configRecursive + `
init writes the line of .gitattributes that names the driver.

Without files it resolves the conflict that a merge without the driver left in
the lockfile. It also adds the records that an apply saved beside the lockfile,
because another program had replaced that during the apply.

What only a person can decide, such as a secret that one branch removed and the
other changed, is left as a conflict between git's markers and explained; then
merge exits with 1. Two lockfiles under different fingerprint keys, or of
different accounts, are not merged.`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 0 && len(args) != 3 {
				return fmt.Errorf("lock merge takes the files BASE, OURS and THEIRS, or none: got %d", len(args))
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 3 {
				return a.mergeFiles(cmp.Or(o.path, args[1]), args[0], args[1], args[2])
			}
			return a.resolveLockfile(cmd.Context(), &o)
		},
	}
	o.manifestFlags.registerNames(cmd.Flags())
	o.lockFlags.register(cmd.Flags())
	cmd.Flags().StringVar(&o.path, "path", "", "with three files: the lockfile's name, for messages")
	return cmd
}

// How to configure the merge driver. A merge of several common ancestors must leave no
// conflict in their lockfile: merges could not start from it.
const (
	configDriver    = "git config merge.secretsync.driver 'secretsync lock merge --path %P %O %A %B'"
	configRecursive = "git config merge.secretsync.recursive binary"
)

// mergeFiles is git's merge driver: it writes the result to the file ours. name is the
// lockfile's.
func (a *App) mergeFiles(name, base, ours, theirs string) error {
	v := versions{name: name}
	for _, f := range []struct {
		to    *[]byte
		name  string
		empty bool
	}{{&v.base, base, true}, {&v.ours, ours, false}, {&v.theirs, theirs, false}} {
		data, err := readVersion(f.name)
		if err != nil && (!f.empty || !errors.Is(err, fs.ErrNotExist)) {
			return fmt.Errorf("lock merge: %w", err)
		}
		*f.to = data
	}
	text, err := a.merge(v)
	if text == nil { // git would leave ours there, and the loss of theirs could be overlooked
		text = lockfile.Unmergeable(v.ours, v.theirs)
	}
	return errors.Join(err, atomicfile.Write(ours, text, 0o644))
}

// maxVersion bounds a file that is merged, as lockfiles are bounded.
const maxVersion = 64 << 20

// readVersion reads one of the files that git merges.
func readVersion(name string) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxVersion+1))
	if err == nil && len(data) > maxVersion {
		err = fmt.Errorf("%q is larger than %d MiB, so it is not a lockfile", name, maxVersion>>20)
	}
	return data, err
}

// resolveLockfile merges the versions of a lockfile that git could not merge.
func (a *App) resolveLockfile(ctx context.Context, o *mergeOptions) error {
	if o.path != "" {
		return errors.New("--path goes with the files BASE, OURS and THEIRS; --lockfile names the lockfile")
	}
	path, err := lockfilePath(&o.manifestFlags)
	if err != nil {
		return err
	}
	r := resolution{app: a, path: path}
	err = lockfile.Resolve(ctx, path, o.lockFlags.timeout, func(content []byte) ([]byte, error) {
		return r.resolve(ctx, content)
	})
	if err != nil {
		return err
	}
	for _, s := range r.joined {
		err = errors.Join(err, s.Remove())
	}
	return errors.Join(r.conflict, err, r.report(a.Out))
}

// noConflict returns why a lockfile that git considers merged cannot be used.
func noConflict(path string, content []byte) error {
	if content == nil {
		return fmt.Errorf("%s does not exist", path)
	}
	_, err := lockfile.Parse(path, content)
	if errors.Is(err, lockfile.ErrConflict) {
		return hint.With(fmt.Errorf("%s has a conflict, but git does not have its versions: it was added already, or this is no merge", path),
			"git checkout --merge "+filepath.ToSlash(path)+" brings a conflict back, if it was just added; otherwise edit the file")
	}
	return err
}

// versions are three versions of a lockfile as text. An empty base means that both sides
// created the file.
type versions struct {
	name               string
	base, ours, theirs []byte
}

// parse reads the three versions, and reports all mistakes in them.
func (v versions) parse() (base, ours, theirs *lockfile.File, err error) {
	base = new(lockfile.File)
	var errs [3]error
	if len(v.base) > 0 {
		base, errs[0] = lockfile.Parse(v.name+" (base)", v.base)
		if errors.Is(errs[0], lockfile.ErrConflict) {
			return nil, nil, nil, hint.With(fmt.Errorf("the two sides have several common ancestors, and the lockfile is in conflict between these"),
				"run "+configRecursive+", and merge again")
		}
	}
	ours, errs[1] = lockfile.Parse(v.name+" (ours)", v.ours)
	theirs, errs[2] = lockfile.Parse(v.name+" (theirs)", v.theirs)
	return base, ours, theirs, hint.Join(errs[:]...)
}

// merge returns the merged text. If that has conflicts, there is an error, too; without a
// text, the versions cannot be merged at all.
func (a *App) merge(v versions) ([]byte, error) {
	base, ours, theirs, err := v.parse()
	if err != nil {
		return nil, err
	}
	m, err := lockfile.Merge(base, ours, theirs)
	if err != nil {
		return nil, fmt.Errorf("%s was not merged: %w", v.name, err)
	}
	for _, s := range m.Superseded {
		side := "ours"
		if s.Theirs {
			side = "theirs"
		}
		a.Say("note: both sides wrote the secret %q of the store %q; %s did so later, and is kept", s.Secret, s.Store.Name, side)
	}
	var list syntax.ErrorList
	for _, c := range m.Conflicts {
		list.Add(lockfile.Position{File: v.name, Line: c.Line, Column: 1}, "", "%s", describeConflict(c))
	}
	return m.Format(), hint.With(list.Err(), "keep one of the two sides of each conflict in "+v.name+", then git add it and run plan")
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
