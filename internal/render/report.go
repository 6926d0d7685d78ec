package render

import (
	"fmt"
	"io"
	"strings"

	"github.com/secretsync/secretsync/applier"
	"github.com/secretsync/secretsync/planner"
)

// pastWords say that an operation is done.
var pastWords = map[planner.Op]string{
	planner.OpCreateStore: "created store", planner.OpCreate: "created", planner.OpUpdate: "updated",
	planner.OpRename: "renamed", planner.OpAdopt: "adopted", planner.OpRotate: "rotated", planner.OpDeleteStore: "deleted store",
	planner.OpDelete: "deleted", planner.OpForget: "forgot", planner.OpRecord: "recorded",
}

// Progress is one result as a line of progress.
func Progress(r applier.Result) string {
	name := Safe(r.Action.Store.Name)
	if r.Action.Secret != "" {
		name += "/" + Safe(r.Action.Secret)
	}
	if r.Outcome == applier.Done {
		return pastWords[r.Action.Op] + " " + name
	}
	text := fmt.Sprintf("%s: %s %s", r.Outcome, wordsFor(r.Action.Op).verb, name)
	if r.Err != nil {
		text += ": " + Safe(strings.ReplaceAll(r.Err.Error(), "\n", "; "))
	}
	return text
}

// Report writes what an apply did, in one line.
func Report(w io.Writer, r *applier.Report) error {
	var parts []string
	for _, op := range opWords {
		n := 0
		for _, res := range r.Results {
			if res.Action.Op == op.op && res.Outcome == applier.Done {
				n++
			}
		}
		if n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, pastWords[op.op]))
		}
	}
	if len(parts) == 0 {
		parts = []string{"nothing"}
	}
	for _, o := range []applier.Outcome{applier.Failed, applier.Unknown, applier.Skipped} {
		if n := r.Count(o); n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, o))
		}
	}
	_, err := fmt.Fprintf(w, "Applied: %s.\n", strings.Join(parts, ", "))
	return err
}
