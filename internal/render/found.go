package render

import (
	"fmt"
	"io"
	"slices"

	"github.com/secretsync/secretsync/internal/render/rows"
	"github.com/secretsync/secretsync/planner"
	"github.com/secretsync/secretsync/reconcile"
)

// Found writes what the import of a lockfile would record, and what it would not.
func Found(w io.Writer, found *reconcile.Found) error {
	out, names := &rows.Writer{W: w}, foundNames(found)
	for _, f := range found.Live {
		out.Add("record", "%s  %s", names.Secret(f.Key.Store, f.Key.Name), Safe(f.Source))
	}
	for _, k := range found.Missing {
		out.Add("missing", "%s  not in Cloudflare: the next apply creates it", names.Secret(k.Store, k.Name))
	}
	for _, k := range found.Unmanaged {
		out.Add("unmanaged", "%s  not in the manifest: not recorded", names.Secret(k.Store, k.Name))
	}
	switch {
	case out.Err != nil:
	case len(found.Live) == 0:
		_, out.Err = fmt.Fprintln(w, "Nothing to record: no secret of the manifest is in Cloudflare.")
	default:
		_, out.Err = fmt.Fprintf(w, "\nTo record: %d, missing: %d, unmanaged: %d. Nothing changes in Cloudflare.\n",
			len(found.Live), len(found.Missing), len(found.Unmanaged))
	}
	return out.Err
}

// foundNames are the names of all secrets that were found.
func foundNames(found *reconcile.Found) Names {
	var stores []planner.StoreKey
	for _, f := range found.Live {
		stores = append(stores, f.Key.Store)
	}
	for _, k := range slices.Concat(found.Missing, found.Unmanaged) {
		stores = append(stores, k.Store)
	}
	return NamesOf(stores...)
}
