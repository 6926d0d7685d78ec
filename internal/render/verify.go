package render

import (
	"fmt"
	"io"
	"strings"

	"github.com/secretsync/secretsync/internal/render/annotation"
	"github.com/secretsync/secretsync/internal/render/foreign"
	"github.com/secretsync/secretsync/planner"
	"github.com/secretsync/secretsync/reconcile"
)

// Verification writes which live values do not match the lockfile or could not be compared, and ends
// with a summary line.
func Verification(w io.Writer, v *reconcile.Verification, style Style) error {
	out := &printer{w: w}
	rows := unmatched(v)
	width := nameWidth(rows, func(s reconcile.VerifiedSecret) string { return s.Key.Name })
	for i, s := range rows {
		if i == 0 || s.Key.Store != rows[i-1].Key.Store {
			out.line("%s", style.heading(foreign.Word(s.Key.Store.Name), s.Key.Store.Account))
		}
		sign, color := "?", colorQuiet
		if mismatches(s) {
			sign, color = "!", colorRemove
		}
		out.line("  %s  %s", style.paint(color, fmt.Sprintf("%s %-*s", sign, width, foreign.Word(s.Key.Name))), verifiedWords(s))
	}
	if len(rows) > 0 {
		out.line("")
	}
	out.line("%s", verificationSummary(v))
	return out.err
}

// unmatched returns the secrets whose live values do not match the lockfile or could not be compared:
// first the mismatches of each store.
func unmatched(v *reconcile.Verification) []reconcile.VerifiedSecret {
	var rows []reconcile.VerifiedSecret
	for i, s := range v.Secrets {
		if i > 0 && s.Key.Store == v.Secrets[i-1].Key.Store {
			continue
		}
		for _, counted := range []bool{true, false} {
			for _, t := range v.Secrets[i:] {
				if t.Key.Store != s.Key.Store {
					break
				}
				if t.Value != planner.LiveSame && mismatches(t) == counted {
					rows = append(rows, t)
				}
			}
		}
	}
	return rows
}

func mismatches(s reconcile.VerifiedSecret) bool { return s.Value == planner.LiveOther && s.Counts }

// unverifiedWords say why nothing is known about a value.
var unverifiedWords = map[reconcile.UnverifiedReason]string{
	reconcile.UnverifiedNotFound:      "unreadable: it does not exist",
	reconcile.UnverifiedScope:         "unreadable: it lacks the scope workers",
	reconcile.UnverifiedNotBound:      "unreadable: Cloudflare did not bind it to a Worker",
	reconcile.UnverifiedRejected:      "unreadable: Cloudflare did not give its value to a Worker",
	reconcile.UnverifiedTimeout:       "unreadable: its value did not arrive in time",
	reconcile.UnverifiedNotText:       "unreadable: its value is not text",
	reconcile.UnverifiedUnsettled:     "not known: another client changed it less than a minute ago, and Workers may still read the value before that",
	reconcile.UnverifiedNoFingerprint: "not known: the lockfile has no fingerprint of its value",
}

func verifiedWords(s reconcile.VerifiedSecret) string {
	var text string
	switch {
	case s.Value == planner.LiveSame:
		return "match"
	case s.Value == planner.LiveOther:
		text = "mismatch: value known not to be the one that was last applied"
	case s.Reason != "":
		text = unverifiedWords[s.Reason]
	default:
		text = "not verified"
	}
	if s.Value == planner.LiveOther && !s.Counts {
		text += "; it was accepted or adopted as it is, so this does not count"
	}
	if s.Value == planner.LiveOther && s.Recent {
		text += "; it was sent less than a minute ago, and Workers may not have it yet"
	}
	if s.Interrupted {
		text += "; the last apply was interrupted, outcome unknown"
	}
	return text
}

// accepted counts the values that are other ones, as expected.
func accepted(v *reconcile.Verification) int { return v.Count(planner.LiveOther) - v.Mismatches() }

func verificationSummary(v *reconcile.Verification) string {
	parts := []string{fmt.Sprintf("%d match", v.Count(planner.LiveSame))}
	add := func(n int, what string) {
		if n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, what))
		}
	}
	add(v.Mismatches(), "known not to match")
	add(accepted(v), "known not to match, as accepted")
	add(v.Count(planner.LiveUnreadable), "unreadable")
	add(v.Count(planner.LiveUnknown), "not known")
	text := fmt.Sprintf("Verified %s: %s.", count(len(v.Secrets), "value"), strings.Join(parts, ", "))
	if v.Failed != nil {
		text = "Incomplete: not all accounts could be verified. " + text
	}
	return text
}

// verificationReport is a verification as JSON.
type verificationReport struct {
	SchemaVersion int                    `json:"schema_version"`
	Checked       int                    `json:"checked"`
	Match         int                    `json:"match"`
	Mismatch      int                    `json:"mismatch"`
	Accepted      int                    `json:"accepted"`
	Unreadable    int                    `json:"unreadable"`
	Unknown       int                    `json:"unknown"`
	Complete      bool                   `json:"complete"`
	Details       []verifiedSecretReport `json:"details"`
	Commit        string                 `json:"commit,omitempty"`
	RunURL        string                 `json:"run_url,omitempty"`
}

