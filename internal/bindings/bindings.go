// Package bindings compares the bindings in Workers' wrangler configurations with a
// manifest.
//
// Call [New]. [Project.CheckAll] reports what is wrong, [Project.Fix] corrects what is
// certain, and [Project.Wanted] lists the bindings that a Worker should have.
// [Project.References] lists the bindings for the planner, which names the Workers that a
// plan breaks.
package bindings

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/secretsync/secretsync/internal/hexid"
	"github.com/secretsync/secretsync/internal/position"
	"github.com/secretsync/secretsync/internal/syntax"
	"github.com/secretsync/secretsync/internal/wrangler"
	"github.com/secretsync/secretsync/lockfile"
	"github.com/secretsync/secretsync/manifest"
	"github.com/secretsync/secretsync/planner"
)

// What keeps bindings from being written or read. Errors that wrap these, or have them as their
// Kind, say more.
var (
	// ErrNoID reports that a store's id is not in the lockfile, since it was never applied.
	ErrNoID = errors.New("is not known yet")
	// ErrUnbound reports that a Worker binds nothing for a module to read.
	ErrUnbound = errors.New("binds no secret of the manifest")
	// ErrSeveralAccounts reports that new bindings would need secrets of several accounts.
	ErrSeveralAccounts = errors.New("the new bindings would need secrets of several accounts, but a Worker can read only those of its own")
	// ErrDiffer reports that no module can serve all environments of a Worker.
	ErrDiffer = errors.New("has different bindings")
	// ErrCorrectable reports a binding that [Project.Fix] corrects.
	ErrCorrectable = errors.New("it is certain which secret is meant")
	// ErrSeveralStores reports a store id that could be that of several stores.
	ErrSeveralStores = errors.New("the manifest has several stores")
)

// EmulatorAccount is the account of the embedded emulator if no other account is named. Any
// Worker may bind its stores.
const EmulatorAccount planner.AccountID = "0000000000000000000000000000e000"

// Options are what the bindings are compared with.
type Options struct {
	Manifest *manifest.Manifest
	// Lock supplies the ids of the stores that were applied.
	Lock *lockfile.File
	// Account is the account of stores and Workers that name none, usually from
	// CLOUDFLARE_ACCOUNT_ID; it may be empty.
	Account string
}

// Project is a manifest with the Workers that it names, and the ids of its stores from the
// lockfile.
type Project struct {
	// Configs are the Workers' configurations that could be read.
	Configs []*wrangler.Config
	// Unread are the mistakes of files that may bind secrets and cannot be read, but that only
	// a pattern names, such as cloudflare.config.ts.
	Unread []*syntax.Error
	// Notes are remarks about the configurations that are not mistakes.
	Notes []*syntax.Error

	opts   Options
	data   map[string][]byte // the content of each configuration, by file name
	stores []store
}

// store is a store of the manifest. Several of them may be the same store in Cloudflare.
type store struct {
	manifest.Store
	key planner.StoreKey
	id  string // empty if it was never applied
}

// New reads the configurations that the manifest names. It returns their mistakes
// separately: the project contains the valid bindings.
func New(o Options) (*Project, []*syntax.Error) {
	p := &Project{opts: o, data: map[string][]byte{}}
	for _, st := range o.Manifest.Stores {
		account := o.likelyAccount(st)
		s := store{Store: st, key: planner.StoreKey{Account: account, Name: st.Name}}
		s.Secrets = withPrevious(st.Secrets)
		if recorded := o.Lock.Stores[lockKey(s.key)]; recorded != nil {
			s.id = string(recorded.ID)
		}
		p.stores = append(p.stores, s)
	}
	return p, p.read()
}

// withPrevious adds, after each secret with an overlap, the secret that keeps its previous value.
// Workers bind it as they bind any other.
func withPrevious(secrets []manifest.Secret) []manifest.Secret {
	all := make([]manifest.Secret, 0, len(secrets))
	for _, sec := range secrets {
		all = append(all, sec)
		if sec.Previous == "" {
			continue
		}
		previous := manifest.Secret{Label: sec.Label + manifest.PreviousSuffix, Name: sec.Previous, Scopes: sec.Scopes, Pos: sec.Pos}
		if sec.RenamedFrom != "" {
			previous.RenamedFrom = sec.RenamedFrom + manifest.PreviousSuffix
		}
		all = append(all, previous)
	}
	return all
}

