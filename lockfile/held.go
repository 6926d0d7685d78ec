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

// Holder describes the process that holds a lock, as it described itself in the side file.
// PID is 0 if it is unknown.
type Holder struct {
	PID   int       `json:"pid"`
	Host  string    `json:"host,omitempty"`
	Since time.Time `json:"since"`
}

// Held returns the current holder of the lock of the lockfile at path, or nil if it is free.
// To find out, it takes the lock for a moment.
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

// writeHolder describes this process in the side file, for the error messages of waiting
// processes. Nothing else depends on it, so failures are ignored: Windows, for example,
// locks the content too.
func writeHolder(side string) {
	host, _ := os.Hostname()
	data, _ := json.Marshal(Holder{os.Getpid(), host, time.Now().UTC().Truncate(time.Second)})
	_ = os.WriteFile(side, append(data, '\n'), 0o644)
}

// readHolder returns the zero Holder if the side file does not describe one.
func readHolder(side string) (h Holder) {
	data, err := os.ReadFile(side)
	if err != nil || json.Unmarshal(data, &h) != nil {
		return Holder{}
	}
	return h
}

// String describes the holder for error messages.
func (h Holder) String() string {
	if h.PID == 0 {
		return "an unknown process"
	}
	return fmt.Sprintf("process %d on %q since %s", h.PID, h.Host, h.Since.Format(time.RFC3339))
}
