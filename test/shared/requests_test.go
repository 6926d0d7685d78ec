package shared

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestRequests compares the requests that commands send to the object store with the table of the page,
// for each of its columns, with 50 secrets.
func TestRequests(t *testing.T) {
	page, _ := blocks(t)
	for column, key := range []string{"lease: r2://secretsync-state/team", "lockfile: r2://secretsync-state/team/billing.lock"} {
		p := newPlace(t)
		manifest := strings.Replace(named(t, "billing/secretsync.yaml"), "lockfile: r2://secretsync-state/team/billing.lock", key, 1) + "\n"
		p.Write("billing/secretsync.yaml", manifest)
		p.must("admin", "wrangler r2 bucket create secretsync-state")
		p.must("billing", "secretsync apply --auto-approve")
		for n := range 50 {
			manifest += fmt.Sprintf("      other-%d: {from: {env: SMTP_KEY}}\n", n)
		}
		p.Write("billing/secretsync.yaml", manifest)
		p.take()
		for _, tt := range []struct{ row, command string }{
			{"`apply` that creates up to 50 secrets", "secretsync apply --auto-approve"},
			{"`apply` with nothing to do", "secretsync apply --auto-approve"},
			{"`plan`, `drift`", "secretsync plan"},
			{"`plan`, `drift`", "secretsync drift"},
			{"`apply` that changes 50 secrets", "SMTP_KEY=changed secretsync apply --auto-approve"},
		} {
			p.must("billing", tt.command)
			sent := p.take()
			if strings.Contains(tt.row, "changes") && column == 1 {
				// Outcomes that come at the same time share a PUT, and a few come later.
				if more := sent["PUT"] - 8; more < 0 || more > 50 {
					t.Errorf("%s: %d PUT", key, sent["PUT"])
				}
				sent["PUT"] = 8
			}
			if diff := cmp.Diff(cell(t, page, tt.row, column), requests(sent)); diff != "" {
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
