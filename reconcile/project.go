// Package reconcile makes Cloudflare's Secrets Store match a manifest. It has no terminal,
// no flags and no exit codes: a command line, a controller or a test can drive it.
//
// The main flow is
//
//	project, err := reconcile.Open(ctx, config) // the manifest and its includes; no value, no request
//	run, err := project.Lock(ctx)               // no other apply runs at the same time
//	proposal, err := run.Plan(ctx)              // values, fingerprints, live state, planner.Build
//	report, err := run.Apply(ctx, proposal)     // the writes, journaled in the lockfile
//
// [Project.Plan] is the same plan without the lock, for review; only a [Run] can apply one.
// [Project.Drift] compares the live state with the lockfile, without values.
//
// Three versions of every secret meet here: the desired one (package manifest), the one
// that was last applied (package lockfile) and the live one ([API]). Package planner
// decides on them and package applier executes the decision. This package reads the three,
// translates between those packages, and is the only one that holds values and plans at
// once.
//
// Package connect has what a [Config] needs for Cloudflare and SOPS, and package
// secretsynctest has an emulator of Cloudflare's API for tests.
//
// # Compatibility
//
// The public packages follow semantic versioning. Before version 1.0.0, a minor version may
// change their API, and the changelog then says how to adapt. Any version may
//
//   - change the texts of errors: use [errors.Is] and [errors.As];
//   - send other requests to Cloudflare, or in another order;
//   - add fields to structs: name the fields in composite literals;
//   - add types of [Event], and kinds of actions, reasons, notes, problems and drift: handle
//     unknown ones.
//
// The interfaces that callers implement ([API], [Account], [SOPS] and [Guard]) count as API:
// a method is added to them only where the API may change. Files have format versions of
// their own: a lockfile of a newer version is refused, and so is a plan file of any other.
//
// If you need something that the public packages cannot do, open an issue at
// https://github.com/secretsync/secretsync/issues before depending on behaviour that is
// not documented.
package reconcile

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/secretsync/secretsync/internal/bindings"
	"github.com/secretsync/secretsync/internal/hexid"
	"github.com/secretsync/secretsync/internal/hint"
	"github.com/secretsync/secretsync/internal/secret"
	"github.com/secretsync/secretsync/internal/syntax"
	"github.com/secretsync/secretsync/lockfile"
	"github.com/secretsync/secretsync/manifest"
	"github.com/secretsync/secretsync/planner"
	"github.com/secretsync/secretsync/reconcile/internal/shown"
)

// Errors about accounts and their API. The texts say what is wrong. As with all errors of this
// package, advice about the options of a front end is left to that front end.
var (
	// ErrNoAccount means that nothing names the account of a store.
	ErrNoAccount = errors.New("no Cloudflare account is set")
	// ErrBadAccount means that an account id is malformed. It does not quote the id, which
	// may be a token in the wrong place.
	ErrBadAccount = hexid.ErrAccount
	// ErrNoAPI means that Config.API is required and unset.
	ErrNoAPI = errors.New("no API is configured")
)

// Project is an opened manifest with its lockfile and its API.
type Project struct {
	cfg      Config
	manifest *manifest.Manifest
}

// Open reads the manifest and everything it includes. It reads no values and sends no
// request. All mistakes are returned as one [manifest.ErrorList], including those in the
// wrangler configurations that the manifest names.
func Open(ctx context.Context, c Config) (*Project, error) {
	named := c.Lockfile
	p := &Project{cfg: c.withDefaults()}
	c = p.cfg
	m, err := manifest.Load(ctx, c.manifestOptions())
	var bad *manifest.LoadError
	if errors.As(err, &bad) && bad.Partial != nil {
		m = bad.Partial
	} else if err != nil {
		return nil, err
	}
	p.manifest = m
	if err := p.cfg.locate(named, m); err != nil {
		return nil, err
	}
	for _, w := range m.Warnings {
		c.Notify(ManifestWarning{w})
	}
	if err != nil {
		_, workers := p.bindings(&lockfile.File{})
		return nil, hint.Join(err, syntax.ErrorList(workers).Err())
	}
	c.Guard.Public(shown.Manifest(m)...)
	return p, nil
}

// manifestOptions are how the manifest is read.
func (c *Config) manifestOptions() manifest.Options {
	return manifest.Options{
		File: c.Manifest, Vars: c.Vars, LookupEnv: c.LookupEnv, SOPS: c.SOPS, Known: c.Guard.Know,
		AllowPlaintextValues: c.Allow.PlaintextValues, AllowCommands: c.Allow.Commands, AllowOutside: c.Allow.Outside,
		Private: slices.Concat(c.keyFiles(), c.identityFiles()), // no source may name them
		Values:  c.Values, MaxSecrets: c.MaxSecrets, MaxStores: c.MaxStores, MaxFiles: c.MaxFiles, MaxFileSize: c.MaxFileSize,
	}
}

// InsertSecrets is [manifest.Insert] for the project's manifest, whose content is data.
func (p *Project) InsertSecrets(ctx context.Context, data []byte, store string, secrets []manifest.Insertion) ([]byte, error) {
	return manifest.Insert(ctx, p.cfg.manifestOptions(), data, store, secrets)
}

// Manifest is the manifest that was read.
func (p *Project) Manifest() *manifest.Manifest { return p.manifest }

// Lockfile is the path of the lockfile, or its URL.
func (p *Project) Lockfile() string {
	if p.cfg.lockKey != "" {
		return p.cfg.lockStore.URL + "/" + p.cfg.lockKey
	}
	return p.cfg.Lockfile
}

