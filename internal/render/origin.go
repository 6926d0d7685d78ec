package render

import (
	"net/url"
	"regexp"
	"strings"
)

// Origin is where a report comes from. Create one with [NewOrigin]. The zero Origin is not known.
type Origin struct{ commit, runURL string }

// NewOrigin returns an origin of a commit, by its id, and of the page of a CI job. Both are
// foreign text, and later written as they are: anything else than an id, with "-dirty" if files
// differ from the commit, and than a URL without characters that mean something in Markdown is
// dropped.
func NewOrigin(commit, runURL string) Origin {
	var o Origin
	if commitID.MatchString(commit) {
		o.commit = commit
	}
	if u, err := url.Parse(runURL); err == nil && (u.Scheme == "https" || u.Scheme == "http") && u.Host != "" &&
		len(runURL) <= maxURL && plainURL.MatchString(runURL) {
		o.runURL = runURL
	}
	return o
}

// maxURL bounds a URL, in bytes.
const maxURL = 2000

var (
	commitID = regexp.MustCompile(`^([0-9a-f]{40}|[0-9a-f]{64})(-dirty)?$`)
	plainURL = regexp.MustCompile(`^[A-Za-z0-9:/._%?=&+-]+$`)
)

// Commit is the commit's id; empty if it is not known.
func (o Origin) Commit() string { return o.commit }

// RunURL is the page of the CI job; empty if it is not known.
func (o Origin) RunURL() string { return o.runURL }

// head writes what programs find a comment by, and its commit and its run, as docs/output.md describes.
func (b *comment) head(marker string, o Origin) {
	b.line("%s", marker)
	if o.commit != "" {
		b.line("<!-- secretsync-commit %s -->", o.commit)
	}
	if o.runURL != "" {
		b.line("<!-- secretsync-run %s -->", o.runURL)
	}
}

// origin says where a comment comes from. GitHub and GitLab link the commit.
func (b *comment) origin(o Origin) {
	var parts []string
	if o.commit != "" {
		parts = append(parts, "Commit "+o.commit)
	}
	if o.runURL != "" {
		parts = append(parts, "[CI job]("+o.runURL+")")
	}
	if len(parts) > 0 {
		b.line("%s\n", strings.Join(parts, " · "))
	}
}
