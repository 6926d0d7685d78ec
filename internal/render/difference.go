package render

import (
	"cmp"
	"fmt"
	"io"

	"github.com/secretsync/secretsync/planner"
	"github.com/secretsync/secretsync/planner/planfile"
)

// Difference writes how a plan made now goes further than the reviewed one, action by
// action.
func Difference(w io.Writer, d planfile.Difference, style Style) error {
	out, in := &printer{w: w}, differenceNames(d)
	said := func(a planner.Action) string { return said(a, in, style) }
	for _, a := range d.Added {
		out.line("not reviewed: %s", said(a))
	}
	for _, b := range d.Blocked {
		out.line("reviewed:     %s", said(b.Reviewed))
		out.line("  now:        %s", withHint(Problem(b.Problem, in)))
	}
	for _, c := range d.Changed {
		out.line("reviewed:     %s", said(c.Reviewed))
		out.line("  now:        %s", said(c.Now))
		for _, what := range differing(c) {
			out.line("  differs in: %s", what)
		}
	}
	return out.err
}

// differenceNames are the names of everything in a difference.
func differenceNames(d planfile.Difference) Names {
	var all planner.Plan
	all.Actions = append(all.Actions, d.Added...)
	for _, b := range d.Blocked {
		all.Actions = append(all.Actions, b.Reviewed)
	}
	for _, c := range d.Changed {
		all.Actions = append(all.Actions, c.Reviewed, c.Now)
	}
	return PlanNames(&all)
}

// actionName is what an action does, and to what: "update prod/api-key".
func actionName(a planner.Action, in Names) string {
	w := wordsFor(a.Op)
	if a.Secret == "" {
		return w.verb + " store " + in.Store(a.Store)
	}
	return w.verb + " " + in.Secret(a.Store, a.Secret)
}

func said(a planner.Action, in Names, style Style) string {
	text := style.paint(wordsFor(a.Op).color, actionName(a, in))
	if why := detail(a); why != "" {
		text += "  " + why
	}
	return text
}

// differing names what a row does not show.
func differing(c planfile.Pair) []string {
	var what []string
	r, n := c.Reviewed, c.Now
	if change := since(r, n); change != "" {
		what = append(what, "the secret in Cloudflare: it was "+change+" since")
	}
	switch {
	case !n.SetValue:
	case r.ValueID == planfile.Unverified && r.Source == n.Source && r.SourceDigest != n.SourceDigest:
		what = append(what, "how the value is obtained: a command's arguments or folder, or trim")
	case r.ValueID == n.ValueID:
	case n.ValueID == planfile.Unverified:
		what = append(what, "the value, which cannot be compared: the plan was built with a fingerprint key, and there is none now")
	default:
		what = append(what, "the value")
	}
	if r.Delete != nil && n.Delete != nil && *r.Delete != *n.Delete {
		what = append(what, fmt.Sprintf("the delete policy: %t, now %t", *r.Delete, *n.Delete))
	}
	if r.Previous != n.Previous {
		what = append(what, "which secret keeps the value that is replaced: "+cmp.Or(Safe(r.Previous), "none")+", now "+cmp.Or(Safe(n.Previous), "none"))
	}
	if r.Store.Account != n.Store.Account {
		what = append(what, "the account: "+Safe(string(r.Store.Account))+", now "+Safe(string(n.Store.Account)))
	}
	if n.BeforeCreates && !r.BeforeCreates {
		what = append(what, "the order: because of the quota it is deleted before anything is created")
	}
	return what
}

// since says what became of the reviewed secret, as far as that is known. For a rename, that is the
// secret with the old name.
func since(r, n planner.Action) string {
	switch {
	case r.Op != n.Op && (r.Op == planner.OpRename || n.Op == planner.OpRename):
		return ""
	case r.ID == "" && n.ID != "":
		return "created"
	case r.ID != "" && n.ID == "":
		return "deleted"
	case r.ID != n.ID:
		return "deleted and recreated"
	case r.Current.Modified != n.Current.Modified:
		return "changed"
	}
	return ""
}
