package render

import (
	"fmt"
	"io"
	"strings"

	"github.com/secretsync/secretsync/applier"
)

// Progress is one result as a line of progress.
func Progress(r applier.Result, in Names) string {
	name := in.Secret(r.Action.Store, r.Action.Secret)
	w := wordsFor(r.Action.Op)
	if w.unit != "" {
		name = w.unit + " " + name
	}
	if r.Outcome == applier.Done {
		return w.past + " " + name
	}
	text := fmt.Sprintf("%s: %s %s", r.Outcome, w.verb, name)
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
			parts = append(parts, op.counted(n, op.past))
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
