package lockmerge

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestRead: a file that is not a lockfile is not read into memory as a whole.
func TestRead(t *testing.T) {
	name := filepath.Join(t.TempDir(), "theirs")
	if err := os.WriteFile(name, []byte("{}"), 0o600); err != nil {
		t.Fatal(err)
	}
	if data, err := read(name); string(data) != "{}" || err != nil {
		t.Errorf("%q, %v", data, err)
	}
	if err := os.Truncate(name, maxVersion+2); err != nil {
		t.Fatal(err)
	}
	if data, err := read(name); len(data) > maxVersion+1 || err == nil || !strings.Contains(err.Error(), "larger than 268435456 bytes") {
		t.Errorf("%d bytes, %v", len(data), err)
	}
}
