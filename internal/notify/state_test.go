package notify

import (
	"strings"
	"testing"

	"github.com/secretsync/secretsync/planner"
)

func finding(secret string, at planner.Modified) planner.Drift {
	d := planner.Drift{Kind: planner.DriftChanged, Store: planner.StoreKey{Account: "a", Name: "prod"}, Secret: secret, Counts: true}
	if at != "" {
		d.Outside = &planner.OutsideChange{At: at}
	}
	return d
}

func webhook(t *testing.T, text string) Webhook {
	t.Helper()
	w, err := ParseWebhook(text)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// TestDue: each run is one step. A run that cannot read every account shows no finding to be gone.
func TestDue(t *testing.T) {
	w, other := webhook(t, "https://example.com/one"), webhook(t, "https://example.com/two")
	s, err := ParseState(nil)
	if err != nil {
		t.Fatal(err)
	}
	for i, step := range []struct {
		findings []planner.Drift
		unread   bool
		want     string // the event, or nothing
		lost     bool   // it is not delivered
	}{
		{want: ""},
		{findings: []planner.Drift{finding("x", "")}, want: "drift", lost: true},
		{findings: []planner.Drift{finding("x", "")}, want: "drift"},
		{findings: []planner.Drift{finding("x", "")}},
		{findings: []planner.Drift{finding("x", "1")}, want: "drift"}, // the audit log has it
		{findings: []planner.Drift{finding("x", "")}},                 // it was not read
		{findings: []planner.Drift{finding("x", "1")}},
		{findings: []planner.Drift{finding("x", "2")}, want: "drift"}, // another change
		{findings: []planner.Drift{finding("y", ""), finding("x", "2")}, want: "drift"},
		{findings: []planner.Drift{finding("x", "2"), finding("y", "")}},
		{findings: []planner.Drift{finding("y", "")}, unread: true},
		{unread: true},
		{findings: []planner.Drift{finding("z", "")}, unread: true, want: "drift"},
		{findings: []planner.Drift{finding("x", "2"), finding("y", ""), finding("z", "")}},
		{findings: []planner.Drift{finding("x", "2")}, want: "drift"}, // less
		{want: "resolved", lost: true},
		{want: "resolved"},
		{},
		{findings: []planner.Drift{finding("x", "2")}, want: "drift"}, // again
	} {
		r := Report{Findings: step.findings, Complete: !step.unread}
		m, due := s.Due(w, r)
		if due != (step.want != "") || due && string(m.Event) != step.want {
			t.Errorf("step %d: due %v, %+v", i, due, m)
		}
		if due && !step.lost {
			s.Sent(w, r)
		}
		if s, err = ParseState(s.Format()); err != nil {
			t.Fatal(err)
		}
		if m, due := s.Due(other, r); due != (len(r.Findings) > 0) || m.New != len(r.Findings) {
			t.Errorf("step %d: the other webhook: %v %+v", i, due, m)
		}
	}
}

// TestStateHoldsNoContent: a state file has digests only.
func TestStateHoldsNoContent(t *testing.T) {
	w := webhook(t, "https://example.com/secretsecretsecret")
	s, _ := ParseState(nil)
	s.Sent(w, Report{Findings: []planner.Drift{finding("a-name", "2026-11-27T00:00:00Z")}})
	text := string(s.Format())
	for _, never := range []string{"a-name", "prod", "secretsecret", "example"} {
		if strings.Contains(text, never) {
			t.Errorf("it has %s: %s", never, text)
		}
	}
	if !IsState([]byte(text)) || IsState([]byte(`{"a": 1}`)) || IsState([]byte(`{}`)) || IsState([]byte("text")) || IsState([]byte(`{"secretsync_notify_state": 2}`)) {
		t.Error("IsState is wrong")
	}
}
