package lease

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// Errors about the content of a lease's object. [errors.Is] finds them.
var (
	// ErrNotLease means that the object is not a lease.
	ErrNotLease = errors.New("the object is not a secretsync lease")
	// ErrNewer means that a newer version of secretsync wrote the object.
	ErrNewer = errors.New("the lease was written by a newer version of secretsync: use that version here, too")
)

const (
	format  = "secretsync lease"
	version = 1
	// maxSize is the size of the largest lease, in bytes.
	maxSize = 1 << 20
	// maxPublished is how many lockfiles a lease remembers: the last published ones.
	maxPublished = 200
)

// States of a lease.
const (
	held = "held"
	free = "free"
)

// Publication is a lockfile that was published under a lease.
type Publication struct {
	Generation int64     `json:"generation"`
	Digest     string    `json:"digest"`
	Host       string    `json:"host,omitempty"`
	RunURL     string    `json:"run_url,omitempty"`
	Time       time.Time `json:"time"`
}

// record is the content of a lease's object. Each written record differs from all others: it has
// a random owner, a generation, and a number that each write of the owner increases. So the
// object's version changes with each renewal, even if versions are digests.
type record struct {
	Format     string                 `json:"format"`
	Version    int                    `json:"version"`
	State      string                 `json:"state"`
	Owner      string                 `json:"owner"`
	Generation int64                  `json:"generation"`
	Write      int64                  `json:"write"`
	Duration   duration               `json:"duration"`
	Host       string                 `json:"host,omitempty"`
	RunURL     string                 `json:"run_url,omitempty"`
	Since      time.Time              `json:"since"`
	Freed      *time.Time             `json:"freed,omitempty"`
	BrokenBy   string                 `json:"broken_by,omitempty"`
	Published  map[string]Publication `json:"published,omitempty"`
}

// duration is a [time.Duration] in JSON, such as "1m0s".
type duration time.Duration

func (d duration) MarshalText() ([]byte, error) { return []byte(time.Duration(d).String()), nil }

func (d *duration) UnmarshalText(text []byte) error {
	parsed, err := time.ParseDuration(string(text))
	*d = duration(parsed)
	return err
}

func (r record) holder() Holder {
	return Holder{Host: r.Host, RunURL: r.RunURL, Since: r.Since, Generation: r.Generation, Duration: time.Duration(r.Duration)}
}

func (r record) encode() []byte {
	r.Published = newest(r.Published, maxPublished)
	data, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		panic(err) // no field can fail, except times in the year 10000 or later
	}
	return append(data, '\n')
}

// maxText is the maximum length of foreign text in a record, so that no record grows beyond the
// size that is read.
const maxText = 256

// short returns the beginning of text.
func short(text string) string {
	if len(text) > maxText {
		text = text[:maxText]
	}
	return strings.ToValidUTF8(text, "")
}

// newest returns the n publications with the latest times.
func newest(published map[string]Publication, n int) map[string]Publication {
	if len(published) <= n {
		return published
	}
	lineages := slices.SortedFunc(maps.Keys(published), func(a, b string) int {
		if c := published[b].Time.Compare(published[a].Time); c != 0 {
			return c
		}
		return strings.Compare(a, b)
	})
	out := make(map[string]Publication, n)
	for _, lineage := range lineages[:n] {
		out[lineage] = published[lineage]
	}
	return out
}

// decode returns the content of an object. The error is [ErrNotLease] or [ErrNewer].
func decode(data []byte) (record, error) {
	if len(data) > maxSize {
		return record{}, fmt.Errorf("%w: it has %d bytes", ErrNotLease, len(data))
	}
	var head struct {
		Format  string `json:"format"`
		Version int    `json:"version"`
	}
	switch err := json.Unmarshal(data, &head); {
	case err != nil:
		return record{}, fmt.Errorf("%w: it is not JSON, or not an object", ErrNotLease)
	case head.Format != format:
		return record{}, fmt.Errorf("%w: its \"format\" is not %q", ErrNotLease, format)
	case head.Version > version:
		return record{}, ErrNewer
	}
	var r record
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&r); err != nil {
		return record{}, fmt.Errorf("%w: %w", ErrNotLease, err)
	}
	d := time.Duration(r.Duration)
	switch {
	case r.Version != version:
		return record{}, fmt.Errorf("%w: it has the version %d", ErrNotLease, r.Version)
	case r.State != held && r.State != free:
		return record{}, fmt.Errorf("%w: its state is %q", ErrNotLease, r.State)
	case r.Owner == "" || r.Generation < 1:
		return record{}, fmt.Errorf("%w: it has no owner or no generation", ErrNotLease)
	case d < MinDuration || d > MaxDuration:
		return record{}, fmt.Errorf("%w: its duration is %s", ErrNotLease, d)
	}
	return r, nil
}

// Key returns the key of the lease of a store, such as "leases/ACCOUNT/STORE.json". Two stores
// have different keys.
func Key(account, store string) string {
	return "leases/" + escape(account) + "/" + escape(store) + ".json"
}

// maxName is the length of the longest escaped name. File systems, on which some object stores
// rest, allow 255 bytes.
const maxName = 180

// escape returns name with everything but letters, digits, "-", "_" and inner dots as ~XX, so
// that it is one part of a key that no store or URL spells another way.
func escape(name string) string {
	var b strings.Builder
	for i := range len(name) {
		switch c := name[i]; {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '-', c == '_', c == '.' && i > 0:
			b.WriteByte(c)
		default:
			fmt.Fprintf(&b, "~%02x", c)
		}
	}
	if b.Len() <= maxName && b.Len() > 0 {
		return b.String()
	}
	sum := sha256.Sum256([]byte(name))
	return "~~" + hex.EncodeToString(sum[:])
}
