//go:build unix

package filestamp

import (
	"time"

	"golang.org/x/sys/unix"
)

// changeTime is when the content or the metadata of a file was last changed; zero if unknown.
func changeTime(path string) time.Time {
	var st unix.Stat_t
	if unix.Lstat(path, &st) != nil {
		return time.Time{}
	}
	return time.Unix(st.Ctim.Unix())
}
