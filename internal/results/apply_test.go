package results

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/secretsync/secretsync/applier"
	"github.com/secretsync/secretsync/planner"
	"github.com/secretsync/secretsync/reconcile"
)

// applied writes the plan, the results and the report of an apply, and returns the output and the
// messages.
func applied(t *testing.T, p *Apply, outcomes []applier.Result, proof *reconcile.Verification) (printed, said string) {
	t.Helper()
	var out, lines bytes.Buffer
	p.Out = &out
	p.Say = func(format string, args ...any) { fmt.Fprintf(&lines, format+"\n", args...) }
	for _, r := range outcomes {
		p.Done(r)
	}
	if err := p.Report(&applier.Report{Results: outcomes}, nil, len(outcomes) == 0, proof); err != nil {
		t.Fatal(err)
	}
	return out.String(), lines.String()
}

// ended are n actions with an outcome.
func ended(n int, outcome applier.Outcome, err error) (all []applier.Result) {
	for i := range n {
		a := planner.Action{Op: planner.OpCreate, Store: planner.StoreKey{Account: "a", Name: "shop"}, Secret: fmt.Sprintf("key%d", i)}
		all = append(all, applier.Result{Action: a, Outcome: outcome, Err: err})
	}
	return all
}

// TestApplyLines: which actions have a line of their own. Of many that were skipped, the rest is counted,
// unless an interrupt is why.
func TestApplyLines(t *testing.T) {
	for _, c := range []struct {
		name               string
		outcomes           []applier.Result
		quiet, interrupted bool
		lines              int
		last               string
	}{
		{"done", ended(2, applier.Done, nil), false, false, 2, "created shop/key1"},
		{"done, and quiet", ended(2, applier.Done, nil), true, false, 0, ""},
		{"failed, and quiet", ended(1, applier.Failed, errors.New("down")), true, false, 1, "failed: create shop/key0: down"},
		{"not sent, since it was interrupted", ended(1, applier.Failed, context.Canceled), false, true, 0, ""},
		{"unknown", ended(1, applier.Unknown, errors.New("cut")), true, true, 1, "unknown: create shop/key0: cut"},
		{"as many skipped as have lines", ended(maxSkipped, applier.Skipped, nil), false, false, maxSkipped, fmt.Sprintf("key%d", maxSkipped-1)},
		{"more", ended(maxSkipped+3, applier.Skipped, nil), false, false, maxSkipped + 1, "skipped: 3 more"},
		{"skipped by an interrupt", ended(maxSkipped+3, applier.Skipped, nil), false, true, 0, ""},
	} {
		printed, said := applied(t, &Apply{Quiet: c.quiet, Interrupted: func() bool { return c.interrupted }}, c.outcomes, nil)
		lines := strings.Split(strings.TrimSuffix(said, "\n"), "\n")
		if n := strings.Count(said, "\n"); n != c.lines || !strings.HasSuffix(lines[len(lines)-1], c.last) {
			t.Errorf("%s: %d lines, not %d, or the last one is not %q:\n%s", c.name, n, c.lines, c.last, said)
		}
		if strings.Count(printed, "\n") != 1 || !strings.HasPrefix(printed, "Applied: ") {
			t.Errorf("%s: printed %q", c.name, printed)
		}
	}
	if printed, said := applied(t, &Apply{}, nil, nil); printed != "" || said != "" {
		t.Errorf("nothing to do: printed %q, said %q", printed, said)
	}
}

// TestApplyEvents: in JSON, every action is an event, even if it has no line. The proof is an event, and
// the end comes last.
func TestApplyEvents(t *testing.T) {
	proof := &reconcile.Verification{Secrets: []reconcile.VerifiedSecret{{Value: planner.LiveSame}}}
	for _, c := range []struct {
		proof *reconcile.Verification
		want  string
	}{
		{nil, "result result end"}, {&reconcile.Verification{}, "result result end"}, {proof, "result result verified end"},
	} {
		printed, said := applied(t, &Apply{JSON: true, Quiet: true}, ended(2, applier.Done, nil), c.proof)
		var events []string
		for line := range strings.Lines(printed) {
			var e struct{ Event string }
			if err := json.Unmarshal([]byte(line), &e); err != nil {
				t.Fatalf("%v: %s", err, line)
			}
			events = append(events, e.Event)
		}
		if got := strings.Join(events, " "); got != c.want || said != "" {
			t.Errorf("%q, want %q; said %q", got, c.want, said)
		}
	}
}
