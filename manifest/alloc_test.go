package manifest_test

import (
	"math"
	"os"
	"path/filepath"
	"testing"

	"github.com/secretsync/secretsync/internal/syntax"
	"github.com/secretsync/secretsync/manifest"
)

// TestLoadAllocates: loading a manifest allocates for each secret as often in a large one as in a
// small one, and hardly more often than reading its syntax does.
func TestLoadAllocates(t *testing.T) {
	const few, many, perSecret = 1000, 20_000, 12
	for i, f := range formats {
		t.Run(f.ext, func(t *testing.T) {
			allocations := func(secrets int) (parsed, loaded float64) {
				file := filepath.Join(t.TempDir(), "secretsync."+f.ext)
				data := large(i, secrets)
				if err := os.WriteFile(file, data, 0o600); err != nil {
					t.Fatal(err)
				}
				format, _ := syntax.FormatOf(file)
				parsed = testing.AllocsPerRun(1, func() {
					if _, errs := syntax.Parse(file, data, format); len(errs) > 0 {
						t.Fatal(errs[0])
					}
				})
				loaded = testing.AllocsPerRun(1, func() {
					if _, err := manifest.Load(t.Context(), manifest.Options{File: file}); err != nil {
						t.Fatal(err)
					}
				})
				return parsed, loaded
			}
			_, small := allocations(few)
			parsed, loaded := allocations(many)
			if exponent := math.Log(loaded/small) / math.Log(float64(many)/few); exponent > 1.1 {
				t.Errorf("the allocations grow with the number of secrets to the power of %.2f", exponent)
			}
			if per := (loaded - parsed) / many; per > perSecret {
				t.Errorf("Load allocates %.1f times for each secret beside its syntax, want at most %d", per, perSecret)
			}
			t.Logf("%.1f allocations a secret, %.1f of them for the syntax", loaded/many, parsed/many)
		})
	}
}
