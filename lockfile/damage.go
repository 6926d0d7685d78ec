package lockfile

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"unicode/utf8"
)

// What to do about a lockfile that cannot be used.
const (
	hintRestore  = "restore the last good one from git; if there is none, move this one away and run import --lock-only"
	hintEdited   = "lockfiles are not made for editing: restore the last good one from git"
	hintEncoding = "save it as UTF-8 without a byte order mark, or restore it from git"
	hintConflict = "keep either side of a secret that is in both, and all secrets that are in one; then run plan and apply"
)

// damage finds what makes data no JSON text at all, and where. what is empty
// for a JSON text. Nothing of the content is quoted.
func damage(data []byte) (at int, what, hint string) {
	switch {
	case len(bytes.TrimSpace(data)) == 0:
		return 0, "the lockfile is empty", hintRestore
	case bytes.HasPrefix(data, []byte("\xef\xbb\xbf")):
		return 0, "the lockfile starts with a byte order mark", hintEncoding
	case len(bytes.Trim(data, "\x00")) == 0:
		return 0, "the lockfile is nothing but zero bytes, as a power cut can leave a file", hintRestore
	case bytes.IndexByte(data, 0) >= 0:
		return 0, "the lockfile is UTF-16 or binary", hintEncoding
	case !utf8.Valid(data):
		return 0, "the lockfile is not UTF-8", hintEncoding
	}
	if at := conflictMarker(data); at >= 0 {
		return at, "the lockfile has an unresolved git conflict", hintConflict
	}
	var raw json.RawMessage
	var bad *json.SyntaxError
	if err := json.Unmarshal(data, &raw); !errors.As(err, &bad) {
		return 0, "", ""
	}
	if err := json.NewDecoder(bytes.NewReader(data)).Decode(&raw); errors.Is(err, io.ErrUnexpectedEOF) {
		return len(data), "the lockfile ends in the middle", hintRestore
	}
	return int(bad.Offset) - 1, "the lockfile is not JSON from here on", hintRestore
}

// conflictMarker returns the offset of the first line that git put there, or -1.
// No line of a JSON text starts like one, since its strings have no line breaks.
func conflictMarker(data []byte) int {
	at := 0
	for line := range bytes.Lines(data) {
		for _, marker := range []string{"<<<<<<<", "|||||||", "=======", ">>>>>>>"} {
			if bytes.HasPrefix(line, []byte(marker)) {
				return at
			}
		}
		at += len(line)
	}
	return -1
}
