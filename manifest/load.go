package manifest

import (
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/secretsync/secretsync/internal/repo"
	"github.com/secretsync/secretsync/internal/syntax"
)

// Errors of [Find].
var (
	// ErrNone says that there is no manifest.
	ErrNone = errors.New("no secretsync.yaml, .yml, .toml or .json")
	// ErrAbsent says that the manifest that was named does not exist.
	ErrAbsent = errors.New("there is no such manifest")
	// ErrSeveral says that there is more than one.
	ErrSeveral = errors.New("several manifests")
)

// Find returns the manifest of a folder: secretsync.yaml, .yml, .toml or .json. Its errors
// are [ErrNone] and [ErrSeveral].
func Find(dir string) (string, error) {
	var found, odd []string
	for _, ext := range []string{".yaml", ".yml", ".toml", ".json"} {
		name := filepath.Join(dir, "secretsync"+ext)
		if info, err := os.Stat(name); err == nil && info.Mode().IsRegular() {
			found = append(found, name)
		} else if _, err := os.Lstat(name); err == nil {
			odd = append(odd, name)
		}
	}
	switch len(found) {
	case 0:
		if len(odd) > 0 { // a folder, a pipe or a dead link: Load says which
			return odd[0], nil
		}
		return "", fmt.Errorf("%w in %q", ErrNone, dir)
	case 1:
		return found[0], nil
	}
	return "", fmt.Errorf("%w: %s", ErrSeveral, strings.Join(found, ", "))
}

// Options say what to load, and what is allowed.
type Options struct {
	// File is the manifest.
	File string
	// Vars override the manifest's variables.
	Vars map[string]string
	// LookupEnv reads the environment; nil is os.LookupEnv.
	LookupEnv func(string) (string, bool)
	// Environ is the environment that commands are given, less credentials; nil is
	// os.Environ.
	Environ func() []string
	// SOPS may be nil where no file is encrypted.
	SOPS SOPS

	// Private are files that nothing in the manifest may name: the tool's own keys.
	Private []string
	// Known is called with every value as soon as it is read, before any error can be
	// about it; it may be nil.
	Known func(Value)

	// Values says that the values are to be read: where there are mistakes, what the
	// environment lacks is reported with them.
	Values bool
	// AllowPlaintextValues permits values in the clear in the manifest.
	AllowPlaintextValues bool
	// AllowCommands permits sources that run commands, where values are read. Whoever may edit
	// the manifest may then run anything.
	AllowCommands bool
	// AllowOutside permits files outside the repository.
	AllowOutside bool

	// MaxSecrets is how many secrets the manifest may describe, as a protection against hostile
	// ones; [DefaultMaxSecrets] if zero.
	MaxSecrets int
	// MaxStores is how many stores the manifest may describe; [DefaultMaxStores] if zero.
	MaxStores int
	// MaxFiles is how many files the manifest may include, and each of its patterns may match;
	// [DefaultMaxFiles] if zero.
	MaxFiles int
	// MaxFileSize is the size in bytes that the manifest, all files together that it includes, and
	// each SOPS file may have; [DefaultMaxFileSize] if zero.
	MaxFileSize int
}

// The limits of a manifest if [Options] do not say otherwise.
const (
	DefaultMaxSecrets  = 200_000
	DefaultMaxStores   = 10_000
	DefaultMaxFiles    = 10_000
	DefaultMaxFileSize = 64 << 20
)

// limits returns the limits on the syntax of one file.
func (o Options) limits() syntax.Limits {
	const others, perSecret = 100_000, 12
	return syntax.Limits{Size: o.MaxFileSize, Entries: others + perSecret*o.MaxSecrets}
}

// withDefaults fills in the defaults.
func (o Options) withDefaults() Options {
	if o.LookupEnv == nil {
		o.LookupEnv = os.LookupEnv
	}
	if o.Environ == nil {
		o.Environ = os.Environ
	}
	if o.Known == nil {
		o.Known = func(Value) {}
	}
	o.MaxSecrets = cmp.Or(o.MaxSecrets, DefaultMaxSecrets)
	o.MaxStores = cmp.Or(o.MaxStores, DefaultMaxStores)
	o.MaxFiles = cmp.Or(o.MaxFiles, DefaultMaxFiles)
	o.MaxFileSize = cmp.Or(o.MaxFileSize, DefaultMaxFileSize)
	return o
}

// Load reads a manifest and what it includes. The error is a [*LoadError] with all
// mistakes.
func Load(ctx context.Context, o Options) (*Manifest, error) {
	l := newLoader(o)
	data, bad := l.files.Read(Position{File: o.File}, o.File, l.opts.MaxFileSize)
	if bad != nil {
		if _, err := os.Lstat(o.File); errors.Is(err, fs.ErrNotExist) {
			bad.What, bad.Hint, bad.Kind = ErrAbsent.Error(), "", ErrAbsent
		}
		return nil, &LoadError{Mistakes: []*Error{bad}}
	}
	return l.load(ctx, data)
}

// LoadError is why a manifest cannot be used.
type LoadError struct {
	// Mistakes are all that were found, by their positions.
	Mistakes []*Error
	// Partial is what could be read, or nil: for its warnings, and to look for mistakes in
	// the files that it names. Its stores and secrets may be incomplete.
	Partial *Manifest
}

