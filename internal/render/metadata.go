package render

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/secretsync/secretsync/internal/render/foreign"
	"github.com/secretsync/secretsync/planner"
)

// facts are what a reviewer must not miss about an action: reasons, source, scopes and delete
// policy. Nothing in them is cut, and no foreign text of any length comes before them.
func facts(a planner.Action) string { return strings.Join(factParts(a), factEnd) }

// factEnd separates facts.
const factEnd = "; "

func factParts(a planner.Action) []string {
	var parts []string
	for _, r := range a.Reasons {
		if w := reasonWord(a, r); w != "" && r != planner.ReasonPolicy {
			parts = append(parts, w)
		}
	}
	if a.Op == planner.OpRename {
		parts = append(parts, "from "+foreign.Word(a.From)+", its value never leaves Cloudflare")
	}
	if a.Op.Duplicates() {
		again := ""
		if a.Op == planner.OpRetire {
			again = "then again a "
		}
		parts = append(parts, again+"duplicate of "+foreign.Word(a.From)+", whose value never leaves Cloudflare")
	}
	if a.Previous != "" {
		kept := "the value that it replaces"
		if slices.ContainsFunc(a.Reasons, setOutside) { // and so another value than NAME-previous has
			kept = "the value before that change"
		}
		parts = append(parts, kept+" stays readable as "+foreign.Word(a.Previous))
	}
	if a.SetValue && a.Source != "" {
		parts = append(parts, "from "+source(a.Source))
	}
	return append(append(parts, scopes(a)...), policy(a)...)
}

// plainSource matches sources that cannot be mistaken for anything else in a line.
var plainSource = regexp.MustCompile(`^(inline|generate [a-z0-9 ]+|command [^\s"';,\x60]+( \.\.\.)?|[a-z]+ [^\s"';,\x60]+)$`)

func source(text string) string {
	if plainSource.MatchString(text) {
		return Safe(text)
	}
	return foreign.Quoted(text)
}

// scopes describes the scopes of a new secret, or the changes to those of an existing one.
func scopes(a planner.Action) []string {
	switch s := a.Scopes; {
	case s == nil:
	case a.Op == planner.OpCreate, a.Op == planner.OpPrepare:
		return []string{"scopes " + Scopes(s.After)}
	case !slices.Equal(s.Before, s.After):
		return []string{fmt.Sprintf("scopes %s -> %s", Scopes(s.Before), Scopes(s.After))}
	}
	return nil
}

// commentLines describes the comment of a new secret, or its change, in one line or two. It comes
// after everything else, because anything can be in it.
func commentLines(a planner.Action) []string {
	switch c := a.Comment; {
	case c == nil || c.Before == c.After, a.Op.Duplicates(): // its comment only repeats the names
		return nil
	case a.Op == planner.OpCreate:
		return []string{"comment " + foreign.Excerpt(c.After, foreign.MaxText)}
	default:
		from, to := foreign.Difference(c.Before, c.After)
		if one := from + foreign.Arrow(from, to) + to; c.Before == "" || utf8.RuneCountInString(one) <= foreign.MaxText {
			return []string{"comment " + one}
		}
		return []string{"comment " + from, "now     " + to}
	}
}

// policy describes the delete policy where it changes, or is not the usual one from the
// beginning: a secret is deleted when it leaves the manifest, a store is not.
func policy(a planner.Action) []string {
	changed, usual := slices.Contains(a.Reasons, planner.ReasonPolicy), a.Secret != ""
	switch {
	case a.Delete == nil:
	case changed:
		return []string{fmt.Sprintf("%s to %t", reasonWords[planner.ReasonPolicy], *a.Delete)}
	case *a.Delete != usual &&
		(a.Op == planner.OpCreateStore || a.Op == planner.OpCreate || a.Op == planner.OpRename || a.Op == planner.OpAdopt):
		return []string{fmt.Sprintf("delete: %t", *a.Delete)}
	}
	return nil
}

// setOutside reports whether a reason is a change outside that may have set a value.
func setOutside(r planner.Reason) bool {
	return r == planner.ReasonChangedOutside || r == planner.ReasonReplaced || r == planner.ReasonValueChangedOutside
}