type verifiedSecretReport struct {
	AccountID   string                     `json:"account_id"`
	Store       string                     `json:"store"`
	Secret      string                     `json:"secret"`
	Result      string                     `json:"result"`
	Reason      reconcile.UnverifiedReason `json:"reason,omitempty"`
	Counts      bool                       `json:"counts"`
	Recent      bool                       `json:"recent,omitempty"`
	Interrupted bool                       `json:"interrupted,omitempty"`
}

// resultNames are the results as programs read them.
var resultNames = map[planner.LiveValue]string{
	planner.LiveSame: "match", planner.LiveOther: "mismatch", planner.LiveUnreadable: "unreadable", planner.LiveUnknown: "unknown",
}

// VerificationJSON writes a verification for programs (docs/output.md).
func VerificationJSON(w io.Writer, v *reconcile.Verification, origin Origin) error {
	r := verificationReport{
		SchemaVersion: 1, Checked: len(v.Secrets), Match: v.Count(planner.LiveSame), Mismatch: v.Mismatches(),
		Accepted: accepted(v), Unreadable: v.Count(planner.LiveUnreadable), Unknown: v.Count(planner.LiveUnknown), Complete: v.Failed == nil, Details: []verifiedSecretReport{},
		Commit: origin.commit, RunURL: origin.runURL,
	}
	for _, s := range v.Secrets {
		r.Details = append(r.Details, verifiedSecretReport{
			AccountID: string(s.Key.Store.Account), Store: s.Key.Store.Name, Secret: s.Key.Name, Result: resultNames[s.Value], Reason: s.Reason,
			Counts: mismatches(s), Recent: s.Recent, Interrupted: s.Interrupted,
		})
	}
	return WriteJSON(w, r)
}

const verifyMarker = "<!-- secretsync-verify -->"

// VerificationMarkdown writes a verification as a comment, as PlanMarkdown does.
func VerificationMarkdown(w io.Writer, v *reconcile.Verification, origin Origin) error {
	var counted, others []entry
	for _, s := range unmatched(v) {
		e := entry{under: hunk(s.Key.Store), text: "! " + foreign.Word(s.Key.Name) + "  " + verifiedWords(s)}
		if mismatches(s) {
			counted = append(counted, e)
		} else {
			others = append(others, e)
		}
	}
	return fitted(w, func(b *comment) {
		b.head(verifyMarker, origin)
		b.line("### secretsync: %s\n", verificationSummary(v))
		b.origin(origin)
		b.list("**The values in Cloudflare are known not to be those that were last applied:**", "diff", counted, b.limit)
		b.list("This does not count as a mismatch:", "diff", others, b.limit/8)
	})
}

// VerificationGitHub writes a verification as annotations, and as text in a group.
func VerificationGitHub(w io.Writer, v *reconcile.Verification) error {
	out := &printer{w: w}
	in := verifiedNames(v)
	var warnings []annotation.Message
	for _, s := range unmatched(v) {
		if mismatches(s) {
			warnings = append(warnings, annotation.Message{Text: in.Secret(s.Key.Store, s.Key.Name) + ": " + verifiedWords(s)})
		}
	}
	annotate(out, "warning", warnings)
	out.line("::notice title=secretsync::%s", annotation.Escape(verificationSummary(v)))
	out.line("::group::secretsync verify")
	if out.err == nil {
		out.err = Verification(w, v, Style{})
	}
	out.line("::endgroup::")
	return out.err
}

func verifiedNames(v *reconcile.Verification) Names {
	return namesIn(v.Secrets, func(s reconcile.VerifiedSecret) planner.StoreKey { return s.Key.Store })
}

// VerificationCodeQuality writes a verification as GitLab's code quality report.
func VerificationCodeQuality(w io.Writer, v *reconcile.Verification, manifest string) error {
	list, in := []annotation.Finding{}, verifiedNames(v)
	for _, s := range unmatched(v) {
		severity := "info"
		if mismatches(s) {
			severity = "major"
		}
		list = append(list, annotation.NewFinding(manifest, "verify-"+resultNames[s.Value], severity,
			in.Secret(s.Key.Store, s.Key.Name)+": "+verifiedWords(s), planner.Position{}))
	}
	return writeFindings(w, list)
}

// Verified is the event about what Workers read after an apply.
func (e *Events) Verified(v *reconcile.Verification) error {
	return e.write(struct {
		head
		Match      int  `json:"match"`
		Mismatch   int  `json:"mismatch"`
		Unreadable int  `json:"unreadable"`
		Unknown    int  `json:"unknown"`
		Complete   bool `json:"complete"`
	}{
		e.head("verified"), v.Count(planner.LiveSame), v.Count(planner.LiveOther), v.Count(planner.LiveUnreadable), v.Count(planner.LiveUnknown), v.Failed == nil,
	})
}

// valuesUnverified says about which values nothing is known although they were to be verified.
func valuesUnverified(e reconcile.ValuesUnverified) []string {
	in := namesIn(e.Secrets, func(k planner.SecretKey) planner.StoreKey { return k.Store })
	var names []string
	for _, k := range e.Secrets {
		names = append(names, in.Secret(k.Store, k.Name))
	}
	return warning("these values could not be verified, %s: %s", unverifiedWords[e.Reason], Shortened(names))
}

// verificationFailed says which account's values could not be verified.
func verificationFailed(e reconcile.VerificationFailed) []string {
	where := ""
	if e.Account != "" {
		where = " of account " + foreign.Word(string(e.Account))
	}
	return warning("the live values%s are not known, because they could not be verified: %s", where, Safe(e.Err.Error()))
}
