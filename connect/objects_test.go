package connect_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/secretsync/secretsync/connect"
	"github.com/secretsync/secretsync/test/s3test"
)

func TestObjects(t *testing.T) {
	var requests atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { requests.Add(1) }))
	t.Cleanup(server.Close)
	for name, value := range s3test.Environment(server.URL) {
		t.Setenv(name, value)
	}
	open := connect.Objects("0123456789abcdef0123456789abcdef")
	first, err := open(t.Context(), "s3://bucket/team")
	if err != nil {
		t.Fatal(err)
	}
	again, err := open(t.Context(), "s3://bucket/team")
	if err != nil || again != first {
		t.Errorf("opened twice: %v, %v", again, err)
	}
	other, err := open(t.Context(), "r2://bucket/team")
	if err != nil || other == first || other.String() != "r2://bucket/team" {
		t.Errorf("another place: %v, %v", other, err)
	}
	for url, want := range map[string]string{
		"file:///tmp":         `begins with "s3://" or "r2://"`,
		"s3://id:key@bucket/": "contains a credential",
	} {
		if _, err := open(t.Context(), url); err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "key@") {
			t.Errorf("%s: %v", url, err)
		}
	}
	if requests.Load() != 0 {
		t.Errorf("%d requests", requests.Load())
	}
}
