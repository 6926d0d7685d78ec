// Package advice says what to do about the errors of libraries, in terms of the command line, which
// libraries do not know.
package advice

import (
	"cmp"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/secretsync/secretsync/applier"
	"github.com/secretsync/secretsync/internal/bindings"
	"github.com/secretsync/secretsync/internal/keyring"
	"github.com/secretsync/secretsync/internal/lease"
	"github.com/secretsync/secretsync/internal/render"
	"github.com/secretsync/secretsync/internal/shell"
	"github.com/secretsync/secretsync/internal/sopsfile"
	"github.com/secretsync/secretsync/internal/witness"
	"github.com/secretsync/secretsync/internal/wrangler"
	"github.com/secretsync/secretsync/lockfile"
	"github.com/secretsync/secretsync/manifest"
	"github.com/secretsync/secretsync/objectstore"
	"github.com/secretsync/secretsync/planner"
	"github.com/secretsync/secretsync/planner/planfile"
	"github.com/secretsync/secretsync/reconcile"
)

// Adviser advises with commands that can be pasted.
type Adviser struct {
	// Line is a command that can be pasted, with the flags of the running one if it is the same.
	Line func(words ...string) string
	// Other is a command with the flags only that say which project is meant.
	Other func(words ...string) string
}

// For returns what to do about a library's error. It is empty if the error already says everything.
func (a *Adviser) For(err error) string {
	if text := cmp.Or(a.Changed(err), a.Shared(err), a.lock(err), a.project(err)); text != "" {
		return text
	}
	var otherAPI *reconcile.OtherAPIError
	var stale *reconcile.StaleError
	var types sopsfile.TypesNotAllowed
	var pattern *reconcile.PatternError
	switch {
	case errors.As(err, &pattern) && len(pattern.Matching) > 0:
		return "name one with its store, or write a glob of the form STORE/SECRET"
	case errors.As(err, &pattern):
		return "use the names in Cloudflare, STORE/PREFIX-AND-SECRET: " + render.Shortened(pattern.Suggestions())
	case errors.As(err, &otherAPI):
		return otherAPIs(otherAPI)
	case errors.As(err, &stale):
		return a.stalePlan(stale)
	case errors.Is(err, reconcile.ErrNoAccount):
		return "set CLOUDFLARE_ACCOUNT_ID or --account-id, or add accounts to the manifest; plan --offline and --emulator need none"
	case errors.Is(err, applier.ErrIncomplete):
		return "try again; if that does not help, report it to Cloudflare: secretsync cannot tell which secrets are missing"
	case errors.As(err, &types):
		return KeyTypes(types)
	case errors.Is(err, planfile.ErrEncoding):
		return "create it with plan -o, which writes UTF-8"
	case errors.Is(err, planfile.ErrNotPlan):
		return "create one with plan -o"
	}
	if text := cmp.Or(a.sops(err), a.bindings(err)); text != "" {
		return text
	}
	if step, ok := errors.AsType[*reconcile.StepError](err); ok {
		return failedStep(step.Step)
	}
	return ""
}

// failedStep is advice about the failed step of a verification. The errors of the first two
// steps name what is missing.
func failedStep(step witness.Step) string {
	switch step {
	case witness.StepExchange:
		return "try again; if it persists, look for a proxy or a firewall between here and Cloudflare"
	case witness.StepUpload:
		return `to bind secrets, the token needs "Secrets Store Write" and "Workers Scripts Edit"`
	case witness.StepRun:
		return "try again; if it persists, check that no firewall blocks workers.dev, " +
			"and that Cloudflare Access does not protect the account's subdomain of it"
	case witness.StepAnswer:
		return "the response failed authentication and was discarded: try again, from another network if a proxy may have changed it"
	}
	return ""
}

// stalePlan is advice about a reviewed plan that was not applied. A plan with --verify knows more
// than an apply without.
func (a *Adviser) stalePlan(stale *reconcile.StaleError) string {
	again := "run " + a.Line("plan") + " again, and have the new plan reviewed"
	if d := stale.Difference; d != nil && slices.ContainsFunc(d.Changed, lostProof) {
		return "the reviewed plan was made with --verify: apply it with --verify; or " + again
	}
	return again
}

// lostProof reports whether a live value was proven to be the desired one in the reviewed plan only.
func lostProof(p planfile.Pair) bool {
	proven := func(r planner.Reason) bool { return r == planner.ReasonProven || r == planner.ReasonAdoptedProven }
	return slices.ContainsFunc(p.Reviewed.Reasons, proven) && !slices.ContainsFunc(p.Now.Reasons, proven)
}

