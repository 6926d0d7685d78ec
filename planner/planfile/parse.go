package planfile

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
)

// MaxSize is the largest plan file that is read, in bytes.
const MaxSize = 32 << 20

// ErrStale says that a plan file does not hold any more: it was edited, or made for
// another version of the format.
var ErrStale = errors.New("the reviewed plan does not hold")

// Parse reads a plan file. Its errors name the file and tell what to do; those that
// mean that a plan has to be made and reviewed anew are ErrStale.
func Parse(name string, data []byte) (*File, error) {
	var version struct {
		SchemaVersion *int `json:"schema_version"`
	}
	if len(data) > MaxSize || json.Unmarshal(data, &version) != nil || version.SchemaVersion == nil {
		return nil, fmt.Errorf("%s is not a plan file: make one with plan -o", name)
	}
	if *version.SchemaVersion != SchemaVersion {
		return nil, fmt.Errorf("%w: %s has the schema version %d, and this secretsync writes %d: make the plan again, with the version that applies it",
			ErrStale, name, *version.SchemaVersion, SchemaVersion)
	}
	var f File
	if json.Unmarshal(data, &f) != nil || !bytes.Equal(data, f.Format()) || f.Digest != f.digest() || f.PlanID != ID(f.Plan()) {
		return nil, fmt.Errorf("%w: %s was edited after it was made: make the plan again", ErrStale, name)
	}
	return &f, nil
}
