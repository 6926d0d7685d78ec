package sopstest

import (
	"os"
	"strings"
	"testing"
)

// OnlyKey hides the keys of whoever runs the test, and sets SOPS_AGE_KEY.
func OnlyKey(t testing.TB, key string) {
	t.Helper()
	home := t.TempDir()
	for _, name := range []string{"HOME", "XDG_CONFIG_HOME", "GNUPGHOME"} {
		t.Setenv(name, home)
	}
	for _, line := range os.Environ() {
		name, _, _ := strings.Cut(line, "=")
		if strings.HasPrefix(name, "SOPS_") {
			t.Setenv(name, "") // so that it is restored
			if err := os.Unsetenv(name); err != nil {
				t.Fatal(err)
			}
		}
	}
	t.Setenv("SOPS_AGE_KEY", key)
}
