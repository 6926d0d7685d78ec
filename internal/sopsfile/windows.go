package sopsfile

import (
	"bytes"
	"path/filepath"

	"github.com/getsops/sops/v3/cmd/sops/formats"
	"github.com/secretsync/secretsync/internal/charset"
	"github.com/secretsync/secretsync/internal/position"
	"github.com/secretsync/secretsync/internal/shell"
	"github.com/secretsync/secretsync/internal/sopstext"
)

// saveUnmarked is the hint for a byte order mark that an editor wrote.
const saveUnmarked = "save it as UTF-8 without a byte order mark"

// checkEncoding refuses UTF-16, in which SOPS reads nothing but YAML, and drops a byte order
// mark. In a dotenv file SOPS takes the mark for a part of the first key (docs/sops.md §11).
func (f *File) checkEncoding() error {
	if encoding := charset.UTF16(f.data); encoding != "" {
		return fail(Malformed, f.whole(), charset.Hint, "is encoded in %s", encoding)
	}
	if f.format != formats.Dotenv {
		f.data = bytes.TrimPrefix(f.data, []byte(charset.BOM))
	}
	return nil
}

// isCRLF reports whether a line of a dotenv file, given without its "\n", is one that SOPS wrote
// and ends with "\r", which SOPS never writes. Other lines may: their values are in plaintext.
func isCRLF(line []byte) bool {
	return bytes.HasSuffix(line, []byte("\r")) &&
		(bytes.HasPrefix(line, []byte("sops_")) || bytes.Contains(line, []byte(sopstext.ValuePrefix)))
}

// isMarkedComment reports whether a line is a byte order mark, followed by a comment or nothing.
func isMarkedComment(line []byte) bool {
	rest, marked := bytes.CutPrefix(line, []byte(charset.BOM))
	return marked && (len(rest) == 0 || rest[0] == '#')
}

// lineEnds says that a dotenv file has the line ends of Windows, and how to have git leave
// them alone: it would restore the file as it is.
func (f *File) lineEnds(at position.Position) error {
	attribute := shell.GitPattern(filepath.Base(f.name)) + " text eol=lf"
	again := shell.Git(f.name, "rm", "-q", "--cached") + " && " + shell.Git(f.name, "checkout", "HEAD")
	return fail(Malformed, at, "save it with LF. If git converts it (core.autocrlf), add the line \""+attribute+"\" to "+
		".gitattributes in its folder, and check it out again: "+again,
		"line ends of Windows (CRLF), which SOPS does not read in dotenv files")
}
