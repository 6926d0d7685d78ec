package lockfile

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

const holdEnv = "LOCKFILE_TEST_HOLD"

// TestMain lets this binary run as another process that holds a lock until its standard
// input ends.
func TestMain(m *testing.M) {
	path := os.Getenv(holdEnv)
	if path == "" {
		os.Exit(m.Run())
	}
	h, err := Open(context.Background(), path, 0)
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	fmt.Println("holding")
	_, _ = io.Copy(io.Discard, os.Stdin)
	if err := h.Close(); err != nil {
		os.Exit(1)
	}
}

// hold starts a process that holds the lock of path. It ends when the returned input is
// closed.
func hold(t *testing.T, path string) (*exec.Cmd, io.Closer) {
	t.Helper()
	exe, err := os.Executable()
	try(t, err)
	cmd := exec.CommandContext(t.Context(), exe)
	cmd.Env = append(os.Environ(), holdEnv+"="+path)
	in, err := cmd.StdinPipe()
	try(t, err)
	out, err := cmd.StdoutPipe()
	try(t, err)
	try(t, cmd.Start())
	t.Cleanup(func() {
		_ = in.Close()
		_ = cmd.Wait()
	})
	if line, err := bufio.NewReader(out).ReadString('\n'); line != "holding\n" {
		t.Fatalf("the other process says %q (%v)", line, err)
	}
	return cmd, in
}

func TestHeldByAnotherProcess(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.lock")
	other, _ := hold(t, path)
	for _, timeout := range []time.Duration{0, 3 * retryEvery} {
		start := time.Now()
		_, err := Open(t.Context(), path, timeout)
		var held *HeldError
		if !errors.As(err, &held) || held.Path != path || held.Holder.PID != other.Process.Pid || held.Waited != timeout {
			t.Fatalf("Open: %v; want who holds the lock", err)
		}
		for _, want := range []string{path, fmt.Sprintf("process %d on ", other.Process.Pid), "since 2", fmt.Sprint("waited ", timeout)} {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("error %q doesn't say %q", err, want)
			}
		}
		if waited := time.Since(start); waited < timeout {
			t.Errorf("gave up after %v of %v", waited, timeout)
		}
	}
	if _, err := Read(path); err != nil {
		t.Errorf("Read takes no lock: %v", err)
	}
}

func TestWaiterGetsTheLock(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.lock")
	_, in := hold(t, path)
	opened := make(chan error, 1)
	go func() {
		h, err := Open(t.Context(), path, time.Minute)
		if err == nil {
			err = h.Close()
		}
		opened <- err
	}()
	try(t, in.Close())
	if err := <-opened; err != nil {
		t.Error(err)
	}
}

// The holder is reported while an Open waits, before it gets the lock or gives up.
func TestWaiterReportsTheHolder(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.lock")
	other, in := hold(t, path)
	var reported []*HeldError
	waiting := Waiting(func(held *HeldError) { reported = append(reported, held) })
	if _, err := Open(t.Context(), path, longWait/2, waiting); !errors.As(err, new(*HeldError)) || len(reported) != 0 {
		t.Errorf("a short wait: %v, reported %v", err, reported)
	}
	if _, err := Open(t.Context(), path, longWait+4*retryEvery, waiting); !errors.As(err, new(*HeldError)) || len(reported) != 1 ||
		reported[0].Holder.PID != other.Process.Pid || reported[0].Path != path {
		t.Errorf("a long wait: %v, reported %v", err, reported)
	}
	try(t, in.Close())
	h, err := Open(t.Context(), path, time.Minute, waiting)
	try(t, err)
	try(t, h.Close())
}

func TestWaiterHearsItsContext(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.lock")
	hold(t, path)
	ctx, cancel := context.WithTimeout(t.Context(), retryEvery)
	defer cancel()
	if _, err := Open(ctx, path, time.Hour); !errors.Is(err, context.DeadlineExceeded) || errors.As(err, new(*HeldError)) {
		t.Errorf("%v; want the context's error", err)
	}
}

// If the side file were replaced, two processes could each lock a different one.
func TestSideFileStays(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.lock")
	h := openAt(t, path)
	side := stat(t, sidePath(path))
	try(t, h.Close())
	if !os.SameFile(side, stat(t, sidePath(path))) {
		t.Error("Close replaced the side file")
	}
	openAt(t, path)
	if !os.SameFile(side, stat(t, sidePath(path))) {
		t.Error("Open replaced the side file")
	}
}

