package cli

import (
	"context"
	"errors"
	"fmt"
	"path"
	"strings"
	"time"

	"github.com/secretsync/secretsync/connect"
	"github.com/secretsync/secretsync/internal/ci"
	"github.com/secretsync/secretsync/internal/redact"
	"github.com/secretsync/secretsync/manifest"
	"github.com/secretsync/secretsync/planner"
	"github.com/secretsync/secretsync/reconcile"
	"github.com/spf13/pflag"
)

// Each command has its own struct of flags, composed of the groups below: it has only the
// flags that it reads. Only the flag parser assigns to them.

// manifestFlags say which manifest to read, and what it is allowed to do.
type manifestFlags struct {
	file, lockfile, account string
	vars, sopsKeyTypes      []string
	allow                   reconcile.Allow
}

func (f *manifestFlags) register(fs *pflag.FlagSet) {
	f.registerFiles(fs)
	fs.StringVar(&f.account, "account-id", "", "Cloudflare account (default CLOUDFLARE_ACCOUNT_ID)")
	fs.StringArrayVar(&f.vars, "var", nil, "set a manifest variable, NAME=VALUE (repeatable)")
	fs.BoolVar(&f.allow.Outside, "allow-outside", false, "allow files outside the manifest's repository")
	fs.BoolVar(&f.allow.PlaintextValues, "allow-plaintext-values", false, "accept plaintext values in the manifest, for experiments")
}

// registerFiles registers only the flags that lock status reads, which needs no manifest.
func (f *manifestFlags) registerFiles(fs *pflag.FlagSet) {
	f.registerNames(fs)
	fs.StringSliceVar(&f.sopsKeyTypes, "sops-key-types", nil, "SOPS key types that may be used (default age,pgp)")
}

// registerNames registers only the flags that say which lockfile is meant.
func (f *manifestFlags) registerNames(fs *pflag.FlagSet) {
	fs.SortFlags = false
	fs.StringVarP(&f.file, "file", "f", "", "manifest (default secretsync.yaml, .yml, .toml or .json here)")
	fs.StringVar(&f.lockfile, "lockfile", "", "lockfile, a file or s3://BUCKET/KEY (default beside the manifest: x.yaml -> x.lock)")
}

// path returns the manifest that the flags name, or the one in the current folder.
func (f *manifestFlags) path() (string, error) {
	if f.file != "" {
		return f.file, nil
	}
	return manifest.Find(".")
}

// variables returns the variables set by --var.
func (f *manifestFlags) variables() (map[string]string, error) {
	vars := map[string]string{}
	for _, v := range f.vars {
		name, value, ok := strings.Cut(v, "=")
		if !ok || name == "" {
			return nil, fmt.Errorf("--var %q is not NAME=VALUE", v)
		}
		vars[name] = value
	}
	return vars, nil
}

// config returns the configuration that the flags describe, for the manifest in file.
func (a *App) config(f *manifestFlags, file string, api *connection) (reconcile.Config, error) {
	account := a.setting(f.account, "CLOUDFLARE_ACCOUNT_ID")
	c := reconcile.Config{
		Manifest: file, Lockfile: f.lockfile, Account: account, Allow: f.allow, Objects: connect.Objects(account),
		RunURL:    ci.RunURL(a.LookupEnv),
		LookupEnv: a.LookupEnv, Guard: guard{a.Filter}, Notify: a.notify,
	}
	if api != nil {
		c.API, c.RequestTimeout, c.Parallelism = api, api.requests.timeout, api.requests.parallelism
	}
	var err error
	if c.SOPS, err = connect.SOPS(a.sopsKeyTypes(f)...); err != nil {
		return c, err
	}
	c.Vars, err = f.variables()
	return c, err
}