// KeyTypes is advice about a SOPS file that asks for keys of types that may not be used.
func KeyTypes(types sopsfile.TypesNotAllowed) string {
	return "if you trust the file with your credentials, allow its other keys: --sops-key-types " + string(types)
}

// Changed is advice about files that another program changed during a run.
func (a *Adviser) Changed(err error) string {
	var replaced *lockfile.ReplacedError
	var unmerged *lockfile.UnmergedError
	switch {
	case errors.As(err, new(*reconcile.ChangedError)):
		return "run the command again: it reads the files that are there now"
	case errors.As(err, &unmerged):
		return a.merge()
	case !errors.As(err, &replaced):
		return ""
	case replaced.NotSaved != nil:
		return "the outcome of the last requests was not recorded: free disk space, and run " + a.Line("plan") + " to see what is left"
	case replaced.Saved != "":
		return a.merge()
	}
	return "run the command again: it reads the lockfile that is there now"
}

// merge says how to complete a lockfile that lacks the records of a run.
func (a *Adviser) merge() string {
	return "run " + a.Line("lock", "merge") + ", which adds them to the lockfile, and then plan"
}

// lock is advice about the lockfile and its key.
func (a *Adviser) lock(err error) string {
	switch {
	case errors.As(err, new(*lockfile.HeldError)):
		return "try again when it has finished, or wait longer with --lock-timeout"
	case errors.Is(err, lockfile.ErrLost):
		return "if there is none, move this one away and run " + a.Line("import", "--lock-only")
	case errors.Is(err, lockfile.ErrConflict):
		return "or let " + a.Line("lock", "merge") + " do that; then run " + a.Line("plan") + " and apply"
	case errors.Is(err, lockfile.ErrKeysDiffer):
		return "if one side ran lock rekey, merge its version from before that, and run lock rekey again; " +
			"if both created a first key, keep one lockfile and run apply --adopt=overwrite"
	case errors.Is(err, lockfile.ErrAPIsDiffer):
		return "keep the one that was written with Cloudflare: " + sides(err)
	case errors.Is(err, lockfile.ErrAccountsDiffer), errors.Is(err, lockfile.ErrLineagesDiffer):
		return "a project's lockfile was replaced by another one's: keep the right one: " + sides(err)
	case errors.Is(err, lockfile.ErrNotRegular):
		return "name another lockfile with --lockfile"
	case errors.Is(err, keyring.ErrNotPinned):
		return "unless a colleague changed the key on purpose, it was planted: " +
			"do not apply, and look at fingerprint_key in the lockfile's history"
	case errors.Is(err, keyring.ErrBadPin):
		return "lock status shows the id"
	case errors.Is(err, keyring.ErrEncrypted):
		return "use the key that sops decrypt prints; to keep it in git, encrypted, " +
			"give .sops.yaml a rule for the lockfile and run lock rekey, which seals a key there"
	case errors.Is(err, keyring.ErrUnavailable):
		return "lock rekey needs that key too; if it is lost, move the lockfile away and rebuild it with " + a.Line("import", "--lock-only")
	case errors.Is(err, reconcile.ErrNoKey):
		return "the first apply creates one"
	case errors.Is(err, reconcile.ErrNoRecords):
		return "run apply first; if it was, look for the lockfile where that was, or name it with --lockfile"
	case errors.Is(err, reconcile.ErrHasRecords):
		return "import --lock-only rebuilds a lost lockfile, and replaces none: move it away first, or name another with --lockfile"
	}
	return ""
}

// Shared is advice about leases and lockfiles in object stores.
func (a *Adviser) Shared(err error) string {
	var copied *reconcile.CopyError
	switch {
	case errors.As(err, new(*reconcile.LeaseHeldError)):
		return "try again when it has finished, or wait longer with --lock-timeout: " +
			"a lease that was left behind by a killed run is free once its duration has passed; " +
			a.Other("lock", "status") + " shows who holds it"
	case errors.As(err, new(*reconcile.LeaseLostError)):
		return "run " + a.Line("plan") + " to see what is left: the run that took over may be doing it"
	case errors.As(err, new(*reconcile.OlderLockfileError)):
		return "get the newer lockfile first, for example with git pull or git merge; if it is lost, run " +
			a.Other("lock", "break", "--forget-applied") + ", and then plan"
	case errors.Is(err, objectstore.ErrIgnoresConditions):
		return "use another object store, such as R2 or S3; without one, let only one machine apply, and keep the lockfile in git"
	case errors.Is(err, lease.ErrNotLease):
		return "another program wrote it: use another prefix for the leases, or delete that object if nothing else needs it"
	case errors.Is(err, reconcile.ErrLeaseChanged):
		return "nothing was broken: run " + a.Other("lock", "status") + " to see who holds the lease now"
	case errors.As(err, &copied):
		return "compare both, for example with " + a.Other("lock", "status") + "; to replace " + copied.To + " anyway, add --overwrite"
	}
	return ""
}

