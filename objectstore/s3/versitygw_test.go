//go:build e2es3

package s3

import (
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/secretsync/secretsync/internal/lease"
	"github.com/secretsync/secretsync/objectstore"
	"github.com/secretsync/secretsync/objectstore/objectstoretest"
	"github.com/secretsync/secretsync/test/s3test"
)

// TestVersitygw runs against a real server that we did not write.
func TestVersitygw(t *testing.T) {
	environment(t, credentials(s3test.Versitygw(t, "bucket", "test-id", "test-secret")))
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
	var wg sync.WaitGroup
	for n := range 8 {
		wg.Go(func() {
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
	}
	wg.Wait()
	st, err := lease.ReadStatus(t.Context(), s, key)
	if err != nil || st.Held || st.Holder.Generation < 9 || turns.Load() != 8 {
		t.Errorf("in the end: %+v, %v, %d turns", st, err, turns.Load())
	}
}
