package s3test

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// Versitygw starts versitygw on a loopback address, with an empty bucket and more options, until the
// test ends, and returns its URL. Unlike [New], it checks signatures and enforces policies. "make
// e2e-s3" builds it and sets VERSITYGW to its path.
func Versitygw(t *testing.T, bucket, id, secret string, options ...string) (url string) {
	t.Helper()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	program := os.Getenv("VERSITYGW")
	if program == "" {
		t.Fatal("VERSITYGW is not set: run make e2e-s3")
	}
	dir := t.TempDir()
	data := filepath.Join(dir, "data")
	must(os.MkdirAll(filepath.Join(data, bucket), 0o700))
	l, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // for a moment
	must(err)
	address := l.Addr().String()
	must(l.Close())
	// Without --nometa, with which it has no ETags and ignores conditions, and without --sidecar, with
	// which a GET beside a PUT may answer with the old content and the new ETag: 21 of 80 increases
	// of a counter were lost. So the folder needs a file system with extended attributes.
	args := append([]string{"--port", address, "--access", id, "--secret", secret, "--quiet"}, options...)
	cmd := exec.CommandContext(t.Context(), program, append(args, "posix", data)...)
	log, err := os.Create(filepath.Join(dir, "log"))
	must(err)
	cmd.Stdout, cmd.Stderr = log, log
	must(cmd.Start())
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		_ = log.Close()
	})
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		if c, err := net.DialTimeout("tcp", address, time.Second); err == nil { //nolint:noctx // it has a timeout
			_ = c.Close()
			return "http://" + address
		}
		if time.Now().After(deadline) {
			text, _ := os.ReadFile(log.Name())
			t.Fatalf("the server did not start:\n%s", text)
		}
	}
}