// project opens the manifest that the flags name. The options modify the configuration
// first.
func (a *App) project(ctx context.Context, f *manifestFlags, api *connection, options ...func(*reconcile.Config)) (*reconcile.Project, error) {
	file, err := f.path()
	if err != nil {
		return nil, err
	}
	c, err := a.config(f, file, api)
	if err != nil {
		return nil, err
	}
	for _, option := range options {
		option(&c)
	}
	p, err := reconcile.Open(ctx, c)
	var bad *manifest.LoadError
	switch {
	case err == nil:
		a.files.Protect(reconcile.Files(c, p.Manifest()))
	case errors.As(err, &bad): // a report of the failure is output, too
		a.files.Protect(reconcile.Files(c, bad.Partial))
	default:
		a.files.Protect(reconcile.Files(c, nil))
	}
	return p, err
}

// readValues is an option of project, for commands that read values.
func readValues(c *reconcile.Config) { c.Values = true }

// commandsFlag permits the manifest's commands. Only commands that read values have it: no other
// runs any.
type commandsFlag struct{ allowCommands bool }

func (f *commandsFlag) register(fs *pflag.FlagSet) {
	fs.BoolVar(&f.allowCommands, "allow-commands", false, "run the manifest's command sources")
}

// configure is an option of project.
func (f *commandsFlag) configure(c *reconcile.Config) { c.Allow.Commands = f.allowCommands }

// guard lets the engine register with the filter the values it reads.
type guard struct{ *redact.Filter }

// setting returns a flag's value, or else the environment variable's.
func (a *App) setting(flag, variable string) string {
	if flag != "" {
		return flag
	}
	return a.env(variable)
}

// env returns an environment variable's value, or "".
func (a *App) env(variable string) string {
	value, _ := a.LookupEnv(variable)
	return value
}

// sopsKeyTypes returns the key types that SOPS files may use; none means the default. The
// manifest cannot change it.
func (a *App) sopsKeyTypes(f *manifestFlags) []string {
	if len(f.sopsKeyTypes) > 0 {
		return f.sopsKeyTypes
	}
	if types, _ := a.LookupEnv("SECRETSYNC_SOPS_KEY_TYPES"); types != "" {
		return strings.Split(types, ",")
	}
	return nil
}

// workersFlags select Workers of a manifest.
type workersFlags struct {
	manifestFlags
	commandsFlag
	workers []string
}

func (f *workersFlags) register(fs *pflag.FlagSet) {
	f.manifestFlags.register(fs)
	f.commandsFlag.register(fs)
	fs.StringArrayVar(&f.workers, "worker", nil, "a wrangler configuration that the manifest names (repeatable; default: all)")
}

// limitFlags limit what a plan may do.
type limitFlags struct {
	maxDeletes     int // negative: use the manifest's limit
	strictBindings bool
}

func (f *limitFlags) register(fs *pflag.FlagSet) {
	fs.IntVar(&f.maxDeletes, "max-deletes", -1, "refuse a plan with more deletions (default: the manifest's safety.max_deletes)")
	fs.BoolVar(&f.strictBindings, "strict-bindings", false,
		"refuse a plan that breaks a Worker's binding (default: the manifest's safety.strict_bindings)")
}

// given reports whether a limit was set.
func (f *limitFlags) given() bool { return f.strictBindings || f.maxDeletes >= 0 }

func (f *limitFlags) apply(c *reconcile.Config) {
	c.StrictBindings = f.strictBindings
	if f.maxDeletes >= 0 {
		c.MaxDeletes = &f.maxDeletes
	}
}

// readersPermissions are the permissions to read everything that can read secrets.
const readersPermissions = `"Workers Scripts Read", "AI Gateway Read" and "Workers Containers Read"`

// outsideFlags say what a plan finds out about what others do.
type outsideFlags struct {
	who, liveBindings bool
}

func (f *outsideFlags) register(fs *pflag.FlagSet) {
	registerWho(fs, &f.who)
	fs.BoolVar(&f.liveBindings, "live-bindings", false,
		"name the deployed Workers, AI Gateways and container registries that break, too; needs the permissions "+readersPermissions)
}

func registerWho(fs *pflag.FlagSet, who *bool) {
	fs.BoolVar(who, "who", false, "say who changed what is drifted, by the audit log; needs the permission \"Account Settings Read\"")
}

