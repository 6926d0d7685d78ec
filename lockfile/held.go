package lockfile

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"github.com/gofrs/flock"
)

// Holder is what the side file says of the process that took the lock last. PID is 0
// where it is not known.
type Holder struct {
	PID   int       `json:"pid"`
	Host  string    `json:"host,omitempty"`
	Since time.Time `json:"since"`
}

// Held tells who holds the lock of the lockfile at path right now; nil for nobody. It
// has to take the lock for a moment to know.
func Held(path string) (*Holder, error) {
	side := sidePath(path)
	info, err := os.Lstat(side)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("lock: %w", err)
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("lock: %q is not a regular file: remove it", side)
	}
	l := flock.New(side, flock.SetFlag(os.O_RDONLY))
	free, err := l.TryRLock()
	if err != nil {
		return nil, fmt.Errorf("lock %q: %w", side, err)
	}
	if free {
		return nil, l.Unlock()
	}
	h := readHolder(side)
	return &h, nil
}

// writeHolder is for the error message of those who wait, so nothing depends on
// it: where the side file cannot be written (Windows locks its content, too),
// they are told less.
func writeHolder(side string) {
	host, _ := os.Hostname()
	data, _ := json.Marshal(Holder{os.Getpid(), host, time.Now().UTC().Truncate(time.Second)})
	_ = os.WriteFile(side, append(data, '\n'), 0o644)
}

// readHolder returns the zero Holder where the side file tells nothing.
func readHolder(side string) (h Holder) {
	data, err := os.ReadFile(side)
	if err != nil || json.Unmarshal(data, &h) != nil {
		return Holder{}
	}
	return h
}

// String says in words who holds the lock.
func (h Holder) String() string {
	if h.PID == 0 {
		return "which process is not known"
	}
	return fmt.Sprintf("process %d on %q since %s", h.PID, h.Host, h.Since.Format(time.RFC3339))
}