// A killed process holds no lock, whatever the side file says.
func TestDeadProcessHoldsNothing(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.lock")
	other, _ := hold(t, path)
	try(t, other.Process.Kill())
	_ = other.Wait()
	said, err := os.ReadFile(sidePath(path))
	try(t, err)
	if !strings.Contains(string(said), fmt.Sprint(other.Process.Pid)) {
		t.Errorf("the side file says %s", said)
	}
	openAt(t, path)
}

// If a link is planted in place of the side file, its target must not be overwritten.
func TestPlantedSideFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.lock")
	victim := filepath.Join(t.TempDir(), "victim")
	try(t, os.WriteFile(victim, []byte("precious"), 0o644))
	try(t, os.Symlink(victim, sidePath(path)))
	if _, err := Open(t.Context(), path, 0); err == nil || !strings.Contains(err.Error(), "remove it") {
		t.Errorf("%v; want it to be refused", err)
	}
	if data, _ := os.ReadFile(victim); string(data) != "precious" {
		t.Errorf("the victim holds %q", data)
	}
}

// A lock counts only while its file is the one that the next process would lock.
func TestStillNames(t *testing.T) {
	side := filepath.Join(t.TempDir(), ".x.lock.flock")
	l, err := acquire(t.Context(), side, time.Now(), func() {})
	try(t, err)
	defer func() { _ = l.Unlock() }()
	for _, step := range []struct {
		do   func() error
		want bool
	}{
		{func() error { return nil }, true},
		{func() error { return os.WriteFile(side, []byte("another holder"), 0o644) }, true},
		{func() error { return os.Remove(side) }, false},
		{func() error { return os.WriteFile(side, nil, 0o644) }, false},
	} {
		try(t, step.do())
		if named, err := stillNames(side, l); err != nil || named != step.want {
			t.Errorf("stillNames: %v, %v; want %v", named, err, step.want)
		}
	}
}

func TestHeld(t *testing.T) {
	path := filepath.Join(t.TempDir(), "secretsync.lock")
	if h, err := Held(path); h != nil || err != nil {
		t.Fatalf("nothing there: held by %v, error %v", h, err)
	}
	if _, err := os.Lstat(sidePath(path)); err == nil {
		t.Error("reading created the side file")
	}
	cmd, in := hold(t, path)
	h, err := Held(path)
	if err != nil || h == nil || h.PID != cmd.Process.Pid {
		t.Fatalf("held by %v, error %v; want process %d", h, err, cmd.Process.Pid)
	}
	try(t, in.Close())
	try(t, cmd.Wait())
	if h, err := Held(path); h != nil || err != nil {
		t.Errorf("after its end: held by %v, error %v", h, err)
	}
	try(t, os.Remove(sidePath(path)))
	try(t, os.Symlink("elsewhere", sidePath(path)))
	if _, err := Held(path); err == nil {
		t.Error("a link in place of the side file was followed")
	}
}

// Both locking and asking for the holder fail if the folder is a file.
func TestNoFolder(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	try(t, os.WriteFile(file, nil, 0o644))
	path := filepath.Join(file, "x.lock")
	if h, err := Held(path); h != nil || err == nil || errors.Is(err, fs.ErrNotExist) {
		t.Errorf("held by %v, error %v", h, err)
	}
	if _, err := Open(t.Context(), path, 0); err == nil || errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Open: %v", err)
	}
}

// Nothing depends on the content of the side file: if it is damaged, the holder is unknown.
func TestHolderNotKnown(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.lock")
	openAt(t, path)
	for _, said := range []string{"", "{", `{"pid": "1"}`, "null"} {
		try(t, os.WriteFile(sidePath(path), []byte(said), 0o644))
		h, err := Held(path)
		if err != nil || h == nil || h.PID != 0 || h.String() != "an unknown process" {
			t.Errorf("%q: held by %v, error %v", said, h, err)
		}
	}
}

func TestHolderInWords(t *testing.T) {
	h := Holder{PID: 1, Host: "a\nb", Since: time.Date(2026, 10, 1, 12, 0, 0, 0, time.UTC)}
	if got, want := h.String(), `process 1 on "a\nb" since 2026-10-01T12:00:00Z`; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}
