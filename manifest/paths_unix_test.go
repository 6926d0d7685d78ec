//go:build unix

package manifest

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// A file that becomes a pipe, a folder or a link out of the repository between the
// look and the opening is neither waited for nor read.
func TestSwappedFile(t *testing.T) {
	dir := write(t, map[string]string{"v": "value", "outside/v": "canary"})
	name := filepath.Join(dir, "repo", "v")
	if err := os.MkdirAll(filepath.Join(dir, "repo", ".git"), 0o755); err != nil {
		t.Fatal(err)
	}
	swaps := []func(string) error{
		func(tmp string) error { return syscall.Mkfifo(tmp, 0o600) },
		func(tmp string) error { return os.Symlink(filepath.Join(dir, "outside", "v"), tmp) },
		func(tmp string) error { return os.WriteFile(tmp, []byte("value"), 0o600) },
	}
	stop, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			default:
			}
			tmp := filepath.Join(dir, "tmp")
			if err := swaps[i%len(swaps)](tmp); err == nil {
				_ = os.Rename(tmp, name)
			}
		}
	}()
	for end := time.Now().Add(300 * time.Millisecond); time.Now().Before(end); {
		data, bad := newFiles(filepath.Join(dir, "repo"), false).read(Position{File: "m"}, name, 100)
		if bad == nil && string(data) != "value" {
			t.Fatalf("read %q", data)
		}
	}
	close(stop)
	<-done
}

// Pipes are not opened: nobody may ever write to them.
func TestPipes(t *testing.T) {
	for name, content := range map[string]string{
		"pipe.yaml": "", "pipes.yaml": "version: 1\ninclude: [p.yaml]\nstores: {s: {secrets: {a: {from: {file: p}}, b: {from: {sops: p.yaml, key: k}}}}}\n",
	} {
		golden, err := filepath.Abs(filepath.Join("testdata", "bad", "made", name+".err"))
		if err != nil {
			t.Fatal(err)
		}
		t.Run(name, func(t *testing.T) {
			t.Chdir(write(t, nil))
			pipes := []string{"p", "p.yaml"}
			if content == "" {
				pipes = []string{name}
			} else {
				put(t, name, content)
			}
			for _, pipe := range pipes {
				if err := syscall.Mkfifo(pipe, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			got := mistakesIn(t, name)
			if *update {
				put(t, golden, got)
			}
			if diff := cmp.Diff(string(readFile(t, golden)), got); diff != "" {
				t.Error(diff)
			}
		})
	}
}
