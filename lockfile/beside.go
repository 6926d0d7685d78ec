package lockfile

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"

	"github.com/secretsync/secretsync/internal/atomicfile"
)

// ReplacedError means that another program, such as git, replaced a lockfile that a
// [Handle] holds, or the file that carries its lock. Nothing was overwritten.
type ReplacedError struct {
	// Path is the lockfile's.
	Path string
	// What happened, such as "it was removed".
	What string
	// Saved is the file with this run's own records; empty if it had written none.
	Saved string
	// NotSaved is why this run's own records could not be saved, or nil.
	NotSaved error
}

func (e *ReplacedError) Error() string {
	text := fmt.Sprintf("another program replaced the lockfile %q while this run held its lock (%s), so it was not overwritten", e.Path, e.What)
	switch {
	case e.NotSaved != nil:
		text += fmt.Sprintf("; this run's records could not be saved beside it: %v", e.NotSaved)
	case e.Saved != "":
		text += fmt.Sprintf("; this run's records are in %q", e.Saved)
	}
	return text
}

// UnmergedError means that a run could not write its records into the lockfile at Path,
// and saved them beside it.
type UnmergedError struct {
	Path  string
	Saved []Saved
}

func (e *UnmergedError) Error() string {
	return fmt.Sprintf("the lockfile %q lacks the records of an apply during which it was replaced; they are in %q", e.Path, e.Saved[0].Ours)
}

// Saved names the files in which a run saved its records, because another program had
// replaced the lockfile.
type Saved struct {
	// Ours is the lockfile as the run would have written it.
	Ours string
	// Base is the lockfile as the run had read it.
	Base string
}

// Remove removes the files, once their records are in the lockfile.
func (s Saved) Remove() error {
	err := os.Remove(s.Ours)
	if base := os.Remove(s.Base); !errors.Is(base, fs.ErrNotExist) {
		err = errors.Join(err, base)
	}
	return err
}

// Ignored returns what git should ignore in the folder of the lockfile at path: the names of the
// files that belong to it, and patterns of those that [Saved] can name.
func Ignored(path string) []string {
	name := filepath.Base(path)
	return []string{SideFile(path), JournalFile(path), name + ".ours*", name + ".base*"}
}

// maxSaved is how many runs can have saved their records beside one lockfile. More than one
// can only happen if the side file was removed too.
const maxSaved = 9

// savedAt returns the n-th pair of files, beginning with 1.
func savedAt(path string, n int) Saved {
	suffix := ""
	if n > 1 {
		suffix = strconv.Itoa(n)
	}
	return Saved{Ours: path + ".ours" + suffix, Base: path + ".base" + suffix}
}

// allSaved returns all pairs that there can be, whether or not the files exist.
func allSaved(path string) []Saved {
	var all []Saved
	for n := range maxSaved {
		all = append(all, savedAt(path, n+1))
	}
	return all
}

// Beside returns the names of all files that belong to the lockfile at path, whether or not
// they exist.
func Beside(path string) []string {
	names := []string{sidePath(path), journalPath(path)}
	for _, s := range allSaved(path) {
		names = append(names, s.Ours, s.Base)
	}
	return names
}

// Unmerged returns the files beside the lockfile at path with records that it lacks.
func Unmerged(path string) ([]Saved, error) {
	var found []Saved
	for _, s := range allSaved(path) {
		switch info, err := lstat(s.Ours); {
		case err != nil:
			return nil, fmt.Errorf("the lockfile cannot be read: %w", err)
		case info != nil:
			found = append(found, s)
		}
	}
	return found, nil
}

// checkMerged returns an [UnmergedError] if there are records that have to be merged first.
func checkMerged(path string) error {
	found, err := Unmerged(path)
	if err == nil && len(found) > 0 {
		err = &UnmergedError{path, found}
	}
	return err
}

// savePair writes two versions of the lockfile at path beside it. It writes the one with the records
// last, because its presence means that there is something to merge.
func savePair(path string, base, ours []byte) (Saved, error) {
	s, err := freeSaved(path)
	if err != nil {
		return s, err
	}
	if err := atomicfile.Write(s.Base, base, 0o644); err != nil {
		return s, err
	}
	return s, atomicfile.Write(s.Ours, ours, 0o644)
}

// freeSaved returns the first pair of files that no other run has used.
func freeSaved(path string) (Saved, error) {
	for _, s := range allSaved(path) {
		if info, err := lstat(s.Ours); err != nil || info == nil {
			return s, err
		}
	}
	return Saved{}, fmt.Errorf("there are %d files such as %q already: merge them", maxSaved, savedAt(path, 1).Ours)
}
