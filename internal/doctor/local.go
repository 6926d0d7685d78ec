package doctor

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/secretsync/secretsync/internal/bindings"
	"github.com/secretsync/secretsync/internal/repo"
	"github.com/secretsync/secretsync/internal/shell"
	"github.com/secretsync/secretsync/internal/syntax"
	"github.com/secretsync/secretsync/internal/wrangler"
	"github.com/secretsync/secretsync/lockfile"
	"github.com/secretsync/secretsync/manifest"
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
		err = withoutWorkers(project.Check())
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

// lockfileState is what was read of the lockfile.
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

// git runs git in the lockfile's folder, and returns why that is not possible.
func (x *examination) git(ctx context.Context, args ...string) (out string, why string) {
	env := func(name string) string { value, _ := x.Config.LookupEnv(name); return value }
	text, err := repo.Git(ctx, filepath.Dir(x.project.LocalLockfile()), env, args...)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "", "not in a git repository"
	case err != nil:
		return "", err.Error()
	}
	return string(text), ""
}

// committed finds out whether the lockfile is in git as it is here.
func (x *examination) committed(ctx context.Context) Check {
	const name = "committed"
	s := &x.lockfile
	switch {
	case s.path == "":
		return skipped(name, s.unknown)
	case s.inBucket():
		return skipped(name, "the lockfile is in a bucket")
	case !s.exists():
		return skipped(name, "there is no lockfile yet")
	}
	text, why := x.git(ctx, "status", "--porcelain", "--ignored", "-z", "--", filepath.Base(s.path))
	c := Check{Name: name, Subject: s.path, Status: Warning, Hint: "run " + shell.Git(s.path, "add") + ", and commit and push it"}
	switch {
	case why != "":
		return skipped(name, why)
	case text == "":
		return Check{Name: name, Subject: s.path, Status: OK, Message: "git has it as it is here"}
	case strings.Contains(text, "!! "):
		c.Message, c.Hint = "git ignores it: other machines apply without its records", "remove it from .gitignore, and commit it"
	case strings.Contains(text, "?? "):
		c.Message = "not in git: other machines apply without its records"
	default:
		c.Message = "has changes that are not committed"
	}
	return c
}

// ignored finds out whether git keeps away from files that belong in no repository.
func (x *examination) ignored(ctx context.Context) Check {
	const name = "git"
	if x.project == nil {
		return skipped(name, "no manifest")
	}
	if _, why := x.git(ctx, "rev-parse", "--git-dir"); why != "" {
		return skipped(name, why)
	}
	if found := x.Tracked(ctx, x.project.LocalLockfile()); len(found) > 0 {
		return ofMistakes(name, "", Error, found)
	}
	key := x.project.KeyFile()
	if _, err := os.Lstat(key); errors.Is(err, fs.ErrNotExist) {
		return Check{Name: name, Status: OK, Message: "tracks no key, and there is no key file to ignore"}
	}
	env := func(name string) string { value, _ := x.Config.LookupEnv(name); return value }
	switch ignored, err := repo.Ignored(ctx, filepath.Dir(key), env, filepath.Base(key)); {
	case err != nil:
		return skipped(name, err.Error())
	case !ignored:
		return Check{
			Name: name, Subject: key, Status: Warning, Message: "git does not ignore the fingerprint key, so git add . would commit it",
			Hint: "add the line /" + shell.GitPattern(filepath.Base(key)) + " to .gitignore",
		}
	}
	return Check{Name: name, Status: OK, Message: "ignores the fingerprint key, " + key}
}

func (x *examination) fingerprintKey(ctx context.Context) Check {
	const name = "fingerprint-key"
	if x.lockfile.file == nil {
		return skipped(name, "the lockfile was not read")
	}
	key := x.lockfile.file.Key
	found := x.project.FindKey(ctx, key)
	facts := Facts{KeyID: key.ID}
	switch {
	case found.Err != nil:
		c := x.failed(name, "", Error, found.Err)
		c.Facts = facts
		return c
	case key.ID == "" && found.From == "":
		return Check{Name: name, Status: OK, Message: "none yet: the first apply creates one"}
	case key.ID == "":
		return Check{Name: name, Status: OK, Message: found.ID + ", from " + found.From, Facts: Facts{KeyID: found.ID}}
	}
	return Check{Name: name, Status: OK, Message: key.ID + ", from " + found.From, Facts: facts}
}

// encrypted is what a SOPS file tells without its values.
type encrypted interface {
	Recipients() []string
	CheckKey(context.Context) error
}

// sops finds out whether a key at hand opens the SOPS files, and names their recipients.
func (x *examination) sops(ctx context.Context) []Check {
	const name = "sops"
	if x.project == nil {
		return []Check{skipped(name, "no manifest")}
	}
	var checks []Check
	for _, f := range x.project.Manifest().SOPSFiles() {
		if ctx.Err() != nil {
			break
		}
		if f.Err != nil {
			checks = append(checks, x.failed(name, f.Name, Error, f.Err))
			continue
		}
		e, ok := f.File.(encrypted)
		if !ok {
			checks = append(checks, Check{Name: name, Subject: f.Name, Status: Skipped, Message: "this program reads no keys of SOPS files"})
			continue
		}
		checks = append(checks, x.opened(ctx, f, e))
	}
	if len(checks) == 0 {
		return []Check{skipped(name, "the manifest names no SOPS file")}
	}
	return checks
}

// opened tries the keys at hand on a SOPS file. Those that a server keeps are tried only if their
// types are allowed.
func (x *examination) opened(ctx context.Context, f manifest.OpenedSOPS, e encrypted) Check {
	recipients := e.Recipients()
	var c Check
	switch err := e.CheckKey(ctx); {
	case err == nil:
		c = Check{Name: "sops", Subject: f.Name, Status: OK, Message: "opened by a key at hand; for " + shortened(recipients)}
	case onlyServers(recipients):
		c = x.failed("sops", f.Name, Skipped, err)
		c.Message = "not tried, since only servers have its keys; for " + shortened(recipients)
	default:
		c = x.failed("sops", f.Name, Error, err)
	}
	c.Recipients = recipients
	return c
}

// onlyServers reports whether no key of a file can be on this machine.
func onlyServers(recipients []string) bool {
	return !slices.ContainsFunc(recipients, func(r string) bool {
		return strings.HasPrefix(r, "age ") || strings.HasPrefix(r, "pgp ")
	})
}

// shortened is a list of recipients that fits in a line.
func shortened(recipients []string) string {
	const most, length = 2, 20
	var names []string
	for _, r := range recipients[:min(most, len(recipients))] {
		if runes := []rune(r); len(runes) > length {
			r = string(runes[:length]) + "…"
		}
		names = append(names, r)
	}
	text := strings.Join(names, ", ")
	if more := len(recipients) - most; more > 0 {
		text += andMore(more)
	}
	return text
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
		return []Check{{Name: name, Status: Warning, Message: "workers: in the manifest matches no configuration", Hint: "run " + x.Command("bindings", "check")}}
	}
	return checks
}
