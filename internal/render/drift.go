package render

import (
	"fmt"
	"io"
	"unicode/utf8"

	"github.com/secretsync/secretsync/internal/render/annotation"
	"github.com/secretsync/secretsync/internal/render/foreign"
	"github.com/secretsync/secretsync/planner"
	"github.com/secretsync/secretsync/planner/planfile"
)

// Drift writes what differs between Cloudflare and the lockfile, the worst first, and ends with a
// line that sums it up.
func Drift(w io.Writer, drift []planner.Drift, checked int, style Style) error {
	out := &printer{w: w}
	found, unread := withoutUnread(drift)
	printUnread(out, unread, notChecked, style)
	ranked := DriftByRisk(found)
	width := nameWidth(found, func(d planner.Drift) string { return d.Secret })
	for i, d := range ranked {
		if i == 0 || d.Store != ranked[i-1].Store {
			out.line("%s", style.heading(foreign.Word(d.Store.Name), d.Store.Account))
		}
		sign, color := "~", colorChange
		switch {
		case !d.Counts:
			sign, color = "?", colorQuiet
		case d.Kind == planner.DriftDeleted || d.Kind == planner.DriftStoreGone:
			sign, color = "-", colorRemove
		}
		out.line("  %s  %s", style.paint(color, sign+" "+driftRow(d, width)), driftWords(d))
	}
	if len(found) > 0 {
		out.line("")
	}
	out.line("%s", driftSummary(drift, checked))
	return out.err
}

func driftRow(d planner.Drift, width int) string {
	name := ""
	if d.Secret != "" {
		name = foreign.Word(d.Secret)
	}
	return fmt.Sprintf("%-*s", width, name)
}

// driftEntries is drift in the form of a diff, and what does not count as drift.
func driftEntries(drift []planner.Drift) (counted, others []entry) {
	found, _ := withoutUnread(drift)
	width := nameWidth(found, func(d planner.Drift) string { return d.Secret })
	for _, d := range DriftByRisk(found) {
		sign := "!"
		if d.Counts && (d.Kind == planner.DriftDeleted || d.Kind == planner.DriftStoreGone) {
			sign = "-"
		}
		e := entry{under: hunk(d.Store), text: sign + " " + driftRow(d, width) + "  " + driftWords(d)}
		if n := utf8.RuneCountInString(e.text); n > maxEntry {
			e.text = fmt.Sprintf("%s %s  is too long for a comment (%d characters): secretsync drift prints it", sign, foreign.Name(d.Secret), n)
		}
		if d.Counts {
			counted = append(counted, e)
		} else {
			others = append(others, e)
		}
	}
	return counted, others
}

func driftSummary(drift []planner.Drift, checked int) string {
	_, unread := withoutUnread(drift)
	counted, since := 0, "the last apply"
	for _, d := range drift {
		if d.Counts {
			counted++
		}
		if d.Kind == planner.DriftAccepted {
			since = "they were last applied or accepted"
		}
	}
	if counted == 0 && len(unread) == 0 {
		return fmt.Sprintf("No drift: %s unchanged since %s.", count(checked, "secret"), since)
	}
	return incomplete(len(unread)) + fmt.Sprintf("Drift: %s in %s checked.", count(counted, "finding"), count(checked, "secret"))
}

// DriftWords say what a finding is and, if the audit log was read, who made the change. They are
// harmless text.
func DriftWords(d planner.Drift) string { return driftWords(d) }

// driftWords say what a finding is and, if the audit log was read, who made the change.
func driftWords(d planner.Drift) string {
	if d.Outside != nil {
		return whatDrifted(d) + "; " + changedBy(*d.Outside)
	}
	return whatDrifted(d)
}

// DriftKind describes the kind of a finding in fixed words, without foreign text.
func DriftKind(d planner.Drift) string {
	switch d.Kind {
	case planner.DriftScopes:
		return "scopes changed outside, " + valueAfter(d)
	case planner.DriftComment:
		return "comment changed outside, " + valueAfter(d)
	case planner.DriftNotActive:
		return "not active"
	}
	return whatDrifted(d)
}

func whatDrifted(d planner.Drift) string {
	switch d.Kind {
	case planner.DriftStoreGone:
		return "the store is gone"
	case planner.DriftDeleted:
		return "deleted outside"
	case planner.DriftRecreated:
		if d.Value.Known() {
			return changeWords(d) + ", " + valueWords(d.Value)
		}
		return changeWords(d)
	case planner.DriftValue, planner.DriftTouched:
		return changeWords(d)
	case planner.DriftChanged:
		return changeWords(d) + ": " + valueAfter(d)
	case planner.DriftScopes, planner.DriftComment:
		what, change := metadataDrift(d)
		return what + " changed outside, " + valueAfter(d) + ": " + change
	case planner.DriftNotActive:
		return fmt.Sprintf("status %s, not active", foreign.Excerpt(d.Status, foreign.MaxText))
	case planner.DriftInterrupted:
		return "the last apply was interrupted, outcome unknown"
	case planner.DriftRotationOverdue:
		return "past rotate_after"
	case planner.DriftRetireOverdue:
		return "overlap expired: the next apply retires this previous value"
	case planner.DriftActivated:
		return "activation after the last apply updated its last-modified time; the value is assumed to be the one that was sent"
	case planner.DriftListIncomplete:
		return "Cloudflare's list is incomplete: recorded secrets were read one by one, others may exist that are not shown"
	case planner.DriftAccepted:
		return "accepted with lock accept: " + acceptedWords(d.Value)
	case planner.DriftKeptOther:
		return "adopted as it is: its value is known not to be the manifest's"
	case planner.DriftValueLagging:
		return "Workers read another value than the one that was sent moments ago; they may not have that one yet"
	case planner.DriftLagging:
		return "Cloudflare's list is older than our last write"
	case planner.DriftUnmanaged:
		return "not managed by this manifest"
	}
	return Safe(string(d.Kind))
}

