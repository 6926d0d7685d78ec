package render

import (
	"fmt"
	"io"

	"github.com/secretsync/secretsync/internal/render/annotation"
)

// Valid is a manifest without mistakes.
type Valid struct {
	Manifest        string
	Stores, Secrets int
	// Warnings are remarks that forbid nothing.
	Warnings []Mistake
	Origin   Origin
}

// Title is the result in one sentence.
func (v *Valid) Title() string {
	return fmt.Sprintf("%s is valid: stores %d, secrets %d.", clipped(v.Manifest), v.Stores, v.Secrets)
}

// ValidText writes a valid manifest's size as text.
func ValidText(w io.Writer, v *Valid) error {
	_, err := fmt.Fprintln(w, v.Title())
	return err
}

// ValidMarkdown writes a valid manifest as a comment.
func ValidMarkdown(w io.Writer, v *Valid) error {
	return fitted(w, func(b *comment) {
		b.head(validateMarker, v.Origin)
		b.line("### secretsync: the manifest is valid: stores %d, secrets %d.\n", v.Stores, v.Secrets)
		b.origin(v.Origin)
		b.fenced(append([]string{clipped(v.Manifest)}, warningLines(v.Warnings, max(b.limit, 1))...))
	})
}

// ValidGitHub writes a valid manifest as annotations.
func ValidGitHub(w io.Writer, v *Valid) error {
	out := &printer{w: w}
	annotate(out, "warning", annotations(v.Warnings))
	out.line("::notice title=secretsync::%s", annotation.Escape(v.Title()))
	return out.err
}

// ValidCodeQuality writes the warnings about a valid manifest as GitLab's code quality report.
func ValidCodeQuality(w io.Writer, v *Valid) error {
	return codeQuality(w, v.Manifest, nil, v.Warnings)
}

// ValidJSON writes a valid manifest for programs (docs/output.md).
func ValidJSON(w io.Writer, v *Valid) error {
	return WriteJSON(w, struct {
		SchemaVersion int       `json:"schema_version"`
		Valid         bool      `json:"valid"`
		Manifest      string    `json:"manifest"`
		Stores        int       `json:"stores"`
		Secrets       int       `json:"secrets"`
		Warnings      []mistake `json:"warnings"`
		Commit        string    `json:"commit,omitempty"`
		RunURL        string    `json:"run_url,omitempty"`
	}{1, true, v.Manifest, v.Stores, v.Secrets, listed(v.Warnings), v.Origin.commit, v.Origin.runURL})
}
