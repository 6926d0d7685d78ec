package doctor

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/secretsync/secretsync/internal/bindings"
	"github.com/secretsync/secretsync/internal/syntax"
	"github.com/secretsync/secretsync/internal/wrangler"
	"github.com/secretsync/secretsync/lockfile"
	"github.com/secretsync/secretsync/objectstore"
	"github.com/secretsync/secretsync/reconcile"
)

func andMore(n int) string { return fmt.Sprintf(" (and %d more)", n) }

// count is "1 secret", "2 secrets".
func count(n int, one string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %ss", n, one)
}

func (x *examination) version() Check { return Check{Name: "version", Status: OK, Message: x.Version} }

func (x *examination) coreDumps() Check {
	switch prevented, known := x.CoreDumps(); {
	case !known:
		return skipped("core-dumps", "not known on this system")
	case prevented:
		return Check{Name: "core-dumps", Status: OK, Message: "prevented, so that a crash writes no value to disk"}
	}
	return Check{
		Name: "core-dumps", Status: Warning, Message: "a crash may write this program's memory, with values, to disk",
		Hint: "run ulimit -c 0 before secretsync",
	}
}

// manifest opens the project. If the manifest has mistakes, the other checks use what could be read
// of it.
func (x *examination) manifest(ctx context.Context) []Check {
	if x.NoManifest != nil {
		c := x.failed("manifest", "", Skipped, x.NoManifest)
		c.Hint = "run secretsync init here, or name a manifest with -f"
		return []Check{c, skipped("environment", "no manifest")}
	}
	file := x.Config.Manifest
	var warnings []error
	c := x.Config
	c.Notify = func(e reconcile.Event) {
		if w, ok := e.(reconcile.ManifestWarning); ok {
			warnings = append(warnings, w.Mistake)
		}
	}
	project, err := reconcile.Open(ctx, c)
	if err == nil {
		x.project = project
		err = withoutWorkers(project.Check(ctx))
	} else {
		x.project, _ = reconcile.OpenLockfile(ctx, x.Config) // the error is the same
	}
	if err != nil {
		found := x.failed("manifest", file, Error, err)
		if found.Hint == "" {
			found.Hint = "run " + x.Command("validate")
		}
		return []Check{found, skipped("environment", "the manifest has mistakes")}
	}
	m := project.Manifest()
	secrets := 0
	for _, st := range m.Stores {
		secrets += len(st.Secrets)
	}
	checks := []Check{
		{Name: "manifest", Subject: file, Status: OK, Message: "valid: " + count(len(m.Stores), "store") + ", " + count(secrets, "secret")},
		x.environment(),
	}
	if len(warnings) > 0 {
		checks[0] = x.failed("manifest", file, Warning, errors.Join(warnings...))
	}
	return checks
}

// withoutWorkers leaves out mistakes in wrangler configurations, which have a check of their own.
func withoutWorkers(err error) error {
	var list syntax.ErrorList
	if !errors.As(err, &list) {
		return err
	}
	return slices.DeleteFunc(slices.Clone(list), func(e *syntax.Error) bool { return e.Rule == wrangler.Rule || e.Rule == "workers" }).Err()
}

// environment finds the variables with values that are not set.
func (x *examination) environment() Check {
	err := x.project.Manifest().CheckEnvironment()
	if err == nil {
		return Check{Name: "environment", Status: OK, Message: "all variables that the manifest reads are set"}
	}
	found := x.failed("environment", "", Warning, err)
	found.Hint = "set it for plan and apply; drift, and plan with --keyless, need no values"
	return found
}

// lockfileState is what could be read from the lockfile.
type lockfileState struct {
	path    string // or URL
	file    *lockfile.File
	err     error
	unknown string // why it was not read
}

func (s *lockfileState) inBucket() bool { return objectstore.IsURL(s.path) }

// exists reports whether there is a lockfile.
func (s *lockfileState) exists() bool {
	if s.inBucket() {
		return s.file != nil && s.file.Shared.Lineage != ""
	}
	_, err := os.Lstat(s.path)
	return !errors.Is(err, fs.ErrNotExist)
}

func (x *examination) readLockfile(ctx context.Context) {
	s := &x.lockfile
	if x.project == nil {
		s.unknown = "no manifest"
		return
	}
	s.path = x.project.Lockfile()
	if s.inBucket() && x.Offline != "" {
		s.unknown = "it is in a bucket: " + x.Offline
		return
	}
	ctx, cancel := x.within(ctx)
	defer cancel()
	s.file, s.err = x.project.ReadLockfile(ctx)
}

