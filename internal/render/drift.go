package render

import (
	"fmt"
	"io"

	"github.com/secretsync/secretsync/planner"
)

// Drift writes what differs between Cloudflare and the lockfile, and ends with a
// line that sums it up.
func Drift(w io.Writer, drift []planner.Drift, checked int, style Style) error {
	out := &printer{w: w}
	counted, width := 0, 0
	for _, d := range drift {
		width = min(max(width, len([]rune(Safe(d.Secret)))), maxNameWidth)
	}
	var last planner.StoreKey
	for i, d := range drift {
		if i == 0 || d.Store != last {
			out.line("%s  %s", style.paint(colorStrong, Safe(d.Store.Name)), style.paint(colorQuiet, "account "+Safe(string(d.Store.Account))))
			last = d.Store
		}
		sign, color := "~", colorChange
		switch {
		case !d.Counts:
			sign, color = "?", colorQuiet
		case d.Kind == planner.DriftDeleted || d.Kind == planner.DriftStoreGone:
			sign, color = "-", colorRemove
		}
		out.line("  %s  %s", style.paint(color, fmt.Sprintf("%s %-*s", sign, width, Safe(d.Secret))), driftWords(d))
		if d.Counts {
			counted++
		}
	}
	if len(drift) > 0 {
		out.line("")
	}
	if counted == 0 {
		out.line("No drift: %s as last applied.", count(checked, "secret"))
	} else {
		out.line("Drift: %s in %s checked.", count(counted, "finding"), count(checked, "secret"))
	}
	return out.err
}

func driftWords(d planner.Drift) string {
	switch d.Kind {
	case planner.DriftStoreGone:
		return "the store is gone"
	case planner.DriftDeleted:
		return "deleted outside"
	case planner.DriftRecreated:
		return "deleted and made again outside"
	case planner.DriftChanged:
		return "changed outside: the value can be another"
	case planner.DriftScopes:
		return fmt.Sprintf("scopes changed outside: %s -> %s; the value can be another", Scopes(d.Scopes.Before), Scopes(d.Scopes.After))
	case planner.DriftComment:
		return fmt.Sprintf("comment changed outside: %q -> %q; the value can be another", d.Comment.Before, d.Comment.After)
	case planner.DriftNotActive:
		return fmt.Sprintf("status %q, not active", Safe(d.Status))
	case planner.DriftInterrupted:
		return "the last apply was cut short, outcome unknown"
	case planner.DriftRotationOverdue:
		return "past its rotate_after"
	case planner.DriftLagging:
		return "Cloudflare's list lags behind our last write"
	case planner.DriftUnmanaged:
		return "not managed by this manifest"
	}
	return string(d.Kind)
}
