package shared

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestRequests compares the requests that commands send to the object store with the table of the page,
// for each of its columns.
func TestRequests(t *testing.T) {
	page, _ := blocks(t)
	for column, key := range []string{"lease: r2://secretsync-state/team", "lockfile: r2://secretsync-state/team/billing.lock"} {
		p := newPlace(t)
		manifest := strings.Replace(named(t, "billing/secretsync.yaml"), "lockfile: r2://secretsync-state/team/billing.lock", key, 1) + "\n"
		p.Write("billing/secretsync.yaml", manifest)
		p.must("admin", "wrangler r2 bucket create secretsync-state")
		p.must("billing", "secretsync apply --auto-approve")
		p.Write("billing/secretsync.yaml", manifest+"      other: {from: {env: SMTP_KEY}}\n")
		p.take()
		for _, tt := range []struct{ row, command string }{
			{"`apply` that creates up to 50 secrets", "secretsync apply --auto-approve"},
			{"`apply` with nothing to do", "secretsync apply --auto-approve"},
			{"`plan`, `drift`", "secretsync plan"},
			{"`plan`, `drift`", "secretsync drift"},
		} {
			p.must("billing", tt.command)
			if diff := cmp.Diff(cell(t, page, tt.row, column), requests(p.take())); diff != "" {
				t.Errorf("%s: %s: requests (-page +sent):\n%s", key, tt.command, diff)
			}
		}
	}
}

// requests are numbers of requests as the page writes them.
func requests(n map[string]int) string {
	var all []string
	for _, method := range []string{"GET", "PUT", "POST"} {
		if n[method] > 0 {
			all = append(all, fmt.Sprintf("%d %s", n[method], method))
		}
	}
	if len(all) == 0 {
		return "none"
	}
	return strings.Join(all, ", ")
}

// cell is what a table says in a row, up to the first semicolon.
func cell(t *testing.T, page, row string, column int) string {
	t.Helper()
	_, rest, found := strings.Cut(page, "\n| "+row+" | ")
	line, _, _ := strings.Cut(rest, " |\n")
	cells := strings.Split(line, " | ")
	if !found || column >= len(cells) {
		t.Fatalf("the page lacks the row %s", row)
	}
	text, _, _ := strings.Cut(cells[column], ";")
	return text
}
