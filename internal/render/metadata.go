package render

import (
	"fmt"
	"slices"

	"github.com/secretsync/secretsync/planner"
)

// metadata describes scopes and comment: those of a new secret, and changes to an existing one.
func metadata(a planner.Action) (parts []string) {
	switch s := a.Scopes; {
	case s == nil:
	case a.Op == planner.OpCreate:
		parts = append(parts, "scopes "+Scopes(s.After))
	case !slices.Equal(s.Before, s.After):
		parts = append(parts, fmt.Sprintf("scopes %s -> %s", Scopes(s.Before), Scopes(s.After)))
	}
	switch c := a.Comment; {
	case c == nil || c.Before == c.After:
	case a.Op == planner.OpCreate:
		parts = append(parts, "comment "+quoted(c.After))
	default:
		parts = append(parts, fmt.Sprintf("comment %s -> %s", quoted(c.Before), quoted(c.After)))
	}
	return parts
}

// policy describes the delete policy where it changes, or is not the usual one from the
// beginning: a secret is deleted when it leaves the manifest, a store is not.
func policy(a planner.Action) []string {
	changed, usual := slices.Contains(a.Reasons, planner.ReasonPolicy), a.Secret != ""
	switch {
	case a.Delete == nil:
	case changed:
		return []string{fmt.Sprintf("%s to %t", reasonWords[planner.ReasonPolicy], *a.Delete)}
	case *a.Delete != usual && (a.Op == planner.OpCreateStore || a.Op == planner.OpCreate || a.Op == planner.OpRename || a.Op == planner.OpAdopt):
		return []string{fmt.Sprintf("delete: %t", *a.Delete)}
	}
	return nil
}
