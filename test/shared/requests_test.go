package shared

import (
	"fmt"
	"strings"
	"testing"
)

// TestRequests compares the requests that commands send to the object store with those that the page
// says.
func TestRequests(t *testing.T) {
	page, _ := blocks(t)
	p := newPlace(t)
	p.write("billing/secretsync.yaml", named(t, "billing/secretsync.yaml")+"\n")
	p.must("admin", "wrangler r2 bucket create secretsync-state")
	p.must("billing", "secretsync apply --auto-approve")
	p.write("billing/secretsync.yaml", named(t, "billing/secretsync.yaml")+"\n      other: {from: {env: SMTP_KEY}}\n")
	p.take()
	for _, tt := range []struct{ row, command string }{
		{"`apply` that creates one secret", "secretsync apply --auto-approve"},
		{"`apply` with nothing to do", "secretsync apply --auto-approve"},
		{"`plan`, `drift`", "secretsync plan"},
		{"`plan`, `drift`", "secretsync drift"},
	} {
		p.must("billing", tt.command)
		n := p.take()
		sent := ""
		for _, method := range []string{"GET", "PUT", "POST"} {
			if n[method] > 0 {
				sent += fmt.Sprintf(", %d %s", n[method], method)
			}
		}
		if want := fmt.Sprintf("| %s | %s |", tt.row, strings.TrimPrefix(sent, ", ")); !strings.Contains(page, want) {
			t.Errorf("the page lacks the row %s", want)
		}
	}
}