// Error is one mistake a line.
func (e *LoadError) Error() string { return ErrorList(e.Mistakes).Error() }

// Unwrap returns the mistakes as a [ErrorList].
func (e *LoadError) Unwrap() error { return ErrorList(e.Mistakes) }

// loader gathers what the manifest's files say.
type loader struct {
	opts     Options
	files    repo.Files
	errs     ErrorList
	warnings ErrorList

	vars     map[string]string
	varKinds map[string]syntax.Kind
	accounts map[string]account
	defaults defaults // of the manifest itself
	safety   Safety
	lease    Location
	lockfile Location
	typed    map[string]any // the variables as conditions have them
	// conditions has the results of the conditions decided so far, by their text.
	conditions map[string]bool
	workers    []workerPattern
	stores     []*storeDecl // in the order of the files
	byLabel    map[string]*storeDecl

	names   []string // of each file
	digests []string
	inClear bool // they hold plaintext values

	// What is bounded: bytes that variables stand for, bytes of included files, secrets.
	expansions, included, secrets int
	beyond                        map[string]bool // limits that are exceeded, by their messages

	read  map[string]bool // files that were read, by their real path
	chain []string        // files being read, outermost first
}

// account is an entry of accounts.
type account struct {
	id, tokenEnv string
}

func newLoader(o Options) *loader {
	l := &loader{
		opts: o.withDefaults(), files: repo.New(filepath.Dir(o.File), o.AllowOutside, o.Private...),
		byLabel: map[string]*storeDecl{}, read: map[string]bool{}, beyond: map[string]bool{}, conditions: map[string]bool{},
		defaults: defaults{scopes: []string{"workers"}, remove: true, unmanaged: "report"},
	}
	l.files.MaxMatches = l.opts.MaxFiles
	return l
}

// exceeded reports that a limit is exceeded, once.
func (l *loader) exceeded(at Position, message string, limit int) {
	if !l.beyond[message] {
		l.errs.Add(at, "", message, limit)
	}
	l.beyond[message] = true
}

// load builds the manifest from the content of its first file.
func (l *loader) load(ctx context.Context, data []byte) (*Manifest, error) {
	l.document(ctx, l.opts.File, data)
	if len(l.stores) == 0 && len(l.errs) == 0 {
		l.errs.Add(Position{File: l.opts.File}, "add stores, or include files that have some", "the manifest describes no store")
	}
	m := &Manifest{File: l.opts.File, Root: l.files.Root, Safety: l.safety, Lease: l.lease, Lockfile: l.lockfile, Stores: l.finish()}
	if !l.inClear {
		m.Digest = fmt.Sprintf("sha256:%x", sha256.Sum256([]byte(strings.Join(l.digests, ""))))
	}
	m.sources = sources{
		names: l.names, files: l.files, sops: l.opts.SOPS, lookup: l.opts.LookupEnv, environ: l.opts.Environ,
		tokenEnvs: l.tokenEnvs(), allowCommands: l.opts.AllowCommands, commandTime: commandTime, known: l.opts.Known, workers: l.workers,
		maxSOPSFile: l.opts.MaxFileSize,
	}
	l.errs.Tag(ruleManifest, 0)
	l.warnings.Tag(ruleScope, 0)
	m.Warnings = l.warnings.Sorted()
	if len(l.errs) == 0 {
		return m, nil
	}
	// With the mistakes that can be found in the sources without reading values, to spare a second run.
	l.errs = append(l.errs, mistakesOf(m.Check())...)
	if l.opts.Values {
		l.errs = append(l.errs, m.unset()...)
	}
	return nil, &LoadError{Mistakes: l.errs.Sorted(), Partial: m}
}

// ownCredentials are prefixes of the variables that are meant for secretsync alone.
var ownCredentials = []string{"CLOUDFLARE_API_", "CF_API_", "SECRETSYNC_", "SOPS_"}

// otherCredentials are how the usual variables begin that hold the credentials of
// others than Cloudflare: as token_env, one would be sent to Cloudflare.
var otherCredentials = []string{
	"SECRETSYNC_", "SOPS_", "AGE_", "AWS_", "AZURE_", "ARM_", "GOOGLE_", "GCP_", "GCLOUD_", "VAULT_", "GITHUB_", "GH_", "ACTIONS_", "GITLAB_",
	"CI_JOB_", "CI_REGISTRY_",
	"NPM_", "NODE_AUTH_", "SSH_", "GPG_", "PGP_", "DOCKER_", "KUBE",
}

func hasPrefix(name string, prefixes []string) bool {
	name = strings.ToUpper(name) // Windows ignores case
	return slices.ContainsFunc(prefixes, func(p string) bool { return strings.HasPrefix(name, p) })
}

// credential reports whether a variable of the environment is the tool's own: a
// source that named it would store the credential as a secret.
func (l *loader) credential(name string) bool {
	return hasPrefix(name, ownCredentials) || slices.Contains(l.tokenEnvs(), strings.ToUpper(name))
}

// tokenEnvs are the variables that hold the accounts' tokens, in upper case.
func (l *loader) tokenEnvs() []string {
	var names []string
	for _, a := range l.accounts {
		if a.tokenEnv != "" {
			names = append(names, strings.ToUpper(a.tokenEnv))
		}
	}
	return names
}
