package faultrule_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/secretsync/secretsync/internal/emulator"
	"github.com/secretsync/secretsync/internal/emulator/faultrule"
)

func TestParse(t *testing.T) {
	decide, err := faultrule.Parse("POST /secrets cut-after once", "patch /secrets/* 429=1500ms 2", "* * 500", "GET /stores cut")
	if err != nil {
		t.Fatal(err)
	}
	base := "http://localhost/client/v4/accounts/0123456789abcdef0123456789abcdef/secrets_store"
	for i, tt := range []struct {
		method, path string
		want         emulator.Fault
	}{
		{"POST", "/stores/a/secrets/b/duplicate", emulator.Fault{Kind: "500"}},
		{"POST", "/stores", emulator.Fault{Kind: "500"}},
		{"POST", "/stores/a/secrets", emulator.Fault{Kind: "cut", After: true}},
		{"POST", "/stores/a/secrets", emulator.Fault{Kind: "500"}},
		{"PATCH", "/stores/a/secrets/b", emulator.Fault{Kind: "429", RetryAfter: 1500 * time.Millisecond}},
		{"PATCH", "/stores/a/secrets/c", emulator.Fault{Kind: "429", RetryAfter: 1500 * time.Millisecond}},
		{"PATCH", "/stores/a/secrets/c", emulator.Fault{Kind: "500"}},
		{"GET", "/stores", emulator.Fault{Kind: "500"}},
	} {
		req, err := http.NewRequestWithContext(t.Context(), tt.method, base+tt.path, nil)
		if err != nil {
			t.Fatal(err)
		}
		if got := decide(req); got != tt.want {
			t.Errorf("%d: %s %s: %+v, want %+v", i, tt.method, tt.path, got, tt.want)
		}
	}
	none, err := faultrule.Parse("GET /a/b/c/d cut")
	if err != nil {
		t.Fatal(err)
	}
	if req, _ := http.NewRequestWithContext(t.Context(), "GET", "http://localhost/d", nil); none(req) != (emulator.Fault{}) {
		t.Error("a longer rule fits a shorter path")
	}
	for _, text := range []string{"", "POST /secrets", "POST /secrets explode", "POST /secrets cut twice", "POST /secrets cut 0", "POST /secrets cut -1",
		"POST /secrets cut once more", "POST /secrets 429=soon", "POST /secrets 429=0s", "POST /secrets -after", "POST /secrets 429=", "GET /secrets lag=0s", "GET /secrets lag=soon"} {
		if _, err := faultrule.Parse("GET /stores cut", text); err == nil {
			t.Errorf("%q: no error", text)
		}
	}
}
