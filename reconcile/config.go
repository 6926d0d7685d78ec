package reconcile

import (
	"context"
	"os"
	"sync"
	"time"

	"github.com/secretsync/secretsync/applier"
	"github.com/secretsync/secretsync/lockfile"
	"github.com/secretsync/secretsync/manifest"
	"github.com/secretsync/secretsync/planner"
)

// Config says what to reconcile, and with what. Only Manifest is required; without API
// nothing but offline plans can be made.
type Config struct {
	// Manifest is the manifest's file.
	Manifest string
	// Lockfile is its lockfile; empty for the one beside it ([lockfile.PathFor]).
	Lockfile string
	// Account is the account id of stores for which the manifest names none.
	Account string
	// Vars override the manifest's variables.
	Vars map[string]string
	// Values says that values will be read. Where the manifest has mistakes, what the
	// environment lacks is then reported with them.
	Values bool

	// Targets limit plans to the secrets that match one of these globs, STORE/SECRET or
	// ACCOUNT/STORE/SECRET.
	Targets []string
	// MaxDeletes is how many deletions a plan may have; nil for what the manifest says.
	MaxDeletes *int
	// StrictBindings makes a plan that breaks a Worker's binding a problem, whatever the
	// manifest says.
	StrictBindings bool
	// Adopt is what becomes of secrets that exist already, where the manifest says nothing.
	Adopt planner.AdoptPolicy
	// Allow is what a manifest may do besides.
	Allow Allow

	// Parallelism is the number of requests under way at once; 8 if zero.
	Parallelism int
	// LockTimeout is how long Lock waits for another apply to end; 0 for not at all.
	LockTimeout time.Duration
	// RequestTimeout is the API's limit for one request; 30 seconds if zero. A request that
	// was interrupted may still take effect until it is over.
	RequestTimeout time.Duration
	// Wait is how long an apply waits for what it wrote to become active; 0 for not at all.
	Wait time.Duration

	// LookupEnv reads the environment, for sources and the fingerprint key ([KeyVariable]);
	// os.LookupEnv if nil.
	LookupEnv func(string) (string, bool)
	// SOPS decrypts sources and seals the fingerprint key. It may be nil where nothing is
	// encrypted.
	SOPS SOPS
	// API reaches Cloudflare.
	API API
	// Guard keeps values out of what is printed; it may be nil.
	Guard Guard
	// Notify receives what happens meanwhile; it may be nil. It is never called twice at
	// once.
	Notify func(Event)
}

// Allow is what a manifest may do only where that was asked for, since the author of a pull
// request can edit it.
type Allow struct {
	// Commands permits sources that run commands.
	Commands bool
	// Outside permits files outside the repository.
	Outside bool
	// PlaintextValues permits values in the clear in the manifest.
	PlaintextValues bool
}

// API is Cloudflare's API, or an emulator of it.
type API interface {
	// Account returns the client of an account. tokenEnv names the environment variable
	// that holds its token; empty for the usual one. It sends no request.
	Account(id planner.AccountID, tokenEnv string) (Account, error)
	// DefaultAccount is the account of stores for which neither the manifest nor
	// Config.Account names one; empty for none.
	DefaultAccount() planner.AccountID
	// Now is the time by the API's clock, as its answers give it.
	Now() time.Time
	// Loopback reports whether the API is on this machine, and so not Cloudflare's. A
	// lockfile is bound to one kind or the other.
	Loopback() bool
}

// Account is the client of one account.
type Account interface {
	applier.Target
	// GetSecret reads a secret by its id; [applier.ErrNotFound] where there is none.
	GetSecret(context.Context, planner.StoreID, planner.SecretID) (planner.LiveSecret, error)
	// GetQuota reads how many secrets the account has, and how many it may have.
	GetQuota(context.Context) (usage, limit int, err error)
}

// SOPS reads and writes SOPS documents.
type SOPS interface {
	manifest.SOPS
	// Seal encrypts a fingerprint key for the recipients that the project's .sops.yaml names
	// for the first of the targets that it has a rule for. It looks in dir and above, and
	// follows no link out of root. Where there is no rule, it returns no document. The
	// document is a JSON object with SOPS's metadata in "sops"; the lockfile holds no other.
	Seal(ctx context.Context, key manifest.Value, root, dir string, targets ...string) (doc []byte, recipients int, err error)
	// Unseal decrypts what Seal returned. name is the file that errors name.
	Unseal(ctx context.Context, doc []byte, name string) (manifest.Value, error)
}

// Guard is the last resort against values in output: a filter in front of it.
type Guard interface {
	// Know adds a value that must never be printed. It is wiped when its plan is closed, so
	// a filter keeps a copy.
	Know(manifest.Value)
	// Public adds text that others chose, such as names and comments, and that reports show.
	// Without that, "value withheld" would confirm a guess: that a name is a value.
	Public(...string)
}

// withDefaults fills in what was left out.
func (c Config) withDefaults() Config {
	if c.Lockfile == "" {
		c.Lockfile = lockfile.PathFor(c.Manifest)
	}
	if c.Parallelism == 0 {
		c.Parallelism = 8
	}
	if c.RequestTimeout == 0 {
		c.RequestTimeout = 30 * time.Second
	}
	if c.LookupEnv == nil {
		c.LookupEnv = os.LookupEnv
	}
	if c.SOPS == nil {
		c.SOPS = noSOPS{}
	}
	if c.Guard == nil {
		c.Guard = noGuard{}
	}
	var mu sync.Mutex
	notify := c.Notify
	c.Notify = func(e Event) {
		mu.Lock()
		defer mu.Unlock()
		if notify != nil {
			notify(e)
		}
	}
	return c
}

type noGuard struct{}

func (noGuard) Know(manifest.Value) {}
func (noGuard) Public(...string)    {}

// noSOPS has no recipients and reads nothing.
type noSOPS struct{}

func (noSOPS) Open(name string, _ []byte) (manifest.SOPSFile, error) {
	return nil, &manifest.Error{Pos: manifest.Position{File: name}, What: "this program reads no SOPS files"}
}

func (noSOPS) Seal(context.Context, manifest.Value, string, string, ...string) ([]byte, int, error) {
	return nil, 0, nil
}

func (noSOPS) Unseal(_ context.Context, _ []byte, name string) (manifest.Value, error) {
	return manifest.Value{}, &manifest.Error{Pos: manifest.Position{File: name}, What: "this program opens no sealed keys"}
}