// likelyAccount returns a store's account. It is used only for matching names, so it may be
// unknown.
func (o Options) likelyAccount(st manifest.Store) planner.AccountID {
	id, ok := hexid.Parse(cmp.Or(st.AccountID, o.Account))
	if !ok {
		return OnlyAccount(o.Lock)
	}
	return planner.AccountID(id)
}

// OnlyAccount returns the account of a lockfile whose records all belong to one account, or
// else [planner.UnknownAccount].
func OnlyAccount(lock *lockfile.File) planner.AccountID {
	var only planner.AccountID
	for k := range lock.Stores {
		if account := planner.AccountID(k.Account); only == "" || account == only {
			only = account
			continue
		}
		return planner.UnknownAccount
	}
	return cmp.Or(only, planner.UnknownAccount)
}

// lockKey returns a store's key in the lockfile.
func lockKey(k planner.StoreKey) lockfile.StoreKey {
	return lockfile.StoreKey{Account: lockfile.AccountID(k.Account), Name: k.Name}
}

// read parses the wrangler configurations, and sets the account that each environment is
// deployed to.
func (p *Project) read() []*syntax.Error {
	files, mistakes := p.opts.Manifest.WorkerFiles()
	errs := syntax.ErrorList(mistakes)
	missing := map[position.Position]*syntax.Error{} // environments not found in any file so far
	for _, f := range files {
		c, mistakes := wrangler.Parse(f.Name, f.Data)
		if c == nil && !f.Named && p.setAside(mistakes) {
			continue
		}
		errs = append(errs, mistakes...)
		if c == nil {
			continue
		}
		for _, env := range f.Environments {
			if _, seen := missing[env.Pos]; c.Has(env.Name) {
				missing[env.Pos] = nil
			} else if !seen {
				missing[env.Pos] = &syntax.Error{
					Pos: env.Pos, What: fmt.Sprintf("%s has no environment %q", f.Name, env.Name),
					Hint: "env: \"\" stands for the top level", Rule: wrangler.Rule,
				}
			}
		}
		if f.Environments != nil {
			c.Environments = slices.DeleteFunc(c.Environments, func(e wrangler.Environment) bool {
				return !slices.ContainsFunc(f.Environments, func(env manifest.WorkerEnvironment) bool { return env.Name == e.Name })
			})
		}
		p.note(c)
		for i := range c.Environments {
			env := &c.Environments[i]
			if env.Previews { // previews belong to the preceding environment, and share its account
				env.AccountID = cmp.Or(env.AccountID, c.Environments[i-1].AccountID)
			}
			env.AccountID = p.accountOf(*env)
		}
		p.Configs, p.data[f.Name] = append(p.Configs, c), f.Data
	}
	for _, bad := range missing {
		if bad != nil {
			errs = append(errs, bad)
		}
	}
	return errs.Sorted()
}

// accountOf returns the account that a Worker is deployed to; empty if unknown.
func (p *Project) accountOf(env wrangler.Environment) string {
	id := cmp.Or(env.AccountID, p.opts.Account)
	for _, b := range env.Bindings {
		for k, st := range p.opts.Lock.All() {
			if id == "" && b.StoreID != "" && string(st.ID) == b.StoreID {
				id = string(k.Account)
			}
		}
	}
	return id
}

// reaches reports whether a Worker can read the stores of an account, which has to be its
// own. An unknown account matches any.
func reaches(env wrangler.Environment, account planner.AccountID) bool {
	return env.AccountID == "" || strings.EqualFold(env.AccountID, string(account)) || account == planner.UnknownAccount || account == EmulatorAccount
}

// Text returns all text from the configurations that a report may show.
func (p *Project) Text() []string {
	var text []string
	for _, c := range p.Configs {
		text = append(text, c.File, c.Name)
		for _, env := range c.Environments {
			text = append(text, env.Name, env.WorkerName, env.AccountID)
			for _, b := range env.Bindings {
				text = append(text, b.Binding, b.StoreID, b.SecretName)
			}
		}
	}
	return text
}
