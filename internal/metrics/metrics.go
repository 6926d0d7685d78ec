// Package metrics writes the findings of a drift run for the textfile collector of
// Prometheus's node exporter. Call [Format].
package metrics

import (
	"bytes"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/common/expfmt"
	"github.com/secretsync/secretsync/internal/visible"
	"github.com/secretsync/secretsync/planner"
)

// Run is one run of drift.
type Run struct {
	Now time.Time
	// Success is true if every requested part of Cloudflare could be read. If it is false,
	// the file contains only the run's own metrics.
	Success bool
	Drift   []planner.Drift
	Secrets []Secret
	Quotas  map[planner.AccountID]planner.Quota
}

// Secret is a managed secret.
type Secret struct {
	Store planner.StoreKey
	Name  string
	// Applied is when its value was last sent; the zero time if unknown.
	Applied time.Time
	// RotateAfter is the age at which its value is due for rotation; 0 for never.
	RotateAfter time.Duration
}

// namespace begins the names of all metrics.
const namespace = "secretsync"

// Is reports whether text is what Format returned.
func Is(text []byte) bool { return bytes.HasPrefix(text, []byte("# HELP "+namespace+"_")) }

// Format returns the content of the metrics file.
func Format(r Run) ([]byte, error) {
	file := newFile()
	gauge := file.gauge
	gauge("last_run_timestamp_seconds", "When drift last ran.").WithLabelValues().Set(seconds(r.Now))
	gauge("last_run_success", "Whether all of Cloudflare could be read in the last run.").WithLabelValues().Set(truth(r.Success))
	if !r.Success {
		return file.text()
	}

	findings := gauge("drift_findings", "Differences between Cloudflare and the lockfile that count as drift.", "kind")
	for _, k := range planner.DriftKinds {
		findings.WithLabelValues(string(k))
	}
	for _, d := range r.Drift {
		if d.Counts {
			findings.WithLabelValues(string(d.Kind)).Inc()
		}
	}
	gauge("managed_secrets", "Secrets in the lockfile.").WithLabelValues().Set(float64(len(r.Secrets)))
	age := gauge("secret_age_seconds", "Time since the value was last sent.", "account", "store", "secret")
	due := gauge("secret_rotation_due_timestamp_seconds", "When the value is due for rotation, where rotate_after says so.", "account", "store", "secret")
	for _, s := range r.Secrets {
		if s.Applied.IsZero() {
			continue
		}
		labels := secretLabels(s.Store, s.Name)
		age.WithLabelValues(labels...).Set(r.Now.Sub(s.Applied).Seconds())
		if s.RotateAfter > 0 {
			due.WithLabelValues(labels...).Set(seconds(s.Applied.Add(s.RotateAfter)))
		}
	}
	usage := gauge("quota_secrets_used", "Secrets in the account, of all tools.", "account")
	limit := gauge("quota_secrets_limit", "Secrets that the account may have.", "account")
	for account, q := range r.Quotas {
		usage.WithLabelValues(string(account)).Set(float64(q.Usage))
		limit.WithLabelValues(string(account)).Set(float64(q.Limit))
	}
	return file.text()
}

// file is a metrics file that is being written.
type file struct{ *prometheus.Registry }

func newFile() file { return file{prometheus.NewRegistry()} }

// gauge adds a metric.
func (f file) gauge(name, help string, labels ...string) *prometheus.GaugeVec {
	g := prometheus.NewGaugeVec(prometheus.GaugeOpts{Namespace: namespace, Name: name, Help: help}, labels)
	f.MustRegister(g)
	return g
}

// text is the content of the file.
func (f file) text() ([]byte, error) {
	families, err := f.Gather()
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	for _, family := range families {
		if _, err := expfmt.MetricFamilyToText(&b, family); err != nil {
			return nil, err
		}
	}
	return b.Bytes(), nil
}

// secretLabels are the labels account, store and secret.
func secretLabels(store planner.StoreKey, name string) []string {
	return []string{visible.Text(string(store.Account)), visible.Text(store.Name), visible.Text(name)}
}

// truth is 1 for true.
func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

func seconds(t time.Time) float64 { return float64(t.UnixMilli()) / 1000 }
