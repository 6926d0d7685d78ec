package enginetest

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// Equal fails the test if two things differ.
func Equal(t *testing.T, what string, got, want any) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

// Lines compares a list of Lines with the Lines of a text.
func Lines(t *testing.T, what string, got []string, want string) {
	t.Helper()
	var wanted []string
	for line := range strings.Lines(want) {
		if line = strings.TrimSpace(line); line != "" {
			wanted = append(wanted, line)
		}
	}
	Equal(t, what, got, wanted)
}
