package planfile

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/secretsync/secretsync/internal/charset"
)

// MaxSize is the size in bytes of the largest plan file that the command reads. A plan that creates
// 200,000 secrets has some 200 MiB. [Parse] has no limit of its own: its callers decide how much
// they read.
const MaxSize = 384 << 20

// ErrStale means that a plan file is not valid any more: it was edited, or is for another
// version of the format.
var ErrStale = errors.New("the reviewed plan does not hold")

// What is no plan file at all.
var (
	ErrNotPlan  = errors.New("is not a plan file")
	ErrEncoding = errors.New("is not encoded in UTF-8")
)

// Parse parses a plan file. Its errors name the file. They are ErrStale if the plan has to be
// created and reviewed again.
func Parse(name string, data []byte) (*File, error) {
	data = bytes.TrimPrefix(bytes.ReplaceAll(data, []byte("\r\n"), []byte("\n")), []byte(charset.BOM)) // no text in it has a line end
	version, ok := version(data)
	if encoding := charset.UTF16(data); encoding != "" {
		return nil, fmt.Errorf("%s %w but in %s", name, ErrEncoding, encoding)
	}
	if !ok {
		return nil, fmt.Errorf("%s %w", name, ErrNotPlan)
	}
	if version != SchemaVersion {
		return nil, fmt.Errorf("%w: %s has the schema version %d, and this secretsync writes %d: "+
			"create the plan again with the version that applies it", ErrStale, name, version, SchemaVersion)
	}
	var f File
	if json.Unmarshal(data, &f) != nil || !bytes.Equal(data, f.Format()) || f.Digest != f.digest() ||
		f.PlanID != ID(f.Plan()) || f.Summary != Summarize(f.Plan()) {
		return nil, fmt.Errorf("%w: %s was edited after it was created: create the plan again", ErrStale, name)
	}
	return &f, nil
}

// Is reports whether data looks like a plan file, of any version.
func Is(data []byte) bool {
	_, ok := version(data)
	return ok
}

func version(data []byte) (int, bool) {
	var v struct {
		SchemaVersion *int    `json:"schema_version"`
		PlanID        *string `json:"plan_id"`
	}
	if json.Unmarshal(data, &v) != nil || v.SchemaVersion == nil || v.PlanID == nil {
		return 0, false
	}
	return *v.SchemaVersion, true
}
