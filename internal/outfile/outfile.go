// Package outfile opens all files that commands write as output, so that none goes over a file
// that secretsync relies on. Other packages write only the files that they own: the lockfile, the
// key file, .gitignore, an emulator's state, and wrangler configurations.
package outfile

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"github.com/secretsync/secretsync/internal/atomicfile"
	"github.com/secretsync/secretsync/internal/hint"
	"github.com/secretsync/secretsync/internal/metrics"
	"github.com/secretsync/secretsync/internal/visible"
	"github.com/secretsync/secretsync/planner/planfile"
)

// File is a file that a command is to write.
type File struct {
	// Flag is how the user named the file: a flag or an environment variable.
	Flag, Path string
	// Kind is what the file will be, such as "plan", and IsKind recognizes what an earlier
	// run wrote: nothing else is replaced. Without IsKind, any other file is.
	Kind   string
	IsKind func([]byte) bool
	// Stdout is how to write to the standard output instead, if that is possible.
	Stdout string
}

// Plan is the file that a plan is to be written to.
func Plan(path string) File {
	return File{Flag: "-o", Path: path, Kind: "plan", IsKind: planfile.Is, Stdout: "--format json writes the plan to the standard output"}
}

// Metrics is the file of --metrics-file.
func Metrics(path string) File {
	return File{Flag: "--metrics-file", Path: path, Kind: "metrics file of secretsync", IsKind: metrics.Is}
}

// Check reports why a file may not be replaced.
func (g *Guard) Check(o File) error {
	if err := g.CheckOwn(o.Flag, o.Path); err != nil {
		return err
	}
	info, err := os.Lstat(o.Path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return fmt.Errorf("%s %s: %w", o.Flag, o.Path, err)
	case !info.Mode().IsRegular():
		return hint.With(fmt.Errorf("%s %s: that is not a regular file", o.Flag, o.Path), o.Stdout)
	case o.IsKind == nil || info.Size() == 0:
		return nil
	case info.Size() > planfile.MaxSize:
		return o.notKind()
	}
	old, err := os.ReadFile(o.Path)
	switch {
	case err != nil:
		return fmt.Errorf("%s %s: %w", o.Flag, o.Path, err)
	case len(bytes.TrimSpace(old)) > 0 && !o.IsKind(old):
		return o.notKind()
	}
	return nil
}

func (o File) notKind() error {
	return hint.With(fmt.Errorf("%s %s: that file exists and is not a %s", o.Flag, o.Path, o.Kind), "name another one, or remove it")
}

// Write replaces a file, or creates it.
func (g *Guard) Write(o File, data []byte) error {
	if err := g.Check(o); err != nil {
		return err
	}
	return atomicfile.Write(o.Path, data, 0o644)
}

// Append appends to a file, or creates it.
func (g *Guard) Append(o File, data []byte) error {
	if err := g.CheckOwn(o.Flag, o.Path); err != nil {
		return err
	}
	f, err := os.OpenFile(o.Path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("%s: %w", o.Flag, err)
	}
	_, err = f.Write(data)
	if err = errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("%s: %w", o.Flag, err)
	}
	return nil
}

// ReadExisting returns the content of a file, or nil if there is none.
func ReadExisting(name string) ([]byte, error) {
	data, err := os.ReadFile(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, nil
	case err == nil && data == nil:
		data = []byte{}
	}
	return data, err
}

// Prepare reports why Replace would fail, and removes what killed runs left behind.
func Prepare(name string, data []byte) error {
	atomicfile.Sweep(name)
	return atomicfile.CheckWritable(name, len(data))
}

// Replace replaces a file whose content was read by ReadExisting, or creates it, unless
// another program has changed it meanwhile. The caller has called CheckOwn.
func Replace(name string, was, data []byte) error {
	_, err := atomicfile.WriteIf(name, data, 0o644, func() error {
		now, err := ReadExisting(name)
		if err == nil && (!bytes.Equal(now, was) || (now == nil) != (was == nil)) {
			err = fmt.Errorf("%s was changed in the meantime: run the command again", name)
		}
		return err
	})
	return err
}

// CheckAbsent refuses a file that exists, for a command that overwrites nothing.
func CheckAbsent(path, command string) error {
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		return errors.Join(fmt.Errorf("%s exists already: %s overwrites nothing", path, command), err)
	}
	return nil
}

// Create creates a file, and reports false if it exists.
func (g *Guard) Create(o File, data []byte) (bool, error) {
	if err := g.CheckOwn(o.Flag, o.Path); err != nil {
		return false, err
	}
	switch err := atomicfile.Create(o.Path, data, 0o644); {
	case errors.Is(err, fs.ErrExist):
		return false, nil
	case err != nil:
		return false, fmt.Errorf("writing a new file: %w", err)
	}
	return true, nil
}

// CreateAndSay creates a file unless it exists, and says so on out.
func (g *Guard) CreateAndSay(out io.Writer, o File, data []byte) error {
	created, err := g.Create(o, data)
	if err != nil || !created {
		return err
	}
	_, err = fmt.Fprintf(out, "Wrote %s.\n", visible.Text(o.Path))
	return err
}

// Remove removes what an earlier run wrote, and reports whether there was anything. An empty
// file is not that, and stays.
func (g *Guard) Remove(o File) (bool, error) {
	if err := g.Check(o); err != nil {
		return false, err
	}
	old, err := os.ReadFile(o.Path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return false, nil
	case err != nil:
		return false, fmt.Errorf("%s %s: %w", o.Flag, o.Path, err)
	case !o.IsKind(old):
		return false, nil
	}
	err = os.Remove(o.Path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return false, fmt.Errorf("%s %s: the %s of an earlier run: %w", o.Flag, o.Path, o.Kind, err)
	}
	return err == nil, nil
}