// recorded is the lockfile, or an empty one.
func (x *examination) recorded() *lockfile.File {
	if x.lockfile.file == nil {
		return &lockfile.File{}
	}
	return x.lockfile.file
}

// local are the checks of files, keys and git.
func (x *examination) local(ctx context.Context) []Check {
	checks := []Check{x.lockfileCheck(), x.unfinished(), x.committed(ctx), x.ignored(ctx), x.fingerprintKey(ctx)}
	checks = append(checks, x.sops(ctx)...)
	return append(checks, x.workers()...)
}

func (x *examination) lockfileCheck() Check {
	const name = "lockfile"
	s := &x.lockfile
	switch {
	case s.unknown != "":
		return skipped(name, s.unknown)
	case s.err != nil:
		return x.failed(name, s.path, Error, s.err)
	case !s.exists() && len(s.file.Stores) == 0:
		return Check{Name: name, Subject: s.path, Status: OK, Message: "does not exist yet: the first apply creates it"}
	}
	if api := x.Config.API; api != nil && len(s.file.Stores) > 0 && api.Loopback() != (s.file.API == lockfile.APILoopback) {
		return x.failed(name, s.path, Error, &reconcile.OtherAPIError{Lockfile: s.path, Emulator: s.file.API != ""})
	}
	secrets := 0
	for _, st := range s.file.Stores {
		secrets += len(st.Secrets)
	}
	return Check{Name: name, Subject: s.path, Status: OK, Message: "readable: " + count(secrets, "record")}
}

// unfinished looks for an apply that is running or was interrupted.
func (x *examination) unfinished() Check {
	const name = "unfinished"
	s := &x.lockfile
	if s.file == nil {
		return skipped(name, "the lockfile was not read")
	}
	c := Check{Name: name, Status: Warning}
	if !s.inBucket() {
		if holder, err := lockfile.Held(s.path); err == nil && holder != nil {
			c.Message, c.Hint = fmt.Sprintf("an apply is running: %s", holder), "wait until it has finished"
			return c
		}
	}
	pending := 0
	for _, st := range s.file.Stores {
		for _, sec := range st.Secrets {
			if sec.Pending != nil {
				pending++
			}
		}
	}
	journal := s.file.Shared.Journal != ""
	if !s.inBucket() {
		_, err := os.Lstat(filepath.Join(filepath.Dir(s.path), lockfile.JournalFile(s.path)))
		journal = !errors.Is(err, fs.ErrNotExist)
	}
	switch {
	case pending > 0:
		c.Message = "an apply was interrupted: the outcome of " + count(pending, "write") + " is not known"
		c.Hint = "run " + x.Command("plan") + ", which shows what is left, and then apply, which settles it"
	case journal:
		c.Message, c.Hint = "an apply was killed: its journal is not in the lockfile yet", "the next apply adds it"
		if !s.inBucket() {
			c.Hint = "run " + x.Command("lock", "fold")
		}
	default:
		return Check{Name: name, Status: OK, Message: "no apply was interrupted"}
	}
	return c
}

// workers checks the wrangler configurations that the manifest names, one by one.
func (x *examination) workers() []Check {
	const name = "worker"
	switch {
	case x.project == nil:
		return []Check{skipped(name, "no manifest")}
	case !x.project.Manifest().HasWorkers():
		return []Check{skipped(name, "the manifest names no Workers")}
	}
	b, found := bindings.New(bindings.Options{Manifest: x.project.Manifest(), Lock: x.recorded(), Account: x.Config.Account})
	x.Config.Guard.Public(b.Text()...)
	_, wrong := b.CheckAll()
	byFile := map[string]syntax.ErrorList{}
	var files []string
	add := func(file string, mistakes ...*syntax.Error) {
		if !slices.Contains(files, file) {
			files = append(files, file)
		}
		byFile[file] = append(byFile[file], mistakes...)
	}
	for _, c := range b.Configs {
		add(c.File)
	}
	for _, e := range slices.Concat(found, wrong) {
		add(e.Pos.File, e)
	}
	var checks []Check
	for _, file := range files {
		if err := byFile[file].Err(); err != nil {
			checks = append(checks, x.failed(name, file, Error, err))
			continue
		}
		checks = append(checks, Check{Name: name, Subject: file, Status: OK, Message: "its bindings match the manifest"})
	}
	for _, e := range b.Unread {
		checks = append(checks, x.failed(name, e.Pos.File, Warning, e))
	}
	if len(checks) == 0 {
		return []Check{{
			Name: name, Status: Warning, Message: "workers: in the manifest matches no configuration",
			Hint: "run " + x.Command("bindings", "check"),
		}}
	}
	return checks
}
