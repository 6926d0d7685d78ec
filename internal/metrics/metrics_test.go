package metrics_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/secretsync/secretsync/internal/metrics"
	"github.com/secretsync/secretsync/planner"
)

var (
	store = planner.StoreKey{Account: "0123456789abcdef0123456789abcdef", Name: "prod"}
	now   = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
)

// samples are the lines that are not comments.
func samples(t *testing.T, data []byte, err error) string {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	if !metrics.Is(data) {
		t.Errorf("not recognized as a metrics file:\n%s", data)
	}
	var b strings.Builder
	for line := range strings.Lines(string(data)) {
		if !strings.HasPrefix(line, "#") {
			b.WriteString(line)
		}
	}
	return b.String()
}

func TestWrite(t *testing.T) {
	data, err := metrics.Format(metrics.Run{
		Now: now, Success: true,
		Drift: []planner.Drift{
			{Kind: planner.DriftDeleted, Store: store, Secret: "a", Counts: true}, {Kind: planner.DriftDeleted, Store: store, Secret: "b", Counts: true},
			{Kind: planner.DriftUnmanaged, Store: store, Secret: "theirs"}, // does not count
		},
		Secrets: []metrics.Secret{
			{Store: store, Name: "a", Applied: now.Add(-time.Hour), RotateAfter: 2 * time.Hour},
			{Store: store, Name: "new"}, // its creation is pending
			{Store: planner.StoreKey{Account: store.Account, Name: "##[error]s"}, Name: "\u202en", Applied: now},
		},
		Quotas: map[planner.AccountID]planner.Quota{store.Account: {Usage: 42, Limit: 100}},
	})
	got := samples(t, data, err)
	want := `secretsync_drift_findings{kind="changed"} 0
secretsync_drift_findings{kind="comment"} 0
secretsync_drift_findings{kind="deleted"} 2
secretsync_drift_findings{kind="interrupted"} 0
secretsync_drift_findings{kind="not_active"} 0
secretsync_drift_findings{kind="recreated"} 0
secretsync_drift_findings{kind="retire_overdue"} 0
secretsync_drift_findings{kind="rotation_overdue"} 0
secretsync_drift_findings{kind="scopes"} 0
secretsync_drift_findings{kind="store_gone"} 0
secretsync_drift_findings{kind="unmanaged"} 0
secretsync_drift_findings{kind="value_changed"} 0
secretsync_last_run_success 1
secretsync_last_run_timestamp_seconds 1.7954352e+09
secretsync_managed_secrets 3
secretsync_quota_secrets_limit{account="0123456789abcdef0123456789abcdef"} 100
secretsync_quota_secrets_used{account="0123456789abcdef0123456789abcdef"} 42
secretsync_secret_age_seconds{account="0123456789abcdef0123456789abcdef",secret="\\u202en",store="#\\x23[error]s"} 0
secretsync_secret_age_seconds{account="0123456789abcdef0123456789abcdef",secret="a",store="prod"} 3600
secretsync_secret_rotation_due_timestamp_seconds{account="0123456789abcdef0123456789abcdef",secret="a",store="prod"} 1.7954388e+09
`
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// TestFailure: a run that could not read anything reports only that.
func TestFailure(t *testing.T) {
	data, err := metrics.Format(metrics.Run{Now: now, Secrets: []metrics.Secret{{Store: store, Name: "a", Applied: now}}})
	got := samples(t, data, err)
	if want := "secretsync_last_run_success 0\nsecretsync_last_run_timestamp_seconds 1.7954352e+09\n"; got != want {
		t.Errorf("got %s", got)
	}
}

func TestVerification(t *testing.T) {
	data, err := metrics.FormatVerification(metrics.Verification{Now: now, Success: true, Secrets: []metrics.VerifiedSecret{
		{Store: store, Name: "a", Value: planner.LiveSame}, {Store: store, Name: "b", Value: planner.LiveOther},
		{Store: store, Name: "c", Value: planner.LiveUnreadable}, {Store: store, Name: "d"},
		{Store: store, Name: "e", Value: planner.LiveOther, Accepted: true}, {Store: store, Name: "f", Value: planner.LiveSame, Accepted: true},
		{Store: planner.StoreKey{Account: store.Account, Name: "##[error]s"}, Name: "\u202en", Value: planner.LiveSame},
	}})
	got := samples(t, data, err)
	want := `secretsync_secret_value_matches{account="0123456789abcdef0123456789abcdef",secret="\\u202en",store="#\\x23[error]s"} 1
secretsync_secret_value_matches{account="0123456789abcdef0123456789abcdef",secret="a",store="prod"} 1
secretsync_secret_value_matches{account="0123456789abcdef0123456789abcdef",secret="b",store="prod"} 0
secretsync_secret_value_matches{account="0123456789abcdef0123456789abcdef",secret="f",store="prod"} 1
secretsync_verified_secrets{result="accepted"} 1
secretsync_verified_secrets{result="match"} 3
secretsync_verified_secrets{result="mismatch"} 1
secretsync_verified_secrets{result="unknown"} 1
secretsync_verified_secrets{result="unreadable"} 1
secretsync_verify_last_run_success 1
secretsync_verify_last_run_timestamp_seconds 1.7954352e+09
`
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}
