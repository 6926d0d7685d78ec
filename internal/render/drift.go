package render

import (
	"fmt"
	"io"

	"github.com/secretsync/secretsync/planner"
)

// Drift writes what differs between Cloudflare and the lockfile, and ends with a
// line that sums it up.
func Drift(w io.Writer, drift []planner.Drift, checked int, style Style) error {
	out := &printer{w: w}
	width := 0
	for _, d := range drift {
		width = min(max(width, len([]rune(Safe(d.Secret)))), maxNameWidth)
	}
	var last planner.StoreKey
	for i, d := range drift {
		if i == 0 || d.Store != last {
			out.line("%s  %s", style.paint(colorStrong, Safe(d.Store.Name)), style.paint(colorQuiet, "account "+Safe(string(d.Store.Account))))
			last = d.Store
		}
		sign, color := "~", colorChange
		switch {
		case !d.Counts:
			sign, color = "?", colorQuiet
		case d.Kind == planner.DriftDeleted || d.Kind == planner.DriftStoreGone:
			sign, color = "-", colorRemove
		}
		out.line("  %s  %s", style.paint(color, fmt.Sprintf("%s %-*s", sign, width, Safe(d.Secret))), driftWords(d))
	}
	if len(drift) > 0 {
		out.line("")
	}
	out.line("%s", driftSummary(drift, checked))
	return out.err
}

func driftSummary(drift []planner.Drift, checked int) string {
	counted, since := 0, "the last apply"
	for _, d := range drift {
		if d.Counts {
			counted++
		}
		if d.Kind == planner.DriftAccepted {
			since = "they were last applied or accepted"
		}
	}
	if counted == 0 {
		return fmt.Sprintf("No drift: %s unchanged since %s.", count(checked, "secret"), since)
	}
	return fmt.Sprintf("Drift: %s in %s checked.", count(counted, "finding"), count(checked, "secret"))
}

// driftName is "store/secret", or "store".
func driftName(d planner.Drift) string {
	if d.Secret == "" {
		return d.Store.Name
	}
	return d.Store.Name + "/" + d.Secret
}

func driftWords(d planner.Drift) string {
	switch d.Kind {
	case planner.DriftStoreGone:
		return "the store is gone"
	case planner.DriftDeleted:
		return "deleted outside"
	case planner.DriftRecreated:
		return changeWords(d)
	case planner.DriftChanged:
		return changeWords(d) + ": the value may differ"
	case planner.DriftScopes, planner.DriftComment:
		return changeWords(d) + "; the value may differ"
	case planner.DriftNotActive:
		return fmt.Sprintf("status %q, not active", Safe(d.Status))
	case planner.DriftInterrupted:
		return "the last apply was interrupted, outcome unknown"
	case planner.DriftRotationOverdue:
		return "past rotate_after"
	case planner.DriftActivated:
		return "became active after the last apply had ended, which moved the time of its last change; the value is assumed to be the one that was sent"
	case planner.DriftAccepted:
		return "accepted with lock accept: its value is not known"
	case planner.DriftLagging:
		return "Cloudflare's list is older than our last write"
	case planner.DriftUnmanaged:
		return "not managed by this manifest"
	}
	return Safe(string(d.Kind))
}

// changeWords say how another client changed a secret, and nothing about its value.
func changeWords(d planner.Drift) string {
	switch d.Kind {
	case planner.DriftRecreated:
		return "deleted and recreated outside"
	case planner.DriftScopes:
		return fmt.Sprintf("scopes changed outside: %s -> %s", Scopes(d.Scopes.Before), Scopes(d.Scopes.After))
	case planner.DriftComment:
		return fmt.Sprintf("comment changed outside: %s -> %s", quoted(d.Comment.Before), quoted(d.Comment.After))
	}
	return "changed outside"
}

// driftReport is drift as JSON. It holds no value.
type driftReport struct {
	SchemaVersion int            `json:"schema_version"`
	Drift         bool           `json:"drift"`
	Findings      int            `json:"findings"`
	Checked       int            `json:"checked"`
	Details       []driftFinding `json:"details"`
	Commit        string         `json:"commit,omitempty"`
	RunURL        string         `json:"run_url,omitempty"`
}

type driftFinding struct {
	Kind      planner.DriftKind `json:"kind"`
	AccountID string            `json:"account_id"`
	Store     string            `json:"store"`
	Secret    string            `json:"secret,omitempty"`
	Counts    bool              `json:"counts"`
	Scopes    *beforeAfter      `json:"scopes,omitempty"`
	Comment   *beforeAfter      `json:"comment,omitempty"`
	Status    string            `json:"status,omitempty"`
}

type beforeAfter struct {
	Before any `json:"before"`
	After  any `json:"after"`
}

// DriftJSON writes drift for programs (docs/output.md).
func DriftJSON(w io.Writer, drift []planner.Drift, checked int, origin Origin) error {
	r := driftReport{SchemaVersion: 1, Checked: checked, Details: []driftFinding{}, Commit: origin.commit, RunURL: origin.runURL}
	for _, d := range drift {
		f := driftFinding{Kind: d.Kind, AccountID: string(d.Store.Account), Store: d.Store.Name, Secret: d.Secret, Counts: d.Counts, Status: d.Status}
		if d.Scopes != nil {
			f.Scopes = &beforeAfter{d.Scopes.Before, d.Scopes.After}
		}
		if d.Comment != nil {
			f.Comment = &beforeAfter{d.Comment.Before, d.Comment.After}
		}
		if d.Counts {
			r.Drift, r.Findings = true, r.Findings+1
		}
		r.Details = append(r.Details, f)
	}
	return writeJSON(w, r)
}
