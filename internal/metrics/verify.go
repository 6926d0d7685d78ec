package metrics

import (
	"time"

	"github.com/secretsync/secretsync/planner"
)

// Verification is a verification of live values.
type Verification struct {
	Now time.Time
	// Success is true if the values of every account could be verified.
	Success bool
	Secrets []VerifiedSecret
}

// VerifiedSecret is a secret, and how its live value compares with the recorded one.
type VerifiedSecret struct {
	Store planner.StoreKey
	Name  string
	Value planner.LiveValue
	// Accepted is true for another value that is expected.
	Accepted bool
}

// FormatVerification returns the content of a verification's metrics file. The names of its metrics
// differ from those of [Format], because both files may be in one folder.
func FormatVerification(v Verification) ([]byte, error) {
	file := newFile()
	gauge := file.gauge
	gauge("verify_last_run_timestamp_seconds", "When verify last ran.").WithLabelValues().Set(seconds(v.Now))
	gauge("verify_last_run_success", "Whether all accounts could be verified in the last run.").WithLabelValues().Set(truth(v.Success))
	results := map[planner.LiveValue]string{
		planner.LiveSame: "match", planner.LiveOther: "mismatch", planner.LiveUnreadable: "unreadable", planner.LiveUnknown: "unknown",
	}
	const accepted = "accepted"
	counts := gauge("verified_secrets", "Secrets in the lockfile, by what is known about their live values.", "result")
	for _, result := range results {
		counts.WithLabelValues(result)
	}
	counts.WithLabelValues(accepted)
	matches := gauge("secret_value_matches",
		"Whether the live value is the one that was last applied, where that is known and no other was accepted.", "account", "store", "secret")
	for _, s := range v.Secrets {
		if s.Value == planner.LiveOther && s.Accepted { // is nothing to alert on
			counts.WithLabelValues(accepted).Inc()
			continue
		}
		counts.WithLabelValues(results[s.Value]).Inc()
		if s.Value.Known() {
			matches.WithLabelValues(secretLabels(s.Store, s.Name)...).Set(truth(s.Value == planner.LiveSame))
		}
	}
	return file.text()
}