// sides are the commands that keep one side of a lockfile in conflict.
func sides(err error) string {
	file := "secretsync.lock"
	if named, ok := errors.AsType[*manifest.Error](err); ok {
		file, _, _ = strings.Cut(named.Pos.File, " (") // "secretsync.lock (ours)"
	}
	return shell.Git(file, "checkout", "--ours") + ", or " + shell.Git(file, "checkout", "--theirs")
}

// project is advice about the manifest and what it names.
func (a *Adviser) project(err error) string {
	var named *manifest.Error
	switch {
	case errors.As(err, &named) && errors.Is(named, manifest.ErrAbsent):
		return MissingManifest(named.Pos.File)
	case errors.Is(err, manifest.ErrNone):
		return "run secretsync init, or name a manifest with --file"
	case errors.Is(err, manifest.ErrSeveral):
		return "remove all but one, or name one with --file"
	case errors.Is(err, manifest.ErrOutside):
		return "--allow-outside permits it"
	case errors.Is(err, manifest.ErrCommand):
		return "--allow-commands permits it"
	case errors.Is(err, manifest.ErrPlaintext):
		return "--allow-plaintext-values is for experiments"
	case errors.Is(err, manifest.ErrLayout):
		return a.Line("import") + " -o more.yaml writes the entries to a new file, to be included"
	}
	return ""
}

// sops is advice about SOPS files.
func (a *Adviser) sops(err error) string {
	switch {
	case errors.Is(err, sopsfile.ErrNoRules):
		return "or let secretsync init create one"
	case errors.Is(err, sopsfile.ErrSealed):
		return a.Line("lock", "rekey") + " seals it for the recipients in .sops.yaml"
	}
	return ""
}

// bindings is advice about the bindings of Workers.
func (a *Adviser) bindings(err error) string {
	switch {
	case errors.Is(err, wrangler.ErrLayout):
		return "paste what secretsync bindings generate prints"
	case errors.Is(err, bindings.ErrNoID):
		return a.Line("apply") + " records it in the lockfile"
	case errors.Is(err, bindings.ErrCorrectable):
		return a.Line("bindings", "check", "--fix") + " inserts it"
	case errors.Is(err, bindings.ErrSeveralStores):
		return a.Other("lock", "status") + " lists them"
	case errors.Is(err, bindings.ErrSeveralAccounts):
		return "give it account_id, or set CLOUDFLARE_ACCOUNT_ID, or choose with --target ACCOUNT/STORE/SECRET"
	case errors.Is(err, bindings.ErrDiffer):
		return "give it the same binding in all environments, or generate a module for one of them with --env"
	}
	return ""
}

// MissingManifest is advice about a manifest that --file names and that does not exist.
func MissingManifest(file string) string {
	if found, err := manifest.Find(filepath.Dir(file)); err == nil {
		return "name another manifest with --file: there is " + found
	}
	return "secretsync init --file " + shell.File(file) + " creates it; or name another manifest with --file"
}

// otherAPIs says which files of a lockfile to move where, so that the emulator and
// Cloudflare have one each.
func otherAPIs(e *reconcile.OtherAPIError) string {
	if objectstore.IsURL(e.Lockfile) && e.Emulator {
		return "give Cloudflare and the emulator a lockfile each: name another one with --lockfile, or in the manifest"
	}
	if objectstore.IsURL(e.Lockfile) {
		return "keep it for Cloudflare, and give the emulator its own, in a file: --lockfile secretsync.emulator.lock"
	}
	base := strings.TrimSuffix(e.Lockfile, filepath.Ext(e.Lockfile))
	other := base + ".emulator.lock"
	if !e.Emulator {
		return "keep it for Cloudflare, and give the emulator its own: --lockfile " + shell.File(other)
	}
	move := "mv " + shell.File(e.Lockfile) + " " + shell.File(other)
	if _, err := os.Lstat(base + ".key"); err == nil {
		move += " && mv " + shell.File(base+".key") + " " + shell.File(base+".emulator.key")
	}
	return "to go on with Cloudflare, keep the emulator's records under another name: " + move +
		"; apply then starts a new lockfile, and --lockfile " + shell.File(other) + " goes on with the emulator"
}
