//go:build e2es3

package s3

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/secretsync/secretsync/internal/lease"
	"github.com/secretsync/secretsync/objectstore"
	"github.com/secretsync/secretsync/objectstore/objectstoretest"
)

// TestVersitygw runs against a real server that we did not write. "make e2e-s3" builds it and sets
// VERSITYGW to its path.
func TestVersitygw(t *testing.T) {
	endpoint := startVersitygw(t)
	environment(t, credentials(endpoint))
	var n atomic.Int32
	open := func(t *testing.T) objectstore.Store { return open(t, fmt.Sprintf("s3://bucket/prefix/%d", n.Add(1))) }
	objectstoretest.Test(t, open)
	t.Run("lease", func(t *testing.T) { testLease(t, open(t)) })
	t.Run("wrong key", func(t *testing.T) {
		t.Setenv("AWS_SECRET_ACCESS_KEY", "another")
		_, err := open(t).Put(t.Context(), "k", []byte("data"), objectstore.Condition{})
		checkError(t, "write", err, objectstore.ErrRefused)
		if !strings.Contains(fmt.Sprint(err), "check AWS_ACCESS_KEY_ID") {
			t.Errorf("error %v", err)
		}
	})
	t.Run("no bucket", func(t *testing.T) {
		l := objectstore.Location{Scheme: "s3", Bucket: "no-such-bucket"}
		s, err := Open(t.Context(), l, Options{})
		if err != nil {
			t.Fatal(err)
		}
		_, err = s.Get(t.Context(), "k")
		checkError(t, "read", err, objectstore.ErrRefused)
	})
	t.Run("another region", func(t *testing.T) {
		t.Setenv("AWS_REGION", "eu-west-1")
		_, err := open(t).Get(t.Context(), "k")
		checkError(t, "read", err, objectstore.ErrRefused)
		if !strings.Contains(fmt.Sprint(err), "set AWS_REGION") {
			t.Errorf("error %v", err)
		}
	})
}

// testLease acquires a lease, leaves it behind, and lets others take it over, in real time.
func testLease(t *testing.T, s objectstore.Store) {
	key := lease.Key("account", "store/1")
	opt := lease.Options{Duration: lease.MinDuration, Host: "first"}
	first, err := lease.Acquire(t.Context(), s, []string{key}, opt)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := lease.Acquire(t.Context(), s, []string{key}, lease.Options{}); err == nil || !strings.Contains(err.Error(), "is held by first since") {
		t.Errorf("error %v", err)
	}
	time.Sleep(4 * time.Second) // longer than its duration: it is renewed
	if err := first.Check(); err != nil {
		t.Fatal(err)
	}
	if err := first.Release(t.Context()); err != nil {
		t.Fatal(err)
	}
	// Eight want it at the same time, and each gets it in turn.
	var holding, turns atomic.Int32
	inParallel(8, func(n int) {
		set, err := lease.Acquire(t.Context(), s, []string{key}, lease.Options{Duration: lease.MinDuration, Timeout: time.Minute, Host: fmt.Sprint(n)})
		if err != nil {
			t.Error(err)
			return
		}
		if holding.Add(1) != 1 || set.Check() != nil {
			t.Error("two hold the lease")
		}
		turns.Add(1)
		time.Sleep(50 * time.Millisecond)
		holding.Add(-1)
		if err := set.Release(t.Context()); err != nil {
			t.Error(err)
		}
	})
	st, err := lease.ReadStatus(t.Context(), s, key)
	if err != nil || st.Held || st.Holder.Generation < 9 || turns.Load() != 8 {
		t.Errorf("in the end: %+v, %v, %d turns", st, err, turns.Load())
	}
}

func inParallel(n int, do func(int)) {
	done := make(chan struct{})
	for i := range n {
		go func() {
			defer func() { done <- struct{}{} }()
			do(i)
		}()
	}
	for range n {
		<-done
	}
}

// startVersitygw starts the server on a loopback address, with a bucket, and returns its address.
func startVersitygw(t *testing.T) string {
	t.Helper()
	program := os.Getenv("VERSITYGW")
	if program == "" {
		t.Fatal("VERSITYGW is not set: run make e2e-s3")
	}
	dir := t.TempDir()
	data := filepath.Join(dir, "data")
	if err := os.MkdirAll(filepath.Join(data, "bucket"), 0o700); err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	// Without --nometa, with which it has no ETags and ignores conditions, and without --sidecar, with
	// which a GET beside a PUT may answer with the old content and the new ETag: 21 of 80 increases
	// of a counter were lost. So the folder needs a file system with extended attributes.
	cmd := exec.CommandContext(t.Context(), program, "--port", address, "--access", "test-id", "--secret", "test-secret",
		"--quiet", "posix", data)
	log, err := os.Create(filepath.Join(dir, "log"))
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		_ = log.Close()
	})
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		if c, err := net.DialTimeout("tcp", address, time.Second); err == nil {
			_ = c.Close()
			return "http://" + address
		}
		if time.Now().After(deadline) {
			text, _ := os.ReadFile(log.Name())
			t.Fatalf("the server did not start:\n%s", text)
		}
	}
}
