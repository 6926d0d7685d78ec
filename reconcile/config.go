package reconcile

import (
	"context"
	"os"
	"sync"
	"time"

	"github.com/secretsync/secretsync/applier"
	"github.com/secretsync/secretsync/internal/witness"
	"github.com/secretsync/secretsync/lockfile"
	"github.com/secretsync/secretsync/manifest"
	"github.com/secretsync/secretsync/objectstore"
	"github.com/secretsync/secretsync/planner"
	"github.com/secretsync/secretsync/planner/outside"
	"github.com/secretsync/secretsync/reconcile/internal/survey"
)

// Config says what to reconcile, and with what. Only Manifest is required. Without an API,
// only offline plans are possible.
type Config struct {
	// Manifest is the path of the manifest.
	Manifest string
	// Lockfile is the path of its lockfile, or its URL in an object store, such as
	// "s3://bucket/prefix/name.lock"; empty for the one that the manifest names, else for the one
	// beside it ([lockfile.PathFor]).
	Lockfile string
	// Lease is where machines that write the same stores exclude one another, such as
	// "s3://bucket/prefix". If it is empty, the manifest may name the place; otherwise leases are
	// beside a lockfile in an object store.
	Lease string
	// LeaseDuration is how long others wait for a run that does not renew its leases any more;
	// [DefaultLeaseDuration] if zero.
	LeaseDuration time.Duration
	// Objects opens the object store at a URL such as "s3://bucket/prefix", without a request. It
	// may be nil if there is neither a lease nor a lockfile in one.
	Objects func(ctx context.Context, url string) (objectstore.Store, error)
	// Account is the account id of stores whose account the manifest does not name.
	Account string
	// Vars override the manifest's variables.
	Vars map[string]string
	// Values says that values will be read. Missing environment variables are then reported
	// together with the manifest's mistakes.
	Values bool

	// Targets limit plans to the secrets that match one of these globs, STORE/SECRET or
	// ACCOUNT/STORE/SECRET.
	Targets []string
	// MaxDeletes is the limit of deletions in a plan; nil for the manifest's limit.
	MaxDeletes *int
	// StrictBindings turns a plan that breaks a Worker's binding into a problem, whatever
	// the manifest says.
	StrictBindings bool
	// Adopt says how to adopt secrets that exist already, if the manifest does not.
	Adopt planner.AdoptPolicy
	// MaxSecrets is how many secrets the manifest may describe; [manifest.DefaultMaxSecrets] if
	// zero.
	MaxSecrets int
	// MaxStores is how many stores the manifest may describe; [manifest.DefaultMaxStores] if zero.
	MaxStores int
	// MaxFiles is how many files the manifest may include, and each of its patterns may match;
	// [manifest.DefaultMaxFiles] if zero.
	MaxFiles int
	// MaxFileSize is the maximum size in bytes of the manifest, of all included files together, and
	// of each SOPS file; [manifest.DefaultMaxFileSize] if zero.
	MaxFileSize int
	// MaxLockfileSize is the size in bytes that the lockfile may have; [lockfile.DefaultMaxSize] if
	// zero.
	MaxLockfileSize int
	// Verify verifies the live values that plans, drift and [Run.FindAcceptable] would make assumptions
	// about, if the fingerprint key is known. The [Account] has to be able to run the witness
	// (docs/verify.md). A verification that fails leaves the values unknown. An apply always verifies
	// secrets that are adopted under [planner.AdoptVerify].
	Verify bool
	// Who looks up in audit logs who caused drift, for drift and plans. The [Account] has to be an
	// [AuditLogReader]. If a log cannot be read, that is only an event.
	Who bool
	// LiveBindings considers what is deployed when a plan looks for what it may break. The [Account]
	// has to be a [ReaderLister].
	LiveBindings bool
	// ReaderCache keeps what was deployed, so that only what changed is read again; it may be nil.
	ReaderCache ReaderCache
	// Allow lists what the manifest is permitted to do beyond the defaults.
	Allow Allow

	// Commit is the commit that is planned, and RunURL the page of the CI job: plan files name
	// them. Both may be empty.
	Commit, RunURL string

	// Parallelism is the maximum number of concurrent calls of an [Account]; 50 if zero. The API
	// may allow fewer for all accounts together: package connect has an option for that.
	Parallelism int
	// LockTimeout is how long Lock waits for another apply to end; 0 means not at all.
	LockTimeout time.Duration
	// RequestTimeout is the API's limit for one request; 30 seconds if zero. An interrupted
	// request may still take effect within it.
	RequestTimeout time.Duration
	// Wait is how long an apply waits for what it wrote to become active; 0 means not at
	// all.
	Wait time.Duration

	// LookupEnv reads the environment, for sources and the fingerprint key ([KeyVariable]);
	// os.LookupEnv if nil.
	LookupEnv func(string) (string, bool)
	// SOPS decrypts sources and seals the fingerprint key. It may be nil if nothing is
	// encrypted.
	SOPS SOPS
	// API provides access to Cloudflare.
	API API
	// Guard keeps values out of what is printed; it may be nil.
	Guard Guard
	// Notify receives events as they happen; it may be nil. Calls never overlap.
	Notify func(Event)

	// lockStore and lockKey are where the lockfile is, if that is an object store; Lockfile is then
	// the path that it would have. leaseStore is where the leases are, if anywhere.
	lockStore  manifest.Location
	lockKey    string
	leaseStore manifest.Location
}

