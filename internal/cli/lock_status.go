package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/secretsync/secretsync/internal/advice"
	"github.com/secretsync/secretsync/internal/render"
	"github.com/secretsync/secretsync/internal/render/rows"
	"github.com/secretsync/secretsync/internal/sopsfile"
	"github.com/secretsync/secretsync/lockfile"
	"github.com/secretsync/secretsync/objectstore"
	"github.com/secretsync/secretsync/planner"
	"github.com/secretsync/secretsync/reconcile"
	"github.com/spf13/cobra"
)

func (a *App) lockStatusCommand() *cobra.Command {
	var f manifestFlags
	var format string
	cmd := &cobra.Command{
		Use:   "status",
		Short: "Show the state of the lockfile and its key",
		Long: `status reads the lockfile and looks for its fingerprint key. It needs no token,
no values and no key, and sends no request to Cloudflare. Of the manifest it
needs only the name, and not even that with --lockfile. It exits with 1 if the
lockfile is damaged, or lacks records that wait beside it.

If several machines share the lockfile, or exclude each other by leases, it also
shows who holds them, or held them last, and which version of the lockfile was
applied last. It writes nothing to the bucket.`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if format != "text" && format != "json" {
				return fmt.Errorf("--format %q is neither text nor json", format)
			}
			return a.lockStatus(cmd.Context(), &f, format == "json")
		},
	}
	f.registerFiles(cmd.Flags())
	cmd.Flags().StringVar(&format, "format", "text", "text or json")
	return cmd
}

func (a *App) lockStatus(ctx context.Context, f *manifestFlags, asJSON bool) error {
	p, err := a.lockfileOf(ctx, f)
	if err != nil {
		return err
	}
	st, damaged := inspect(ctx, p)
	for _, w := range a.tracked(ctx, p.LocalLockfile()) {
		st.Tracked = append(st.Tracked, w.Pos.File)
		a.Say("warning: %s", w)
	}
	if !asJSON {
		return errors.Join(st.print(a.Out), damaged)
	}
	return errors.Join(a.printJSON(st), damaged)
}

// lockStatus is the output of lock status as JSON, as documented in docs/formats.md.
type lockStatus struct {
	Lockfile string           `json:"lockfile"`
	State    string           `json:"state"` // ok, absent, damaged or unread
	Unmerged []string         `json:"unmerged,omitempty"`
	Journal  string           `json:"journal,omitempty"` // the file or the objects, if there is one
	Tracked  []string         `json:"tracked,omitempty"` // by git, and should not be
	Version  int              `json:"version,omitempty"`
	API      string           `json:"api,omitempty"`
	Shared   *sharedStatus    `json:"shared,omitempty"`
	Key      *keyStatus       `json:"fingerprint_key,omitempty"`
	Stores   []storeStatus    `json:"stores"`
	Pending  []pendingStatus  `json:"pending"`
	Accepted []acceptedStatus `json:"accepted"`
	HeldBy   *lockfile.Holder `json:"held_by,omitempty"`
	Leases   []leaseStatus    `json:"leases,omitempty"`
	problem  error            // the error of finding out who holds the lock
}

// sharedStatus tells versions of a lockfile apart that several machines write.
type sharedStatus struct {
	Lineage    string `json:"lineage"`
	Generation int    `json:"generation"`
}

type keyStatus struct {
	ID      string `json:"id"`
	Sealed  bool   `json:"sealed"`
	From    string `json:"from,omitempty"`
	Fits    bool   `json:"fits"`
	Problem string `json:"problem,omitempty"`
}

type storeStatus struct {
	AccountID lockfile.AccountID `json:"account_id"`
	ID        lockfile.StoreID   `json:"id,omitempty"`
	Name      string             `json:"name"`
	Secrets   int                `json:"secrets"`
}

type pendingStatus struct {
	AccountID lockfile.AccountID `json:"account_id"`
	Store     string             `json:"store"`
	Secret    string             `json:"secret"`
	Op        string             `json:"op"`
	Since     time.Time          `json:"since"`
}

type acceptedStatus struct {
	AccountID lockfile.AccountID `json:"account_id"`
	Store     string             `json:"store"`
	Secret    string             `json:"secret"`
	Since     time.Time          `json:"since"`
}

// inspect collects the status. The error says what is wrong with the lockfile, or could not be read.
func inspect(ctx context.Context, p *reconcile.Project) (*lockStatus, error) {
	st := &lockStatus{Lockfile: p.Lockfile(), State: "ok", Stores: []storeStatus{}, Pending: []pendingStatus{}, Accepted: []acceptedStatus{}}
	lock, err := p.ReadLockfile(ctx)
	exists := st.beside(lock)
	if lock == nil {
		st.State = "damaged"
		if objectstore.IsURL(st.Lockfile) && !errors.As(err, new(lockfile.ErrorList)) {
			st.State = "unread"
		}
		return st, err
	}
	leases, leaseErr := inspectLeases(ctx, p, lock)
	st.Leases, err = leases, errors.Join(err, leaseErr)
	if !exists && len(lock.Stores) == 0 {
		st.State = "absent"
		return st, err
	}
	st.content(ctx, p, lock)
	return st, err
}

