package repo

import (
	"crypto/sha256"
	"maps"
	"os"
	"slices"
	"sync"
)

// Seen remembers the files that were read, to find those that another program changes
// later. Its methods may be called concurrently.
type Seen struct {
	mu    sync.Mutex
	files map[string]seenFile
}

// seenFile is a file that was read, with the limit of its size.
type seenFile struct {
	first sighting
	limit int
}

// sighting is the state of a file at one moment.
type sighting struct {
	exists bool
	sum    [sha256.Size]byte
}

// maxWatched is far larger than any configuration that [Seen.Watch] is for.
const maxWatched = 1 << 20

// add remembers what was read. If a file is read several times, the first reading counts: if a later
// one differs, the file has changed.
func (s *Seen) add(name string, seen sighting, limit int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.files == nil {
		s.files = map[string]seenFile{}
	}
	if _, already := s.files[name]; !already {
		s.files[name] = seenFile{seen, limit}
	}
}

// Watch remembers a file that something else reads, such as SOPS, or that it does not exist.
func (s *Seen) Watch(name string) { s.add(name, look(name, maxWatched), maxWatched) }

// look treats a file that cannot be read as one that does not exist.
func look(name string, limit int) sighting {
	info, err := os.Stat(name)
	if err != nil || !info.Mode().IsRegular() || info.Size() > int64(limit) {
		return sighting{}
	}
	data, err := os.ReadFile(name)
	if err != nil {
		return sighting{}
	}
	return sighting{true, sha256.Sum256(data)}
}

// Changed returns the names of the files that were changed, created or removed since they
// were first read, sorted.
func (s *Seen) Changed() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var changed []string
	for _, name := range slices.Sorted(maps.Keys(s.files)) {
		if f := s.files[name]; look(name, f.limit) != f.first {
			changed = append(changed, name)
		}
	}
	return changed
}