// LocalLockfile is the path of the lockfile, or the path that it would have if it were not in an
// object store: other files of the project, such as the fingerprint key's, are beside it.
func (p *Project) LocalLockfile() string { return p.cfg.Lockfile }

// Check reports mistakes that Open does not look for and that can be found without a key and
// without a request: in sources, and in the wrangler configurations.
func (p *Project) Check(ctx context.Context) error {
	_, workers := p.bindings(&lockfile.File{})
	return hint.Join(p.manifest.Check(), syntax.ErrorList(workers).Err(), p.checkRecipients(ctx))
}

// checkRecipients checks .sops.yaml if the first apply would seal a key for its recipients.
func (p *Project) checkRecipients(ctx context.Context) error {
	if !p.withoutKey(ctx) {
		return nil
	}
	return p.checkNewKey(ctx, secret.Key{}, lockfile.Key{}, true)
}

// withoutKey reports whether the lockfile names no key. If it cannot be read, the commands
// that need it report that. Checking sends no request: what is in an object store is not read.
func (p *Project) withoutKey(ctx context.Context) bool {
	if p.cfg.lockKey != "" {
		return false
	}
	lock, err := p.ReadLockfile(ctx)
	return err == nil && lock.Key.ID == ""
}

// bindings reads the wrangler configurations.
func (p *Project) bindings(lock *lockfile.File) (*bindings.Project, []*syntax.Error) {
	b, mistakes := bindings.New(bindings.Options{Manifest: p.manifest, Lock: lock, Account: p.cfg.Account})
	p.cfg.Guard.Public(b.Text()...)
	return b, mistakes
}

// references returns the bindings in the planner's form, and the configurations that could
// not be read. With strict bindings, unreadable configurations are mistakes, otherwise warnings.
func (p *Project) references(lock *lockfile.File) (refs []planner.Reference, unread []planner.Position, err error) {
	b, mistakes := p.bindings(lock)
	mistakes = append(mistakes, b.Unread...)
	if p.options().StrictBindings && len(mistakes) > 0 {
		return nil, nil, syntax.ErrorList(mistakes)
	}
	for _, e := range mistakes {
		p.cfg.Notify(BindingsSkipped{e})
		unread = append(unread, e.Pos)
	}
	return b.References(), unread, nil
}

// options are the limits on a plan, from the configuration and the manifest.
func (p *Project) options() planner.Options {
	o := planner.Options{
		Targets: slices.Clone(p.cfg.Targets), MaxDeletes: p.manifest.Safety.MaxDeletes,
		StrictBindings: p.cfg.StrictBindings || p.manifest.Safety.StrictBindings,
		AdoptRequested: p.cfg.Adopt != "",
	}
	if p.cfg.MaxDeletes != nil {
		o.MaxDeletes = p.cfg.MaxDeletes
	}
	return o
}

// accountID is the account of a store: the manifest's, else the configured one, else the
// API's default. An offline plan can also use the lockfile's account if there is only one.
func (p *Project) accountID(st manifest.Store, lock *lockfile.File, offline bool) (planner.AccountID, error) {
	id := st.AccountID
	if id == "" {
		id = p.cfg.Account
	}
	if id != "" {
		account, ok := hexid.Parse(id)
		if !ok {
			return "", ErrBadAccount
		}
		return planner.AccountID(account), nil
	}
	if p.cfg.API != nil && p.cfg.API.DefaultAccount() != "" {
		return p.cfg.API.DefaultAccount(), nil
	}
	if !offline {
		return "", ErrNoAccount
	}
	account := bindings.OnlyAccount(lock)
	if account == planner.UnknownAccount {
		p.cfg.Notify(AccountUnknown{})
	}
	return account, nil
}

// account is the client of an account, with the token that the manifest names for it.
func (p *Project) account(id planner.AccountID) (Account, error) {
	if p.cfg.API == nil {
		return nil, ErrNoAPI
	}
	tokenEnv := ""
	for _, st := range p.manifest.Stores {
		if st.AccountID == string(id) && st.TokenEnv != "" {
			tokenEnv = st.TokenEnv
		}
	}
	return p.cfg.API.Account(id, tokenEnv)
}

// now is the current time by the API's clock.
func (p *Project) now() time.Time {
	if p.cfg.API == nil {
		return time.Now()
	}
	return p.cfg.API.Now()
}

// OtherAPIError means that the lockfile belongs to Cloudflare and the API is an emulator, or
// the other way round. With the wrong API, every secret would look deleted.
type OtherAPIError struct {
	Lockfile string
	// Emulator says whether the lockfile was written against an emulator.
	Emulator bool
}

func (e *OtherAPIError) Error() string {
	written, now := "Cloudflare", "an emulator"
	if e.Emulator {
		written, now = now, written
	}
	return fmt.Sprintf("%s was written against %s, and this run talks to %s", e.Lockfile, written, now)
}

// checkAPI refuses a lockfile that belongs to the other kind of API.
func (p *Project) checkAPI(lock *lockfile.File) error {
	if len(lock.Stores) == 0 || lock.API == p.apiKind() {
		return nil
	}
	return &OtherAPIError{Lockfile: p.Lockfile(), Emulator: lock.API != ""}
}

func (p *Project) apiKind() string {
	if p.cfg.API != nil && p.cfg.API.Loopback() {
		return lockfile.APILoopback
	}
	return ""
}