// beside finds what is beside the lockfile, and reports whether that exists itself. lock is nil if
// it cannot be read.
func (st *lockStatus) beside(lock *lockfile.File) (exists bool) {
	path := st.Lockfile
	if objectstore.IsURL(path) {
		if lock != nil && lock.Shared.Journal != "" {
			st.Journal = path + ".journal/" + lock.Shared.Journal
		}
		return lock == nil || lock.Shared.Lineage != ""
	}
	st.HeldBy, st.problem = lockfile.Held(path)
	waiting, _ := lockfile.Unmerged(path) // reading the lockfile reports its errors
	for _, saved := range waiting {
		st.Unmerged = append(st.Unmerged, saved.Ours)
	}
	journal := filepath.Join(filepath.Dir(path), lockfile.JournalFile(path))
	if _, missing := os.Lstat(journal); !errors.Is(missing, fs.ErrNotExist) {
		st.Journal = journal
	}
	_, missing := os.Lstat(path)
	return !errors.Is(missing, fs.ErrNotExist)
}

// content collects what the lockfile has.
func (st *lockStatus) content(ctx context.Context, p *reconcile.Project, lock *lockfile.File) {
	st.Version, st.API = lockfile.Version, "cloudflare"
	if lock.API != "" {
		st.API = lock.API
	}
	if lock.Shared.Lineage != "" {
		st.Shared = &sharedStatus{lock.Shared.Lineage, lock.Shared.Generation}
	}
	if lock.Key.ID != "" {
		st.Key = inspectKey(ctx, p, lock.Key)
	}
	for k, s := range lock.All() {
		st.Stores = append(st.Stores, storeStatus{k.Account, s.ID, k.Name, len(s.Secrets)})
		for name, sec := range s.All() {
			if p := sec.Pending; p != nil {
				st.Pending = append(st.Pending, pendingStatus{k.Account, k.Name, name, p.Op, p.Since})
			}
			if !sec.Accepted.IsZero() {
				st.Accepted = append(st.Accepted, acceptedStatus{k.Account, k.Name, name, sec.Accepted})
			}
		}
	}
}

// inspectKey looks for the key. A missing key is no error: status does not need it.
func inspectKey(ctx context.Context, p *reconcile.Project, key lockfile.Key) *keyStatus {
	found := p.FindKey(ctx, key)
	st := &keyStatus{ID: key.ID, Sealed: len(key.Sealed) > 0, From: found.From, Fits: found.Fits}
	if found.Err != nil {
		st.Problem = found.Err.Error()
		if types, ok := errors.AsType[sopsfile.TypesNotAllowed](found.Err); ok { // the status has no separate line for advice
			st.Problem += " (" + advice.KeyTypes(types) + ")"
		}
	}
	return st
}

// print writes the status as text.
func (st *lockStatus) print(w io.Writer) error {
	out := &rows.Writer{W: w}
	out.Add("lockfile", "%s: %s", render.Safe(st.Lockfile), map[string]string{
		"ok":      fmt.Sprintf("version %d, written against %s", st.Version, st.madeAgainst()),
		"absent":  "does not exist: nothing was applied yet, or it was lost",
		"damaged": "cannot be used",
		"unread":  "could not be read",
	}[st.State])
	for _, file := range st.Unmerged {
		out.Add("unmerged", "%s: the records of an apply during which the lockfile was replaced", render.Safe(file))
	}
	if s := st.Shared; s != nil {
		out.Add("shared", "lineage %s, generation %d", s.Lineage, s.Generation)
	}
	if st.Journal != "" {
		adds := "lock fold"
		if objectstore.IsURL(st.Lockfile) {
			adds = "the next apply"
		}
		out.Add("journal", "%s: an apply is running, or was killed; then %s adds it to the lockfile", render.Safe(st.Journal), adds)
	}
	if st.Key != nil {
		st.Key.print(out)
	}
	for _, s := range st.Stores {
		out.Add("store", "%s of account %s, secrets: %d", render.Safe(s.Name), s.AccountID, s.Secrets)
	}
	var stores []planner.StoreKey
	for _, s := range st.Stores {
		stores = append(stores, planner.StoreKey{Account: planner.AccountID(s.AccountID), Name: s.Name})
	}
	names := render.NamesOf(stores...)
	for _, p := range st.Pending {
		store := planner.StoreKey{Account: planner.AccountID(p.AccountID), Name: p.Store}
		out.Add("pending", "%s: %s since %s", names.Secret(store, p.Secret), p.Op, p.Since.Format(time.RFC3339))
	}
	if len(st.Pending) > 0 {
		out.Add("", "an apply was interrupted or is running: plan shows what is left, and the next apply settles it")
	}
	for _, s := range st.Accepted {
		out.Add("accepted", "%s/%s: its value has not been known since %s",
			render.Safe(s.Store), render.Safe(s.Secret), s.Since.Format(time.RFC3339))
	}
	for _, l := range st.Leases {
		own := 0
		if st.Shared != nil {
			own = st.Shared.Generation
		}
		l.print(out, own)
	}
	switch {
	case st.problem != nil:
		out.Add("held", "unknown: %s", render.Safe(st.problem.Error()))
	case st.HeldBy != nil:
		out.Add("held", "by another secretsync, %s", st.HeldBy)
	}
	return out.Err
}

func (k *keyStatus) print(out *rows.Writer) {
	kept := "not in the lockfile"
	if k.Sealed {
		kept = "sealed in the lockfile"
	}
	out.Add("key", "%s, %s", k.ID, kept)
	if k.Fits {
		out.Add("", "found in %s", render.Safe(k.From))
	} else {
		out.Add("", "not found: %s", render.Safe(k.Problem))
	}
}

func (st *lockStatus) madeAgainst() string {
	if st.API == lockfile.APILoopback {
		return "an emulator"
	}
	return "Cloudflare"
}