// configure returns an option of project.
func (f *outsideFlags) configure(a *App, api *apiFlags) func(*reconcile.Config) {
	return func(c *reconcile.Config) {
		c.Who, c.LiveBindings = f.who, f.liveBindings
		if f.liveBindings {
			c.ReaderCache = a.readerCache(&api.addressFlags)
		}
	}
}

// targetFlags restrict a command to some secrets.
type targetFlags struct{ targets []string }

func (f *targetFlags) register(fs *pflag.FlagSet) {
	fs.StringArrayVar(&f.targets, "target", nil, "only secrets that match the glob STORE/SECRET or ACCOUNT/STORE/SECRET (repeatable)")
}

func (f *targetFlags) check() error {
	for _, glob := range f.targets {
		if !isTarget(glob) {
			return fmt.Errorf("--target %q is not a glob of the form STORE/SECRET or ACCOUNT/STORE/SECRET", glob)
		}
	}
	return nil
}

func isTarget(glob string) bool {
	_, err := path.Match(glob, "")
	return err == nil && strings.Contains(glob, "/") // a store's name may have more of them
}

// adoptFlag says what to do with secrets that already exist.
type adoptFlag struct{ adopt string }

func (f *adoptFlag) register(fs *pflag.FlagSet) {
	fs.StringVar(&f.adopt, "adopt", "", "adopt existing secrets of the same names: overwrite, keep or verify their values")
}

func (f *adoptFlag) policy() planner.AdoptPolicy { return planner.AdoptPolicy(f.adopt) }

func (f *adoptFlag) check() error {
	switch f.policy() {
	case "", planner.AdoptOverwrite, planner.AdoptKeep, planner.AdoptVerify:
		return nil
	}
	return fmt.Errorf("--adopt %q is not one of overwrite, keep and verify", f.adopt)
}

// lockFlags say how long to wait for the lock.
type lockFlags struct {
	timeout, leaseDuration time.Duration
	lease                  string
}

func (f *lockFlags) register(fs *pflag.FlagSet) {
	f.registerTimeout(fs)
	fs.StringVar(&f.lease, "lease", "", "exclude other machines, by s3://BUCKET/PREFIX (default the manifest's lease)")
	fs.DurationVar(&f.leaseDuration, "lease-duration", reconcile.DefaultLeaseDuration,
		"after how long others take over from a run that was killed")
}

// registerTimeout registers only the flag for commands that need no lease.
func (f *lockFlags) registerTimeout(fs *pflag.FlagSet) {
	fs.DurationVar(&f.timeout, "lock-timeout", 30*time.Second, "how long to wait for another apply to finish")
}

// configure says how to lock.
func (f *lockFlags) configure(c *reconcile.Config) {
	c.LockTimeout, c.Lease, c.LeaseDuration = f.timeout, f.lease, f.leaseDuration
}

// applyFlags are the flags of every command that executes a plan.
type applyFlags struct{ auto, json, noColor bool }

func (f *applyFlags) register(fs *pflag.FlagSet) {
	fs.BoolVar(&f.auto, "auto-approve", false, "do not ask for approval")
	fs.BoolVar(&f.json, "json", false, "report progress as JSON, one object per line")
	registerNoColor(fs, &f.noColor)
}

// waitFlag says how long to wait for secrets that were written. A command that only deletes does not
// have it.
type waitFlag struct{ wait time.Duration }

func (f *waitFlag) register(fs *pflag.FlagSet) {
	fs.DurationVar(&f.wait, "wait", 30*time.Second, "how long to wait for written secrets to become active; 0 to not wait")
}

func (f *waitFlag) check() error {
	if f.wait < 0 {
		return fmt.Errorf("--wait %s: must be 0 or more", f.wait)
	}
	return nil
}

func registerNoColor(fs *pflag.FlagSet, noColor *bool) {
	fs.BoolVar(noColor, "no-color", false, "no colors (also NO_COLOR)")
}
