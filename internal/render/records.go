package render

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/secretsync/secretsync/internal/render/foreign"
	"github.com/secretsync/secretsync/internal/render/rows"
	"github.com/secretsync/secretsync/planner"
	"github.com/secretsync/secretsync/reconcile"
)

// Acceptable writes which drifted secrets would be accepted, which cannot be, and why.
func Acceptable(w io.Writer, found *reconcile.Acceptable, style Style) error {
	out := &printer{w: w}
	all := slices.Concat(found.Accept, found.Refuse)
	width := nameWidth(all, func(a planner.Acceptance) string { return a.Key.Name })
	unknown := 0
	for _, a := range all {
		if a.ValueUnknown {
			unknown++
		}
	}
	var last planner.StoreKey
	for i, a := range all {
		if i == 0 || a.Key.Store != last {
			last = a.Key.Store
			out.line("%s", style.heading(foreign.Word(last.Name), last.Account))
		}
		sign, color := "~ accept", colorChange
		if a.Refusal != "" {
			sign, color = "! refuse", colorRemove
		}
		out.line("  %s  %s", style.paint(color, fmt.Sprintf("%s  %-*s", sign, width, foreign.Word(a.Key.Name))), acceptanceWords(a))
	}
	out.line("")
	out.line("To accept: %d, cannot be accepted: %d. Nothing changes in Cloudflare.", len(found.Accept), len(found.Refuse))
	if unknown > 0 {
		out.line("Values that will count as not known, and are not sent until they change at their source: %d.", unknown)
	}
	return out.err
}

func acceptanceWords(a planner.Acceptance) string {
	switch {
	case a.Refusal == planner.AcceptDeleted && a.Desired:
		return "deleted outside: the next apply creates it again, unless you remove it from the manifest"
	case a.Refusal == planner.AcceptDeleted:
		return "deleted outside, and no longer in the manifest: the next apply removes it from the lockfile"
	case a.Refusal == planner.AcceptInterrupted:
		return "the last apply was interrupted, outcome unknown: the next apply settles it"
	case a.Refusal == planner.AcceptReplaced:
		return "another client's secret has this name now, and the manifest does not manage it: the next apply forgets it"
	}
	var words []string
	for _, d := range a.Drift {
		words = append(words, changeWords(d))
	}
	if a.Live.Value == planner.LiveSame && !slices.Contains(words, changeWords(planner.Drift{Kind: planner.DriftTouched})) {
		words = append(words, valueWords(a.Live.Value))
	}
	if a.OtherScopes {
		words = append(words, "the next apply sets the manifest's scopes")
	}
	if a.OtherComment {
		words = append(words, "the next apply sets the manifest's comment")
	}
	return strings.Join(words, "; ")
}

// Found writes which secrets the import of a lockfile would record, and which it would not.
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
