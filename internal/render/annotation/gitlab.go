package annotation

import (
	"crypto/sha256"
	"fmt"

	"github.com/secretsync/secretsync/internal/visible"
	"github.com/secretsync/secretsync/planner"
)

// Finding is an entry of GitLab's code quality report (docs/findings.md §3).
type Finding struct {
	Description string   `json:"description"`
	CheckName   string   `json:"check_name"`
	Fingerprint string   `json:"fingerprint"` // tells findings apart
	Severity    string   `json:"severity"`
	Location    location `json:"location"`
}

type location struct {
	Path  string `json:"path"`
	Lines lines  `json:"lines"`
}

type lines struct {
	Begin int `json:"begin"`
}

// NewFinding returns a finding at a position, or in the manifest if there is none.
func NewFinding(manifest, check, severity, text string, pos planner.Position) Finding {
	if pos.File == "" {
		pos.File = manifest
	}
	text = visible.Text(text)
	sum := sha256.Sum256([]byte(check + "\n" + pos.File + "\n" + text))
	return Finding{text, "secretsync/" + check, fmt.Sprintf("%x", sum[:16]), severity, location{visible.Text(pos.File), lines{max(pos.Line, 1)}}}
}

// Numbered returns the findings of a report. GitLab shows one finding of each fingerprint, so those
// that say the same of one file are numbered: the same mistake on several lines, or names that are
// cut.
func Numbered(list []Finding) []Finding {
	seen := map[string]int{}
	for i, f := range list {
		if n := seen[f.Fingerprint]; n > 0 {
			sum := sha256.Sum256(fmt.Appendf(nil, "%s\n%d", f.Fingerprint, n))
			list[i].Fingerprint = fmt.Sprintf("%x", sum[:16])
		}
		seen[f.Fingerprint]++
	}
	return list
}
