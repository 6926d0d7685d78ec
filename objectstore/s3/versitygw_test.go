//go:build e2es3

package s3

import (
	"fmt"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/secretsync/secretsync/internal/lease/leasetest"
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
	leasetest.Test(t, open)
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