// valueWords say what is known about the value of a secret that changed, or what is assumed.
func valueWords(v planner.LiveValue) string {
	switch v {
	case planner.LiveSame:
		return "value known to be unchanged"
	case planner.LiveOther:
		return "value known to have changed"
	case planner.LiveUnreadable:
		return "the value may have changed, and no Worker can read it"
	}
	return "the value may have changed"
}

// acceptedWords do the same for a secret whose live state was accepted.
func acceptedWords(v planner.LiveValue) string {
	switch v {
	case planner.LiveSame:
		return "its value is known to be the one that was applied before"
	case planner.LiveOther:
		return "its value is known not to be the one that was applied before"
	}
	return "its value is not known"
}

// changeWords say how another client changed a secret, and nothing about its value.
func changeWords(d planner.Drift) string {
	switch d.Kind {
	case planner.DriftRecreated:
		return "deleted and recreated outside"
	case planner.DriftValue:
		return "value known to have changed outside"
	case planner.DriftTouched:
		return "changed outside, value known to be unchanged"
	case planner.DriftScopes, planner.DriftComment:
		what, change := metadataDrift(d)
		return what + " changed outside: " + change
	}
	return "changed outside"
}

func metadataDrift(d planner.Drift) (what, change string) {
	if d.Kind == planner.DriftScopes {
		return "scopes", Scopes(d.Scopes.Before) + " -> " + Scopes(d.Scopes.After)
	}
	from, to := foreign.Difference(d.Comment.Before, d.Comment.After)
	return "comment", from + foreign.Arrow(from, to) + to
}

// DriftGitHub writes drift as annotations, and as text in a group.
func DriftGitHub(w io.Writer, drift []planner.Drift, checked int) error {
	var warnings []annotation.Message
	in := DriftNames(drift)
	for _, d := range DriftByRisk(drift) {
		if d.Counts {
			warnings = append(warnings, annotation.Message{Text: in.Secret(d.Store, d.Secret) + ": " + driftWords(d)})
		}
	}
	out := &printer{w: w}
	_, unread := withoutUnread(drift)
	annotate(out, "error", unreadAnnotations(unread, notChecked))
	annotate(out, "warning", warnings)
	out.line("::notice title=secretsync::%s", annotation.Escape(driftSummary(drift, checked)))
	out.line("::group::secretsync drift")
	if out.err == nil {
		out.err = Drift(w, drift, checked, Style{})
	}
	out.line("::endgroup::")
	return out.err
}

// DriftCodeQuality writes drift as GitLab's code quality report.
func DriftCodeQuality(w io.Writer, drift []planner.Drift, manifest string) error {
	in := DriftNames(drift)
	found, unread := withoutUnread(drift)
	list := unreadFindings(unread, notChecked, "drift-"+string(planner.DriftAccountUnread), manifest)
	for _, d := range DriftByRisk(found) {
		severity := "info"
		if d.Counts {
			severity = "major"
		}
		list = append(list, annotation.NewFinding(manifest, "drift-"+string(d.Kind), severity,
			in.Secret(d.Store, d.Secret)+": "+driftWords(d), planner.Position{}))
	}
	return writeFindings(w, list)
}

// driftReport is drift as JSON. It holds no value.
type driftReport struct {
	SchemaVersion int  `json:"schema_version"`
	Drift         bool `json:"drift"`
	Findings      int  `json:"findings"`
	Checked       int  `json:"checked"`
	// UnreadAccounts counts the accounts that could not be read, and so were not checked.
	UnreadAccounts int            `json:"unread_accounts,omitempty"`
	Details        []driftFinding `json:"details"`
	Commit         string         `json:"commit,omitempty"`
	RunURL         string         `json:"run_url,omitempty"`
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
	// ChangedBy is absent if the audit log was not read.
	ChangedBy *planfile.ChangedBy `json:"changed_by,omitempty"`
	// Value is what is known about the live value; empty if nothing is.
	Value planner.LiveValue `json:"value,omitempty"`
}

type beforeAfter struct {
	Before any `json:"before"`
	After  any `json:"after"`
}

// DriftJSON writes drift for programs (docs/output.md).
func DriftJSON(w io.Writer, drift []planner.Drift, checked int, origin Origin) error {
	_, unread := withoutUnread(drift)
	r := driftReport{SchemaVersion: 1, UnreadAccounts: len(unread), Checked: checked, Details: []driftFinding{},
		Commit: origin.commit, RunURL: origin.runURL}
	for _, d := range drift {
		f := driftFinding{Kind: d.Kind, AccountID: string(d.Store.Account), Store: d.Store.Name, Secret: d.Secret,
			Counts: d.Counts, Status: d.Status, ChangedBy: planfile.NewChangedBy(d.Outside), Value: d.Value}
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
	return WriteJSON(w, r)
}
