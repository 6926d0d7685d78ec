// Package filestamp finds out whether a file was changed, without reading it.
package filestamp

import (
	"io/fs"
	"os"
	"time"
)

// Stamp is what the file system says about a file at one moment. The zero Stamp proves nothing.
type Stamp struct {
	info    fs.FileInfo
	changed time.Time // its change time, which programs cannot set, unlike its modification time
	seen    time.Time
}

// tick is more than the precision of change times in every file system. A file that was changed
// less than that before it was looked at may have been changed again at the same time.
const tick = 2 * time.Second

// Of returns the stamp of the file at path. Take it before reading the content: then a change in
// between is noticed later.
func Of(path string) Stamp {
	s := Stamp{seen: time.Now(), changed: changeTime(path)}
	s.info, _ = os.Lstat(path)
	return s
}

// Holds reports whether the file at path is known to be unchanged since the stamp was taken. If
// not, only its content can tell.
func (s Stamp) Holds(path string) bool {
	if s.info == nil || s.changed.IsZero() || s.seen.Sub(s.changed) < tick {
		return false
	}
	now := Of(path)
	return now.info != nil && os.SameFile(s.info, now.info) && now.info.Size() == s.info.Size() && now.info.Mode() == s.info.Mode() &&
		now.changed.Equal(s.changed)
}
