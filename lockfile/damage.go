package lockfile

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"unicode/utf8"

	"github.com/secretsync/secretsync/internal/charset"
	"github.com/secretsync/secretsync/internal/syntax"
)

// Kinds of damage that callers may have more advice on. [errors.Is] finds them.
var (
	// ErrLost means that editing cannot repair the lockfile: it has to be restored from a
	// copy or rebuilt.
	ErrLost = errors.New("the lockfile's content is lost")
	// ErrConflict means that git could not merge the lockfile, or that it was merged wrongly.
	ErrConflict = errors.New("the lockfile has an unresolved conflict")
)

// What restores a lockfile: a file, and an object.
const (
	fromGit      = "restore the last good version from git"
	fromVersions = "restore the last good version of the object, if the bucket keeps versions"
)

// remedy is what to do about a mistake in a lockfile.
type remedy struct {
	hint string
	kind error // may be nil
}

var (
	restore  = remedy{fromGit, ErrLost}
	unedit   = remedy{"do not edit lockfiles by hand: " + fromGit, nil}
	unknown  = remedy{"upgrade secretsync if a newer version wrote it, else " + fromGit + ": lockfiles are not edited by hand", nil}
	recode   = remedy{"save it as UTF-8 without a byte order mark, or " + fromGit, nil}
	settle   = remedy{"keep one of the two records of a secret that is on both sides, and all secrets that are on one side only", ErrConflict}
	upgrade  = remedy{"upgrade secretsync", nil}
	hideAway = remedy{"never write the key itself into a lockfile; " + fromGit, nil}
)

// damage finds out why data is not JSON, and at which offset. what is empty if it is JSON.
// It does not quote the content.
func damage(data []byte) (at int, what string, todo remedy) {
	switch encoding := charset.UTF16(data); {
	case len(bytes.TrimSpace(data)) == 0:
		return 0, "the lockfile is empty", restore
	case bytes.HasPrefix(data, []byte(charset.BOM)):
		return 0, "the lockfile starts with a byte order mark", recode
	case len(bytes.Trim(data, "\x00")) == 0:
		return 0, "the lockfile contains only zero bytes, as after a power failure", restore
	case encoding != "":
		return 0, "the lockfile is encoded in " + encoding, recode
	case bytes.IndexByte(data, 0) >= 0:
		return bytes.IndexByte(data, 0), "the lockfile has a zero byte", restore
	case !utf8.Valid(data):
		return 0, "the lockfile is not UTF-8", recode
	}
	// No line of well-formed JSON is like one of git's markers: its strings contain no line breaks.
	if markers := syntax.ConflictMarkers(data); len(markers) > 0 {
		return markers[0], "the lockfile has an unresolved git conflict", settle
	}
	if json.Valid(data) {
		return 0, "", remedy{}
	}
	var raw json.RawMessage
	var bad *json.SyntaxError
	if errors.As(json.Unmarshal(data, &raw), &bad) {
		at = int(bad.Offset) - 1
	}
	if err := json.NewDecoder(bytes.NewReader(data)).Decode(&raw); errors.Is(err, io.ErrUnexpectedEOF) {
		return len(data), "the lockfile is truncated", restore
	}
	return at, "the lockfile is not valid JSON from here on", restore
}