// Allow lists what a manifest may do only with the user's permission, because the author of
// a pull request can edit it.
type Allow struct {
	// Commands permits sources that run commands.
	Commands bool
	// Outside permits files outside the repository.
	Outside bool
	// PlaintextValues permits plaintext values in an unencrypted manifest.
	PlaintextValues bool
}

// API is Cloudflare's API, or an emulator of it.
type API interface {
	// Account returns the client of an account. tokenEnv names the environment variable of
	// its token; empty for the default one. It sends no request.
	Account(id planner.AccountID, tokenEnv string) (Account, error)
	// DefaultAccount is the account of stores for which neither the manifest nor
	// Config.Account names one; it may be empty.
	DefaultAccount() planner.AccountID
	// Now is the current time by the API's clock, as the Date headers of its answers show
	// it.
	Now() time.Time
	// Loopback reports whether the API is on this machine, and therefore not Cloudflare's. A
	// lockfile belongs to one or the other.
	Loopback() bool
}

// Account is the client of one account.
type Account interface {
	applier.Target
	// GetSecret reads a secret by its id. The error is [applier.ErrNotFound] if it does not
	// exist.
	GetSecret(context.Context, planner.StoreID, planner.SecretID) (planner.LiveSecret, error)
	// GetQuota reads the number of secrets in the account, and the limit.
	GetQuota(context.Context) (usage, limit int, err error)
}

// WriteChecker may be implemented by an [Account] whose methods wait before they send, as for a
// rate limit.
type WriteChecker interface {
	// CheckWrites returns a copy of the client that calls check right before each request that
	// writes. If check returns an error, the request is not sent, and that error is the cause of the
	// method's.
	CheckWrites(check func() error) Account
}

// Previewer may be implemented by an [Account] that can run a Worker without deploying it. Live
// values can then be verified: a Worker reads a value and compares its fingerprint, so that the
// value itself does not leave Cloudflare (docs/verify.md).
type Previewer = witness.Previewer

// The parameters and results of a [Previewer].
type (
	// PreviewUpload is a Worker that consists of one module.
	PreviewUpload = witness.Upload
	// SecretBinding binds a Worker to a secret in a store.
	SecretBinding = witness.SecretBinding
	// TextBinding gives a Worker a value.
	TextBinding = witness.TextBinding
	// Preview is a Worker that was uploaded to be run.
	Preview = witness.Preview
	// StepError says why a verification failed, and in which step.
	StepError = witness.StepError
	// Step is a step of a verification.
	Step = witness.Step
	// BindingError is the cause of a [StepError] if the API refused to bind secrets.
	BindingError = witness.BindingError
)

