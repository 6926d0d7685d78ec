package repo_test

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/secretsync/secretsync/internal/position"
	"github.com/secretsync/secretsync/internal/repo"
)

// A file that grows while it is read is read up to the limit.
func TestGrowingFile(t *testing.T) {
	const limit = 1 << 17
	dir := t.TempDir()
	name := filepath.Join(dir, "v")
	if err := os.WriteFile(name, bytes.Repeat([]byte("x"), limit), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		f, err := os.OpenFile(name, os.O_APPEND|os.O_WRONLY, 0)
		for err == nil && ctx.Err() == nil {
			_, err = f.WriteString(strings.Repeat("x", 4096))
		}
	}()
	for range 20 {
		data, bad := repo.New(dir, false).Read(position.Position{File: "m"}, name, limit)
		if bad == nil && len(data) > limit {
			t.Errorf("%d bytes", len(data))
		}
	}
	cancel()
	<-done
}
