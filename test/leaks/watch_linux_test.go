package leaks

import (
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/secretsync/secretsync/test/program"
)

// watch hard-links every file that appears in some folders to another folder as soon as the
// kernel reports it, so that its content outlives it.
type watch struct {
	t      *testing.T
	fd     int
	events *os.File // wraps fd
	store  string   // the folder of the links
	first  string   // one of the folders

	mu     sync.Mutex
	dirs   map[int32]string
	synced map[string]chan struct{}
	kept   map[string]bool // files that are linked
	missed map[string]bool // files with content that could not be linked
	moved  map[uint32]bool // the same, while they are being renamed
	n      int
	gone   int // files that had content and were removed before they could be linked
}

func newWatch(t *testing.T, store string, dirs ...string) *watch {
	t.Helper()
	fd, err := unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK)
	program.Must(t, err)
	w := &watch{
		t: t, fd: fd, events: os.NewFile(uintptr(fd), "inotify"), store: store, first: dirs[0],
		dirs: map[int32]string{}, synced: map[string]chan struct{}{}, kept: map[string]bool{}, missed: map[string]bool{}, moved: map[uint32]bool{},
	}
	for _, dir := range dirs {
		w.add(dir)
	}
	var done sync.WaitGroup
	done.Go(w.follow)
	t.Cleanup(func() { _ = w.events.Close(); done.Wait() })
	return w
}

// add watches one more folder. Once follow runs, the caller holds w.mu.
func (w *watch) add(dir string) {
	wd, err := unix.InotifyAddWatch(w.fd, dir, unix.IN_CREATE|unix.IN_MODIFY|unix.IN_MOVED_FROM|unix.IN_MOVED_TO|unix.IN_DELETE)
	if err != nil {
		return // removed already
	}
	w.dirs[int32(wd)] = dir
}

func (w *watch) follow() {
	buf := make([]byte, 1<<16)
	for {
		n, err := w.events.Read(buf)
		if err != nil {
			return
		}
		for b := buf[:n]; len(b) > 0; {
			size := binary.NativeEndian.Uint32(b[12:])
			name := strings.TrimRight(string(b[16:16+size]), "\x00")
			w.keep(int32(binary.NativeEndian.Uint32(b)), binary.NativeEndian.Uint32(b[4:]), binary.NativeEndian.Uint32(b[8:]), name)
			b = b[16+size:]
		}
	}
}

func (w *watch) keep(wd int32, mask, cookie uint32, name string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	path := filepath.Join(w.dirs[wd], name)
	switch {
	case w.synced[name] != nil && mask&unix.IN_CREATE != 0:
		close(w.synced[name])
	case mask&unix.IN_ISDIR != 0 && mask&unix.IN_CREATE != 0:
		w.add(path)
	case mask&unix.IN_CREATE != 0:
		w.link(path)
	case mask&unix.IN_MODIFY != 0 && !w.kept[path]: // it had content, and was removed already
		w.missed[path] = !w.link(path)
	case mask&unix.IN_MOVED_FROM != 0:
		w.moved[cookie] = w.missed[path]
		w.forget(path)
	case mask&unix.IN_MOVED_TO != 0:
		if w.forget(path); !w.link(path) && w.moved[cookie] {
			w.gone++
		}
	case mask&unix.IN_DELETE != 0:
		if w.missed[path] {
			w.gone++
		}
		w.forget(path)
	}
}

// link gives a file its second name.
func (w *watch) link(path string) bool {
	w.n++
	w.kept[path] = os.Link(path, filepath.Join(w.store, fmt.Sprintf("%04d-%s", w.n, filepath.Base(path)))) == nil
	return w.kept[path]
}

func (w *watch) forget(path string) {
	delete(w.kept, path)
	delete(w.missed, path)
}

// catchUp returns once everything that existed before is linked.
func (w *watch) catchUp() {
	w.mu.Lock()
	w.n++
	name := fmt.Sprintf(".mark-%d", w.n)
	seen := make(chan struct{})
	w.synced[name] = seen
	w.mu.Unlock()
	if err := os.WriteFile(filepath.Join(w.first, name), nil, 0o600); err != nil {
		w.t.Error(err)
		return
	}
	select {
	case <-seen:
	case <-time.After(20 * time.Second):
		w.t.Error("the kernel reports no files")
	}
	_ = os.Remove(filepath.Join(w.first, name))
}

// search searches what was linked since the last time.
func (w *watch) search(s *search) {
	w.catchUp()
	entries, err := os.ReadDir(w.store)
	if err != nil {
		w.t.Error(err)
	}
	for _, e := range entries {
		path := filepath.Join(w.store, e.Name())
		if data, err := os.ReadFile(path); err == nil { // only regular files have content
			s.look("the file "+e.Name(), data)
		}
		_ = os.Remove(path)
	}
}