// AuditLogReader may be implemented by an [Account] whose audit log can be read.
type AuditLogReader interface {
	// AuditLog returns the changes of secrets and stores between two times, the latest first. It
	// may return some of them together with an error.
	AuditLog(ctx context.Context, since, before time.Time) ([]outside.Entry, error)
}

// ReaderLister may be implemented by an [Account] that can list what is deployed.
type ReaderLister interface {
	// Readers returns the Workers, AI Gateways and container registries of the account. Workers in
	// before that were not deployed since need not be read again. It may return some of them
	// together with an error.
	Readers(ctx context.Context, before []outside.Reader) ([]outside.Reader, error)
}

// ReaderCache keeps what was deployed in an account for the next run. It may be called from several
// goroutines at once, for different accounts.
type ReaderCache interface {
	Load(planner.AccountID) []outside.Reader
	Save(planner.AccountID, []outside.Reader)
}

// ErrNotSupported means that an [Account] implements neither [AuditLogReader] nor [ReaderLister],
// whichever was needed.
var ErrNotSupported = survey.ErrNotSupported

// Package survey asks an [Account] for the same methods.
var (
	_ survey.AuditLogReader = AuditLogReader(nil)
	_ survey.ReaderLister   = ReaderLister(nil)
)

// SOPS reads and writes SOPS documents.
type SOPS interface {
	manifest.SOPS
	// Seal encrypts a fingerprint key for the recipients of the creation rule in .sops.yaml
	// that matches the first of targets that any rule matches. It searches dir and its
	// parents, and follows no link out of root. Without a matching rule it returns no
	// document. The document is a JSON object with SOPS's metadata under "sops", because the
	// lockfile stores nothing else.
	Seal(ctx context.Context, key manifest.Value, root, dir string, targets ...string) (doc []byte, recipients int, err error)
	// Unseal decrypts what Seal returned. name is the file to name in errors.
	Unseal(ctx context.Context, doc []byte, name string) (manifest.Value, error)
}

// SealChecker may be implemented by a [SOPS], so that a plan fails if its apply could not
// seal the fingerprint key.
type SealChecker interface {
	// CheckSeal returns the error that Seal would, as far as that can be known without
	// asking a server. With static set, it does not depend on this machine, such as on the
	// keys that gpg has.
	CheckSeal(ctx context.Context, static bool, root, dir string, targets ...string) error
}

// Guard is the last line of defence against values in output: a filter in front of it.
type Guard interface {
	// Know adds a value that must never be printed. The plan wipes its own copy when it is
	// closed, so the guard must keep a copy.
	Know(manifest.Value)
	// Public adds text chosen by others that reports show, such as names and comments.
	// Without it, a report that says "value withheld" would confirm a guess that a name is a
	// value.
	Public(...string)
}

// withDefaults fills in defaults.
func (c Config) withDefaults() Config {
	if c.Lockfile == "" || objectstore.IsURL(c.Lockfile) {
		c.Lockfile = lockfile.PathFor(c.Manifest)
	}
	if c.Parallelism == 0 {
		c.Parallelism = applier.DefaultParallelism
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

func (c *Config) lockLimit() lockfile.Option { return lockfile.MaxSize(c.MaxLockfileSize) }

type noGuard struct{}

func (noGuard) Know(manifest.Value) {}
func (noGuard) Public(...string)    {}

// noSOPS has no recipients, and reads nothing.
type noSOPS struct{}

func (noSOPS) Open(name, _ string, _ []byte) (manifest.SOPSFile, error) {
	return nil, &manifest.Error{Pos: manifest.Position{File: name}, What: "this program reads no SOPS files"}
}

func (noSOPS) Seal(context.Context, manifest.Value, string, string, ...string) ([]byte, int, error) {
	return nil, 0, nil
}

func (noSOPS) Unseal(_ context.Context, _ []byte, name string) (manifest.Value, error) {
	return manifest.Value{}, &manifest.Error{Pos: manifest.Position{File: name}, What: "this program opens no sealed keys"}
}
