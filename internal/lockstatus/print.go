package lockstatus

import (
	"fmt"
	"io"
	"time"

	"github.com/secretsync/secretsync/internal/render"
	"github.com/secretsync/secretsync/internal/render/rows"
	"github.com/secretsync/secretsync/lockfile"
	"github.com/secretsync/secretsync/objectstore"
	"github.com/secretsync/secretsync/planner"
)

// Print writes the status as text.
func (st *Status) Print(w io.Writer) error {
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

func (k *Key) print(out *rows.Writer) {
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

func (st *Status) madeAgainst() string {
	if st.API == lockfile.APILoopback {
		return "an emulator"
	}
	return "Cloudflare"
}
